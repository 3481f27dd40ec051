//! Tasks that cannot outlive the place that started them.
//!
//! [`scope`] runs a body with a handle to spawn by, and returns when the body and every child have ended, children of
//! children as well (a clone of the handle goes anywhere). Cancellation flows down: the first error, panic, a cancelled
//! token or a deadline that passes cancels the scope's token and those of all scopes inside, and what does not end
//! within the grace is dropped at its next await. Errors flow up: the first one ([`scope`]), or all ([`scope_all`]); a
//! panic comes as [`PanicError`](crate::PanicError) with message and place. The deadline ([`crate::deadline`]) goes
//! along, and so does the trace ([`crate::trace`]).
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! use plimsoll_task::scope::{Error, Scope, scope};
//!
//! # async fn fetch(what: &str) -> Result<String, std::io::Error> { Ok(what.to_owned()) }
//! let both = scope(async |s: Scope<std::io::Error>| {
//!     let user = s.spawn(async { fetch("user").await });
//!     let orders = s.spawn(async { fetch("orders").await });
//!     // A child that failed has reported to the scope, which drops this body, too: no other value is needed here.
//!     Ok((user.await.unwrap_or_default(), orders.await.unwrap_or_default()))
//! });
//! assert_eq!(both.await?, ("user".to_owned(), "orders".to_owned()));
//! # Ok::<(), Error<std::io::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # What is guaranteed on each way out
//!
//! *Joined* means: when the scope's future returns its result, every child is gone, with everything it owned.
//!
//! | way out | children |
//! | --- | --- |
//! | the body returns | run to their end; joined |
//! | an error of the body or a child, a child's panic | cancelled, after the grace dropped; joined |
//! | a panic of the body | the same; joined, then the panic goes on |
//! | the token, [`Scope::cancel`], the deadline | the same, without grace at the deadline; joined |
//! | the scope's future is dropped, inside another scope | aborted; joined by the scope around it, which counts them |
//! | the scope's future is dropped, with no scope around it | aborted and detached: gone once the runtime has polled each of them, which nothing awaits |
//! | the runtime shuts down | dropped by it; dropping the runtime waits for that, `shutdown_background` does not |
//!
//! So the one gap is a drop of the *outermost* scope from outside (a `select!`, a `timeout`, a server that drops the
//! request's future). Put one scope around all in `main` and there is none.
//! A child that never awaits cannot be dropped by anybody; the scope waits for it. A plain `tokio::spawn` inside a
//! child is out of sight, as is a thread; a value that a [`Child`] returned is its handle's.
//!
//! The result is [`Error::Cancelled`] or [`Error::DeadlineExceeded`] only if something was dropped unfinished: a scope
//! whose children all end in order within the grace returns its value.
//!
//! # Why tokio has no scope that borrows
//!
//! A scope in safe Rust can have two of three properties, because a future may be dropped, or forgotten, at any await:
//!
//! | | children run in parallel | children borrow | a dropped scope blocks no thread |
//! | --- | --- | --- | --- |
//! | [`scope`]: spawned, `'static`, awaited | yes | no: share by `Arc` | yes: it aborts and detaches, see above |
//! | [`local`]: borrowed, within the parent's task | no, in turns | yes | yes: children are part of the future that is dropped |
//! | blocking in `Drop` until the children have ended | yes | yes, with `unsafe`, and unsound if the future is forgotten | no: it stops a worker thread, and the children may need just that one |
//!
//! The third is not offered. `std::thread::scope` can do it because a function that was called cannot be forgotten; a
//! future can.
//!
//! # Compared with
//!
//! | | children outlive it | first error ends the rest | panics | children spawn siblings | on drop |
//! | --- | --- | --- | --- | --- | --- |
//! | [`scope`] | never, but for the gap above | yes, or collects all | as errors, with their place | yes | aborts; the scope around waits |
//! | tokio's `JoinSet` | if it is dropped or detached | by hand | as `JoinError`, without the place | no: spawning needs `&mut` | aborts, nothing waits |
//! | tokio-util's `TaskTracker` | yes: it only waits, if asked to | no | lost, unless the handle is kept | yes | nothing |
//! | Go's `errgroup` | if `Wait` is not called | yes, but each must watch its context | crash the process, or are passed to `Wait` | yes | nothing |
//!
//! Every child costs one allocation (its task), where a `JoinSet` makes two; `cargo xtask bench task` compares.
mod child;
mod core;
mod error;
mod handle;
mod job;
mod local;
mod options;
mod register;
mod run;
mod tally;

pub use child::Child;
pub use error::{AggregateError, ChildError, Error};
pub use handle::Scope;
pub use local::{Local, local};
pub use options::Options;
pub use tokio_util::sync::CancellationToken;

/// Runs `body` and the children it spawns, to their end; the first error, or panic, cancels all others.
///
/// With [`Options`] as they are by default: no grace, no deadline but the one around it. See the [module](self) for
/// what is guaranteed.
///
/// Cancel safe in the sense of that table: dropped, it drops the body and aborts all children.
///
/// # Errors
/// See [`Options::run`].
///
/// # Panics
/// See [`Options::run`].
pub async fn scope<T, E, F, Fut>(body: F) -> Result<T, Error<E>>
where
    F: FnOnce(Scope<E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    Options::new().run(body).await
}

/// Runs `body` and the children it spawns to their end, whatever fails, and returns all errors.
///
/// For work whose parts do not depend on one another. A panic of the body itself still cancels the rest.
///
/// Cancel safe in the sense of the [module](self)'s table: dropped, it drops the body and aborts all children.
///
/// # Errors
/// See [`Options::run_all`].
///
/// # Panics
/// See [`Options::run`].
pub async fn scope_all<T, E, F, Fut>(body: F) -> Result<T, AggregateError<E>>
where
    F: FnOnce(Scope<E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    Options::new().run_all(body).await
}

#[cfg(all(test, not(loom)))]
mod tests;
