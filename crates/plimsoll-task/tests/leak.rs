//! Ten thousand random trees of scopes, each ended at a random point in a random way. Afterwards nothing is alive:
//! neither by the count of the children's own guards, nor by the count of tokio.
#![cfg(not(loom))]

use plimsoll_task::{
    panic::{catch, install_hook},
    scope::{CancellationToken, Error, Options, Scope, local, scope},
};
use std::{
    future::pending,
    panic::set_hook,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{task::yield_now, time::timeout};

const ROUNDS: u64 = 10_000;

/// `SplitMix64` (Steele, Lea, Flood 2014): enough to choose by, and the same on each run.
#[derive(Clone)]
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn branch(&mut self) -> Self {
        Self(self.next())
    }
}

struct Alive(Arc<AtomicUsize>);

/// All that ever were.
static EVER: AtomicUsize = AtomicUsize::new(0);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        EVER.fetch_add(1, SeqCst);
        count.fetch_add(1, SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

type Tree = Pin<Box<dyn Future<Output = Result<(), u8>> + Send>>;

/// One node: a leaf that waits, ends, fails or panics; or a scope with children, of either kind.
fn tree(mut draws: Draws, depth: u64, count: Arc<AtomicUsize>) -> Tree {
    let alive = Alive::new(&count);
    Box::pin(async move {
        let _alive = alive;
        for _ in 0..draws.below(3) {
            yield_now().await;
        }
        if depth == 0 || draws.below(3) == 0 {
            return match draws.below(8) {
                0 => Err(1),
                1 => panic!("leaf"),
                2..=4 => pending().await,
                _ => Ok(()),
            };
        }
        let (children, stop_early, borrowing) = (draws.below(4), draws.below(5), draws.below(4) == 0);
        let grace = Duration::from_micros([0, 0, 200][draws.below(3) as usize]);
        if borrowing {
            let ended = local(async |s| {
                for _ in 0..children {
                    s.spawn(tree(draws.branch(), depth - 1, Arc::clone(&count)));
                }
                if stop_early == 0 { Err(2) } else { Ok(()) }
            });
            return ended.await.map_err(|_| 3);
        }
        let cut_after = (draws.below(3) == 0).then(|| draws.below(12));
        let mut inner = pin!(Options::new().grace(grace).run(async |s: Scope<u8>| {
            for _ in 0..children {
                let child = s.spawn(tree(draws.branch(), depth - 1, Arc::clone(&count)));
                match draws.below(8) {
                    0 => drop(child.await),
                    1 => s.abort(&child),
                    _ => {}
                }
            }
            match stop_early {
                0 => s.cancel(),
                1 => return Err(4),
                2 => panic!("body"),
                _ => {}
            }
            Ok(())
        }));
        let Some(cut_after) = cut_after else { return inner.await.map_err(|_| 5) };
        // A scope that is dropped half-way, inside of another.
        for _ in 0..cut_after {
            if let std::task::Poll::Ready(ended) = futures_util::poll!(&mut inner) {
                return ended.map_err(|_| 6);
            }
            yield_now().await;
        }
        Ok(())
    })
}

async fn settled(what: &str, mut alive: impl FnMut() -> usize) {
    let until_none = async {
        while alive() > 0 {
            yield_now().await;
        }
    };
    // Not a measure of time: what leaks never ends.
    assert!(timeout(Duration::from_secs(60), until_none).await.is_ok(), "{what}: {} left", alive());
}

async fn round(seed: u64) {
    let mut draws = Draws(seed);
    let count = Arc::new(AtomicUsize::new(0));
    let token = CancellationToken::new();
    let root = tree(draws.branch(), 4, Arc::clone(&count));
    let mut whole = Box::pin(catch(Options::new().token(token.clone()).run(async move |s: Scope<u8>| {
        s.spawn(root);
        Ok(())
    })));
    let fate = draws.below(3);
    for _ in 0..draws.below(20) {
        if futures_util::poll!(&mut whole).is_ready() {
            assert_eq!(count.load(SeqCst), 0, "seed {seed}: it ended before its children");
            return;
        }
        yield_now().await;
    }
    match fate {
        // Dropped, with nobody around to wait: gone after their next turn.
        0 => {
            drop(whole);
            settled(&format!("seed {seed}, dropped"), || count.load(SeqCst)).await;
        }
        // Dropped inside of another, which waits.
        1 => {
            drop(whole);
            settled(&format!("seed {seed}, first"), || count.load(SeqCst)).await;
            let nested = tree(draws.branch(), 4, Arc::clone(&count));
            let around = scope(async move |_: Scope<u8>| {
                let mut dropped = pin!(scope(async move |s: Scope<u8>| {
                    s.spawn(nested);
                    pending::<Result<(), _>>().await
                }));
                for _ in 0..draws.below(9) {
                    let _ = futures_util::poll!(&mut dropped);
                    yield_now().await;
                    if draws.below(3) == 0 {
                        break;
                    }
                }
                Ok(())
            });
            let _: Result<Result<(), Error<u8>>, _> = catch(around).await;
            assert_eq!(count.load(SeqCst), 0, "seed {seed}: the scope around did not wait");
        }
        _ => {
            token.cancel();
            let _: Result<Result<(), Error<u8>>, _> = whole.await;
            assert_eq!(count.load(SeqCst), 0, "seed {seed}: cancelled, and it ended before its children");
        }
    }
}

#[test]
fn ten_thousand_random_cancellations_leave_nothing() {
    // Half of them panic on purpose.
    set_hook(Box::new(|_| {}));
    install_hook();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(async {
        for seed in 0..ROUNDS {
            round(seed).await;
        }
        let metrics = tokio::runtime::Handle::current().metrics();
        settled("tokio", || metrics.num_alive_tasks()).await;
        // And it was not for want of anything to leak.
        assert!(EVER.load(SeqCst) as u64 > 2 * ROUNDS, "{EVER:?} nodes");
    });
}
