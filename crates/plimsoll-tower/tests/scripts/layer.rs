//! The fused layer around a service that does as its script says.

use plimsoll_driver::{Alarm, BoxSleep, Time, TimeSource};
use plimsoll_policy::{
    Instant, Settlement,
    call::{Facts, Finish},
};
use plimsoll_testkit::{
    VirtualTime,
    script::{Act, AttemptPlan, CallFuture, End, Journal, Script, ScriptDriver, Step, play},
};
use plimsoll_tower::{
    Classify, Describe, Error, PolicyLayer, Replay,
    policy::{PolicyHandle, PolicyService},
    replay::Reach,
};
use std::{
    future::pending,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// The journal of this script under the layer.
pub(crate) fn run(script: &Script) -> Journal {
    let time = VirtualTime::seeded(script.seed);
    let journal = Journal::new(time.now());
    let layer = PolicyLayer::with_time(script.spec.clone(), journal.clone(), time.time());
    let handle = layer.handle();
    let layer = layer.describe(AsScripted).replay(AsScripted).classify(AsScripted);
    let mut company = Company {
        script: Arc::new(script.clone()),
        service: layer.layer(Peer::default()),
        handle,
        journal: journal.clone(),
        time: time.clone(),
    };
    play(script, &time, &mut company);
    journal
}

struct Company {
    script: Arc<Script>,
    service: PolicyService<Peer, AsScripted, AsScripted, AsScripted, Journal>,
    handle: PolicyHandle<Journal>,
    journal: Journal,
    time: VirtualTime,
}

impl ScriptDriver for Company {
    fn start(&mut self, call: usize) -> CallFuture {
        let request = Arc::new(Request {
            script: Arc::clone(&self.script),
            call,
            time: self.time.time(),
            asked: AtomicUsize::new(0),
            outgrown: AtomicBool::new(false),
        });
        let mut service = self.service.clone();
        let (journal, time) = (self.journal.clone(), self.time.clone());
        Box::pin(async move {
            std::future::poll_fn(|cx| service.poll_ready(cx)).await.expect("the peer is ready");
            let finish = match service.call(request).await {
                Ok(said) | Err(Error::Inner(said)) => {
                    let how = format!("Response(AttemptId({}))", said.number);
                    return journal.end(time.now(), call, how);
                }
                Err(Error::Rejected(rejected)) => Finish::Refused(rejected),
                Err(Error::TimedOut(limit)) => Finish::TimedOut(limit),
            };
            journal.ended(time.now(), call, finish);
        })
    }

    fn left(&mut self, call: usize) {
        self.journal.end(self.time.now(), call, "the caller has left".to_owned());
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Revise(spec) => self.handle.update(spec.as_ref().clone()),
            by_hand => by_hand.on_breaker(&self.handle.policy(), self.time.now()),
        }
    }
}

struct Request {
    script: Arc<Script>,
    call: usize,
    time: Time,
    asked: AtomicUsize,
    outgrown: AtomicBool,
}

/// A response of the peer: its attempt, and its settlement.
#[derive(Debug)]
struct PeerResponse {
    number: usize,
    settlement: Settlement,
}

/// The request as one attempt sends it.
#[derive(Clone)]
struct Sent {
    request: Arc<Request>,
    number: usize,
    began: Instant,
    plan: AttemptPlan,
}

impl Sent {
    fn new(request: &Arc<Request>) -> Self {
        let number = request.asked.fetch_add(1, SeqCst);
        let plan = request.script.calls[request.call].attempt(number);
        Self { request: Arc::clone(request), number, began: request.time.now(), plan }
    }

    async fn said(self) -> Result<PeerResponse, PeerResponse> {
        let (number, time) = (self.number, self.request.time.clone());
        let mut alarm = Alarm::default();
        for (at, step) in &self.plan.steps {
            alarm.wait(&time, self.began + *at).await;
            match step {
                Step::Outgrown => self.request.outgrown.store(true, SeqCst),
                Step::Mark(_) => unreachable!("a layer sees no marks"),
            }
        }
        let Some((at, End::Whole(settlement))) = self.plan.end else { return pending().await };
        alarm.wait(&time, self.began + at).await;
        let said = PeerResponse { number, settlement };
        if settlement == Settlement::SUCCESS { Ok(said) } else { Err(said) }
    }
}

#[derive(Clone, Copy)]
struct AsScripted;

impl Describe<Arc<Request>> for AsScripted {
    fn describe(&self, request: &Arc<Request>) -> Facts {
        let plan = &request.script.calls[request.call];
        plan.facts(request.time.now(), request.script.stages)
    }
}

impl Classify<PeerResponse, PeerResponse> for AsScripted {
    fn classify(&self, result: Result<&PeerResponse, &PeerResponse>) -> Settlement {
        match result {
            Ok(said) | Err(said) => said.settlement,
        }
    }
}

impl Replay<Arc<Request>> for AsScripted {
    type Sent = Sent;
    type Kept = Arc<Request>;

    fn reach(&self, request: &Arc<Request>) -> Reach {
        let plan = &request.script.calls[request.call];
        match (plan.replayable, plan.hedgeable) {
            (true, true) => Reach::Twice,
            (true, false) => Reach::Again,
            (false, _) => Reach::Once,
        }
    }

    fn once(&self, request: Arc<Request>) -> Sent {
        Sent::new(&request)
    }

    fn keep(&self, request: Arc<Request>) -> (Sent, Arc<Request>) {
        (Sent::new(&request), request)
    }

    fn intact(&self, kept: &Arc<Request>) -> bool {
        !kept.outgrown.load(SeqCst)
    }

    fn again(&self, kept: &Arc<Request>) -> Sent {
        Sent::new(kept)
    }
}

/// A service that is not ready for a further attempt at once, where the attempt's plan says so.
#[derive(Default)]
struct Peer {
    /// The request that it was last called with.
    last: Option<Arc<Request>>,
    /// How many attempts had been asked for when it began to get ready, and until when that takes.
    readying: Option<(usize, BoxSleep)>,
}

impl Clone for Peer {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Sent> for Peer {
    type Response = PeerResponse;
    type Error = PeerResponse;
    type Future = Pin<Box<dyn Future<Output = Result<PeerResponse, PeerResponse>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PeerResponse>> {
        let Some(request) = &self.last else { return Poll::Ready(Ok(())) };
        let asked = request.asked.load(SeqCst);
        if self.readying.as_ref().is_none_or(|(of, _)| *of != asked) {
            let plan = request.script.calls[request.call].attempt(asked - 1);
            let time = request.time.clone();
            let until = time.now() + plan.readies;
            let sleep = async move { Alarm::default().wait(&time, until).await };
            self.readying = Some((asked, Box::pin(sleep)));
        }
        let Some((_, sleep)) = &mut self.readying else { return Poll::Ready(Ok(())) };
        let ready = sleep.as_mut().poll(cx);
        if ready.is_ready() {
            self.readying = None;
        }
        ready.map(Ok)
    }

    fn call(&mut self, sent: Sent) -> Self::Future {
        self.last = Some(Arc::clone(&sent.request));
        Box::pin(sent.said())
    }
}
