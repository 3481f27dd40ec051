//! Mutated messages through the gateway: no origin reads a request that no client has framed, no client gets a response that
//! is not its own, and nothing panics.
//!
//! `cargo xtask fuzz gateway --minutes 30` goes on for as long as it is told to. What a seed makes is always the same, but
//! for the timing.

#[path = "../../../plimsoll-h1/tests/corpus/mod.rs"]
mod corpus;
mod draws;
mod fixture;
mod frames;
mod http2;
mod ledger;
mod mutate;
mod origins;
mod reading;
mod requests;
mod responses;

use std::time::{Duration, Instant};

/// Cases of a batch.
const CASES: usize = 160;

/// The first seeds, of which every run of the tests has a few.
const FIRST: std::ops::Range<u64> = 1..4;

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test)
}

#[track_caller]
fn found(what: &str, seed: u64, ended: Result<usize, String>) -> usize {
    ended.unwrap_or_else(|finding| {
        panic!("{what}, seed {seed}: {finding}\nAgain: cargo xtask fuzz gateway --seed {seed}")
    })
}

#[test]
fn no_origin_reads_a_request_that_no_client_has_framed() {
    run(async {
        let mut requests = requests::Requests::new();
        for seed in FIRST {
            let through = found("requests", seed, requests.batch(seed, CASES).await);
            assert!(through > CASES / 8, "{through}: next to nothing comes through");
        }
    });
}

#[test]
fn no_client_gets_a_response_that_is_not_its_own() {
    run(async {
        let mut responses = responses::Responses::new().await;
        for seed in FIRST {
            let through = found("responses", seed, responses.batch(seed, CASES).await);
            assert!(through > CASES / 8, "{through}: next to nothing comes through");
        }
    });
}

#[test]
fn no_stream_becomes_a_request_that_it_is_not() {
    run(async {
        let mut http2 = http2::Http2::new();
        for seed in FIRST {
            let through = found("http2", seed, http2.batch(seed, CASES).await);
            assert!(through > CASES / 8, "{through}: next to nothing comes through");
        }
    });
}

/// Findings after which a run ends.
const ENOUGH: usize = 20;

/// Runs for `PLIMSOLL_FUZZ_SECONDS` (1 unless set) from seed `PLIMSOLL_FUZZ_SEED`: `cargo xtask fuzz gateway` sets both. After
/// a finding it goes on with new gateways.
#[test]
fn for_as_long_as_it_is_told() {
    let told = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let (seconds, first) =
        (told("PLIMSOLL_FUZZ_SECONDS").unwrap_or(1), told("PLIMSOLL_FUZZ_SEED").unwrap_or(1));
    let (began, length) = (Instant::now(), Duration::from_secs(seconds));
    let findings = run(async {
        let (mut requests, mut http2) = (requests::Requests::new(), http2::Http2::new());
        let mut responses = responses::Responses::new().await;
        let (mut seed, mut through, mut told, mut findings) = (first, [0; 3], began, 0);
        loop {
            let ended = [
                ("requests", requests.batch(seed, CASES).await),
                ("responses", responses.batch(seed, CASES).await),
                ("http2", http2.batch(seed, CASES).await),
            ];
            for ((what, ended), through) in ended.into_iter().zip(&mut through) {
                match ended {
                    Ok(count) => *through += count,
                    Err(finding) => {
                        findings += 1;
                        println!("FOUND {what}, seed {seed}: {finding}");
                        (requests, http2) = (requests::Requests::new(), http2::Http2::new());
                        responses = responses::Responses::new().await;
                    }
                }
            }
            seed += 1;
            let over = began.elapsed() >= length || findings >= ENOUGH;
            if over || told.elapsed() >= Duration::from_secs(10) {
                let [requests, responses, streams] = through;
                println!(
                    "{} s: seeds {first} to {}: {requests} requests, {responses} responses and {streams} streams came \
                     through, {findings} findings",
                    began.elapsed().as_secs(),
                    seed - 1,
                );
                told = Instant::now();
            }
            if over {
                return findings;
            }
        }
    });
    assert_eq!(findings, 0);
}
