use super::{EXAMPLE, ms, read};
use crate::spec::{
    AdminSpec, GatewaySpec, HealthSpec, LimitsSpec, ListenerSpec, Name, NetworkSpec, PoolSpec, Protocol,
    ResponseSpec, RouteSpec, TunnelsSpec, UpstreamSpec,
};
use plimsoll::{
    PolicySpec, RateLimitSpec,
    policy::{
        Timeouts, balance::Balance, breaker::BreakerSpec, bulkhead::BulkheadSpec, ejection::EjectionSpec,
        hedge::HedgeSpec, rate::Per, units::Ratio,
    },
};
use std::{collections::BTreeMap, num::NonZeroU32};

fn name(text: &str) -> Name {
    Name::try_from(text).unwrap()
}

fn route(called: &str, path: &str, policy: &str) -> RouteSpec {
    RouteSpec {
        name: called.into(),
        host: None,
        path: path.parse().unwrap(),
        methods: Vec::new(),
        headers: Vec::new(),
        rewrite: None,
        upstream: name("orders"),
        policy: Some(name(policy)),
    }
}

#[test]
fn the_example_is_what_it_says() {
    let loaded = read(EXAMPLE).unwrap();
    let orders = UpstreamSpec {
        endpoints: [9001, 9002, 9003].map(|port| format!("127.0.0.1:{port}").parse().unwrap()).to_vec(),
        protocol: Protocol::Http1,
        balance: Balance::PeakEwma,
        health: Some(HealthSpec {
            every: ms(1000),
            timeout: ms(500),
            healthy_after: NonZeroU32::new(2).unwrap(),
            unhealthy_after: NonZeroU32::new(3).unwrap(),
            ..HealthSpec::new("/healthz".parse().unwrap())
        }),
        ejection: Some(EjectionSpec {
            consecutive_failures: NonZeroU32::new(5),
            duration: ms(5000),
            at_most: Ratio::percent(67),
            ..EjectionSpec::default()
        }),
        slow_start: None,
        panic_threshold: Ratio::percent(30),
        pool: PoolSpec::default(),
        response: ResponseSpec::default(),
    };
    let careful = PolicySpec {
        timeouts: Timeouts {
            connect: Some(ms(300)),
            tls: Some(ms(1000)),
            first_byte: Some(ms(1000)),
            attempt: Some(ms(1000)),
            idle: Some(ms(30_000)),
            total: Some(ms(3000)),
        },
        rate_limit: Some(RateLimitSpec {
            burst: 500.try_into().unwrap(),
            per: Per::Client,
            ..RateLimitSpec::new("2000/s".parse().unwrap())
        }),
        breaker: Some(BreakerSpec { open: ms(2000), ..BreakerSpec::default() }),
        bulkhead: Some(BulkheadSpec {
            in_flight: NonZeroU32::new(512).unwrap(),
            waiting: 512,
            wait: ms(100),
        }),
        hedge: Some(HedgeSpec::default()),
        ..PolicySpec::default()
    };
    let patient = PolicySpec {
        timeouts: Timeouts { connect: Some(ms(300)), total: Some(ms(60_000)), ..Timeouts::default() },
        retry: None,
        ..PolicySpec::default()
    };
    let expected = GatewaySpec {
        workers: None,
        admin: Some(AdminSpec { listen: "127.0.0.1:9901".parse().unwrap(), token: None }),
        listeners: vec![ListenerSpec::new("127.0.0.1:8080".parse().unwrap())],
        limits: LimitsSpec::default(),
        network: NetworkSpec::default(),
        tunnels: TunnelsSpec::default(),
        trusted: Vec::new(),
        trace_sample: Ratio::ONE,
        routes: vec![route("/", "/", "careful"), route("/reports/", "/reports/", "patient")],
        upstreams: BTreeMap::from([(name("orders"), orders)]),
        policies: BTreeMap::from([(name("careful"), careful), (name("patient"), patient)]),
        access_log: None,
        drain: ms(30_000),
        watch: false,
    };
    assert_eq!(loaded.spec, expected);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}
