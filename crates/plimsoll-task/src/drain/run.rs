use super::{Drain, Hook, Phase, PhaseReport, Report, StillRunning, member::Count, report::Listed};
use crate::{panic::catch, sync::lock};
use futures_util::stream::{FuturesUnordered, Stream};
use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll};
use tokio::time::{Instant, timeout};

type Named = (Arc<str>, Hook);

impl Drain {
    /// Runs the phases one after the other; see the [module](super).
    ///
    /// A second call, concurrent or later, runs nothing: it waits and returns the same report.
    ///
    /// Cancel safe: dropped, it stays where it is, hooks under way are dropped for good, and the next call begins with
    /// the phase that was not ended.
    ///
    /// # Panics
    /// Outside a tokio runtime with its time driver.
    pub async fn run(&self) -> Report {
        self.request();
        let mut done = self.shared.done.lock().await;
        for phase in Phase::ALL.into_iter().skip(done.len()) {
            done.push(self.phase(phase).await);
        }
        Report { phases: done.clone() }
    }

    async fn phase(&self, phase: Phase) -> PhaseReport {
        let (limit, start) = (self.shared.limits.limit(phase), Instant::now());
        let (members, hooks) = self.begin(phase);
        let mut names: Vec<Option<Arc<str>>> = Vec::with_capacity(hooks.len());
        let mut running = FuturesUnordered::new();
        for (index, (name, hook)) in hooks.into_iter().enumerate() {
            names.push(Some(name));
            running.push(async move { (index, catch(hook).await) });
        }
        let at_begin = still_running(&members, &names);
        // After the look at what is going on: some of it ends at this very call.
        self.token(phase).cancel();
        let all_gone = poll_fn(|cx| {
            while let Poll::Ready(Some((index, ended))) = Pin::new(&mut running).poll_next(cx) {
                let name = names[index].take();
                if let Err(panicked) = ended {
                    tracing::error!(phase = phase.name(), hook = name.as_deref(), %panicked, "a hook of the drain panicked");
                }
            }
            // Each of them is asked, so that each knows whom to wake.
            let busy = members.iter().filter(|count| !count.is_empty_or_wake(cx.waker())).count();
            if running.is_empty() && busy == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        let in_time = timeout(limit, all_gone).await.is_ok();
        let left = if in_time { Vec::new() } else { still_running(&members, &names) };
        let report = PhaseReport { phase, limit, took: start.elapsed(), at_begin, left };
        log(&report);
        report
    }

    /// Closes the registration for this phase.
    fn begin(&self, phase: Phase) -> (Vec<Arc<Count>>, Vec<Named>) {
        let mut entries = lock(&self.shared.entries);
        entries.begun = entries.begun.max(phase as usize + 1);
        let of_phase = entries.members.iter().filter(|(of, _)| *of == phase);
        let members = of_phase.map(|(_, count)| Arc::clone(count)).collect();
        let hooks = entries.hooks.extract_if(.., |(of, ..)| *of == phase).map(|(_, name, hook)| (name, hook));
        (members, hooks.collect())
    }
}

fn still_running(members: &[Arc<Count>], hooks: &[Option<Arc<str>>]) -> Vec<StillRunning> {
    let hooks = hooks.iter().flatten().map(|name| StillRunning { name: Arc::clone(name), count: 1 });
    members.iter().filter_map(|count| count.still_running()).chain(hooks).collect()
}

/// One line for each phase.
fn log(report: &PhaseReport) {
    let (phase, took_ms, limit_ms) =
        (report.phase.name(), report.took.as_millis() as u64, report.limit.as_millis() as u64);
    let at_begin = Listed(&report.at_begin);
    if report.left.is_empty() {
        tracing::info!(phase, took_ms, limit_ms, %at_begin, "drained");
    } else {
        tracing::warn!(phase, took_ms, limit_ms, %at_begin, left = %Listed(&report.left), "not drained within the limit");
    }
}
