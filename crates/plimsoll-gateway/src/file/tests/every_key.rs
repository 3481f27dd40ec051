//! A file with every key.

use super::{ms, read};
use crate::spec::{
    AccessLogSpec, AdminSpec, EndpointSpec, GatewaySpec, HeaderNames, HealthSpec, LimitsSpec, ListenerSpec,
    Name, NetworkSpec, PoolSpec, Protocol, ResponseSpec, RouteSpec, TunnelsSpec, UpstreamSpec,
};
use http::Method;
use plimsoll::{
    PolicySpec,
    config::Secret,
    http::{
        KeepAlive,
        path::{Backslash, Controls, Dots, EncodedSlash, Parameters, PathRules, RepeatedSlash},
    },
    policy::{
        balance::{Balance, Weight},
        ejection::{EjectionSpec, FailurePercentage, SuccessRate},
        units::Ratio,
    },
};
use std::{
    collections::BTreeMap,
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    path::PathBuf,
};

fn name(text: &str) -> Name {
    Name::try_from(text).unwrap()
}

pub(super) const EVERY_KEY: &str = r#"
version = 1
workers = 3
drain = "7s"
watch = true
trusted = ["10.0.0.0/8", "::1"]
trace-sample = "10%"

[admin]
listen = "0.0.0.0:9902"
token = "${SECRET}"

[[listener]]
listen = "127.0.0.1:8080"
header-names = "refuse"
paths = { encoded-slash = "decode", repeated-slash = "pass", backslash = "slash", parameters = "strip", controls = "pass", dots = "refuse" }
[[listener]]
listen = "[::1]:0"

[network]
name-time = "5s"
attempt-delay = "100ms"
keep-alive = { idle = "1m", interval = "5s", probes = 3 }

[tunnels]
idle-time = "1m"
drain-time = "2s"

[limits]
head = "16 KiB"
fields = 64
target = 4096
trailers = "2KiB"
body = "2GiB"
head-time = "1s"
idle-time = "2s"
write-time = "3s"
body-time = "4s"
min-rate = "1KiB"
connections = 1000
per-client = 10
streams = 32
window = "64KiB"
unsent = "64MiB"
ping = "30s"
replay = 0

[access-log]
path = "/var/log/plimsoll.log"
sample = "10%"

[[route]]
name = "carts"
host = "*.Shop.example"
path = "/cart"
methods = ["GET", "POST", "PROPFIND"]
headers = { X-Beta = "1", x-alpha = "a b" }
rewrite = "/v2/cart"
upstream = "carts"
policy = "plain"

[upstream.carts]
endpoints = ["carts.internal:80", { address = "[::1]:8081", weight = 3 }]
protocol = "h2"
balance = { hash = "header:X-Tenant", seed = 7 }
ejection = { consecutive-failures = "off", for = "1s", max-for = "9s", at-most = "50%", sweep = "3s", success-rate = { deviations = 2, minimum-endpoints = 3, minimum-requests = 40 }, failure-percentage = { threshold = "90%", minimum-endpoints = 4, minimum-requests = 30 } }
slow-start = "20s"
panic-threshold = "30%"
health = { path = "/ok", every = "9s", timeout = "3s", healthy-after = 4, unhealthy-after = 5 }
pool = { idle = 0, idle-time = "4s", age = "10m", requests = 5000, connections = 2, streams = 50, window = "1MiB", ping = "off" }
answer = { head = "64KiB", fields = 50, trailers = "32KiB", interim = 3 }

[policy.plain]
"#;

