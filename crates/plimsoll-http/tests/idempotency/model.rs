//! Every store against one model of what a store is.

use http::StatusCode;
use plimsoll_http::{
    Problem,
    idempotency::{
        Begun, Completed, Fingerprint, IdempotencyKey, Lease, MemoryStore, Outcome, ScopedKey, Store,
        StoredResponse,
    },
};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use std::{collections::HashMap, time::Duration};

/// Time goes by in threes, so that nothing ends at the very instant at which it is looked at.
const STEP: u64 = 3;
const LEASE: u64 = 10;
const KEEP: u64 = 100;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Begin { key: u8, fingerprint: u8 },
    Complete { lease: usize, outcome: u8 },
    Release { lease: usize },
    Wait { steps: u64 },
}

pub(crate) fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        6 => (0..3_u8, 0..2_u8).prop_map(|(key, fingerprint)| Deed::Begin { key, fingerprint }),
        3 => (0..8_usize, 0..4_u8).prop_map(|(lease, outcome)| Deed::Complete { lease, outcome }),
        1 => (0..8_usize).prop_map(|lease| Deed::Release { lease }),
        3 => prop_oneof![1..5_u64, Just(40)].prop_map(|steps| Deed::Wait { steps }),
    ];
    vec(deed, 1..40)
}

#[derive(Debug)]
struct Known {
    fingerprint: u8,
    token: i64,
    leased_until: u64,
    forgotten_at: u64,
    outcome: Option<Outcome>,
}

fn outcome(number: u8) -> Outcome {
    if number == 0 {
        return Outcome::Unkept;
    }
    let header = |name: &'static str, value: &'static [u8]| {
        (name.parse().unwrap(), http::HeaderValue::from_bytes(value).unwrap())
    };
    let mut response =
        StoredResponse::new(StatusCode::from_u16(200 + u16::from(number)).unwrap(), vec![number, 0, 255]);
    for (name, value) in [header("x-twice", b"1"), header("x-twice", b"\xff")] {
        response = response.header(name, value);
    }
    Outcome::Stored(response)
}

/// Does all of it with the store and with the model, and compares.
pub(crate) async fn follow<St: Store>(store: &St, case: &[u8], deeds: &[Deed], wait: impl AsyncFn(Duration)) {
    let key = |number: u8| {
        ScopedKey::new(Some(case), &IdempotencyKey::try_from(number.to_string().as_str()).unwrap())
    };
    let said = |problem: St::Error| -> ! { panic!("the store failed: {}", Problem::chain(&problem.into())) };
    let seconds = Duration::from_secs;
    let mut known: HashMap<u8, Known> = HashMap::new();
    let mut leases: Vec<(u8, Lease)> = Vec::new();
    let mut now = 0;
    for deed in deeds {
        match *deed {
            Deed::Wait { steps } => {
                now += steps * STEP;
                wait(seconds(steps * STEP)).await;
            }
            Deed::Begin { key: number, fingerprint } => {
                known.retain(|_, known| known.forgotten_at > now);
                let print = Fingerprint::from_bytes([fingerprint; 32]);
                let begun = store.begin(key(number), print, seconds(LEASE), seconds(KEEP)).await;
                let begun = begun.unwrap_or_else(|error| said(error));
                let expected = match known.get(&number) {
                    Some(known) if known.fingerprint != fingerprint => Some(Begun::Reused),
                    Some(Known { outcome: Some(outcome), .. }) => Some(Begun::Done(outcome.clone())),
                    Some(known) if known.leased_until > now => Some(Begun::InFlight),
                    _ => None,
                };
                if let Some(expected) = expected {
                    assert_eq!(begun, expected);
                    continue;
                }
                let Begun::Ours(lease) = begun else { panic!("{begun:?}, though nobody has {number}") };
                assert_eq!(lease.key, key(number));
                assert!(leases.iter().all(|(_, other)| other.token != lease.token), "no two have one token");
                leases.push((number, lease));
                let (token, leased_until, forgotten_at) = (lease.token, now + LEASE, now + KEEP);
                known.insert(number, Known { fingerprint, token, leased_until, forgotten_at, outcome: None });
            }
            Deed::Complete { lease, outcome: what } => {
                let Some((number, lease)) = leases.get(lease) else { continue };
                let completed = store.complete(lease, &outcome(what), seconds(KEEP)).await;
                let completed = completed.unwrap_or_else(|error| said(error));
                let held = known.get_mut(number).filter(|known| {
                    known.token == lease.token && known.outcome.is_none() && known.forgotten_at > now
                });
                let expected = if let Some(known) = held {
                    known.outcome = Some(outcome(what));
                    known.forgotten_at = now + KEEP;
                    Completed::Kept
                } else {
                    Completed::Lost
                };
                assert_eq!(completed, expected);
            }
            Deed::Release { lease } => {
                let Some((number, lease)) = leases.get(lease) else { continue };
                store.release(lease).await.unwrap_or_else(|error| said(error));
                if known
                    .get(number)
                    .is_some_and(|known| known.token == lease.token && known.outcome.is_none())
                {
                    known.remove(number);
                }
            }
        }
    }
}

#[test]
fn memory_is_what_a_store_is() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    TestRunner::default()
        .run(&deeds(), |deeds| {
            let store = MemoryStore::new(100, 1 << 16);
            runtime.block_on(follow(&store, b"", &deeds, tokio::time::advance));
            Ok(())
        })
        .unwrap();
}
