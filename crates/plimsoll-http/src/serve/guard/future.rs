use super::{
    super::{authority, inside::settled, noted, routes::Taken},
    admission::Places,
    body::{GuardedBody, HeldBody},
    service::{Arrives, Arriving, Guard},
};
use crate::{
    Kind, Problem,
    body::wanted::{self, Wanted},
    boundary::{Asked, BoundaryBody, Exchange, PanicSite, RouteName, caught},
    inbound::{
        TrailersBody,
        deadline::{DeadlineBody, body_deadline},
        grpc_trailers::is_failure,
    },
    is_grpc,
};
use axum::{Router, body::Body, response::Response};
use http::{Method, Request};
use pin_project_lite::pin_project;
use plimsoll_policy::Instant as PolicyInstant;
use plimsoll_task::Deadline;
use plimsoll_tower::driver::from_tokio;
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

type AppFuture = <Router as Service<Request<Body>>>::Future;

pin_project! {
    /// The way of a request through the guard: before, in and after the app. What it knows of the request is the caller's.
    pub(in super::super) struct Passage {
        #[pin]
        stage: Stage,
        guard: Arc<Guard>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage {
        Asks,
        Waits { request: Option<Request<Body>>, timer: Option<Pin<Box<Sleep>>> },
        Runs { #[pin] future: AppFuture },
        Done,
    }
}

/// A request on its way through the guard, and what the guard knows of it.
pub(in super::super) struct Guarded<B> {
    /// Until it is looked at.
    pub(in super::super) request: Option<Request<B>>,
    /// From then on.
    call: Option<Call>,
}

impl<B> Guarded<B> {
    /// Drops the request, and gives its places back.
    #[inline]
    pub(in super::super) fn clear(&mut self) {
        self.request = None;
        self.call = None;
    }
}

impl<B> Default for Guarded<B> {
    fn default() -> Self {
        Self { request: None, call: None }
    }
}

/// The state of a request beside the request itself.
struct Call {
    exchange: Exchange,
    began: Instant,
    deadline: Deadline,
    arriving: Arriving,
    grpc: bool,
    places: Places,
    /// The client's `Accept`, where no layer inside the app knows it.
    wanted: Option<Wanted>,
    /// Made where the app has to wait.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Passage {
    #[inline]
    pub(super) const fn new(guard: Arc<Guard>) -> Self {
        Self { stage: Stage::Asks, guard }
    }

    /// Drops the app's future, of which a panic is caught. The request keeps its places.
    pub(in super::super) fn cancel<B>(self: Pin<&mut Self>, guarded: &Guarded<B>) {
        let mut stage = self.project().stage;
        if !matches!(*stage, Stage::Done)
            && let Err(panicked) = caught(|| stage.set(Stage::Done))
            && let Some(call) = &guarded.call
        {
            call.exchange.panicked_late(PanicSite::Drop, &panicked);
        }
    }

    /// Polls for the response, whose body is made into another at the one time that it is moved.
    ///
    /// # Panics
    /// Where it has to wait outside a tokio runtime with its time driver, and when polled again after its end.
    #[inline]
    pub(in super::super) fn poll_with<B: Arrives, T>(
        self: Pin<&mut Self>,
        guarded: &mut Guarded<B>,
        cx: &mut Context<'_>,
        body: impl FnOnce(GuardedBody) -> T,
    ) -> Poll<Result<http::Response<T>, Infallible>> {
        let mut this = self.project();
        let Guarded { request, call: place } = guarded;
        if let Some(request) = request {
            *place = Some(Call::begin(this.guard, request));
        }
        let call = place.as_mut().expect("polled after its end");
        // A place of its own: what a closure gives back is copied on its way out of `catch_unwind`.
        let mut polled = Poll::Pending;
        let ran = caught(|| {
            polled = call.poll(this.guard, request, this.stage.as_mut(), cx);
            if polled.is_ready() {
                // What it still holds goes here, too: to be caught once is cheaper than twice.
                this.stage.set(Stage::Done);
            }
        });
        let answered = match (ran, polled) {
            (Ok(()), Poll::Pending) => return Poll::Pending,
            (Ok(()), Poll::Ready(answered)) => answered,
            (Err(panicked), Poll::Ready(answered)) => {
                // It was its drop that panicked: the response is there.
                call.exchange.panicked_late(PanicSite::Drop, &panicked);
                answered
            }
            (Err(panicked), Poll::Pending) => {
                call.knows_route();
                // What the half-run future still holds goes before the response.
                if let Err(another) = caught(|| this.stage.set(Stage::Done)) {
                    call.exchange.panicked_late(PanicSite::Drop, &another);
                }
                Ok(call.exchange.panicked(panicked).map(|body: BoundaryBody<Body>| Body::new(body)))
            }
        };
        let call = place.take().expect("polled after its end");
        Poll::Ready(Ok(match answered {
            Ok(answer) => call.answer(answer, body),
            Err(problem) => call.exchange.respond(problem).map(body),
        }))
    }
}

pin_project! {
    /// A request in the guard, as a layer of the edge sees it.
    ///
    /// Cancel safe: dropped, it drops the app's future, of which a panic is caught, then gives its places back.
    pub(in super::super) struct GuardFuture<B> {
        #[pin]
        passage: Passage,
        guarded: Guarded<B>,
    }

    impl<B> PinnedDrop for GuardFuture<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.passage.cancel(this.guarded);
        }
    }
}

