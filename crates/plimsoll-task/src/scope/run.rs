use super::{
    core::{Core, Inside, current},
    error::{AggregateError, Error},
    handle::Scope,
    options::Options,
    register::Register,
    tally::Tally,
};
use crate::{
    Deadline,
    deadline::Entered,
    panic::{catch_call, install_hook},
};
use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    runtime::Handle,
    time::{Instant, Sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// The result of a scope after all members have left.
pub(super) struct Ending<T, E> {
    /// The body's; none if it failed or was dropped.
    pub(super) value: Option<T>,
    /// Why something was dropped before its end.
    pub(super) interrupted: Option<Error<E>>,
    pub(super) failures: AggregateError<E>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    /// Cancelled: all may end in order until then.
    Grace(Instant),
    /// All remaining children have been aborted.
    Aborted,
}

/// However the scope's future ends, nobody stays unbidden.
struct Guard {
    core: Arc<Core>,
    /// Whether the body still counts.
    body: bool,
}

impl Guard {
    fn body_left(&mut self) {
        if std::mem::take(&mut self.body) {
            self.core.leave_inner();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.core.abort();
        self.body_left();
    }
}

pub(super) async fn drive<T, E, F, Fut>(options: Options, first_ends: bool, body: F) -> Ending<T, E>
where
    F: FnOnce(Scope<E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    install_hook();
    let outer = current().filter(|outer| outer.register.enter_inner());
    let core = Arc::new(Core {
        register: Register::new(options.limit),
        token: outer.as_ref().map_or_else(CancellationToken::new, |outer| outer.token.child_token()),
        deadline: options.deadline.earliest(Deadline::current()),
        runtime: Handle::current(),
        outer,
    });
    // Declared before the body, so dropped after it.
    let mut guard = Guard { core: Arc::clone(&core), body: true };
    let tally = Arc::new(Tally::new(first_ends, if first_ends { 1 } else { options.keep }));
    let scope = Scope { core: Arc::clone(&core), tally: Arc::clone(&tally) };

    let mut body = pin!(Some(async move { body(scope).await }));
    let mut cancelled = pin!(core.token.cancelled());
    let mut given = pin!(async {
        match &options.token {
            Some(token) => token.cancelled().await,
            None => std::future::pending().await,
        }
    });
    let mut timer = pin!(None);
    let mut lent = Some(Arc::clone(&core));
    let mut returned = None;
    let mut unwinding: Option<Box<dyn Any + Send>> = None;
    let mut stage = Stage::Running;
    let mut in_time = true;
    let mut body_dropped = false;

    poll_fn(|cx| {
        loop {
            if body.is_some() && stage != Stage::Aborted {
                match poll_body(body.as_mut(), &mut lent, core.deadline, cx) {
                    Poll::Pending => {}
                    Poll::Ready(ended) => {
                        match ended {
                            Ok(Ok(value)) => returned = Some(value),
                            Ok(Err(error)) => {
                                tally.add(Error::Failed(error));
                                if first_ends {
                                    core.token.cancel();
                                }
                            }
                            Err(payload) => {
                                unwinding = Some(payload);
                                core.token.cancel();
                            }
                        }
                        guard.body_left();
                    }
                }
            }
            if core.register.is_empty_or_wake(cx.waker()) {
                return Poll::Ready(());
            }
            if stage == Stage::Running {
                let late = poll_timer(timer.as_mut(), core.deadline.instant(), cx).is_ready();
                if late || given.as_mut().poll(cx).is_ready() || cancelled.as_mut().poll(cx).is_ready() {
                    in_time = !late;
                    core.token.cancel();
                    let now = Instant::now();
                    let until =
                        Deadline::at(now.checked_add(options.grace).unwrap_or(now)).min(core.deadline);
                    stage = Stage::Grace(until.instant().unwrap_or(now));
                    // Once more: the body may be waiting for the token.
                    continue;
                }
            }
            let Stage::Grace(until) = stage else { return Poll::Pending };
            let over = until <= Instant::now() || poll_timer(timer.as_mut(), Some(until), cx).is_ready();
            if !over {
                return Poll::Pending;
            }
            in_time &= core.deadline.instant().is_none_or(|deadline| until < deadline);
            stage = Stage::Aborted;
            core.abort();
            if body.is_some() {
                body_dropped = true;
                if let Err(panicked) = catch_call(|| body.set(None)) {
                    tally.add(Error::Panicked(panicked));
                }
                guard.body_left();
            }
        }
    })
    .await;

    if let Some(payload) = unwinding {
        resume_unwind(payload);
    }
    let undone = body_dropped || core.register.has_lost();
    let interrupted = undone.then(|| if in_time { Error::Cancelled } else { Error::DeadlineExceeded });
    Ending { value: returned, interrupted, failures: tally.take() }
}

type Unwound<T> = Result<T, Box<dyn Any + Send>>;

/// The payload is kept as it is: the body's panic goes on its way, it is not turned into an error.
fn poll_body<B: Future>(
    mut body: Pin<&mut Option<B>>,
    lent: &mut Option<Arc<Core>>,
    deadline: Deadline,
    cx: &mut Context<'_>,
) -> Poll<Unwound<B::Output>> {
    let _inside = Inside::new(lent);
    let _entered = Entered::new(deadline);
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let Some(future) = body.as_mut().as_pin_mut() else { return Poll::Pending };
        let polled = future.poll(cx);
        if polled.is_ready() {
            body.set(None);
        }
        polled
    }));
    match polled {
        Ok(polled) => polled.map(Ok),
        Err(payload) => {
            let _ = catch_call(|| body.set(None));
            Poll::Ready(Err(payload))
        }
    }
}

/// Until `at`; never where there is none, and then no timer is made.
fn poll_timer(mut timer: Pin<&mut Option<Sleep>>, at: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
    let Some(at) = at else { return Poll::Pending };
    match timer.as_mut().as_pin_mut() {
        Some(mut timer) if timer.deadline() != at => timer.as_mut().reset(at),
        Some(_) => {}
        None => timer.set(Some(sleep_until(at))),
    }
    timer.as_pin_mut().map_or(Poll::Pending, |timer| timer.poll(cx))
}
