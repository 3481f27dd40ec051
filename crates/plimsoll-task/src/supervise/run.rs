use super::{
    Escalation, Event, Exit, GaveUp, Next, Restarts, State, Strategy, Supervised, Supervisor, Verdict,
};
use crate::{
    panic::{catch, catch_call},
    scope::{Child, Scope},
};
use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    process,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

pub(super) async fn supervise(supervisor: &Supervisor, scope: Scope<Infallible>) -> Result<(), GaveUp> {
    let restarts = supervisor.children.iter().map(|child| Restarts::new(child.restart)).collect();
    let places = supervisor.children.iter().map(|_| Place::Down).collect();
    let mut watch = Watch { supervisor, scope, places, restarts, gave_up: None };
    for index in 0..supervisor.children.len() {
        watch.start(index);
    }
    while watch.places.iter().any(|place| !matches!(place, Place::Down)) {
        match watch.next().await {
            What::Stop => {
                watch.stop_all().await;
                break;
            }
            What::Due(index) => {
                supervisor.stats.restarted(index);
                watch.start(index);
            }
            What::Ended(index, exit, ran) => watch.ended(index, exit, ran).await,
        }
    }
    watch.gave_up.take().map_or(Ok(()), Err)
}

enum Place {
    Down,
    Running { child: Child<Exit>, token: CancellationToken, since: Instant },
    Backoff { until: Instant },
}

enum What {
    Stop,
    Due(usize),
    Ended(usize, Exit, Duration),
}

struct Watch<'a> {
    supervisor: &'a Supervisor,
    scope: Scope<Infallible>,
    places: Vec<Place>,
    restarts: Vec<Restarts>,
    gave_up: Option<GaveUp>,
}

