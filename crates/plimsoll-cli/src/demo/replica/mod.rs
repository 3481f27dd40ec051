//! The service with the faults: three small servers on loopback, on a thread of their own.

mod server;

use super::plan::{Condition, NAMES, REPLICAS};
use anyhow::Context as _;
use plimsoll_gateway::plimsoll::policy::Draw;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::{oneshot, watch};

/// The request's header that names its side, by number.
pub(super) const SIDE: &str = "demo-side";
/// The response's header that names the replica, by number.
pub(super) const SERVED_BY: &str = "demo-served-by";
/// A path with an immediate response in any condition, for the calibration.
pub(super) const AT_ONCE: &str = "/at-once";

/// One replica.
#[derive(Debug)]
struct Replica {
    index: usize,
    seed: u64,
    condition: watch::Sender<Condition>,
    /// Requests that arrived, from each side.
    arrived: [AtomicU64; 2],
}

/// All replicas. A drop ends them.
#[derive(Debug)]
pub(super) struct Fleet {
    replicas: Arc<[Replica; REPLICAS]>,
    addresses: [SocketAddr; REPLICAS],
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Fleet {
    /// Starts the replicas, all healthy. `seed` decides how long each request takes.
    pub(super) fn start(seed: u64) -> anyhow::Result<Self> {
        let replicas: Arc<[Replica; REPLICAS]> = Arc::new(std::array::from_fn(|index| Replica {
            index,
            seed,
            condition: watch::Sender::new(Condition::Well),
            arrived: Default::default(),
        }));
        let (stop, stopped) = oneshot::channel();
        let (bound, addresses) = std::sync::mpsc::sync_channel(1);
        let serving = Arc::clone(&replicas);
        let thread = std::thread::Builder::new()
            .name("demo-replicas".into())
            .spawn(move || server::run(&serving, &bound, stopped))
            .context("cannot start the replicas")?;
        let addresses = addresses.recv().context("the replicas have ended")?.context("cannot listen")?;
        Ok(Self { replicas, addresses, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) const fn addresses(&self) -> &[SocketAddr; REPLICAS] {
        &self.addresses
    }

    /// Sets the condition of this replica.
    pub(super) fn set(&self, replica: usize, condition: Condition) {
        self.replicas[replica].condition.send_replace(condition);
    }

    /// Returns the number of this side's requests that arrived at any replica.
    pub(super) fn arrived(&self, side: usize) -> u64 {
        self.replicas.iter().map(|replica| replica.arrived[side].load(Ordering::Relaxed)).sum()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The panic hook has already reported a panic there.
            let _ = thread.join();
        }
    }
}

/// How long a healthy replica works on a request: 15 ms and an exponential rest of 10 ms on average, 45 ms at most. A
/// slow one then takes 0.9 s at most, and so long that a busy machine's pauses do not drown it. The same request at the
/// same replica always takes the same time, so that both sides are given the same work.
fn service_time(seed: u64, replica: usize, request: u64) -> Duration {
    let draw = Draw::new(seed ^ (request << 8) ^ replica as u64).split().split();
    let rest = -10.0 * (1.0 - draw.unit()).ln();
    Duration::from_secs_f64((15.0 + rest).min(45.0) / 1e3)
}

/// As a name.
fn name(replica: usize) -> &'static str {
    NAMES[replica]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_takes_as_long_each_time_and_elsewhere_another_time() {
        assert_eq!(service_time(1, 0, 7), service_time(1, 0, 7));
        assert_ne!(service_time(1, 0, 7), service_time(1, 1, 7));
        assert_ne!(service_time(1, 0, 7), service_time(1, 0, 8));
        assert_ne!(service_time(1, 0, 7), service_time(2, 0, 7));
    }

    #[test]
    fn times_are_as_described() {
        let times: Vec<f64> = (0..10_000).map(|at| service_time(3, 1, at).as_secs_f64() * 1e3).collect();
        assert!(times.iter().all(|time| (15.0..=45.0).contains(time)));
        let mean = times.iter().sum::<f64>() / 10_000.0;
        assert!((24.0..25.0).contains(&mean), "{mean}");
    }
}
