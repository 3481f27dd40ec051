//! `[network]` and `[tunnels]`.

use super::amount::{Count, Time};
use crate::spec::{NetworkSpec, TunnelsSpec};
use plimsoll::{
    config::{Node, Reader, Rules, Schemas, Shape, section},
    http,
};
use serde_json::Value;
use std::{borrow::Cow, time::Duration};

type NameTime = Time<1000, { 24 * 3600 * 1000 }>;
type AttemptDelay = Time<10, 60_000>;
type ProbeTime = Time<1000, { 9 * 3600 * 1000 }>;
type Probes = Count<1, { http::KeepAlive::MOST_PROBES }>;

section! {
    /// How connections are made and watched over.
    pub(super) struct Network {
        /// How long the addresses of an endpoint's name are used before it is looked up again.
        name_time: NameTime = NameTime::nearest(NetworkSpec::default().name_time),
        /// How long one address of a name may take to answer before the next one is tried beside it.
        attempt_delay: AttemptDelay = AttemptDelay::nearest(NetworkSpec::default().attempt_delay),
        /// Probes by which a peer that is gone is found, on silent connections to clients, endpoints and the admin API.
        keep_alive: Option<KeepAlive> = NetworkSpec::default().keep_alive.map(KeepAlive::from),
    }
}

impl Rules for Network {}

section! {
    /// TCP keep-alive, in whole seconds.
    pub(super) struct KeepAlive {
        /// Nothing has moved for so long: the first probe.
        idle: ProbeTime = KeepAlive::from(http::KeepAlive::default()).idle,
        /// From one probe to the next.
        interval: ProbeTime = KeepAlive::from(http::KeepAlive::default()).interval,
        /// After so many without an answer the connection is broken.
        probes: Probes = KeepAlive::from(http::KeepAlive::default()).probes,
    }
}

impl Rules for KeepAlive {}

impl From<http::KeepAlive> for KeepAlive {
    fn from(spec: http::KeepAlive) -> Self {
        Self {
            idle: ProbeTime::nearest(spec.idle),
            interval: ProbeTime::nearest(spec.interval),
            probes: Probes::nearest(spec.probes as usize),
        }
    }
}

impl From<KeepAlive> for http::KeepAlive {
    fn from(written: KeepAlive) -> Self {
        let KeepAlive { idle, interval, probes } = written;
        Self { idle: idle.get(), interval: interval.get(), probes: probes.get() }
    }
}

impl Shape for NetworkSpec {
    fn expected() -> Cow<'static, str> {
        Network::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Network { name_time, attempt_delay, keep_alive } = Network::read(node, reader)?;
        let keep_alive = keep_alive.map(http::KeepAlive::from);
        Some(Self { name_time: name_time.get(), attempt_delay: attempt_delay.get(), keep_alive })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Network::schema(schemas)
    }

    fn write(&self) -> Value {
        let network = Network {
            name_time: NameTime::nearest(self.name_time),
            attempt_delay: AttemptDelay::nearest(self.attempt_delay),
            keep_alive: self.keep_alive.map(KeepAlive::from),
        };
        network.write()
    }
}

section! {
    /// Connections that have switched protocols, WebSocket's for example.
    for TunnelsSpec {
        /// How long one may carry nothing, either way, before it is closed.
        idle_time: Option<Duration> = Self::default().idle_time,
        /// How long they go on once the gateway drains, if `drain` is not over before.
        drain_time: Duration = Self::default().drain_time,
    }
}

impl Rules for TunnelsSpec {}
