//! Spawning children and waiting for all of them: a thousand and ten of them, each ready at its first poll.

use crate::{one, two};
use divan::{Bencher, black_box};
use plimsoll_task::scope::{Error, Scope, local, scope};
use std::convert::Infallible;
use tokio::{
    runtime::Runtime,
    task::{JoinSet, yield_now},
};

const MANY: u64 = 1_000;
const FEW: u64 = 10;

async fn in_a_scope(children: u64) -> Result<(), Error<Infallible>> {
    scope(async |s: Scope<Infallible>| {
        for child in 0..children {
            s.spawn(async move { Ok(black_box(child)) });
        }
        Ok(())
    })
    .await
}

async fn in_a_join_set(children: u64) -> u64 {
    let mut set = JoinSet::new();
    for child in 0..children {
        set.spawn(async move { Ok::<_, Infallible>(black_box(child)) });
    }
    let mut sum = 0;
    while let Some(joined) = set.join_next().await {
        let Ok(value) = joined.unwrap();
        sum += value;
    }
    sum
}

/// From a task, as in a service: the thread that blocks on a runtime of several workers is none of them.
fn ours(bencher: Bencher<'_, '_>, runtime: &Runtime, children: u64) {
    bencher.bench_local(|| {
        runtime.block_on(async { tokio::spawn(in_a_scope(children)).await.unwrap().unwrap() });
    });
}

fn theirs(bencher: Bencher<'_, '_>, runtime: &Runtime, children: u64) {
    bencher.bench_local(|| runtime.block_on(async { tokio::spawn(in_a_join_set(children)).await.unwrap() }));
}

#[divan::bench]
fn scope_1000(bencher: Bencher<'_, '_>) {
    ours(bencher, &one(), MANY);
}

#[divan::bench]
fn join_set_1000(bencher: Bencher<'_, '_>) {
    theirs(bencher, &one(), MANY);
}

#[divan::bench]
fn scope_10(bencher: Bencher<'_, '_>) {
    ours(bencher, &one(), FEW);
}

#[divan::bench]
fn join_set_10(bencher: Bencher<'_, '_>) {
    theirs(bencher, &one(), FEW);
}

#[divan::bench]
fn scope_1000_two(bencher: Bencher<'_, '_>) {
    ours(bencher, &two(), MANY);
}

#[divan::bench]
fn join_set_1000_two(bencher: Bencher<'_, '_>) {
    theirs(bencher, &two(), MANY);
}

#[divan::bench]
fn scope_values_1000(bencher: Bencher<'_, '_>) {
    let runtime = one();
    bencher.bench_local(|| {
        runtime.block_on(scope(async |s: Scope<Infallible>| {
            let children: Vec<_> =
                (0..MANY).map(|child| s.spawn(async move { Ok(black_box(child)) })).collect();
            let mut sum = 0;
            for child in children {
                sum += child.await.unwrap_or(0);
            }
            Ok(sum)
        }))
    });
}

#[divan::bench]
fn local_1000(bencher: Bencher<'_, '_>) {
    let runtime = one();
    bencher.bench_local(|| {
        runtime.block_on(local(async |s| {
            for child in 0..MANY {
                s.spawn(async move {
                    black_box(child);
                    yield_now().await;
                    Ok::<_, Infallible>(())
                });
            }
            Ok(())
        }))
    });
}
