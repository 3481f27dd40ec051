use super::*;
use crate::{Deadline, deadline::within};
use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};

type Fails = &'static str;

/// Counts how many of it are alive.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

async fn for_ever(alive: Alive) -> Result<(), Fails> {
    let _alive = alive;
    pending().await
}

fn count() -> Arc<AtomicUsize> {
    Arc::new(AtomicUsize::new(0))
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[tokio::test(start_paused = true)]
async fn it_returns_when_the_last_child_has_ended() {
    let start = Instant::now();
    let value = scope(async |s: Scope<Fails>| {
        let (first, inner) = (s.spawn(async { Ok(20) }), s.clone());
        s.spawn(async move {
            // A child spawns into its scope, and ends before its own child.
            inner.spawn(async {
                sleep(millis(50)).await;
                Ok(())
            });
            Ok(())
        });
        Ok(first.await.unwrap() + 1)
    });
    assert_eq!(value.await, Ok(21));
    assert_eq!(start.elapsed(), millis(50));
}

#[tokio::test]
async fn the_first_error_takes_all_others_with_it() {
    let alive = count();
    let ended = scope(async |s: Scope<Fails>| {
        let waits = s.spawn(for_ever(Alive::new(&alive)));
        let fails = s.spawn(async { Err::<(), _>("refused") });
        assert_eq!(fails.await, Err(ChildError::Failed));
        assert_eq!(waits.await, Err(ChildError::Cancelled));
        for_ever(Alive::new(&alive)).await
    });
    assert_eq!(ended.await, Err(Error::Failed("refused")));
    assert_eq!(alive.load(SeqCst), 0);
}

#[tokio::test]
async fn a_childs_panic_is_an_error_with_its_place() {
    let ended = scope(async |s: Scope<Fails>| {
        s.spawn(async { if true { panic!("child {}", 3) } else { Ok(()) } });
        pending::<Result<(), _>>().await
    });
    let Err(Error::Panicked(panicked)) = ended.await else { panic!("no panic") };
    assert_eq!(panicked.message(), "child 3");
    assert!(panicked.location().unwrap().file().ends_with("tests.rs"));
}

#[tokio::test]
async fn the_bodys_panic_waits_for_the_children() {
    let alive = count();
    let unwound = crate::panic::catch(scope(async |s: Scope<Fails>| {
        s.spawn(for_ever(Alive::new(&alive)));
        yield_now().await;
        if alive.load(SeqCst) == 1 { panic!("body") } else { Ok(()) }
    }));
    assert_eq!(unwound.await.unwrap_err().message(), "body");
    assert_eq!(alive.load(SeqCst), 0);
}

#[tokio::test]
async fn a_panic_in_drop_is_told_too() {
    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("from drop");
        }
    }
    let ended = Options::new().run_all(async |s: Scope<Fails>| {
        s.spawn(async {
            let _loud = Loud;
            pending::<Result<(), _>>().await
        });
        yield_now().await;
        s.cancel();
        Ok(())
    });
    let failures = ended.await.unwrap_err();
    let [Error::Panicked(panicked), Error::Cancelled] = failures.errors() else { panic!("{failures}") };
    assert_eq!(panicked.message(), "from drop");
}

