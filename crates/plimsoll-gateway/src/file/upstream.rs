//! `[upstream.NAME]`.

use super::{address::Endpoints, amount::Count};
use crate::spec::{AnswerSpec, HealthSpec, PathPrefix, PoolSpec, Protocol, UpstreamSpec};
use plimsoll::{
    balance::Balance,
    ejection::EjectionSpec,
    endpoints::EndpointsSpec,
    file::{Content, Node, Reader, Rules, Schemas, Section, Shape, section},
    units::{Ratio, Span},
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
        /// What they speak: HTTP/1.1, or HTTP/2 by prior knowledge.
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
        /// Connections that are kept for the next request.
        pool: PoolSpec = PoolSpec::default(),
        /// How much is taken of an answer beside its body.
        answer: AnswerSpec = AnswerSpec::default(),
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
            answer: written.answer,
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
            answer: spec.answer,
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

/// What is asked where only the other keys matter: [`HealthSpec`]'s defaults.
fn health() -> HealthSpec {
    HealthSpec::new(PathPrefix::default())
}

section! {
    /// Active health checks: a `GET` that is well if it is answered with 2xx or 3xx in time.
    for HealthSpec {
        /// What is asked for.
        path: PathPrefix,
        /// How often.
        every: Duration = health().every,
        /// How long an answer may take. Left out, never longer than `every`.
        timeout: Duration = health().timeout,
        /// So many good answers in a row make it healthy.
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

section! {
    /// Kept connections to a replica.
    pub(super) struct Pool {
        /// Kept at most, for each worker and replica; 0 keeps none.
        idle: Idle = Idle::nearest(PoolSpec::default().idle),
        /// Kept without use for at most this long.
        idle_time: Duration = PoolSpec::default().idle_time,
    }
}

impl Rules for Pool {}

impl Shape for PoolSpec {
    fn expected() -> Cow<'static, str> {
        Pool::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Pool { idle, idle_time } = Pool::read(node, reader)?;
        Some(Self { idle: idle.get() as usize, idle_time })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Pool::schema(schemas)
    }

    fn write(&self) -> Value {
        Pool { idle: Idle::nearest(self.idle), idle_time: self.idle_time }.write()
    }
}
