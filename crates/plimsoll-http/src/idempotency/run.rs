//! The work on one request with a key, in its own task.

use super::{
    Begun, Claim, Completed, Fingerprint, IdempotencyLayer, KeyedBody, Lease, Outcome, ScopedKey, Store,
    StoredResponse, metrics::Event, stored_response::streams,
};
use crate::{Chain, Kind, Problem};
use bytes::{Bytes, BytesMut};
use http::{Request, Response, request::Parts};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use plimsoll_task::{
    Deadline, TraceContext,
    panic::{PanicError, catch},
};
use std::{pin::pin, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::{Instant, sleep, timeout_at},
};
use tower_service::Service;

/// The most tries to store an outcome, and the wait between them.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

/// A request that has been read, and the service for it.
pub(super) struct Work<S, St> {
    pub(super) layer: IdempotencyLayer<St>,
    /// Ready to be called.
    pub(super) inner: S,
    pub(super) parts: Parts,
    pub(super) body: Bytes,
    pub(super) key: ScopedKey,
    pub(super) fingerprint: Fingerprint,
}

/// The result of the work.
#[allow(clippy::large_enum_variant)] // Nearly all of them are the largest.
pub(super) enum Ran<R, E> {
    Responded(Response<KeyedBody<R>>),
    Failed(E),
    Panicked(PanicError),
    Refused(Problem),
}

/// The result, or the reason why the work did not begin, with the work for another try.
pub(super) type Tried<S, St, R, E> = Result<Ran<R, E>, Box<(Begun, Work<S, St>)>>;

impl<S, St: Store> Work<S, St> {
    /// Tries to begin the work, and does it in a task that does not end with the client.
    ///
    /// Spawns the work. Its result is received unless the runtime goes down.
    pub(super) fn spawn<B, R>(
        self,
        place: OwnedSemaphorePermit,
    ) -> oneshot::Receiver<Tried<S, St, R, S::Error>>
    where
        S: Service<Request<B>, Response = Response<R>> + Send + 'static,
        S::Future: Send,
        S::Error: Send + 'static,
        B: From<Bytes> + Send + 'static,
        R: Body<Data = Bytes> + Send + 'static,
        R::Error: Send,
    {
        let (sender, receiver) = oneshot::channel();
        let deadline = Deadline::current();
        let task = async move {
            let tried = self.run().await;
            if let Err(Ok(Ran::Panicked(panicked))) = sender.send(tried) {
                let at = panicked.location().map(tracing::field::display);
                tracing::error!(message = panicked.message(), at, "panicked after its client had left");
            }
            drop(place);
        };
        tokio::spawn(TraceContext::current().scope(deadline.scope(task)));
        receiver
    }

    async fn run<B, R>(self) -> Tried<S, St, R, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>>,
        B: From<Bytes>,
        R: Body<Data = Bytes>,
    {
        let durations = self.layer.settings.durations;
        let begun =
            self.layer.store.begin(self.key, self.fingerprint, durations.lease(), durations.keep()).await;
        let lease = match begun {
            Ok(Begun::Ours(lease)) => lease,
            Ok(begun) => return Err(Box::new((begun, self))),
            Err(error) => {
                self.layer.metrics.count(Event::Failed);
                return Ok(Ran::Refused(error.into()));
            }
        };
        let Self { layer, mut inner, parts, body, .. } = self;
        layer.metrics.count(Event::First);
        let claim = Claim::new(lease, durations.keep());
        let mut request = Request::from_parts(parts, B::from(body));
        request.extensions_mut().insert(claim.clone());

        let until = Instant::now() + durations.run();
        let result = timeout_at(until, catch(async { inner.call(request).await })).await;
        let ran = match result {
            Ok(Ok(Ok(response))) if (layer.settings.is_final)(response.status()) => {
                return Ok(layer.keep(&claim, response, until).await);
            }
            Ok(Ok(Ok(response))) => Ran::Responded(response.map(KeyedBody::passing)),
            Ok(Ok(Err(error))) => Ran::Failed(error),
            Ok(Err(panicked)) => Ran::Panicked(panicked),
            Err(_) => Ran::Refused(Kind::DeadlineExceeded.into()),
        };
        layer.release(&lease).await;
        Ok(ran)
    }
}

/// The part of a body that was read.
enum Read {
    Whole { body: Bytes, trailers: Option<Frame<Bytes>> },
    TooLarge { beginning: Bytes },
    Broken { beginning: Bytes },
}

