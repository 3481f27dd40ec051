//! `[upstream.NAME]`.

use super::{
    address::Endpoints,
    amount::Count,
    limits::{Window, within_2_gib},
};
use crate::spec::{HealthSpec, PathPrefix, PoolSpec, Protocol, ResponseSpec, UpstreamSpec};
use plimsoll::{
    config::{Content, Node, Reader, Rules, Schemas, Section, Shape, section},
    policy::{
        balance::Balance,
        ejection::EjectionSpec,
        endpoints::EndpointsSpec,
        units::{Ratio, Span},
    },
};
use serde_json::{Value, json};
use std::{borrow::Cow, num::NonZeroU32, time::Duration};

const PROTOCOLS: [(&str, Protocol); 2] = [("http1", Protocol::Http1), ("h2", Protocol::Http2)];

impl Shape for Protocol {
    fn expected() -> Cow<'static, str> {
        "\"http1\" or \"h2\"".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        // By letters alone, "http2" would be near to "http1".
        if let Content::String(written) = node.content()
            && ["http2", "http/2", "h2c"].contains(&&*written.to_lowercase())
        {
            let fault = reader.fault(node, format!("found {written:?}")).expecting(Self::expected());
            reader.push(fault.nearest_to(Some("h2")));
            return None;
        }
        reader.word(node, &PROTOCOLS, &Self::expected())
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "enum": PROTOCOLS.map(|(word, _)| word) })
    }

    fn write(&self) -> Value {
        match self {
            Self::Http1 => "http1".into(),
            Self::Http2 => "h2".into(),
        }
    }
}

section! {
    /// One service: where its replicas are and how they are treated.
    pub(super) struct Upstream {
        /// Host and port of each replica, or a table with these and a weight.
        endpoints: Endpoints,
        /// The protocol of the endpoints: HTTP/1.1, or HTTP/2 by prior knowledge.
        protocol: Protocol = Protocol::default(),
        /// How one is chosen: by latency and load, one after the other, by load alone, or the same one for the same value
        /// of a header.
        balance: Balance = Balance::default(),
        /// Asks each replica how it is; one that is not well gets no requests.
        health: Option<HealthSpec> = None,
        /// Leaves out for a while a replica that fails.
        ejection: Option<EjectionSpec> = Some(EjectionSpec::default()),
        /// For so long a replica that becomes healthy, returns from an ejection or is new gets less than its share: a
        /// tenth at first, then more and more.
        slow_start: Option<Duration> = None,
        /// While less than this part of the replicas is healthy and not ejected, all of them are asked; "0%": never.
        panic_threshold: Ratio = EndpointsSpec::PANIC_THRESHOLD,
        /// Connections, and which of them are kept for the next request.
        pool: PoolSpec = PoolSpec::default(),
        /// How much is taken of a response beside its body.
        answer: ResponseSpec = ResponseSpec::default(),
    }
}

impl Rules for Upstream {}

impl From<Upstream> for UpstreamSpec {
    fn from(written: Upstream) -> Self {
        Self {
            endpoints: written.endpoints.into_vec(),
            protocol: written.protocol,
            balance: written.balance,
            health: written.health,
            ejection: written.ejection,
            slow_start: written.slow_start,
            panic_threshold: written.panic_threshold,
            pool: written.pool,
            response: written.answer,
        }
    }
}

impl From<&UpstreamSpec> for Upstream {
    fn from(spec: &UpstreamSpec) -> Self {
        Self {
            endpoints: Endpoints::from(&*spec.endpoints),
            protocol: spec.protocol,
            balance: spec.balance.clone(),
            health: spec.health.clone(),
            ejection: spec.ejection,
            slow_start: spec.slow_start,
            panic_threshold: spec.panic_threshold,
            pool: spec.pool,
            answer: spec.response,
        }
    }
}

impl Shape for UpstreamSpec {
    fn expected() -> Cow<'static, str> {
        Upstream::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        Upstream::read(node, reader).map(Self::from)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Upstream::schema(schemas)
    }

    fn write(&self) -> Value {
        Upstream::from(self).write()
    }
}

