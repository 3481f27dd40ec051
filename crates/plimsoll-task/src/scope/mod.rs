//! Tasks that cannot outlive the place that started them.
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
pub use error::{Ended, Error, Failures};
pub use handle::Scope;
pub use local::{Local, local};
pub use options::Options;
pub use tokio_util::sync::CancellationToken;

/// x
pub async fn scope<T, E, F, Fut>(body: F) -> Result<T, Error<E>>
where
    F: FnOnce(Scope<E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    Options::new().run(body).await
}

/// x
pub async fn scope_all<T, E, F, Fut>(body: F) -> Result<T, Failures<E>>
where
    F: FnOnce(Scope<E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    Options::new().run_all(body).await
}

#[cfg(all(test, not(loom)))]
mod tests;
