//! The loop and the body guard of `plimsoll-driver`, as the client and the gateway use them.

use plimsoll_driver::{
    Alarm, Attempts, Begin, BodyGuard, CallError, CallGuard, Machines, Marks, ResponseHead, TaskDriver, Time,
    TimeSource, Timer, Waiters,
};
use plimsoll_policy::{
    Instant, Policy, Settlement,
    call::{Action, AttemptId, Call, Event, Finish, Mark},
};
use plimsoll_testkit::{
    VirtualTime,
    script::{
        Act, AttemptPlan, BodyEnd, BodyPlan, CallFuture, CallPlan, End, Journal, Revising, Script,
        ScriptDriver, Step, play,
    },
};
use std::{
    cell::Cell,
    future::{pending, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::Poll,
};

type Driver = Arc<TaskDriver<Journal>>;

/// The journal of this script under the loop.
pub(crate) fn run(script: &Script) -> Journal {
    let time = VirtualTime::seeded(script.seed);
    let journal = Journal::new(time.now());
    let driver = Arc::new(TaskDriver::new(journal.clone()).with_time(time.time()));
    let policy = Revising::new(script.spec.clone(), time.time(), driver);
    let mut company =
        Company { script: script.clone(), policy, journal: journal.clone(), time: time.clone() };
    play(script, &time, &mut company);
    journal
}

struct Company {
    script: Script,
    policy: Revising<Driver>,
    journal: Journal,
    time: VirtualTime,
}

impl ScriptDriver for Company {
    fn start(&mut self, call: usize) -> CallFuture {
        let policy = self.policy.current();
        let plan = self.script.calls[call].clone();
        let facts = plan.facts(self.time.now(), self.script.stages);
        let machines = Arc::new(Overheard { policy, journal: self.journal.clone(), call });
        let mut guard = CallGuard::new(machines, facts);
        let (journal, time) = (self.journal.clone(), self.time.time());
        Box::pin(async move {
            let marks = [Marks::new(), Marks::new()];
            let mut timer = pin!(Timer::new());
            let timer = &mut timer.as_mut();
            let mut attempts = Scripted::new(&plan, &marks, &time);
            let now = guard.now();
            let came = plimsoll_driver::run(&mut guard, now, &mut attempts, &marks, timer, facts.replayable);
            let finish = match came.await {
                Ok(ResponseHead { id, response: (_, head, body), .. }) => {
                    journal.ended(time.now(), call, Finish::Response(id));
                    let how = read(BodyGuard::new(guard, id, &Settlement::SUCCESS), head, &body, &time).await;
                    return journal.end(time.now(), call, how);
                }
                Err(CallError::Attempt(id, _)) => Finish::Response(id),
                Err(CallError::Refused(rejected)) => Finish::Refused(rejected),
                Err(CallError::TimedOut(limit)) => Finish::TimedOut(limit),
                Err(CallError::CallerTimedOut(limit)) => Finish::CallerTimedOut(limit),
            };
            journal.ended(time.now(), call, finish);
        })
    }

    fn left(&mut self, call: usize) {
        self.journal.end(self.time.now(), call, "the caller has left".to_owned());
    }

    fn act(&mut self, act: &Act) {
        self.policy.act(act);
    }
}

/// A policy that writes down what it tells a call to do.
struct Overheard {
    policy: Arc<Policy<Driver>>,
    journal: Journal,
    call: usize,
}

impl Machines for Overheard {
    fn advance(&self, call: &mut Call, now: Instant, event: Event) -> Action {
        let action = self.policy.advance(call, now, event);
        if !matches!(event, Event::Unreplayable | Event::Gone) {
            self.journal.action(now, self.call, action);
        }
        action
    }

    fn time(&self) -> &Time {
        self.policy.time()
    }

    fn waiters(&self) -> &Waiters {
        self.policy.waiters()
    }
}

struct Scripted<'a> {
    plan: &'a CallPlan,
    marks: &'a [Marks; 2],
    time: &'a Time,
    asked: usize,
    outgrown: Rc<Cell<bool>>,
}

impl<'a> Scripted<'a> {
    fn new(plan: &'a CallPlan, marks: &'a [Marks; 2], time: &'a Time) -> Self {
        Self { plan, marks, time, asked: 0, outgrown: Rc::default() }
    }
}

