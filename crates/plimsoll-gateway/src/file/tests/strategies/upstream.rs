//! Every upstream there can be.

use super::{host, path, window, within_2_gib};
use crate::spec::{EndpointSpec, HealthSpec, PoolSpec, Protocol, ResponseSpec, UpstreamSpec};
use plimsoll::policy::{
    balance::{Balance, Weight},
    ejection::{EjectionSpec, FailurePercentage, SuccessRate},
    units::Ratio,
};
use plimsoll_testkit::strategies::{count, duration, ratio, rising};
use proptest::{collection::vec, option, prelude::*, sample::select};
use std::{collections::BTreeMap, net::Ipv6Addr, num::NonZeroU32};

fn pool() -> impl Strategy<Value = PoolSpec> {
    let kept = (0..=65_535usize, duration(), option::of(duration()), option::of(1..=u32::MAX));
    let http2 = (1..=1024u32, 1..=65_535u32, window(), option::of(duration()));
    (kept, http2).prop_map(|((idle, idle_time, age, requests), (connections, streams, window, ping))| {
        PoolSpec {
            idle,
            idle_time,
            age,
            requests: requests.and_then(NonZeroU32::new),
            connections: NonZeroU32::new(connections).unwrap(),
            streams: NonZeroU32::new(streams).unwrap(),
            window: within_2_gib(window, streams),
            ping,
        }
    })
}

fn health() -> impl Strategy<Value = HealthSpec> {
    (path(), rising(), count(), count()).prop_map(
        |(path, (timeout, every), healthy_after, unhealthy_after)| HealthSpec {
            path,
            every,
            timeout,
            healthy_after,
            unhealthy_after,
        },
    )
}

fn ejection() -> impl Strategy<Value = EjectionSpec> {
    let success_rate = (1e-9..1e9f64, any::<u32>(), any::<u32>()).prop_map(
        |(deviations, minimum_endpoints, minimum_requests)| SuccessRate {
            deviations,
            minimum_endpoints,
            minimum_requests,
        },
    );
    let part = ratio().prop_filter("0% is refused", |ratio| *ratio != Ratio::ZERO);
    let failure_percentage =
        (part, any::<u32>(), any::<u32>()).prop_map(|(threshold, minimum_endpoints, minimum_requests)| {
            FailurePercentage { threshold, minimum_endpoints, minimum_requests }
        });
    let by_sweep = (option::of(success_rate), option::of(failure_percentage));
    (option::of(count()), rising(), ratio(), duration(), by_sweep).prop_map(
        |(
            consecutive_failures,
            (duration, max_duration),
            at_most,
            sweep,
            (success_rate, failure_percentage),
        )| EjectionSpec {
            consecutive_failures,
            duration,
            max_duration,
            at_most,
            sweep,
            success_rate,
            failure_percentage,
        },
    )
}

fn response() -> impl Strategy<Value = ResponseSpec> {
    (1024..=128usize << 10, 1..=256usize, 1024..=128usize << 10, any::<u8>())
        .prop_map(|(head, fields, trailers, interim)| ResponseSpec { head, fields, trailers, interim })
}

pub(super) fn upstream() -> impl Strategy<Value = UpstreamSpec> {
    let address = prop_oneof![
        (host(), 1..=u16::MAX).prop_map(|(host, port)| format!("{host}:{port}")),
        (any::<[u8; 16]>(), 1..=u16::MAX).prop_map(|(ip, port)| format!("[{}]:{port}", Ipv6Addr::from(ip))),
    ];
    let weight = (1..=Weight::MAX).prop_map(|weight| Weight::new(weight).expect("from 1 to 1000"));
    let endpoint = (address, prop_oneof![Just(Weight::ONE), weight]);
    let endpoints = vec(endpoint, 1..4).prop_map(|endpoints| {
        let distinct: BTreeMap<_, _> = endpoints.into_iter().collect();
        let endpoint = |(address, weight): (String, Weight)| EndpointSpec {
            address: address.parse().expect("an address"),
            weight,
        };
        distinct.into_iter().map(endpoint).collect()
    });
    let balance = prop_oneof![
        Just(Balance::PeakEwma),
        Just(Balance::RoundRobin),
        Just(Balance::LeastInFlight),
        ("[a-z0-9!#$%&'*+.^_`|~-]{1,128}", any::<u32>())
            .prop_map(|(name, seed)| Balance::HashHeader { name: name.into(), seed }),
    ];
    let protocol = select(vec![Protocol::Http1, Protocol::Http2]);
    let thresholds = (option::of(health()), option::of(ejection()), option::of(duration()), ratio());
    (endpoints, protocol, balance, thresholds, pool(), response()).prop_map(
        |(endpoints, protocol, balance, (health, ejection, slow_start, panic_threshold), pool, response)| {
            UpstreamSpec {
                endpoints,
                protocol,
                balance,
                health,
                ejection,
                slow_start,
                panic_threshold,
                pool,
                response,
            }
        },
    )
}