#[tokio::test]
async fn cancelled_from_outside_nothing_is_left() {
    let (alive, token) = (count(), CancellationToken::new());
    let cancel = token.clone();
    let ended = Options::new().token(token).run(async |s: Scope<Fails>| {
        for _ in 0..10 {
            s.spawn(for_ever(Alive::new(&alive)));
        }
        yield_now().await;
        cancel.cancel();
        Ok(())
    });
    assert_eq!(ended.await, Err(Error::Cancelled));
    assert_eq!(alive.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn what_ends_within_the_grace_is_no_failure() {
    let run = |takes: Duration| {
        Options::new().grace(millis(100)).run(async move |s: Scope<Fails>| {
            let token = s.token().clone();
            s.spawn(async move {
                token.cancelled().await;
                sleep(takes).await;
                Ok(())
            });
            s.cancel();
            Ok("done")
        })
    };
    assert_eq!(run(millis(99)).await, Ok("done"));
    let start = Instant::now();
    assert_eq!(run(millis(500)).await, Err(Error::Cancelled));
    assert_eq!(start.elapsed(), millis(100));
}

#[tokio::test(start_paused = true)]
async fn children_have_the_deadline_of_the_scope_and_it_cuts() {
    let deadline = Deadline::after(millis(40));
    let ended = deadline.scope(scope(async |s: Scope<Fails>| {
        let child = s.spawn(async { Ok(Deadline::current()) });
        assert_eq!(child.await, Ok(deadline));
        let later = s.spawn(Deadline::after(millis(70)).scope(async { Ok(Deadline::current()) }));
        assert_eq!(later.await, Ok(deadline));
        let tighter = Deadline::after(millis(1));
        assert_eq!(tighter.sync_scope(|| s.spawn(async { Ok(Deadline::current()) })).await, Ok(tighter));
        s.spawn(async {
            sleep(millis(90)).await;
            Ok(())
        });
        Ok(())
    }));
    assert_eq!(ended.await, Err(Error::DeadlineExceeded));
    assert_eq!(Instant::now(), deadline.instant().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_grace_does_not_go_beyond_the_deadline() {
    let deadline = Deadline::after(millis(40));
    let ended = Options::new().grace(millis(100)).deadline(deadline).run(async |s: Scope<Fails>| {
        s.spawn(async {
            sleep(millis(90)).await;
            Ok(())
        });
        sleep(millis(10)).await;
        s.cancel();
        Ok(())
    });
    assert_eq!(ended.await, Err(Error::DeadlineExceeded));
    assert_eq!(Instant::now(), deadline.instant().unwrap());
}

#[tokio::test]
async fn dropped_it_leaves_nobody_after_the_next_turn() {
    let alive = count();
    let mut running = Box::pin(scope(async |s: Scope<Fails>| {
        s.spawn(for_ever(Alive::new(&alive)));
        pending::<Result<(), _>>().await
    }));
    assert!(futures_util::poll!(&mut running).is_pending());
    yield_now().await;
    assert_eq!(alive.load(SeqCst), 1);
    drop(running);
    yield_now().await;
    assert_eq!(alive.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn the_scope_around_waits_for_what_a_dropped_one_left() {
    let alive = count();
    let ended = scope(async |outer: Scope<Fails>| {
        let inner = scope(async |s: Scope<Fails>| {
            let deep = Alive::new(&alive);
            s.spawn(async move {
                scope(async |s: Scope<Fails>| s.spawn(for_ever(deep)).await.map_err(|_| ""))
                    .await
                    .map_err(|_| "")
            });
            pending::<Result<(), _>>().await
        });
        assert!(within(millis(5), inner).await.is_err());
        assert_eq!(alive.load(SeqCst), 1, "dropped, and not yet polled again");
        assert_eq!(outer.live(), 0, "no child of this one");
        Ok(())
    });
    assert_eq!(ended.await, Ok(()));
    assert_eq!(alive.load(SeqCst), 0);
}

#[tokio::test]
async fn cancelling_reaches_scopes_within() {
    let alive = count();
    let ended = scope(async |outer: Scope<Fails>| {
        let deep = Alive::new(&alive);
        outer.spawn(async move {
            let inner = scope(async |s: Scope<Fails>| {
                s.spawn(for_ever(deep));
                pending::<Result<(), _>>().await
            });
            inner.await.map_err(|_| "inner")
        });
        yield_now().await;
        yield_now().await;
        outer.cancel();
        Ok(())
    });
    assert_eq!(ended.await, Err(Error::Cancelled));
    assert_eq!(alive.load(SeqCst), 0);
}

#[test]
fn a_runtime_that_shuts_down_ends_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (alive, handle) = (count(), runtime.handle().clone());
    let (spawned, has_spawned) = std::sync::mpsc::sync_channel(1);
    let watched = Arc::clone(&alive);
    let waits = std::thread::spawn(move || {
        handle.block_on(scope(async |s: Scope<Fails>| {
            s.spawn(for_ever(Alive::new(&watched)));
            let again = s.clone();
            spawned.send(again).unwrap();
            Ok(())
        }))
    });
    let scope = has_spawned.recv().unwrap();
    drop(runtime);
    assert_eq!(waits.join().unwrap(), Err(Error::Cancelled), "the work was not done");
    assert_eq!((alive.load(SeqCst), scope.live()), (0, 0));
}

#[test]
fn a_task_dropped_with_its_runtime_takes_its_scope_along() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let alive = count();
    let watched = Arc::clone(&alive);
    runtime.block_on(async {
        tokio::spawn(async move {
            let ended = scope(async |s: Scope<Fails>| {
                s.spawn(for_ever(Alive::new(&watched)));
                for_ever(Alive::new(&watched)).await
            });
            ended.await
        });
        yield_now().await;
        yield_now().await;
    });
    assert_eq!(alive.load(SeqCst), 2);
    drop(runtime);
    assert_eq!(alive.load(SeqCst), 0);
}

#[tokio::test]
async fn a_handle_kept_too_long_spawns_nothing() {
    let kept = scope(async |s: Scope<Fails>| Ok(s.clone())).await.unwrap();
    let alive = count();
    let child = kept.spawn(for_ever(Alive::new(&alive)));
    assert_eq!(alive.load(SeqCst), 0);
    assert!(child.is_finished() && kept.token().is_cancelled());
    assert_eq!(child.await, Err(ChildError::Cancelled));
}

#[tokio::test]
async fn beyond_the_limit_it_fails_aloud() {
    let ended = Options::new().limit(2).run(async |s: Scope<Fails>| {
        for _ in 0..3 {
            s.spawn(pending::<Result<(), _>>());
        }
        Ok(())
    });
    assert_eq!(ended.await, Err(Error::Full));
}

#[tokio::test]
async fn one_child_can_be_sent_away() {
    let alive = count();
    let ended = scope(async |s: Scope<Fails>| {
        let child = s.spawn(for_ever(Alive::new(&alive)));
        yield_now().await;
        s.abort(&child);
        assert_eq!(child.await, Err(ChildError::Cancelled));
        let at_once = s.spawn(for_ever(Alive::new(&alive)));
        s.abort(&at_once);
        Ok(())
    });
    assert_eq!((ended.await, alive.load(SeqCst)), (Ok(()), 0));
}

#[tokio::test]
async fn all_errors_are_collected_up_to_a_limit() {
    let ended = Options::new().keep(3).run_all(async |s: Scope<usize>| {
        for number in 0..5 {
            s.spawn(async move { if number == 1 { Ok(()) } else { Err(number) } });
        }
        Err::<(), _>(9)
    });
    let failures = ended.await.unwrap_err();
    assert_eq!(failures.errors(), [Error::Failed(9), Error::Failed(0), Error::Failed(2)]);
    assert_eq!(failures.omitted(), 2);
    assert_eq!(failures.to_string(), "9; 0; 2; and 2 more");
}

#[tokio::test]
async fn an_error_of_the_body_alone_is_all_there_is() {
    let failures = scope_all(async |_: Scope<Fails>| Err::<(), _>("body")).await.unwrap_err();
    assert_eq!(failures.into_errors(), [Error::Failed("body")]);
    assert_eq!(scope(async |_: Scope<Fails>| Err::<(), _>("body")).await, Err(Error::Failed("body")));
}

#[tokio::test]
async fn borrowed_children_end_with_their_scope() {
    let alive = count();
    let words = [String::from("a"), String::from("b")];
    let ended = local(async |s: Local<'_, Fails>| {
        for word in &words {
            let guard = Alive::new(&alive);
            s.spawn(async move {
                let _guard = guard;
                assert_eq!(word.len(), 1);
                pending().await
            });
        }
        let inner = s.clone();
        s.spawn(async move {
            yield_now().await;
            inner.spawn(async { Err("deep") });
            Ok(())
        });
        assert_eq!(s.live(), 3);
        Ok(())
    });
    assert_eq!(ended.await, Err(Error::Failed("deep")));
    assert_eq!(alive.load(SeqCst), 0);
}

#[tokio::test]
async fn dropped_a_borrowing_scope_is_gone_at_once() {
    let alive = count();
    let mut running = Box::pin(local(async |s: Local<'_, Fails>| {
        // The second holds its scope and waits in the queue of it.
        let (guard, circle) = (Alive::new(&alive), s.clone());
        s.spawn(for_ever(guard));
        yield_now().await;
        s.spawn(async move { pending::<Result<(), _>>().await.inspect(|()| drop(circle)) });
        pending::<Result<(), _>>().await
    }));
    assert!(futures_util::poll!(&mut running).is_pending());
    assert!(futures_util::poll!(&mut running).is_pending());
    drop(running);
    assert_eq!(alive.load(SeqCst), 0);
}

#[tokio::test]
async fn a_borrowing_child_that_panics_is_an_error() {
    let ended = local(async |s: Local<'_, Fails>| {
        s.spawn(async { if true { panic!("local") } else { Ok(()) } });
        Ok(())
    });
    let Err(Error::Panicked(panicked)) = ended.await else { panic!("no panic") };
    assert_eq!(panicked.message(), "local");
}

#[tokio::test]
async fn a_borrowing_scope_woken_from_another_task_takes_the_child() {
    let ended = local(async |s: Local<'static, Fails>| {
        let (send, receive) = tokio::sync::oneshot::channel();
        let other = s.clone();
        let outside =
            tokio::spawn(async move { other.spawn(async move { send.send(()).map_err(|()| "gone") }) });
        receive.await.map_err(|_| "never run")?;
        outside.await.map_err(|_| "outside")
    });
    assert_eq!(ended.await, Ok(()));
}

#[test]
fn futures_can_be_sent() {
    fn send<T: Send>(_: &T) {}
    fn sync<T: Send + Sync>() {}
    send(&scope(async |s: Scope<Fails>| Ok(s.live())));
    send(&local(async |s: Local<'_, Fails>| Ok(s.live())));
    sync::<Scope<Fails>>();
    sync::<Child<u8>>();
}
