//! Panics as values: what was said, and where.
//!
//! A caught panic is a `Box<dyn Any>` without its place: only the panic hook is told that. [`install_hook`] puts a hook
//! before the one that is there (which still runs, so what was printed is still printed); it notes message and place
//! for the thread, and counts. [`catch`], scopes and supervisors install it when first used; call it yourself at start
//! if [`count`] is to be right from the first panic on.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let panicked = plimsoll_task::panic::catch(async { panic!("no such {}", "order") }).await;
//! let panicked: plimsoll_task::PanicError = panicked.map(|()| ()).unwrap_err();
//! assert_eq!(panicked.message(), "no such order");
//! assert!(panicked.location().is_some_and(|place| place.line() > 0));
//! # });
//! ```
//!
//! With `panic = "abort"` nothing can be caught: the hook runs, and the process ends.

mod catch;
mod hook;

pub(crate) use catch::catch_call;
pub use catch::{Caught, catch};
pub use hook::{count, install_hook};

use std::{any::Any, error::Error, fmt, panic::resume_unwind};

/// Where a panic began.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    file: Box<str>,
    line: u32,
    column: u32,
}

impl Location {
    /// The source file, as the compiler was given it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Counted from one.
    pub const fn line(&self) -> u32 {
        self.line
    }

    /// Counted from one.
    pub const fn column(&self) -> u32 {
        self.column
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A panic that was caught.
///
/// Its text is for logs alone: it shows internals of the program, which no client should see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanicError {
    message: String,
    location: Option<Location>,
}

impl PanicError {
    /// Converts the payload of `catch_unwind` or `JoinError::into_panic`.
    ///
    /// The place is known if the panic was the last one of this thread; a payload that came over from another
    /// thread has none. What [`PanicError::resume`] threw comes back whole.
    pub fn from_payload(payload: Box<dyn Any + Send>) -> Self {
        match payload.downcast::<Self>() {
            Ok(panicked) => *panicked,
            Err(payload) => {
                let message = hook::payload_text(&*payload);
                Self { location: hook::place_of(message), message: message.to_owned() }
            }
        }
    }

    /// The text of the panic; a fixed one where the payload was no text.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where it began, if the hook was there to see it and no other panic came between.
    pub const fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// Goes on unwinding from here. No hook runs again, and nothing is counted twice.
    pub fn resume(self) -> ! {
        resume_unwind(Box::new(self))
    }
}

impl fmt::Display for PanicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.message)?;
        match &self.location {
            Some(place) => write!(f, " (at {place})"),
            None => Ok(()),
        }
    }
}

impl Error for PanicError {}

#[cfg(all(test, not(loom)))]
mod tests;