impl<St: Store> IdempotencyLayer<St> {
    /// Stores a final response, then returns it.
    async fn keep<R, E>(&self, claim: &Claim, response: Response<R>, until: Instant) -> Ran<R, E>
    where
        R: Body<Data = Bytes>,
    {
        let (parts, body) = response.into_parts();
        let mut body = Box::pin(body);
        // Known without reading it: it is a stream, or larger than the limit.
        if streams(&parts) || body.size_hint().lower() > self.settings.response_limit as u64 {
            self.metrics.count(Event::Unkept);
            if !claim.is_completed() {
                self.complete(claim, &Outcome::Unkept).await;
            }
            let body = KeyedBody::begun(Bytes::new(), body);
            return Ran::Responded(Response::from_parts(parts, body));
        }
        let read = catch(timeout_at(until, read(body.as_mut(), self.settings.response_limit))).await;
        let (outcome, ran) = match read {
            // The rest does not come.
            Ok(Err(_)) => (Outcome::Unkept, Ran::Refused(Kind::DeadlineExceeded.into())),
            Err(panicked) => (Outcome::Unkept, Ran::Panicked(panicked)),
            Ok(Ok(Read::Whole { body, trailers })) => {
                let kept = StoredResponse::of(&parts, &self.settings.kept_headers, body.clone());
                let body = KeyedBody::whole(body);
                let body = if let Some(trailers) = trailers { body.ending(trailers) } else { body };
                (Outcome::Stored(kept), Ran::Responded(Response::from_parts(parts, body)))
            }
            Ok(Ok(Read::TooLarge { beginning })) => {
                let body = KeyedBody::begun(beginning, body);
                (Outcome::Unkept, Ran::Responded(Response::from_parts(parts, body)))
            }
            Ok(Ok(Read::Broken { beginning })) => {
                let body = KeyedBody::broken(beginning);
                (Outcome::Unkept, Ran::Responded(Response::from_parts(parts, body)))
            }
        };
        if outcome == Outcome::Unkept {
            self.metrics.count(Event::Unkept);
        }
        if !claim.is_completed() {
            self.complete(claim, &outcome).await;
        }
        ran
    }

    /// The response is sent even if it could not be stored: the work is done, and an error would cause it to be done again.
    async fn complete(&self, claim: &Claim, outcome: &Outcome) {
        for tried in 1..=TRIES {
            match self.store.complete(claim.lease(), outcome, claim.keep()).await {
                Ok(Completed::Kept) => return,
                Ok(Completed::Lost) => {
                    self.metrics.count(Event::Lost);
                    tracing::error!(lease = ?claim.lease(), "the lease was lost before the response could be kept");
                    return;
                }
                Err(_) if tried < TRIES => sleep(PAUSE * tried).await,
                Err(error) => {
                    self.metrics.count(Event::Failed);
                    let problem = error.into();
                    tracing::error!(lease = ?claim.lease(), error = %Chain(&problem), "the response could not be kept");
                }
            }
        }
    }

    async fn release(&self, lease: &Lease) {
        self.metrics.count(Event::Released);
        if let Err(error) = self.store.release(lease).await {
            self.metrics.count(Event::Failed);
            let problem = error.into();
            tracing::error!(?lease, error = %Chain(&problem), "the key could not be freed, and is held until its lease ends");
        }
    }
}

async fn read<R: Body<Data = Bytes> + Unpin>(mut body: R, limit: usize) -> Read {
    let mut all = Gathered::default();
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => {
                all.push(data);
                if all.len() > limit {
                    return Read::TooLarge { beginning: all.done() };
                }
            }
            Ok(Err(trailers)) => return Read::Whole { body: all.done(), trailers: Some(trailers) },
            Err(_) => return Read::Broken { beginning: all.done() },
        }
    }
    Read::Whole { body: all.done(), trailers: None }
}

/// Joins chunks; a single one is not copied.
#[derive(Default)]
pub(super) struct Gathered {
    only: Bytes,
    more: BytesMut,
}

impl Gathered {
    pub(super) fn push(&mut self, chunk: Bytes) {
        if self.len() == 0 {
            self.only = chunk;
        } else {
            if self.more.is_empty() {
                self.more.extend_from_slice(&std::mem::take(&mut self.only));
            }
            self.more.extend_from_slice(&chunk);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.only.len() + self.more.len()
    }

    pub(super) fn done(self) -> Bytes {
        if self.more.is_empty() { self.only } else { self.more.freeze() }
    }
}

/// Polls a body once, for a caller that cannot pin it.
pub(super) async fn read_request<B>(body: B, limit: usize) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let too_large = || Problem::from(Kind::BodyTooLarge);
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut body = pin!(body);
    let mut all = Gathered::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(error.into()))?;
        if let Ok(data) = frame.into_data() {
            all.push(data);
            if all.len() > limit {
                return Err(too_large());
            }
        }
    }
    Ok(all.done())
}

/// Returns the problem of a body's error: one that a layer below states, another layer's limit, or a client that left.
fn broken(error: Box<dyn std::error::Error + Send + Sync>) -> Problem {
    let error = match error.downcast::<Problem>() {
        Ok(problem) => return *problem,
        Err(error) => error,
    };
    if plimsoll_driver::chain(&*error).any(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>) {
        return Kind::BodyTooLarge.into();
    }
    Problem::bad_request("body-broke-off").because(error)
}
