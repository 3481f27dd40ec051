use super::{
    Escalation, Event, Exit, GaveUpError, Next, State, Strategy, Supervised, Supervisor,
    restart::{RestartDecision, Restarts},
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

pub(super) async fn supervise(supervisor: &Supervisor, scope: Scope<Infallible>) -> Result<(), GaveUpError> {
    let restarts = supervisor.children.iter().map(|child| Restarts::new(child.restart)).collect();
    let states = supervisor.children.iter().map(|_| ChildState::Down).collect();
    let mut supervision = Supervision { supervisor, scope, states, restarts, gave_up: None };
    for index in 0..supervisor.children.len() {
        supervision.start(index);
    }
    while supervision.states.iter().any(|state| !matches!(state, ChildState::Down)) {
        match supervision.next().await {
            Occurrence::Stop => {
                supervision.stop_all().await;
                break;
            }
            Occurrence::Due(index) => {
                supervisor.stats.restarted(index);
                supervision.start(index);
            }
            Occurrence::Ended(index, exit, ran) => supervision.ended(index, exit, ran).await,
        }
    }
    supervision.gave_up.take().map_or(Ok(()), Err)
}

enum ChildState {
    Down,
    Running { child: Child<Exit>, token: CancellationToken, since: Instant },
    Backoff { until: Instant },
}

enum Occurrence {
    Stop,
    Due(usize),
    Ended(usize, Exit, Duration),
}

struct Supervision<'a> {
    supervisor: &'a Supervisor,
    scope: Scope<Infallible>,
    states: Vec<ChildState>,
    restarts: Vec<Restarts>,
    gave_up: Option<GaveUpError>,
}

impl Supervision<'_> {
    fn start(&mut self, index: usize) {
        let (token, start) = (CancellationToken::new(), Arc::clone(&self.supervisor.children[index].start));
        let own = token.clone();
        // A panic of the function that makes the future is a panic of the child.
        let life =
            async move { Ok(catch(async move { start(own).await }).await.unwrap_or_else(Exit::Panicked)) };
        let (child, since) = (self.scope.spawn(life), Instant::now());
        self.supervisor.stats.set(index, State::Running, since);
        self.states[index] = ChildState::Running { child, token, since };
    }

    async fn next(&mut self) -> Occurrence {
        // The scope's: cancelled by the supervisor's own, and by whatever scope is around.
        let token = self.scope.token().clone();
        let mut stop = pin!(token.cancelled());
        let due = |(index, state): (usize, &ChildState)| match state {
            ChildState::Backoff { until } => Some((*until, index)),
            _ => None,
        };
        let due = self.states.iter().enumerate().filter_map(due).min();
        let mut timer = pin!(async {
            match due {
                Some((until, _)) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        });
        poll_fn(|cx| {
            if stop.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Occurrence::Stop);
            }
            if let Poll::Ready((index, exit, ran)) = poll_ended(&mut self.states, cx) {
                return Poll::Ready(Occurrence::Ended(index, exit, ran));
            }
            let index = due.map_or(0, |(_, index)| index);
            timer.as_mut().poll(cx).map(|()| Occurrence::Due(index))
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
                RestartDecision::Again(wait) => Next::Restart(wait),
                RestartDecision::GiveUp => Next::GiveUp,
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
                    self.states[index] = ChildState::Backoff { until: now.checked_add(wait).unwrap_or(now) };
                }
            }
            Next::GiveUp => {
                supervisor.stats.set(index, State::GivenUp, now);
                let gave_up = GaveUpError {
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

    /// Stops all children in reverse order; those that wait for a restart are not restarted.
    async fn stop_all(&mut self) {
        let stopped = self.stop_running().await;
        let now = Instant::now();
        for index in stopped {
            self.supervisor.stats.set(index, State::Ended, now);
        }
        for (index, state) in self.states.iter_mut().enumerate() {
            if matches!(state, ChildState::Backoff { .. }) {
                *state = ChildState::Down;
                self.supervisor.stats.set(index, State::Ended, now);
            }
        }
    }

    /// Stops the running children in reverse order, one after the other, and returns their indices.
    async fn stop_running(&mut self) -> Vec<usize> {
        let mut stopped = Vec::new();
        for index in (0..self.states.len()).rev() {
            if !matches!(self.states[index], ChildState::Running { .. }) {
                continue;
            }
            self.supervisor.stats.set(index, State::Stopping, Instant::now());
            let Supervised { name, grace, .. } = &self.supervisor.children[index];
            if let ChildState::Running { child, token, .. } = &mut self.states[index] {
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
            self.states[index] = ChildState::Down;
            stopped.push(index);
        }
        stopped
    }
}

/// Marks all children as ended, however the supervision ends.
impl Drop for Supervision<'_> {
    fn drop(&mut self) {
        for (index, state) in self.states.iter().enumerate() {
            if !matches!(state, ChildState::Down) {
                self.supervisor.stats.set(index, State::Ended, Instant::now());
            }
        }
    }
}

fn poll_ended(states: &mut [ChildState], cx: &mut Context<'_>) -> Poll<(usize, Exit, Duration)> {
    for (index, state) in states.iter_mut().enumerate() {
        if let ChildState::Running { child, since, .. } = state
            && let Poll::Ready(ended) = Pin::new(child).poll(cx)
        {
            let ran = since.elapsed();
            *state = ChildState::Down;
            return Poll::Ready((index, ended.unwrap_or(Exit::Dropped), ran));
        }
    }
    Poll::Pending
}
