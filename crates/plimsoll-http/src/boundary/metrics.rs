use crate::Kind;
use plimsoll_telemetry::{CounterFamily, Desc, RegisterError, Registry};

/// The counters of a boundary. None of them is touched by a call that goes well.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    problems: CounterFamily<2>,
    panics: CounterFamily<2>,
    broken_bodies: CounterFamily<1>,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, RegisterError> {
        let problems = Desc::new("plimsoll_problems_total", "Problems told to callers, by kind and route.");
        let panics = Desc::new("plimsoll_panics_total", "Panics caught, by where they came up and route.");
        let broken =
            Desc::new("plimsoll_broken_bodies_total", "Bodies of responses that broke off, by route.");
        Ok(Self {
            problems: registry.counter_family(problems, ["kind", "route"])?,
            panics: registry.counter_family(panics, ["place", "route"])?,
            broken_bodies: registry.counter_family(broken, ["route"])?,
        })
    }

    pub(super) fn problem(&self, kind: Kind, route: &str) {
        self.problems.with(&[kind.name(), route]).inc();
    }

    pub(super) fn panic(&self, place: &str, route: &str) {
        self.panics.with(&[place, route]).inc();
    }

    pub(super) fn broken_body(&self, route: &str) {
        self.broken_bodies.with(&[route]).inc();
    }
}
