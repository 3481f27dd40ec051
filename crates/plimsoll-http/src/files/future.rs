use super::{FileBody, representation::refusal};
use crate::Problem;
use http::Response;
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::task::JoinHandle;

/// The response of [`Files`](super::Files): ready at once if the kernel has all of it in its caches, else made by the blocking
/// pool.
///
/// # Cancel safety
/// Dropping it loses the response and closes its file, at once or after the system call in progress.
#[derive(Debug)]
pub struct FilesFuture {
    state: State,
}

#[derive(Debug)]
enum State {
    Ready(Option<Response<FileBody>>),
    Elsewhere(JoinHandle<Response<FileBody>>),
}

impl FilesFuture {
    pub(super) const fn ready(response: Response<FileBody>) -> Self {
        Self { state: State::Ready(Some(response)) }
    }

    /// Creates a response that the blocking pool makes.
    pub(super) const fn elsewhere(response: JoinHandle<Response<FileBody>>) -> Self {
        Self { state: State::Elsewhere(response) }
    }
}

impl Future for FilesFuture {
    type Output = Result<Response<FileBody>, Infallible>;

    /// # Panics
    /// If it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = match &mut self.get_mut().state {
            State::Ready(response) => response.take().expect("polled after it was ready"),
            State::Elsewhere(reading) => {
                ready!(Pin::new(reading).poll(cx)).unwrap_or_else(|error| refusal(Problem::internal(error)))
            }
        };
        Poll::Ready(Ok(response))
    }
}
