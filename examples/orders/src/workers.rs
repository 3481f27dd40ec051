//! Background workers under supervision: one that fails is restarted, for as long as the database may be away.

use crate::{app::App, outbox::Outbox};
use plimsoll::task::{
    drain::CancellationToken,
    supervise::{Restart, Supervised, Supervisor},
};
use std::{sync::Arc, time::Duration};

/// Keys that are swept away at once.
const BATCH: u32 = 1_000;
/// How often is looked for keys whose time is over.
const SWEEP: Duration = Duration::from_secs(60);

/// The workers, which stop when `stop` is cancelled.
pub(crate) fn workers(app: &App, outbox: Outbox, stop: CancellationToken) -> Supervisor {
    // A database may be away for an hour; nobody is served better by a service that gives up meanwhile.
    let restart = Restart::new().longest(Duration::from_secs(5)).give_up(10_000, Duration::from_secs(3_600));
    let (outbox, app) = (Arc::new(outbox), app.clone());
    let tell = Supervised::new("outbox", move |stop| {
        let outbox = Arc::clone(&outbox);
        async move { outbox.run(stop).await }
    });
    let sweep = Supervised::new("sweep", move |stop| {
        let app = app.clone();
        async move { sweep(&app, stop).await }
    });
    Supervisor::new("orders").stopped_by(stop).with(tell.restart(restart)).with(sweep.restart(restart))
}

/// Deletes the keys whose time is over, a batch at a time.
async fn sweep(
    app: &App,
    stop: CancellationToken,
) -> Result<(), plimsoll::http::idempotency::PostgresStoreError> {
    while !stop.is_cancelled() {
        if app.idempotency().store().sweep(BATCH).await? < u64::from(BATCH) {
            stop.run_until_cancelled(tokio::time::sleep(SWEEP)).await;
        }
    }
    Ok(())
}