impl<'a> Attempts for Scripted<'a> {
    type Response = (Settlement, Instant, BodyPlan);
    type Error = Settlement;
    type Attempt = Pin<Box<dyn Future<Output = Result<Self::Response, Settlement>> + 'a>>;

    fn begin(&mut self, begin: Begin) -> Option<Self::Attempt> {
        let plan = self.plan.attempt(self.asked);
        self.asked += 1;
        let (marks, time, outgrown) = (&self.marks[begin.slot], self.time, Rc::clone(&self.outgrown));
        plan.available.then(|| Box::pin(attempt(plan, begin.now, marks, time, outgrown)) as Self::Attempt)
    }

    fn settlement(
        &mut self,
        _: AttemptId,
        _: Instant,
        _: std::time::Duration,
        result: Result<&Self::Response, &Settlement>,
    ) -> Settlement {
        match result {
            Ok((settlement, ..)) | Err(settlement) => *settlement,
        }
    }

    fn is_replayable(&self) -> bool {
        !self.outgrown.get()
    }
}

async fn attempt(
    plan: AttemptPlan,
    began: Instant,
    marks: &Marks,
    time: &Time,
    outgrown: Rc<Cell<bool>>,
) -> Result<(Settlement, Instant, BodyPlan), Settlement> {
    let mut alarm = Alarm::default();
    for (at, step) in plan.steps {
        alarm.wait(time, began + at).await;
        match step {
            Step::Outgrown => outgrown.set(true),
            Step::Mark(Mark::Dialled) => marks.dialled(),
            Step::Mark(Mark::Connected) => marks.connected(),
            Step::Mark(Mark::Sent) => marks.sent(),
            Step::Mark(Mark::Flushed) => marks.flushed(),
            Step::Mark(Mark::Moved) => marks.moved(),
            Step::Mark(Mark::WaitsForCaller) => marks.waits_for_caller(true),
            Step::Mark(Mark::WaitsForPeer) => marks.waits_for_caller(false),
        }
    }
    let Some((at, end)) = plan.end else { return pending().await };
    alarm.wait(time, began + at).await;
    match end {
        End::Head(settlement, body) => Ok((settlement, began + at, body)),
        End::Whole(settlement) => Err(settlement),
    }
}

/// Reads the body as its caller does, and says how that ended.
async fn read(mut guard: BodyGuard<Arc<Overheard>>, head: Instant, body: &BodyPlan, time: &Time) -> String {
    let pieces = body.pieces.iter().map(|(at, piece)| (*at, Some(*piece)));
    let end = body.end.map(|(at, _)| (at, None));
    for (at, piece) in pieces.chain(end) {
        let uploading = piece.is_some_and(|piece| piece.uploading);
        if let Err(how) = wait(&mut guard, head + at, uploading, time).await {
            return how;
        }
        let Some(piece) = piece else { break };
        if let Err(timeout) = poll_fn(|cx| Poll::Ready(guard.moved(cx))).await {
            return format!("body at limit {:?}, {:?}", timeout.limit, timeout.outcome);
        }
        // The caller is elsewhere: nobody polls the body.
        let back = time.now() + piece.pause;
        Alarm::default().wait(time, back).await;
    }
    let outcome = match body.end {
        Some((_, BodyEnd::Broken)) => guard.broke_off(),
        Some((_, BodyEnd::Trailers(settlement))) => guard.settle(settlement.outcome),
        Some((_, BodyEnd::Well)) => guard.end(),
        None => match wait(&mut guard, Instant::FAR, false, time).await {
            Err(how) => return how,
            Ok(()) => unreachable!("never is never"),
        },
    };
    format!("body {outcome:?}")
}

/// Until the peer sends more, or a limit runs out.
async fn wait(
    guard: &mut BodyGuard<Arc<Overheard>>,
    until: Instant,
    uploading: bool,
    time: &Time,
) -> Result<(), String> {
    let mut alarm = Alarm::default();
    poll_fn(|cx| {
        if alarm.poll(cx, time, until).is_ready() {
            return Poll::Ready(Ok(()));
        }
        guard
            .poll_limits(cx, uploading)
            .map(|timeout| Err(format!("body at limit {:?}, {:?}", timeout.limit, timeout.outcome)))
    })
    .await
}
