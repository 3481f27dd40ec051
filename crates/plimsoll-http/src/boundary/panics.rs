use plimsoll_task::panic::PanicError;
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// The reaction to a panic, once it is in the log.
#[derive(Clone, Default)]
pub enum OnPanic {
    /// The caller gets a 500, and the service goes on.
    #[default]
    Respond,
    /// The caller gets a 500, and at the first panic this is called: to begin a drain, so that a process whose state a
    /// panic may have left half-changed is replaced without a request being lost.
    RespondThenDrain(Arc<dyn Fn(&PanicError) + Send + Sync>),
    /// The process ends at once ([`std::process::abort`]): no state that a panic went through is ever seen again, and
    /// every other request under way is lost.
    Abort,
}

impl OnPanic {
    /// [`OnPanic::RespondThenDrain`] with this.
    pub fn respond_then(drain: impl Fn(&PanicError) + Send + Sync + 'static) -> Self {
        Self::RespondThenDrain(Arc::new(drain))
    }
}

impl fmt::Debug for OnPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Respond => "Respond",
            Self::RespondThenDrain(_) => "RespondThenDrain",
            Self::Abort => "Abort",
        })
    }
}

/// Runs what belongs to one request alone: its future, its body. After a panic that is dropped, never run again, so no
/// state that unwinding broke is seen by anybody but through what the service itself shares.
#[inline]
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, PanicError> {
    catch_unwind(AssertUnwindSafe(run)).map_err(PanicError::from_payload)
}
