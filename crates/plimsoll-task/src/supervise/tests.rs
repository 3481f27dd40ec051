use super::*;
use crate::{
    drain::Drain,
    scope::{self, Scope},
};
use parking_lot::Mutex;
use std::{future::pending, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

type Log = Arc<Mutex<Vec<String>>>;

fn say(log: &Log, what: impl Into<String>) {
    log.lock().push(what.into());
}

fn said(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock())
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Runs until it is told to stop, and says both.
fn steady(name: &'static str, log: &Log) -> Supervised {
    let log = Arc::clone(log);
    Supervised::new(name, move |stop| {
        let log = Arc::clone(&log);
        async move {
            say(&log, format!("+{name}"));
            stop.cancelled().await;
            sleep(millis(10)).await;
            say(&log, format!("-{name}"));
        }
    })
}

/// Falls after 5 ms, so many times; then it runs until it is told to stop.
fn falling(name: &'static str, times: usize, log: &Log) -> Supervised {
    let (log, left) = (Arc::clone(log), Arc::new(Mutex::new(times)));
    Supervised::new(name, move |stop| {
        let (log, left) = (Arc::clone(&log), Arc::clone(&left));
        async move {
            say(&log, format!("+{name}"));
            sleep(millis(5)).await;
            {
                let mut left = left.lock();
                if *left > 0 {
                    *left -= 1;
                    return Err(format!("{name} fell"));
                }
            }
            stop.cancelled().await;
            Ok(())
        }
    })
}

fn restart() -> Restart {
    Restart::new().first(millis(100)).jitter(0.0)
}

#[tokio::test(start_paused = true)]
async fn one_for_one_the_others_go_on() {
    let log = Log::default();
    let supervisor = Supervisor::new("s")
        .with(steady("a", &log))
        .with(falling("b", 2, &log).restart(restart()))
        .with(steady("c", &log));
    let (stats, token, start) = (supervisor.stats(), supervisor.token().clone(), Instant::now());
    let running = tokio::spawn(supervisor.run());
    sleep(millis(1_000)).await;
    assert_eq!(said(&log), ["+a", "+b", "+c", "+b", "+b"]);
    let b = &stats.snapshot()[1];
    assert_eq!((b.state, b.restarts, b.failures), (State::Running, 2, 2));
    assert_eq!(b.since - start, millis(5 + 100 + 5 + 200));
    assert_eq!(b.last_exit, Some(Exit::Failed("b fell".into())));
    token.cancel();
    assert_eq!(running.await.unwrap(), Ok(()));
    assert_eq!(said(&log), ["-c", "-a"], "in reverse order");
    assert!(stats.snapshot().iter().all(|child| child.state == State::Ended));
}

#[tokio::test(start_paused = true)]
async fn one_for_all_everyone_is_stopped_and_started_in_order() {
    let log = Log::default();
    let supervisor = Supervisor::new("s")
        .strategy(Strategy::OneForAll)
        .with(steady("a", &log))
        .with(falling("b", 1, &log).restart(restart()))
        .with(steady("c", &log));
    let (stats, token) = (supervisor.stats(), supervisor.token().clone());
    let running = tokio::spawn(supervisor.run());
    sleep(millis(1_000)).await;
    assert_eq!(said(&log), ["+a", "+b", "+c", "-c", "-a", "+a", "+b", "+c"]);
    assert_eq!(stats.snapshot().iter().map(|child| child.restarts).collect::<Vec<_>>(), [1, 1, 1]);
    token.cancel();
    assert_eq!(running.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_told_with_its_place() {
    let supervisor = Supervisor::new("s").with(
        Supervised::new("bad", |_| async { assert_eq!(1, 2, "bad {}", 1) })
            .restart(restart().give_up(1, millis(60_000))),
    );
    let stats = supervisor.stats();
    let Err(Error::GaveUp(gave_up)) = supervisor.run().await else { panic!("it did not give up") };
    let Exit::Panicked(panicked) = &gave_up.exit else { panic!("{gave_up}") };
    assert!(panicked.message().contains("bad 1"));
    assert!(panicked.location().unwrap().file().ends_with("tests.rs"));
    assert_eq!((gave_up.restarts, stats.snapshot()[0].panics), (1, 2));
    assert_eq!(stats.snapshot()[0].state, State::GivenUp);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_panics_is_a_panic_of_the_child() {
    let supervisor = Supervisor::new("s").with(
        Supervised::new("bad", |_| -> std::future::Ready<()> { panic!("no future") })
            .restart(Restart::new().when(When::Never)),
    );
    let Err(Error::GaveUp(gave_up)) = supervisor.run().await else { panic!("it did not give up") };
    assert!(gave_up.to_string().contains("no future"), "{gave_up}");
}

#[tokio::test(start_paused = true)]
async fn an_end_in_order_is_the_end_or_not() {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let once = Supervisor::new("s").child("once", |_| async {});
    assert_eq!(once.run().await, Ok(()));
    let always = Supervised::new("always", |_| async {})
        .restart(restart().when(When::Always).give_up(2, millis(60_000)));
    let supervisor = Supervisor::new("s")
        .on_event(move |event| say(&seen, format!("{} {} {:?}", event.child, event.exit, event.next)))
        .with(always);
    assert!(supervisor.run().await.is_err());
    assert_eq!(
        said(&log),
        ["always finished Restart(100ms)", "always finished Restart(200ms)", "always finished GiveUp"]
    );
}

#[tokio::test(start_paused = true)]
async fn escalations_differ() {
    let run = async |escalation: Escalation| {
        let log = Log::default();
        let supervisor = Supervisor::new("s")
            .escalation(escalation)
            .with(steady("a", &log))
            .with(falling("b", 9, &log).restart(restart().give_up(0, millis(1_000))));
        let token = supervisor.token().clone();
        tokio::spawn(async move {
            sleep(millis(500)).await;
            token.cancel();
        });
        let start = Instant::now();
        let ended = supervisor.run().await;
        assert!(matches!(ended, Err(Error::GaveUp(_))), "{ended:?}");
        assert_eq!(said(&log), ["+a", "+b", "-a"]);
        start.elapsed()
    };
    assert_eq!(run(Escalation::Stop).await, millis(15));
    assert_eq!(run(Escalation::Log).await, millis(510));
    let drain = Drain::default();
    assert_eq!(run(Escalation::Drain(drain.clone())).await, millis(510));
    assert!(drain.requested().is_cancelled() && !drain.draining().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn who_does_not_stop_is_dropped_after_its_grace() {
    let log = Log::default();
    let stubborn = Supervised::new("stubborn", |_| pending::<()>()).grace(millis(300));
    let supervisor = Supervisor::new("s").with(steady("a", &log)).with(stubborn);
    let (stats, token, start) = (supervisor.stats(), supervisor.token().clone(), Instant::now());
    token.cancel();
    assert_eq!(supervisor.run().await, Ok(()));
    assert_eq!(start.elapsed(), millis(310));
    assert_eq!(stats.snapshot()[1].last_exit, Some(Exit::Dropped));
    assert_eq!(stats.snapshot()[0].last_exit, Some(Exit::Finished));
}

#[tokio::test(start_paused = true)]
async fn stopped_while_one_waits_for_its_restart() {
    let log = Log::default();
    let supervisor =
        Supervisor::new("s").with(falling("b", 9, &log).restart(restart().first(Duration::from_secs(20))));
    let (token, start) = (supervisor.token().clone(), Instant::now());
    let running = tokio::spawn(supervisor.run());
    sleep(millis(50)).await;
    token.cancel();
    assert_eq!(running.await.unwrap(), Ok(()));
    assert_eq!(start.elapsed(), millis(50));
}

#[tokio::test(start_paused = true)]
async fn inside_a_scope_with_a_grace_it_stops_in_order() {
    let log = Log::default();
    let supervisor = Supervisor::new("s").with(steady("a", &log)).with(steady("b", &log));
    let ended = scope::Options::new().grace(Duration::from_secs(1)).run(async |s: Scope<Error>| {
        s.spawn(supervisor.run());
        sleep(millis(1)).await;
        s.cancel();
        Ok(())
    });
    assert_eq!(ended.await, Ok(()));
    assert_eq!(said(&log), ["+a", "+b", "-b", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn dropped_it_leaves_nobody() {
    let (stats, metrics) = {
        let log = Log::default();
        let supervisor = Supervisor::new("s").with(steady("a", &log)).with(steady("b", &log));
        let stats = supervisor.stats();
        let metrics = tokio::runtime::Handle::current().metrics();
        assert!(tokio::time::timeout(millis(5), supervisor.run()).await.is_err());
        assert_eq!(metrics.num_alive_tasks(), 2);
        (stats, metrics)
    };
    tokio::task::yield_now().await;
    assert_eq!(metrics.num_alive_tasks(), 0);
    assert!(stats.snapshot().iter().all(|child| child.state == State::Ended));
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_changes_nothing() {
    let supervisor = Supervisor::new("s").on_event(|_| panic!("hook")).child("once", |_| async {});
    assert_eq!(supervisor.run().await, Ok(()));
}

#[test]
fn it_can_be_spawned() {
    fn send<T: Send + 'static>(_: &T) {}
    send(&Supervisor::new("s").run());
}
