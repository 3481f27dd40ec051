//! Random callers: no layer admits too many calls, and none holds a permit at the end.

use super::{Inner, MS};
use plimsoll_policy::{
    PolicySpec, Timeouts,
    bulkhead::BulkheadSpec,
    call::Facts,
    hedge::{HedgeDelay, HedgeSpec},
    retry::RetrySpec,
    units::Ratio,
};
use plimsoll_testkit::{BrokenError, Step};
use plimsoll_tower::{
    BulkheadLayer, Describe, Idempotent, Key, PolicyLayer, SingleflightLayer, replay::ByClone,
};
use proptest::prelude::*;
use std::{
    num::NonZeroU32,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower::{Layer, Service};

#[derive(Clone, Copy, Debug)]
enum Deed {
    Call,
    Poll(usize),
    Drop(usize),
    Release,
    Wait(u8),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        3 => Just(Deed::Call),
        4 => any::<usize>().prop_map(Deed::Poll),
        2 => any::<usize>().prop_map(Deed::Drop),
        1 => Just(Deed::Release),
        2 => any::<u8>().prop_map(Deed::Wait),
    ];
    prop::collection::vec(deed, 1..80)
}

fn inner() -> Inner {
    Inner::new(|at, _| match at % 5 {
        0 => Step::Now(Err(BrokenError(at as u32))),
        1 => Step::After(7 * MS, Ok(1)),
        2 => Step::Never,
        _ => Step::Held(Ok(1)),
    })
}

/// Does all that, with a clock that stands but for the waits.
fn play<S>(service: S, inner: &Inner, deeds: &[Deed])
where
    S: Service<u32, Response = u32> + Clone,
{
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut cx = Context::from_waker(Waker::noop());
        let mut calls: Vec<Pin<Box<S::Future>>> = Vec::new();
        for deed in deeds {
            match *deed {
                Deed::Call => {
                    let mut service = service.clone();
                    assert!(matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(()))));
                    calls.push(Box::pin(service.call(1)));
                }
                Deed::Poll(at) if !calls.is_empty() => {
                    let at = at % calls.len();
                    if calls[at].as_mut().poll(&mut cx).is_ready() {
                        drop(calls.swap_remove(at));
                    }
                }
                Deed::Drop(at) if !calls.is_empty() => drop(calls.swap_remove(at % calls.len())),
                Deed::Release => inner.release(),
                Deed::Wait(millis) => tokio::time::advance(Duration::from_millis(millis.into())).await,
                Deed::Poll(_) | Deed::Drop(_) => {}
            }
        }
    });
    assert_eq!((inner.record().in_flight, inner.record().unready_calls), (0, 0));
}

fn bulkhead() -> BulkheadSpec {
    BulkheadSpec { in_flight: NonZeroU32::new(2).unwrap(), waiting: 2, wait: 50 * MS }
}

proptest! {
    #[test]
    fn bulkhead_keeps_count(deeds in deeds()) {
        let (inner, layer) = (inner(), BulkheadLayer::new(bulkhead()));
        play(layer.layer(inner.clone()), &inner, &deeds);
        prop_assert!(inner.record().most_in_flight <= 2);
        let snapshot = layer.snapshot();
        prop_assert_eq!((snapshot.in_flight, snapshot.waiting), (0, 0));
    }

    #[test]
    fn the_fused_layer_keeps_count(deeds in deeds(), timed in any::<bool>()) {
        let timeouts = Timeouts { attempt: Some(30 * MS), total: Some(200 * MS), ..Timeouts::NONE };
        let hedge = HedgeSpec { after: HedgeDelay::Fixed(10 * MS), budget: Ratio::ONE };
        let spec = PolicySpec {
            timeouts: if timed { timeouts } else { Timeouts::NONE },
            bulkhead: Some(bulkhead()),
            retry: Some(RetrySpec::default()),
            hedge: Some(hedge),
            ..PolicySpec::OFF
        };
        let inner = inner();
        let layer = PolicyLayer::new(spec).describe(Idempotent).replay(ByClone);
        play(layer.layer(inner.clone()), &inner, &deeds);
        prop_assert!(inner.record().most_in_flight <= 2);
        let snapshot = layer.handle().snapshot().bulkhead.unwrap();
        prop_assert_eq!((snapshot.in_flight, snapshot.waiting), (0, 0));
    }

    #[test]
    fn no_flight_outlives_its_callers(deeds in deeds()) {
        let inner = inner();
        let layer = SingleflightLayer::new(OneKey);
        play(layer.layer(inner.clone()), &inner, &deeds);
        prop_assert!(inner.record().most_in_flight <= 1);
        prop_assert_eq!(layer.in_flight(), 0);
    }
}

/// Everybody asks for the same.
#[derive(Clone)]
struct OneKey;

impl Describe<u32> for OneKey {
    fn describe(&self, _: &u32) -> Facts {
        Facts::default()
    }

    fn key<'r>(&self, _: &'r u32) -> Option<Key<'r>> {
        Some("all".into())
    }
}
