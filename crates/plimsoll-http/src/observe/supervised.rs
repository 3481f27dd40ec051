use plimsoll_task::supervise::{State, Stats};
use plimsoll_telemetry::{Collecting, Desc, RegisterError, Registry};

/// Shows the children of a supervisor, also after its end: until the guard is dropped.
///
/// Children of one name add up, of other supervisors too: so register each supervisor once.
///
/// # Errors
/// The registry is full, or has something else under one of the names.
pub fn supervisor(registry: &Registry, stats: &Stats) -> Result<Collecting, RegisterError> {
    let restarts = Desc::new("plimsoll_task_restarts_total", "Supervised tasks that were started again.");
    let restarts = registry.observed_counter(restarts, ["task"])?;
    let failures = Desc::new("plimsoll_task_failures_total", "Supervised tasks that fell.");
    let failures = registry.observed_counter(failures, ["task", "by"])?;
    let running = Desc::new("plimsoll_task_running", "1 while a supervised task runs.");
    let running = registry.observed_gauge(running, ["task"])?;
    let stats = stats.clone();
    #[expect(clippy::cast_precision_loss, reason = "metrics are floats: exact up to 2^53")]
    registry.register_collector(move |samples| {
        for child in stats.snapshot() {
            let name = &*child.name;
            samples.put(&restarts, &[name], child.restarts as f64);
            samples.put(&failures, &[name, "error"], child.failures as f64);
            samples.put(&failures, &[name, "panic"], child.panics as f64);
            samples.put(&running, &[name], f64::from(u8::from(child.state == State::Running)));
        }
    })
}
