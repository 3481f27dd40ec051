use super::{report::Listed, *};
use std::future::pending;
use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};

fn limits(each: Duration) -> Limits {
    Limits { listeners: each, requests: each, workers: each, stores: each }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

type Log = Arc<Mutex<Vec<&'static str>>>;

#[tokio::test(start_paused = true)]
async fn phases_come_in_order_whatever_the_order_of_registering() {
    let (drain, log) = (Drain::default(), Log::default());
    for (phase, name) in [
        (Phase::Stores, "stores"),
        (Phase::Listeners, "listeners"),
        (Phase::Workers, "workers"),
        (Phase::Requests, "requests"),
    ] {
        let log = Arc::clone(&log);
        let hook = async move {
            sleep(seconds(1)).await;
            log.lock().unwrap().push(name);
        };
        drain.hook(phase, name, hook).unwrap();
    }
    let (start, report) = (Instant::now(), drain.run().await);
    assert_eq!(*log.lock().unwrap(), ["listeners", "requests", "workers", "stores"]);
    assert!(report.is_clean());
    assert_eq!(start.elapsed(), seconds(4));
    assert_eq!(report.phases.iter().map(|phase| phase.phase).collect::<Vec<_>>(), Phase::ALL);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_is_named_and_left() {
    let drain = Drain::new(limits(seconds(2)));
    let requests = drain.register(Phase::Requests, "http").unwrap();
    let stay: Vec<_> = (0..3).map(|_| requests.enter()).collect();
    drain.hook(Phase::Requests, "flush", pending()).unwrap();
    drain.hook(Phase::Requests, "quick", async {}).unwrap();
    let report = drain.run().await;
    let phase = &report.phases[1];
    assert_eq!(Listed(&phase.at_begin).to_string(), "http=3 flush=1 quick=1");
    assert_eq!(Listed(&phase.left).to_string(), "http=3 flush=1");
    assert_eq!(phase.took, seconds(2));
    assert!(!report.is_clean() && report.phases[3].left.is_empty());
    drop(stay);
    assert_eq!(requests.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_phase_ends_with_the_last_that_leaves() {
    let drain = Drain::default();
    let worker = drain.register(Phase::Workers, "outbox").unwrap();
    let (first, second, token) = (worker.enter(), worker.enter(), drain.token(Phase::Workers).clone());
    let requests_over = drain.token(Phase::Requests).clone();
    tokio::spawn(async move {
        drop(first);
        token.cancelled().await;
        assert!(requests_over.is_cancelled());
        sleep(seconds(3)).await;
        drop(second);
    });
    assert_eq!(drain.running().len(), 1);
    let report = drain.run().await;
    assert_eq!(report.phases[2].took, seconds(3));
    assert!(report.is_clean());
}

#[tokio::test(start_paused = true)]
async fn run_twice_it_runs_once() {
    let (drain, log) = (Drain::default(), Log::default());
    let seen = Arc::clone(&log);
    let hook = async move {
        sleep(seconds(1)).await;
        seen.lock().unwrap().push("once");
    };
    drain.hook(Phase::Stores, "pool", hook).unwrap();
    let (one, two) = tokio::join!(drain.run(), drain.run());
    assert_eq!(one, two);
    assert_eq!(drain.run().await, one);
    assert_eq!(*log.lock().unwrap(), ["once"]);
}

#[tokio::test(start_paused = true)]
async fn dropped_half_way_it_goes_on_where_it_was() {
    let drain = Drain::default();
    let busy = drain.register(Phase::Workers, "outbox").unwrap().enter();
    assert!(tokio::time::timeout(seconds(1), drain.run()).await.is_err());
    assert!(drain.token(Phase::Workers).is_cancelled());
    assert!(!drain.token(Phase::Stores).is_cancelled());
    drop(busy);
    assert_eq!(drain.run().await.phases.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_too_late_is_told() {
    let drain = Drain::default();
    let member = drain.register(Phase::Requests, "http").unwrap();
    let busy = member.enter();
    let running = tokio::spawn({
        let drain = drain.clone();
        async move { drain.run().await }
    });
    drain.draining().cancelled().await;
    yield_now().await;
    assert_eq!(drain.register(Phase::Requests, "late").unwrap_err(), DrainError::TooLate);
    assert!(drain.hook(Phase::Stores, "pool", async {}).is_ok());
    drop(busy);
    assert!(running.await.unwrap().is_clean());
    assert_eq!(drain.hook(Phase::Stores, "pool", async {}), Err(DrainError::TooLate));
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_does_not_stop_the_drain() {
    let drain = Drain::default();
    drain.hook(Phase::Workers, "bad", async { panic!("hook") }).unwrap();
    drain.hook(Phase::Workers, "good", sleep(seconds(1))).unwrap();
    let report = drain.run().await;
    assert!(report.is_clean());
    assert_eq!(report.phases[2].took, seconds(1));
}

#[test]
fn members_and_hooks_have_a_bound() {
    let drain = Drain::default();
    for _ in 0..MOST {
        drain.register(Phase::Workers, "one of many").unwrap();
    }
    assert_eq!(drain.register(Phase::Workers, "one more").unwrap_err(), DrainError::Full);
    assert_eq!(drain.hook(Phase::Workers, "one more", async {}), Err(DrainError::Full));
}
