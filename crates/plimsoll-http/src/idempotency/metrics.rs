use plimsoll_telemetry::{Counter, CounterFamily, Desc, RegisterError, Registry};

/// The result of a request with a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    First,
    Replayed,
    InFlight,
    Reused,
    Refused,
    Unkept,
    Released,
    Lost,
    Failed,
}

impl Event {
    const ALL: [Self; 9] = [
        Self::First,
        Self::Replayed,
        Self::InFlight,
        Self::Reused,
        Self::Refused,
        Self::Unkept,
        Self::Released,
        Self::Lost,
        Self::Failed,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Replayed => "replayed",
            Self::InFlight => "in-flight",
            Self::Reused => "reused",
            Self::Refused => "refused",
            Self::Unkept => "unkept",
            Self::Released => "released",
            Self::Lost => "lost",
            Self::Failed => "failed",
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Metrics(Option<[Counter; Event::ALL.len()]>);

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, RegisterError> {
        let desc = Desc::new(
            "plimsoll_idempotency_total",
            "Requests with idempotency keys, by what became of them.",
        );
        let family: CounterFamily<1> = registry.counter_family(desc, ["event"])?;
        Ok(Self(Some(Event::ALL.map(|event| family.with(&[event.name()])))))
    }

    pub(super) fn count(&self, event: Event) {
        if let Some(counters) = &self.0 {
            counters[event as usize].inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_its_place() {
        for (at, event) in Event::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, at, "{event:?}");
        }
    }
}