#[test]
fn every_key_is_read() {
    let spec = read(EVERY_KEY).unwrap().spec;
    let carts = UpstreamSpec {
        endpoints: vec![
            "carts.internal:80".parse().unwrap(),
            EndpointSpec { address: "[::1]:8081".parse().unwrap(), weight: Weight::new(3).unwrap() },
        ],
        protocol: Protocol::Http2,
        balance: Balance::HashHeader { name: "x-tenant".into(), seed: 7 },
        health: Some(HealthSpec {
            path: "/ok".parse().unwrap(),
            every: ms(9000),
            timeout: ms(3000),
            healthy_after: NonZeroU32::new(4).unwrap(),
            unhealthy_after: NonZeroU32::new(5).unwrap(),
        }),
        ejection: Some(EjectionSpec {
            consecutive_failures: None,
            duration: ms(1000),
            max_duration: ms(9000),
            at_most: Ratio::percent(50),
            sweep: ms(3000),
            success_rate: Some(SuccessRate { deviations: 2.0, minimum_endpoints: 3, minimum_requests: 40 }),
            failure_percentage: Some(FailurePercentage {
                threshold: Ratio::percent(90),
                minimum_endpoints: 4,
                minimum_requests: 30,
            }),
        }),
        slow_start: Some(ms(20_000)),
        panic_threshold: Ratio::percent(30),
        pool: PoolSpec {
            idle: 0,
            idle_time: ms(4000),
            age: Some(ms(600_000)),
            requests: NonZeroU32::new(5000),
            connections: NonZeroU32::new(2).unwrap(),
            streams: NonZeroU32::new(50).unwrap(),
            window: 1 << 20,
            ping: None,
        },
        response: ResponseSpec { head: 64 * 1024, fields: 50, trailers: 32 * 1024, interim: 3 },
    };
    let expected = GatewaySpec {
        workers: NonZeroUsize::new(3),
        admin: Some(AdminSpec {
            listen: "0.0.0.0:9902".parse().unwrap(),
            token: Some(Secret::new("hunter2")),
        }),
        listeners: vec![
            ListenerSpec {
                listen: "127.0.0.1:8080".parse().unwrap(),
                paths: PathRules {
                    encoded_slash: EncodedSlash::Decode,
                    repeated_slash: RepeatedSlash::Pass,
                    backslash: Backslash::Slash,
                    parameters: Parameters::Strip,
                    controls: Controls::Pass,
                    dots: Dots::Refuse,
                },
                header_names: HeaderNames::Refuse,
            },
            ListenerSpec::new("[::1]:0".parse().unwrap()),
        ],
        limits: LimitsSpec {
            head: 16 * 1024,
            fields: 64,
            target: 4096,
            trailers: 2048,
            body: 2 << 30,
            head_time: ms(1000),
            idle_time: ms(2000),
            write_time: ms(3000),
            body_time: ms(4000),
            min_rate: NonZeroU64::new(1024),
            connections: 1000,
            per_client: 10,
            streams: 32,
            window: 64 << 10,
            unsent: 64 << 20,
            ping: Some(ms(30_000)),
            replay: 0,
        },
        network: NetworkSpec {
            name_time: ms(5000),
            attempt_delay: ms(100),
            keep_alive: Some(KeepAlive { idle: ms(60_000), interval: ms(5000), probes: 3 }),
        },
        tunnels: TunnelsSpec { idle_time: Some(ms(60_000)), drain_time: ms(2000) },
        trusted: vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
        trace_sample: Ratio::percent(10),
        routes: vec![RouteSpec {
            name: "carts".into(),
            host: Some("*.shop.example".parse().unwrap()),
            path: "/cart".parse().unwrap(),
            methods: vec![Method::GET, Method::POST, Method::from_bytes(b"PROPFIND").unwrap()],
            headers: vec![
                ("x-beta".parse().unwrap(), "1".parse().unwrap()),
                ("x-alpha".parse().unwrap(), "a b".parse().unwrap()),
            ],
            rewrite: Some("/v2/cart".parse().unwrap()),
            upstream: name("carts"),
            policy: Some(name("plain")),
        }],
        upstreams: BTreeMap::from([(name("carts"), carts)]),
        policies: BTreeMap::from([(name("plain"), PolicySpec::default())]),
        access_log: Some(AccessLogSpec {
            path: Some(PathBuf::from("/var/log/plimsoll.log")),
            sample: Ratio::percent(10),
        }),
        drain: ms(7000),
        watch: true,
    };
    assert_eq!(spec, expected);
}
