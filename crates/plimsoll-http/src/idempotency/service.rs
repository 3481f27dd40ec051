use super::{
    Begun, Fingerprint, IdempotencyKey, IdempotencyLayer, KeyedBody, OnConflict, Outcome, ScopedKey, Store,
    metrics::Event,
    run::{Ran, Work, read_request},
};
use crate::{Kind, Problem};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use plimsoll_task::Deadline;
use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use tower_service::Service;

/// The first and the longest pause between two checks of a request in progress.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A service that processes a repeated request once. See the [module](super).
///
/// Its errors are the inner service's; its own refusals are responses, [reported](crate::boundary::ReportedProblem) to a
/// boundary further out.
pub struct IdempotencyService<S, St> {
    inner: S,
    layer: IdempotencyLayer<St>,
}

impl<S, St> IdempotencyService<S, St> {
    pub(super) const fn new(inner: S, layer: IdempotencyLayer<St>) -> Self {
        Self { inner, layer }
    }
}

impl<S: Clone, St> Clone for IdempotencyService<S, St> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.layer.clone())
    }
}

impl<S: fmt::Debug, St> fmt::Debug for IdempotencyService<S, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotencyService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

pin_project! {
    /// A call of the layer.
    ///
    /// Cancel safe: when it is dropped, a request without a key is dropped with it; the work on one with a key goes on, once
    /// the request's body has been read.
    pub struct ResponseFuture<F, R, E> {
        #[pin]
        stage: Stage<F, R, E>,
    }
}

type Keyed<R, E> = Pin<Box<dyn Future<Output = Result<Response<KeyedBody<R>>, E>> + Send>>;

pin_project! {
    #[project = StageProjection]
    enum Stage<F, R, E> {
        Passing { #[pin] future: F },
        Refused { problem: Option<Problem> },
        Keyed { future: Keyed<R, E> },
    }
}

impl<F, R, E> Future for ResponseFuture<F, R, E>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<KeyedBody<R>>, E>;

    /// # Panics
    /// If the inner service did, and when polled again after its end.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().stage.project() {
            StageProjection::Passing { future } => {
                future.poll(cx).map(|response| response.map(|response| response.map(KeyedBody::passing)))
            }
            StageProjection::Refused { problem } => {
                Poll::Ready(Ok(refusal(problem.take().expect("polled after its end"))))
            }
            StageProjection::Keyed { future } => future.as_mut().poll(cx),
        }
    }
}

impl<F, R, E> fmt::Debug for ResponseFuture<F, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("idempotency::ResponseFuture")
    }
}

impl<S, St, B, R> Service<Request<B>> for IdempotencyService<S, St>
where
    St: Store,
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Send,
{
    type Response = Response<KeyedBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let settings = &self.layer.settings;
        if !settings.methods.contains(request.method()) {
            return ResponseFuture { stage: Stage::Passing { future: self.inner.call(request) } };
        }
        let key = match IdempotencyKey::of(request.headers()) {
            Ok(Some(key)) => key,
            Ok(None) if !settings.required => {
                return ResponseFuture { stage: Stage::Passing { future: self.inner.call(request) } };
            }
            Ok(None) => return self.refuse(Problem::new(Kind::IdempotencyKeyMissing)),
            Err(bad) => {
                return self.refuse(Problem::new(Kind::IdempotencyKeyInvalid).detail(bad.to_string()));
            }
        };
        // The ready instance is the one that is called.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        let keyed = keyed(self.layer.clone(), ready, key, request);
        ResponseFuture { stage: Stage::Keyed { future: Box::pin(keyed) } }
    }
}

impl<S, St> IdempotencyService<S, St> {
    fn refuse<F, R, E>(&self, problem: Problem) -> ResponseFuture<F, R, E> {
        self.layer.metrics.count(Event::Refused);
        let problem = self.layer.explained(problem);
        ResponseFuture { stage: Stage::Refused { problem: Some(problem) } }
    }
}

fn refusal<R>(problem: Problem) -> Response<KeyedBody<R>> {
    problem.into_http().map(KeyedBody::whole)
}

async fn keyed<S, St, B, R>(
    layer: IdempotencyLayer<St>,
    inner: S,
    key: IdempotencyKey,
    request: Request<B>,
) -> Result<Response<KeyedBody<R>>, S::Error>
where
    St: Store,
    S: Service<Request<B>, Response = Response<R>> + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Send,
{
    let (parts, body) = request.into_parts();
    let settings = Arc::clone(&layer.settings);
    // No lease is held while a slow client is still sending.
    let body = match read_request(body, settings.body_limit).await {
        Ok(body) => body,
        Err(problem) => {
            layer.metrics.count(Event::Refused);
            return Ok(refusal(problem));
        }
    };
    let key = ScopedKey::new(layer.scope_of(&parts).as_deref(), &key);
    let fingerprint = Fingerprint::of(&parts, &settings.counting_headers, &body);
    let metrics = layer.metrics.clone();
    let of = layer.clone();
    let explained = |problem| of.explained(problem);
    let mut work = Work { layer, inner, parts, body, key, fingerprint };

    let patience = match settings.on_conflict {
        OnConflict::Conflict => Duration::ZERO,
        OnConflict::Wait(most) => Deadline::current().remaining().map_or(most, |left| left.min(most)),
    };
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let Ok(place) = Arc::clone(&work.layer.places).try_acquire_owned() else {
            metrics.count(Event::Refused);
            return Ok(refusal(Problem::new(Kind::Overloaded).after(Duration::from_secs(1))));
        };
        let begun = match work.spawn(place).await {
            Ok(Ok(Ran::Responded(response))) => return Ok(response),
            Ok(Ok(Ran::Failed(error))) => return Err(error),
            Ok(Ok(Ran::Panicked(panicked))) => panicked.resume(),
            Ok(Ok(Ran::Refused(problem))) => return Ok(refusal(problem)),
            Ok(Err(again)) => *again,
            // The runtime is shutting down, and the task with it.
            Err(_) => return Ok(refusal(Kind::Draining.into())),
        };
        match begun {
            (Begun::InFlight, again) => {
                let left = patience.saturating_sub(began.elapsed());
                if left.is_zero() {
                    metrics.count(Event::InFlight);
                    let problem = Problem::new(Kind::IdempotencyKeyInFlight).after(Duration::from_secs(1));
                    return Ok(refusal(explained(problem)));
                }
                sleep(pause.min(left)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                work = again;
            }
            (Begun::Done(outcome), _) => {
                metrics.count(Event::Replayed);
                return Ok(match outcome {
                    Outcome::Stored(response) => response.replayed().map(KeyedBody::whole),
                    Outcome::Unkept => refusal(
                        Problem::conflict("answer-not-kept")
                            .detail("the request was done; its response could not be kept"),
                    ),
                });
            }
            (Begun::Reused | Begun::Ours(_), _) => {
                metrics.count(Event::Reused);
                return Ok(refusal(explained(Kind::IdempotencyKeyReused.into())));
            }
        }
    }
}