impl<B> GuardFuture<B> {
    #[inline]
    pub(super) const fn new(guard: Arc<Guard>, request: Request<B>) -> Self {
        Self { passage: Passage::new(guard), guarded: Guarded { request: Some(request), call: None } }
    }
}

impl<B: Arrives> Future for GuardFuture<B> {
    type Output = Result<http::Response<GuardedBody>, Infallible>;

    /// # Panics
    /// As [`poll_with`](Passage::poll_with) does.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.passage.poll_with(this.guarded, cx, |body| body)
    }
}

impl Call {
    #[inline]
    fn begin<B>(guard: &Guard, request: &Request<B>) -> Self {
        let began = noted::began();
        let grpc = *request.method() == Method::POST && is_grpc(request.headers());
        Self {
            exchange: Exchange::new(Arc::clone(&guard.boundary), Asked::of(request), RouteName::Unknown),
            began,
            deadline: guard.deadlines.deadline(began, request.headers(), request.extensions()),
            arriving: Arriving::Nothing,
            grpc,
            places: Places::default(),
            wanted: None,
            timer: None,
        }
    }

    /// Returns the app's response, or the problem in its stead.
    #[inline]
    fn poll<B: Arrives>(
        &mut self,
        guard: &Guard,
        asks: &mut Option<Request<B>>,
        mut stage: Pin<&mut Stage>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response, Problem>> {
        loop {
            let request = match stage.as_mut().project() {
                StageProjection::Runs { future } => {
                    return match self.poll_app(future, cx) {
                        Poll::Ready(Ok(answer)) => Poll::Ready(Ok(answer)),
                        Poll::Pending => self.poll_deadline(stage, cx).map(Err),
                    };
                }
                StageProjection::Asks => {
                    self.admit(guard, asks.as_ref().expect("a request is taken once"))?;
                    let request = asks.take().expect("a request is taken once");
                    let request = guard.with_limits(request, self.grpc, &mut self.arriving);
                    if !self.places.are_taken() {
                        stage.set(Stage::Waits { request: Some(request), timer: None });
                        continue;
                    }
                    request
                }
                StageProjection::Waits { request, timer } => {
                    ready!(self.places.poll(timer, cx))?;
                    request.take().expect("a request is taken once")
                }
                StageProjection::Done => return Poll::Pending,
            };
            if matches!(self.arriving, Arriving::TooLarge) {
                return Poll::Ready(Err(Problem::new(Kind::BodyTooLarge)));
            }
            let (mut app, route) = guard.app(&request);
            if let Some(route) = route {
                noted::route(|| Taken::Known(Arc::clone(route)));
                self.wanted = Some(Wanted::of(request.method(), request.headers()));
            }
            // The app may do its work in `call`, before there is a future.
            let future = self.deadline.sync_scope(|| app.call(request));
            stage.set(Stage::Runs { future });
        }
    }

    /// Polls the app, and does for it what a layer of its own does where the route is not known without one.
    #[inline]
    fn poll_app(
        &mut self,
        future: Pin<&mut AppFuture>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response, Infallible>> {
        if self.wanted.is_none() {
            return self.deadline.sync_scope(|| future.poll(cx));
        }
        let wanted = &mut self.wanted;
        let polled = self.deadline.sync_scope(|| wanted::during(wanted, || future.poll(cx)));
        settled(polled, || self.exchange.on_route(noted::route_name()))
    }

    fn admit<B>(&mut self, guard: &Guard, request: &Request<B>) -> Result<(), Problem> {
        if let Some(problem) = authority::refusal(request) {
            return Err(problem);
        }
        if self.deadline.instant().is_some_and(|at| at <= self.began) {
            return Err(Problem::new(Kind::DeadlineExceeded));
        }
        let deadline = self.deadline.instant().map_or(PolicyInstant::FAR, from_tokio);
        self.places = guard.gates.admit(request, from_tokio(self.began), deadline)?;
        Ok(())
    }

    /// The app has to wait: not beyond its deadline, at which its future is dropped.
    fn poll_deadline(&mut self, mut stage: Pin<&mut Stage>, cx: &mut Context<'_>) -> Poll<Problem> {
        self.knows_route();
        let Some(at) = self.deadline.instant() else { return Poll::Pending };
        ready!(self.timer.get_or_insert_with(|| Box::pin(sleep_until(at))).as_mut().poll(cx));
        if let Err(panicked) = caught(|| stage.set(Stage::Done)) {
            self.exchange.panicked_late(PanicSite::Drop, &panicked);
        }
        // Refusals belong to no route.
        self.exchange.set_route(RouteName::Unknown);
        Poll::Ready(Problem::new(Kind::DeadlineExceeded))
    }

    /// Sets the route under which failures are reported from now on.
    #[inline]
    fn knows_route(&mut self) {
        if self.exchange.is_nameless() {
            self.exchange.set_route(noted::route_name());
        }
    }

    /// The app's response, unless it failed because the request's body was cut off: it only knows that it could not read on.
    #[inline]
    fn answer<T>(mut self, answer: Response, body: impl FnOnce(GuardedBody) -> T) -> http::Response<T> {
        self.knows_route();
        let exceeded = match self.arriving {
            Arriving::Watched(exceeded) => Some(exceeded),
            Arriving::Nothing | Arriving::TooLarge => None,
        };
        let failed = || answer.status().as_u16() >= 400 || self.grpc && is_failure(answer.headers());
        if let Some(problem) = exceeded.as_ref().and_then(|exceeded| exceeded.problem()).filter(|_| failed())
        {
            if let Err(panicked) = caught(|| drop(answer)) {
                self.exchange.panicked_late(PanicSite::Drop, &panicked);
            }
            self.exchange.set_route(RouteName::Unknown);
            return self.exchange.respond(problem).map(body);
        }
        // After a message a gRPC call has its status in the trailers.
        let exceeded = exceeded.filter(|_| self.grpc);
        let deadline = body_deadline(self.deadline, answer.headers(), answer.extensions());
        let (exchange, grpc, places) = (self.exchange, self.grpc, self.places);
        answer.map(|inner| {
            let inner = DeadlineBody::new(TrailersBody::new(inner, exceeded), deadline, grpc);
            body(BoundaryBody::inner(HeldBody::new(inner, places), exchange))
        })
    }
}