impl Watch<'_> {
    fn start(&mut self, index: usize) {
        let (token, start) = (CancellationToken::new(), Arc::clone(&self.supervisor.children[index].start));
        let own = token.clone();
        // A panic of the function that makes the future is a panic of the child.
        let life =
            async move { Ok(catch(async move { start(own).await }).await.unwrap_or_else(Exit::Panicked)) };
        let (child, since) = (self.scope.spawn(life), Instant::now());
        self.supervisor.stats.set(index, State::Running, since);
        self.places[index] = Place::Running { child, token, since };
    }

    async fn next(&mut self) -> What {
        // The scope's: cancelled by the supervisor's own, and by whatever scope is around.
        let token = self.scope.token().clone();
        let mut stop = pin!(token.cancelled());
        let due = |(index, place): (usize, &Place)| match place {
            Place::Backoff { until } => Some((*until, index)),
            _ => None,
        };
        let due = self.places.iter().enumerate().filter_map(due).min();
        let mut timer = pin!(async {
            match due {
                Some((until, _)) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        });
        poll_fn(|cx| {
            if stop.as_mut().poll(cx).is_ready() {
                return Poll::Ready(What::Stop);
            }
            if let Poll::Ready((index, exit, ran)) = poll_ended(&mut self.places, cx) {
                return Poll::Ready(What::Ended(index, exit, ran));
            }
            let index = due.map_or(0, |(_, index)| index);
            timer.as_mut().poll(cx).map(|()| What::Due(index))
        })
        .await
    }

    async fn ended(&mut self, index: usize, exit: Exit, ran: Duration) {
        let now = Instant::now();
        let supervisor = self.supervisor;
        let Supervised { name, restart, .. } = &supervisor.children[index];
        supervisor.stats.ended(index, &exit);
        let next = if exit == Exit::Dropped || !restart.follows(exit.is_failure()) {
            Next::Ended
        } else {
            match self.restarts[index].ended(now, ran, fastrand::f64()) {
                Verdict::Again(wait) => Next::Restart(wait),
                Verdict::GiveUp => Next::GiveUp,
            }
        };
        let restarts = supervisor.stats.snapshot()[index].restarts;
        let (of, child) = (&*supervisor.name, &**name);
        match next {
            Next::Ended => tracing::info!(supervisor = of, child, %exit, "a task has ended"),
            Next::Restart(wait) => {
                let wait_ms = wait.as_millis() as u64;
                tracing::warn!(supervisor = of, child, %exit, restarts, wait_ms, "a task fell and is started again");
            }
            Next::GiveUp => tracing::error!(supervisor = of, child, %exit, restarts, "a task fell too often"),
        }
        if let Some(hook) = &supervisor.hook {
            let event = Event { supervisor: of, child, exit: &exit, next };
            if let Err(panicked) = catch_call(|| hook(&event)) {
                tracing::error!(supervisor = of, %panicked, "the hook of a supervisor panicked");
            }
        }
        let all = supervisor.strategy == Strategy::OneForAll;
        match next {
            Next::Ended => supervisor.stats.set(index, State::Ended, now),
            Next::Restart(wait) => {
                let mut fallen = vec![index];
                if all {
                    supervisor.stats.set(index, State::Backoff, now);
                    fallen.extend(self.stop_running().await);
                }
                let now = Instant::now();
                for index in fallen {
                    supervisor.stats.set(index, State::Backoff, now);
                    self.places[index] = Place::Backoff { until: now.checked_add(wait).unwrap_or(now) };
                }
            }
            Next::GiveUp => {
                supervisor.stats.set(index, State::GivenUp, now);
                let gave_up = GaveUp {
                    supervisor: Arc::clone(&supervisor.name),
                    child: Arc::clone(name),
                    exit,
                    restarts,
                };
                self.gave_up.get_or_insert(gave_up);
                match &supervisor.escalation {
                    Escalation::Abort => process::abort(),
                    Escalation::Drain(drain) => drain.request(),
                    Escalation::Log | Escalation::Stop => {}
                }
                if all || matches!(supervisor.escalation, Escalation::Stop) {
                    self.stop_all().await;
                }
            }
        }
    }

    /// All, in reverse order; whoever waits for a restart is not started any more.
    async fn stop_all(&mut self) {
        let stopped = self.stop_running().await;
        let now = Instant::now();
        for index in stopped {
            self.supervisor.stats.set(index, State::Ended, now);
        }
        for (index, place) in self.places.iter_mut().enumerate() {
            if matches!(place, Place::Backoff { .. }) {
                *place = Place::Down;
                self.supervisor.stats.set(index, State::Ended, now);
            }
        }
    }

    /// Those that run, in reverse order, one after the other. Who they were.
    async fn stop_running(&mut self) -> Vec<usize> {
        let mut stopped = Vec::new();
        for index in (0..self.places.len()).rev() {
            if !matches!(self.places[index], Place::Running { .. }) {
                continue;
            }
            self.supervisor.stats.set(index, State::Stopping, Instant::now());
            let Supervised { name, grace, .. } = &self.supervisor.children[index];
            if let Place::Running { child, token, .. } = &mut self.places[index] {
                token.cancel();
                let ended = if let Ok(ended) = timeout(*grace, &mut *child).await {
                    ended
                } else {
                    tracing::warn!(
                        supervisor = &*self.supervisor.name,
                        child = &**name,
                        "a task did not stop in time"
                    );
                    self.scope.abort(child);
                    child.await
                };
                self.supervisor.stats.ended(index, &ended.unwrap_or(Exit::Dropped));
            }
            self.places[index] = Place::Down;
            stopped.push(index);
        }
        stopped
    }
}

/// However it ends, nobody is told to be running who is not.
impl Drop for Watch<'_> {
    fn drop(&mut self) {
        for (index, place) in self.places.iter().enumerate() {
            if !matches!(place, Place::Down) {
                self.supervisor.stats.set(index, State::Ended, Instant::now());
            }
        }
    }
}

fn poll_ended(places: &mut [Place], cx: &mut Context<'_>) -> Poll<(usize, Exit, Duration)> {
    for (index, place) in places.iter_mut().enumerate() {
        if let Place::Running { child, since, .. } = place
            && let Poll::Ready(ended) = Pin::new(child).poll(cx)
        {
            let ran = since.elapsed();
            *place = Place::Down;
            return Poll::Ready((index, ended.unwrap_or(Exit::Dropped), ran));
        }
    }
    Poll::Pending
}
