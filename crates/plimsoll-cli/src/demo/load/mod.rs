//! The load: every request is sent to both gateways at the moment when it is due, whether or not earlier ones have had
//! a response. Latency counts from that moment, so that a gateway that makes the load wait cannot hide it.

mod client;
mod relief;

use super::{arrivals::Arrivals, replica::AT_ONCE, side::Side};
use anyhow::Context as _;
use client::{Client, PATIENCE};
use relief::Relief;
use std::{cell::Cell, net::SocketAddr, rc::Rc, sync::Arc, thread::JoinHandle, time::Duration};
use tokio::{
    sync::watch,
    task::{JoinSet, LocalSet},
    time::Instant,
};

/// The load of a run, on a thread of its own.
#[derive(Debug)]
pub(super) struct Load {
    stop: watch::Sender<bool>,
    thread: JoinHandle<std::io::Result<Lateness>>,
}

/// The lateness of requests, which shows how overloaded the machine was.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lateness {
    pub(super) worst: Duration,
}

impl Load {
    /// Starts the load at `begin`.
    pub(super) fn start(sides: &[Side; 2], arrivals: Arrivals, begin: Instant) -> anyhow::Result<Self> {
        let targets = [side(&sides[0])?, side(&sides[1])?];
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("demo-load".into())
            .spawn(move || {
                let clients = [0, 1].map(|at| Client::new(at, targets[at].0, Arc::clone(&targets[at].1)));
                run(offer(clients, arrivals, begin, stopped))
            })
            .context("cannot start the load")?;
        Ok(Self { stop, thread })
    }

    /// Stops sending; requests in flight are still waited for.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(super) fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the end of the load.
    pub(super) fn join(self) -> anyhow::Result<Lateness> {
        let ended = self.thread.join().map_err(|_| anyhow::anyhow!("the load has panicked"))?;
        ended.context("cannot run the load")
    }
}

fn side(side: &Side) -> anyhow::Result<(SocketAddr, Arc<super::tally::Tally>)> {
    Ok((side.address()?, Arc::clone(&side.tally)))
}

/// Runs the future on a single-threaded runtime.
fn run<T>(work: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(LocalSet::new().block_on(&runtime, work))
}

async fn offer(
    clients: [Rc<Client>; 2],
    arrivals: Arrivals,
    begin: Instant,
    mut stopped: watch::Receiver<bool>,
) -> Lateness {
    let mut under_way = JoinSet::new();
    let mut lateness = Lateness::default();
    let mut relief = Relief::new(arrivals.rate() * clients.len() as f64);
    for (number, at) in arrivals.enumerate() {
        let due = begin + at;
        tokio::select! {
            () = tokio::time::sleep_until(due) => {}
            _ = stopped.wait_for(|stop| *stop) => break,
        }
        let late = due.elapsed();
        lateness.worst = lateness.worst.max(late);
        while under_way.try_join_next().is_some() {}
        if !relief.sends(number, at, late, under_way.len()) {
            continue;
        }
        for client in &clients {
            under_way.spawn_local(Rc::clone(client).ask(number, due));
        }
    }
    while under_way.join_next().await.is_some() {}
    lateness
}

/// Returns the requests a second that the machine gets through a gateway, a few at a time, with immediate responses.
/// Blocks for [`CALIBRATION`].
pub(super) fn capacity(gateway: SocketAddr) -> anyhow::Result<f64> {
    let asked = run(async {
        let client = Client::new(0, gateway, Arc::default());
        let asked = Rc::new(Cell::new(0_u32));
        let mut askers = JoinSet::new();
        for _ in 0..ASKERS {
            let (client, asked) = (Rc::clone(&client), Rc::clone(&asked));
            askers.spawn_local(async move {
                while client.exchange(AT_ONCE).await.is_ok() {
                    asked.set(asked.get() + 1);
                }
            });
        }
        tokio::time::sleep(CALIBRATION).await;
        asked.get()
    })?;
    Ok(f64::from(asked) / CALIBRATION.as_secs_f64())
}

/// The length of the calibration.
pub(super) const CALIBRATION: Duration = Duration::from_millis(400);
/// The concurrency of the calibration.
const ASKERS: usize = 4;

/// The longest wait for the load's end after it was stopped.
pub(super) const LAST_ANSWER: Duration = PATIENCE;
