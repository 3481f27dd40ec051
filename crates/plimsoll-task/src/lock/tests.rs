//! Findings are the program's, and tests may run side by side: each looks for locks of its own names.

mod deadlock;
mod holding;
mod stats;

use super::{Finding, FindingKind, findings};
use std::{future::Future, time::Duration};
use tokio::task::{JoinHandle, yield_now};

/// Lets every task run until it can go no further.
async fn settle() {
    for _ in 0..64 {
        yield_now().await;
    }
}

fn found(kind: FindingKind, lock: &str) -> Vec<Finding> {
    let about = |finding: &Finding| {
        let sites = finding.tasks.iter().flat_map(|locks| locks.holds.iter().chain(&locks.wants));
        finding.kind == kind && sites.into_iter().any(|site| site.lock == lock)
    };
    findings().into_iter().filter(about).collect()
}

type SiteView = Option<(&'static str, u32)>;

/// The locks that each task holds and wants, with their lines in this crate's tests.
fn lines(finding: &Finding) -> Vec<(SiteView, SiteView)> {
    let line = |site: super::LockSite| (site.lock, site.location.line());
    finding.tasks.iter().map(|locks| (locks.holds.map(line), locks.wants.map(line))).collect()
}

fn spawn(future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(future)
}

const LONG: Duration = Duration::from_secs(5);
