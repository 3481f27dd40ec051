use super::ChaosService;
use plimsoll_policy::{Draw, units::Ratio};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tower_layer::Layer;

/// A layer that injects faults into calls. See the [module](super). Clones, and all services made by it, number their
/// calls together.
#[derive(Clone)]
pub struct ChaosLayer<F> {
    pub(super) plan: Plan,
    pub(super) error: F,
    state: Arc<State>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    seed: u64,
    delay: Option<(Ratio, Duration)>,
    errors: Ratio,
    aborts: Ratio,
}

#[derive(Debug, Default)]
struct State {
    calls: AtomicU64,
    paused: AtomicBool,
}

/// The faults injected into one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Harm {
    pub(super) delay: Option<Duration>,
    pub(super) deed: Deed,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Deed {
    None,
    /// The call fails without having been sent.
    Error,
    /// The call is sent, and its response lost.
    Abort,
}

impl<F> ChaosLayer<F> {
    /// A layer that injects nothing yet; `error` makes the errors.
    pub fn seeded(seed: u64, error: F) -> Self {
        let plan = Plan { seed, delay: None, errors: Ratio::ZERO, aborts: Ratio::ZERO };
        Self { plan, error, state: Arc::default() }
    }

    /// Delays this share of calls by `delay` before they are sent.
    pub fn delays(mut self, ratio: Ratio, delay: Duration) -> Self {
        self.plan.delay = Some((ratio, delay));
        self
    }

    /// Lets this share of calls fail without being sent.
    pub fn errors(mut self, ratio: Ratio) -> Self {
        self.plan.errors = ratio;
        self
    }

    /// Drops this share of calls after their first poll: the peer may have acted on them.
    pub fn aborts(mut self, ratio: Ratio) -> Self {
        self.plan.aborts = ratio;
        self
    }

    /// Pauses or resumes the faults. Calls are numbered while paused, too.
    pub fn pause(&self, paused: bool) {
        self.state.paused.store(paused, Relaxed);
    }

    pub(super) fn next(&self) -> Harm {
        let number = self.state.calls.fetch_add(1, Relaxed);
        if self.state.paused.load(Relaxed) {
            Harm { delay: None, deed: Deed::None }
        } else {
            self.plan.harm(number)
        }
    }
}

impl Plan {
    fn harm(&self, number: u64) -> Harm {
        let delayed = Draw::new(self.seed).split();
        let delayed = Draw::new(delayed.bits() ^ number).split();
        let aborted = delayed.split();
        let failed = aborted.split();
        let hit = |draw: Draw, ratio: Ratio| draw.unit() < ratio.get();
        let deed = if hit(failed, self.errors) {
            Deed::Error
        } else if hit(aborted, self.aborts) {
            Deed::Abort
        } else {
            Deed::None
        };
        let delay = self.delay.filter(|(ratio, _)| hit(delayed, *ratio)).map(|(_, delay)| delay);
        Harm { delay, deed }
    }
}

impl<S, F: Clone> Layer<S> for ChaosLayer<F> {
    type Service = ChaosService<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        ChaosService::new(inner, self.clone())
    }
}

impl<F> fmt::Debug for ChaosLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaosLayer")
            .field("plan", &self.plan)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_hits_the_same_calls_and_about_as_many_as_asked() {
        let plan = |seed| Plan {
            seed,
            delay: Some((Ratio::percent(10), Duration::from_millis(1))),
            errors: Ratio::percent(20),
            aborts: Ratio::percent(50),
        };
        let harms: Vec<Harm> = (0..10_000).map(|number| plan(7).harm(number)).collect();
        assert_eq!(harms, (0..10_000).map(|number| plan(7).harm(number)).collect::<Vec<_>>());
        assert_ne!(harms, (0..10_000).map(|number| plan(8).harm(number)).collect::<Vec<_>>());
        let count = |what: &dyn Fn(&Harm) -> bool| harms.iter().filter(|harm| what(harm)).count();
        assert!((900..1100).contains(&count(&|harm| harm.delay.is_some())));
        assert!((1850..2150).contains(&count(&|harm| harm.deed == Deed::Error)));
        assert!((3800..4200).contains(&count(&|harm| harm.deed == Deed::Abort)), "half of the other 80 %");
        let both = count(&|harm| harm.delay.is_some() && harm.deed == Deed::Error);
        assert!((150..250).contains(&both), "drawn apart: {both}");
    }
}
