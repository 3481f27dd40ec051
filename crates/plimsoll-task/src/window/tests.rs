use super::*;
use proptest::prelude::*;
use std::{
    cell::Cell,
    future::{pending, ready},
    time::Duration,
};
use tokio::time::{Instant, sleep};

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Runs jobs that take so many milliseconds, fail where that is odd, and panic where it is divisible by seven. Gives the
/// results and the greatest number that was in flight.
fn run(window: Window, takes: &[u64]) -> (Vec<Result<u64, u64>>, usize) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (alive, most) = (Cell::new(0_usize), Cell::new(0));
    let jobs = jobs(takes, |&takes| {
        alive.set(alive.get() + 1);
        most.set(most.get().max(alive.get()));
        let alive = &alive;
        async move {
            sleep(millis(takes)).await;
            alive.set(alive.get() - 1);
            assert!(takes % 7 > 0, "{takes}");
            if takes % 2 == 0 { Ok(takes) } else { Err(takes) }
        }
    });
    let results = runtime.block_on(window.collect(jobs));
    let number = |error: Error<u64>| match error {
        Error::Failed(number) => number,
        Error::Panicked(panicked) => panicked.message().parse().unwrap(),
        other => panic!("{other}"),
    };
    (results.into_iter().map(|result| result.map_err(number)).collect(), most.get())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_job_has_one_result_and_the_window_is_kept(
        takes in prop::collection::vec(1_u64..50, 0..40),
        size in 0_usize..9,
    ) {
        let wanted: Vec<_> =
            takes.iter().map(|&n| if n % 2 == 0 && n % 7 > 0 { Ok(n) } else { Err(n) }).collect();
        let (results, most) = run(Window::new(size).ordered(), &takes);
        prop_assert_eq!(&results, &wanted);
        prop_assert!(most <= size.max(1));

        let (mut results, most) = run(Window::new(size), &takes);
        prop_assert_eq!(most, size.max(1).min(takes.len()), "as many as there is room for");
        let mut wanted = wanted;
        results.sort_unstable();
        wanted.sort_unstable();
        prop_assert_eq!(results, wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn results_come_as_jobs_end() {
    let jobs = jobs([30, 10, 20], |n| async move {
        sleep(millis(n)).await;
        Ok::<_, ()>(n)
    });
    assert_eq!(Window::new(3).try_collect(jobs).await, Ok(vec![10, 20, 30]));
}

#[tokio::test(start_paused = true)]
async fn a_slow_one_in_order_holds_up_the_source() {
    let made = Cell::new(0);
    let jobs = jobs(0..100_u64, |n| {
        made.set(made.get() + 1);
        async move {
            sleep(millis(if n == 0 { 1_000 } else { 1 })).await;
            Ok::<_, ()>(n)
        }
    });
    let results = Window::new(4).ordered().stream(jobs);
    pin_mut!(results);
    assert!(tokio::time::timeout(millis(900), results.next()).await.is_err());
    assert_eq!((made.get(), results.in_flight()), (4, 4));
    assert_eq!(results.next().await, Some(Ok(0)));
    assert_eq!(results.count().await, 99);
}

#[tokio::test(start_paused = true)]
async fn failing_fast_asks_for_no_more() {
    let (made, start) = (Cell::new(0), Instant::now());
    let jobs = jobs(0..1_000_u64, |n| {
        made.set(made.get() + 1);
        async move {
            if n < 3 {
                sleep(millis(n)).await;
            } else {
                pending::<()>().await;
            }
            if n == 2 { Err("second") } else { Ok(n) }
        }
    });
    assert_eq!(Window::new(5).try_collect(jobs).await, Err(Error::Failed("second")));
    assert_eq!((made.get(), start.elapsed()), (7, millis(2)));
}

#[tokio::test]
async fn a_source_that_has_nothing_yet_does_not_end_it() {
    let (send, receive) = tokio::sync::mpsc::channel::<u8>(1);
    let source = stream::unfold(receive, |mut receive| async move {
        receive.recv().await.map(|n| (ready(Ok::<_, ()>(n)), receive))
    });
    let results = Window::new(4).stream(source);
    pin_mut!(results);
    assert!(futures_util::poll!(results.next()).is_pending());
    send.send(7).await.unwrap();
    assert_eq!(results.next().await, Some(Ok(7)));
    drop(send);
    assert_eq!(results.next().await, None);
    assert_eq!(results.next().await, None);
}
