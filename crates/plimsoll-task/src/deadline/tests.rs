use super::*;
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[tokio::test(start_paused = true)]
async fn outside_there_is_none() {
    assert_eq!(Deadline::current(), Deadline::NEVER);
    assert_eq!(Deadline::NEVER.remaining(), None);
    assert!(!Deadline::NEVER.has_passed());
    assert_eq!(Deadline::after(Duration::MAX), Deadline::NEVER);
}

#[tokio::test(start_paused = true)]
async fn a_child_never_has_more_time_than_its_parent() {
    let tight = Deadline::after(seconds(1));
    let wide = Deadline::after(seconds(9));
    let seen = tight.scope(wide.scope(async { Deadline::current() })).await;
    assert_eq!(seen, tight);
    let seen = wide.scope(tight.scope(async { Deadline::current() })).await;
    assert_eq!(seen, tight);
    assert_eq!(wide.sync_scope(|| tight.sync_scope(Deadline::current)), tight);
    let made_outside = wide.scope(async { Deadline::current() });
    assert_eq!(tight.scope(made_outside).await, tight);
}

#[tokio::test(start_paused = true)]
async fn two_futures_of_one_task_keep_theirs_apart() {
    let look = |wanted: Deadline| {
        wanted.scope(async move {
            for _ in 0..3 {
                assert_eq!(Deadline::current(), wanted);
                tokio::task::yield_now().await;
            }
        })
    };
    tokio::join!(look(Deadline::after(seconds(1))), look(Deadline::after(seconds(2))));
    assert_eq!(Deadline::current(), Deadline::NEVER);
}

#[test]
fn a_panic_restores_what_was_before() {
    let unwound =
        catch_unwind(AssertUnwindSafe(|| Deadline::after(seconds(1)).sync_scope(|| panic!("here"))));
    assert!(unwound.is_err());
    assert_eq!(Deadline::current(), Deadline::NEVER);
}

#[tokio::test(start_paused = true)]
async fn the_earlier_of_two_cuts() {
    let start = Instant::now();
    let waited = within(seconds(1), within(seconds(5), future::pending::<()>())).await;
    assert_eq!(waited, Ok(Err(DeadlineExceededError)));
    assert_eq!(start.elapsed(), seconds(1));
    let in_time = within(seconds(1), async { tokio::time::sleep(seconds(1)).await }).await;
    assert_eq!(in_time, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_was_made_outside_is_cut_by_the_tighter_one_as_well() {
    let start = Instant::now();
    let made_outside = within(seconds(60), future::pending::<()>());
    let told = Deadline::after(seconds(2)).scope(made_outside).await;
    assert_eq!((told, start.elapsed()), (Err(DeadlineExceededError), seconds(2)));
}

#[tokio::test(start_paused = true)]
async fn it_expires() {
    let deadline = Deadline::after(seconds(3));
    deadline.expired().await;
    assert!(deadline.has_passed());
    assert_eq!(deadline.remaining(), Some(Duration::ZERO));
}

fn deadline() -> impl Strategy<Value = Deadline> {
    let origin = Instant::now();
    prop_oneof![
        Just(Deadline::NEVER),
        (0_u64..1_000).prop_map(move |ms| Deadline::at(origin + Duration::from_millis(ms))),
    ]
}

proptest! {
    #[test]
    fn any_nesting_ends_with_the_earliest(nested in prop::collection::vec(deadline(), 0..8)) {
        fn innermost(rest: &[Deadline]) -> Deadline {
            rest.split_first().map_or_else(Deadline::current, |(first, rest)| first.sync_scope(|| innermost(rest)))
        }
        let earliest = nested.iter().copied().fold(Deadline::NEVER, Deadline::earliest);
        prop_assert_eq!(innermost(&nested), earliest);
        prop_assert_eq!(Deadline::current(), Deadline::NEVER);
    }

    #[test]
    fn never_is_the_latest(one in deadline(), two in deadline()) {
        prop_assert!(one <= Deadline::NEVER);
        prop_assert_eq!(one.earliest(two), two.earliest(one));
        prop_assert!(one.earliest(two) <= one);
    }
}
