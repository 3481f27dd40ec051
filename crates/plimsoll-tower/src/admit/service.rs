use super::{Admit, AdmitFuture, Settle};
use crate::Error;
use std::task::{Context, Poll};
use tower_service::Service;

/// A service whose calls are admitted or refused by `A`.
///
/// `poll_ready` is the inner service's own; a readied instance that is dropped has taken no permit. Clones share the
/// machine behind `A`.
#[derive(Clone, Debug)]
pub struct AdmitService<S, A> {
    inner: S,
    admit: A,
}

impl<S, A> AdmitService<S, A> {
    /// A service that admits each call of `inner` by `admit`.
    pub const fn new(inner: S, admit: A) -> Self {
        Self { inner, admit }
    }

    /// The inner service.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S, Req, A> Service<Req> for AdmitService<S, A>
where
    S: Service<Req>,
    A: Admit<Req>,
    A::Guard: Settle<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = AdmitFuture<S::Future, A::Guard>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Error::Inner)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        match self.admit.admit(&request) {
            Ok(guard) => AdmitFuture::admitted(self.inner.call(request), guard),
            Err(rejected) => AdmitFuture::refused(rejected),
        }
    }
}
