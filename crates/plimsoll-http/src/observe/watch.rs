use plimsoll_task::measure::WaitMonitor;
use std::time::Duration;
use tokio::sync::Mutex;

/// How often [`watch`] looks: to so much are ages and holdings exact.
pub const LOOKS: Duration = Duration::from_millis(100);

/// The lock of the task that looks.
static LOOKING: Mutex<()> = Mutex::const_new(());

/// Looks at every lock and queue of the process, [`LOOKS`] apart, and never ends: for a supervisor.
///
/// One is enough for a process. Where several are there, one looks; when it is dropped, the next takes over.
///
/// # Panics
/// Outside of a tokio runtime with a timer.
///
/// # Cancel safety
/// Can be dropped at any time.
pub async fn watch() {
    let _looking = LOOKING.lock().await;
    WaitMonitor::new().run(LOOKS).await;
}
