//! Every gateway there can be; of its policies a few, since the policies' own crate has them all.

mod upstream;

use crate::{
    file::{
        matching::{Headers, Label, Methods},
        route::Route,
    },
    spec::{
        AccessLogSpec, AdminSpec, GatewaySpec, HeaderNames, LimitsSpec, ListenerSpec, Name, NetworkSpec,
        PathPrefix, RouteSpec, TunnelsSpec,
    },
};
use http::{HeaderName, HeaderValue, Method};
use plimsoll::{
    PolicySpec,
    http::{
        KeepAlive,
        headers::TrustedProxy,
        path::{Backslash, Controls, Dots, EncodedSlash, Parameters, PathRules, RepeatedSlash},
    },
    policy::units::Ratio,
};
use plimsoll_testkit::strategies::duration;
use proptest::{collection::vec, option, prelude::*, sample::select};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::{NonZeroU64, NonZeroUsize},
    time::Duration,
};
use upstream::upstream;

fn name() -> impl Strategy<Value = Name> {
    "[a-z0-9_-]{1,64}".prop_map(|text| Name::try_from(&*text).expect("a name"))
}

fn host() -> &'static str {
    "[a-wyz0-9_]{1,9}(\\.[a-wyz0-9_-]{1,9}){0,3}"
}

fn path() -> impl Strategy<Value = PathPrefix> {
    "(/[a-z0-9_~-]{1,9}){0,4}/?".prop_filter_map("no path", |path| path.parse().ok())
}

fn ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes))),
        any::<[u8; 16]>().prop_map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes))),
    ]
}

fn trust() -> impl Strategy<Value = TrustedProxy> {
    (ip(), 0..=32u8).prop_map(|(ip, prefix)| format!("{ip}/{prefix}").parse().expect("a network"))
}

fn path_rules() -> impl Strategy<Value = PathRules> {
    (
        select(vec![EncodedSlash::Refuse, EncodedSlash::Decode, EncodedSlash::Pass]),
        select(vec![RepeatedSlash::Merge, RepeatedSlash::Refuse, RepeatedSlash::Pass]),
        select(vec![Backslash::Refuse, Backslash::Slash, Backslash::Pass]),
        select(vec![Parameters::Refuse, Parameters::Strip, Parameters::Pass]),
        select(vec![Controls::Refuse, Controls::Pass]),
        select(vec![Dots::Resolve, Dots::Refuse]),
    )
        .prop_map(|(encoded_slash, repeated_slash, backslash, parameters, controls, dots)| PathRules {
            encoded_slash,
            repeated_slash,
            backslash,
            parameters,
            controls,
            dots,
        })
}

fn header_names() -> impl Strategy<Value = HeaderNames> {
    select(vec![HeaderNames::Drop, HeaderNames::Refuse, HeaderNames::Pass])
}

/// On ports of their own, below the admin API's.
fn listeners() -> impl Strategy<Value = Vec<ListenerSpec>> {
    vec((ip(), path_rules(), header_names()), 1..4).prop_map(|listeners| {
        let listener = |((ip, paths, header_names), port)| ListenerSpec {
            listen: SocketAddr::new(ip, port),
            paths,
            header_names,
        };
        listeners.into_iter().zip(8000..).map(listener).collect()
    })
}

fn admin() -> impl Strategy<Value = Option<AdminSpec>> {
    option::of(
        (9000..=u16::MAX).prop_map(|port| AdminSpec { listen: ([127, 0, 0, 1], port).into(), token: None }),
    )
}

fn window() -> impl Strategy<Value = u32> {
    16 << 10..=(1u32 << 31) - 1
}

fn within_2_gib(window: u32, streams: u32) -> u32 {
    window.min(((1 << 31) - 1) / streams)
}

fn network() -> impl Strategy<Value = NetworkSpec> {
    let secs = |most: u64| (1..=most).prop_map(Duration::from_secs);
    let keep_alive = (secs(9 * 3600), secs(9 * 3600), 1..=127u32)
        .prop_map(|(idle, interval, probes)| KeepAlive { idle, interval, probes });
    let delay = (10..=60_000u64).prop_map(Duration::from_millis);
    (secs(24 * 3600), delay, option::of(keep_alive)).prop_map(|(name_time, attempt_delay, keep_alive)| {
        NetworkSpec { name_time, attempt_delay, keep_alive }
    })
}

fn tunnels() -> impl Strategy<Value = TunnelsSpec> {
    (option::of(duration()), duration())
        .prop_map(|(idle_time, drain_time)| TunnelsSpec { idle_time, drain_time })
}

