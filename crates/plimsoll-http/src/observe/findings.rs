use plimsoll_task::{
    lock::{FindingKind, findings, unseen},
    panic,
};
use plimsoll_telemetry::{Desc, Observed, RegisterError, Registry, Samples};

/// The findings about locks, and the number of panics in the process.
#[derive(Debug)]
pub(super) struct Findings {
    kept: Observed<2>,
    unseen: Observed<0>,
    panics: Observed<0>,
}

impl Findings {
    pub(super) fn register(registry: &Registry) -> Result<Self, RegisterError> {
        let kept = Desc::new("plimsoll_lock_findings", "Findings of locks that are kept, each place once.");
        let unseen = Desc::new(
            "plimsoll_lock_findings_unseen_total",
            "Findings that made room for later ones, and waits that nobody could look at.",
        );
        let panics = Desc::new("plimsoll_process_panics_total", "Panics of the process, caught or not.");
        // What happened before the hook was there is not counted.
        panic::install_hook();
        Ok(Self {
            kept: registry.observed_gauge(kept, ["kind", "certain"])?,
            unseen: registry.observed_counter(unseen, [])?,
            panics: registry.observed_counter(panics, [])?,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "metrics are floats: exact up to 2^53")]
    pub(super) fn show(&self, samples: &mut Samples) {
        for kind in FindingKind::ALL {
            // Shown from the beginning, as what has not been found.
            let certain = matches!(kind, FindingKind::HeldLong | FindingKind::OnItself | FindingKind::Cycle);
            let guessed = !matches!(kind, FindingKind::HeldLong);
            for (is, can) in [("true", certain), ("false", guessed)] {
                if can {
                    samples.put(&self.kept, &[kind.name(), is], 0.0);
                }
            }
        }
        for finding in findings() {
            let certain = if finding.certain { "true" } else { "false" };
            samples.put(&self.kept, &[finding.kind.name(), certain], 1.0);
        }
        samples.put(&self.unseen, &[], unseen() as f64);
        samples.put(&self.panics, &[], panic::count() as f64);
    }
}
