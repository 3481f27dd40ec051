use super::Location;
use std::{
    any::Any,
    cell::RefCell,
    panic::{PanicHookInfo, set_hook, take_hook},
    sync::{
        Once,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

static INSTALLED: Once = Once::new();
static COUNT: AtomicU64 = AtomicU64::new(0);

// One slot, with the text that tells whose place it is: where another panic came between (caught in a `Drop` while
// unwinding), no place is better than a wrong one.
thread_local! {
    static LAST: RefCell<Option<(String, Location)>> = const { RefCell::new(None) };
}

/// Puts the noting and counting hook before the present one. Once: further calls do nothing.
///
/// A hook that somebody sets later without calling the one it found takes this one out of use for good: places are
/// unknown and the count stands still from then on. While the thread is panicking nothing is installed.
pub fn install_hook() {
    if INSTALLED.is_completed() || thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let former = take_hook();
        set_hook(Box::new(move |info| {
            note(info);
            former(info);
        }));
    });
}

/// Panics of the whole process since the hook was installed, caught or not.
pub fn count() -> u64 {
    COUNT.load(Relaxed)
}

fn note(info: &PanicHookInfo<'_>) {
    COUNT.fetch_add(1, Relaxed);
    let place =
        info.location().map(|at| Location { file: at.file().into(), line: at.line(), column: at.column() });
    let noted = place.map(|place| (payload_text(info.payload()).to_owned(), place));
    // A hook must not panic: the slot can be gone, and borrowed by nobody but this thread's own panics.
    let _ = LAST.try_with(|last| last.try_borrow_mut().map(|mut last| *last = noted));
}

pub(super) fn payload_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is no text")
}

/// Takes the place of this thread's last panic, if that is what it said.
pub(super) fn place_of(message: &str) -> Option<Location> {
    let last = LAST.try_with(|last| last.try_borrow_mut().ok().and_then(|mut last| last.take()));
    let (said, place) = last.ok()??;
    (said == message).then_some(place)
}