fn limits() -> impl Strategy<Value = LimitsSpec> {
    let sizes = (
        1024..=1usize << 20,
        1..=128usize,
        64..=1usize << 20,
        1024..=128usize << 10,
        1..=u64::MAX,
        0..=64usize << 20,
    );
    let connections = (1..=u32::MAX as usize, 1..=u32::MAX as usize, 1..=65_535u32);
    let times = [duration(), duration(), duration(), duration()];
    let rate = option::of(1..=1u64 << 30);
    let streams = (window(), 1u64 << 20..=u64::MAX, option::of(duration()));
    (sizes, times, rate, connections, streams).prop_map(
        |(
            (head, fields, target, trailers, body, replay),
            [head_time, idle_time, write_time, body_time],
            rate,
            (a, b, streams),
            (window, unsent, ping),
        )| {
            LimitsSpec {
                head,
                fields,
                target: target.min(head),
                trailers,
                body,
                head_time,
                idle_time,
                write_time,
                body_time,
                min_rate: rate.and_then(NonZeroU64::new),
                connections: a.max(b),
                per_client: a.min(b),
                streams,
                window: within_2_gib(window, streams),
                unsent,
                ping,
                replay,
            }
        },
    )
}

/// The conditions of a route; made different from all others later.
fn matching() -> impl Strategy<Value = (Option<Label>, Option<String>, PathPrefix, Methods, Headers)> {
    let host = (any::<bool>(), host());
    let host = option::of(host.prop_map(|(below, host)| if below { format!("*.{host}") } else { host }));
    let methods = select(vec!["", "GET", "GET POST", "PROPFIND DELETE"]).prop_map(|methods| {
        Methods(
            methods
                .split_whitespace()
                .map(|method| Method::from_bytes(method.as_bytes()).expect("a method"))
                .collect(),
        )
    });
    let value =
        "([!-~]([ -~]{0,9}[!-~])?)?".prop_map(|value| HeaderValue::from_str(&value).expect("a value"));
    let headers = proptest::collection::btree_map("[a-z-]{1,9}", value, 0..3);
    let headers = headers.prop_map(|headers| {
        Headers(
            headers
                .into_iter()
                .map(|(name, value)| (name.parse::<HeaderName>().expect("a name"), value))
                .collect(),
        )
    });
    (option::of("[!-~]{1,90}".prop_map(|name| Label(name.into()))), host, path(), methods, headers)
}

/// Any gateway that the file can say, without secrets.
pub(super) fn gateway() -> impl Strategy<Value = GatewaySpec> {
    let policy = select(vec![PolicySpec::default(), PolicySpec::OFF]);
    let upstreams = proptest::collection::btree_map(name(), upstream(), 1..4);
    let policies = proptest::collection::btree_map(name(), policy, 1..3);
    let route = (
        matching(),
        option::of(path()),
        any::<prop::sample::Index>(),
        option::of(any::<prop::sample::Index>()),
    );
    let once = (option::of(1..=1024usize), duration(), any::<bool>(), admin(), listeners());
    let access_log = (option::of("[a-zA-Z0-9/. -]{1,20}"), 1..=100u8).prop_map(|(path, sample)| {
        AccessLogSpec { path: path.map(Into::into), sample: Ratio::percent(sample) }
    });
    let traces = (0..=100u8).prop_map(Ratio::percent);
    let rest = (limits(), network(), tunnels(), vec(trust(), 0..4), traces, option::of(access_log));
    (once, rest, vec(route, 0..5), upstreams, policies).prop_map(
        |(
            (workers, drain, watch, admin, listeners),
            (limits, network, tunnels, trusted, trace_sample, access_log),
            routes,
            upstreams,
            policies,
        )| {
            let [upstream_names, policy_names]: [Vec<Name>; 2] =
                [upstreams.keys().cloned().collect(), policies.keys().cloned().collect()];
            let routes = routes.into_iter().enumerate().map(|(at, (matching, rewrite, upstream, policy))| {
                let (name, host, path, methods, headers) = matching;
                RouteSpec::from(Route {
                    name: name.map(|Label(name)| Label(format!("{at}:{name}").into())),
                    host: host.map(|host| host.parse().expect("a host")),
                    path: format!("/{at}{path}").parse().expect("a path"),
                    methods,
                    headers,
                    rewrite,
                    upstream: upstream.get(&upstream_names).clone(),
                    policy: policy.map(|policy| policy.get(&policy_names).clone()),
                })
            });
            GatewaySpec {
                workers: workers.and_then(NonZeroUsize::new),
                admin,
                listeners,
                limits,
                network,
                tunnels,
                trusted,
                trace_sample,
                routes: routes.collect(),
                upstreams,
                policies,
                access_log,
                drain,
                watch,
            }
        },
    )
}