/// The defaults of [`HealthSpec`], where only other keys are given.
fn health() -> HealthSpec {
    HealthSpec::new(PathPrefix::default())
}

section! {
    /// Active health checks: a `GET` that is well if the response is 2xx or 3xx in time.
    for HealthSpec {
        /// The path that is requested.
        path: PathPrefix,
        /// How often.
        every: Duration = health().every,
        /// How long a response may take. Left out, never longer than `every`.
        timeout: Duration = health().timeout,
        /// So many good responses in a row make it healthy.
        healthy_after: NonZeroU32 = health().healthy_after,
        /// So many bad ones make it unhealthy.
        unhealthy_after: NonZeroU32 = health().unhealthy_after,
    }
}

impl Rules for HealthSpec {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        if self.timeout <= self.every {
            return;
        }
        if !section.given(&["timeout"]) {
            self.timeout = self.every;
            return;
        }
        let default = if section.given(&["every"]) { "" } else { " (the default)" };
        let problem = format!(
            "{} is longer than \"every\", which is {}{default}",
            section.shown(&["timeout"], Span(self.timeout)),
            section.shown(&["every"], Span(self.every)),
        );
        let fault = section.fault(&["timeout"], problem).expecting("at most \"every\"");
        section.push(fault);
    }
}

type Idle = Count<0, 65_535>;
type Connections = Count<1, 1024>;
type Streams = Count<1, 65_535>;

section! {
    /// Connections to a replica, and how long each is used.
    pub(super) struct Pool {
        /// Kept at most, for each worker and replica; 0 keeps none.
        idle: Idle = Idle::nearest(PoolSpec::default().idle),
        /// Kept without use for at most this long.
        idle_time: Duration = PoolSpec::default().idle_time,
        /// Used for new requests for at most this long after it was made; up to a tenth less, so that they do not all end
        /// at once.
        age: Option<Duration> = PoolSpec::default().age,
        /// Requests over one connection.
        requests: Option<NonZeroU32> = PoolSpec::default().requests,
        /// HTTP/2 connections at most, for each worker and replica. Another one is made when those there are full, or take
        /// nothing of what is sent.
        connections: Connections = Connections::nearest(PoolSpec::default().connections.get() as usize),
        /// Requests at once on one HTTP/2 connection, where the replica does not allow fewer.
        streams: Streams = Streams::nearest(PoolSpec::default().streams.get() as usize),
        /// Bytes that a replica may send ahead on one HTTP/2 stream. The connection's own window is as large as those of all
        /// its streams together, at most 2 GiB.
        window: Window = Window::nearest(PoolSpec::default().window.into()),
        /// For how long an HTTP/2 replica may be silent, while a request is under way, before it is asked whether it is
        /// there; it has 20 s to say so. Below `"5m"`, gRPC servers at their defaults close the connection.
        ping: Option<Duration> = PoolSpec::default().ping,
    }
}

impl Rules for Pool {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        within_2_gib(section, "streams", self.streams.get(), &mut self.window);
    }
}

impl From<Pool> for PoolSpec {
    fn from(written: Pool) -> Self {
        // Both counts begin with one.
        let count = |count: u32| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        Self {
            idle: written.idle.get() as usize,
            idle_time: written.idle_time,
            age: written.age,
            requests: written.requests,
            connections: count(written.connections.get()),
            streams: count(written.streams.get()),
            window: written.window.get() as u32,
            ping: written.ping,
        }
    }
}

impl From<&PoolSpec> for Pool {
    fn from(spec: &PoolSpec) -> Self {
        Self {
            idle: Idle::nearest(spec.idle),
            idle_time: spec.idle_time,
            age: spec.age,
            requests: spec.requests,
            connections: Connections::nearest(spec.connections.get() as usize),
            streams: Streams::nearest(spec.streams.get() as usize),
            window: Window::nearest(spec.window.into()),
            ping: spec.ping,
        }
    }
}

impl Shape for PoolSpec {
    fn expected() -> Cow<'static, str> {
        Pool::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        Pool::read(node, reader).map(Self::from)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Pool::schema(schemas)
    }

    fn write(&self) -> Value {
        Pool::from(self).write()
    }
}
