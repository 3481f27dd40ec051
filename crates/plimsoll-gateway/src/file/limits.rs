//! `[limits]`.

use super::amount::{Bytes, Count};
use crate::spec::LimitsSpec;
use plimsoll::config::{Node, Reader, Rules, Schemas, Section, Shape, Size, section};
use serde_json::Value;
use std::{borrow::Cow, num::NonZeroU64, time::Duration};

type Head = Bytes<1024, { 1 << 20 }>;
type Fields = Count<1, 128>;
type Target = Bytes<64, { 1 << 20 }>;
type Trailers = Bytes<1024, { 128 << 10 }>;
type Body = Bytes<1, { u64::MAX }>;
type Rate = Bytes<1, { 1 << 30 }>;
type Connections = Count<1, { u32::MAX }>;
type Streams = Count<1, 65_535>;
/// The most that HTTP/2 knows is one byte less than 2 GiB.
pub(super) type Window = Bytes<{ 16 << 10 }, { (1 << 31) - 1 }>;
type Unsent = Bytes<{ 1 << 20 }, { u64::MAX }>;
type Replay = Bytes<0, { 64 << 20 }>;

section! {
    /// Limits of clients: sizes and times.
    pub(super) struct Limits {
        /// Bytes of a request's head; above it 431.
        head: Head = Limits::default().head,
        /// Header fields of a request; above it 431.
        fields: Fields = Limits::default().fields,
        /// Bytes of a request's target; above it 414. Left out, never above `head`.
        target: Target = Limits::default().target,
        /// Bytes of the trailers behind a request's body; above it 431.
        trailers: Trailers = Limits::default().trailers,
        /// Bytes of a request's body; above it 413.
        body: Body = Limits::default().body,
        /// From a request's first byte to the end of its head; above it 408.
        head_time: Duration = Limits::default().head_time,
        /// How long a kept connection may wait for its next request.
        idle_time: Duration = Limits::default().idle_time,
        /// How long a client may take nothing of a response.
        write_time: Duration = Limits::default().write_time,
        /// How long a client may send nothing of a request's body while it is waited for; above it 408.
        body_time: Duration = Limits::default().body_time,
        /// Bytes a second that a client must at least send or take, averaged over the time that it is waited for beyond 10 s.
        /// Too slow an upload gets 408, too slow a download broken off.
        min_rate: Option<Rate> = Limits::default().min_rate,
        /// Connections in all.
        connections: Connections = Limits::default().connections,
        /// Connections of one client: an IPv4 address, or the /64 of an IPv6 address. Left out, never above `connections`.
        per_client: Connections = Limits::default().per_client,
        /// Streams at once on one HTTP/2 connection.
        streams: Streams = Limits::default().streams,
        /// Bytes that a client may send ahead on one HTTP/2 stream. The connection's own window is as large as those of all
        /// its streams together, at most 2 GiB.
        window: Window = Limits::default().window,
        /// Bytes of responses, in all, that HTTP/2 clients have not taken. Above it no response is read ahead, and connections
        /// that take nothing are closed before `write-time`.
        unsent: Unsent = Limits::default().unsent,
        /// For how long an HTTP/2 client may be silent before it is asked whether it is there; it has 20 s to say so. A
        /// connection without streams is closed by `idle-time`; it is not asked while that is shorter.
        ping: Option<Duration> = Limits::default().ping,
        /// Bytes of a request's body that are kept for sending it again. A longer body is sent once; 0 keeps none.
        replay: Replay = Limits::default().replay,
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::from(&LimitsSpec::default())
    }
}

impl Rules for Limits {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        if self.target.get() > self.head.get() {
            if section.given(&["target"]) {
                let sizes = [("target", self.target.get()), ("head", self.head.get())];
                above(section, sizes.map(|(key, bytes)| (key, Size::of_bytes(bytes).to_string())));
            } else {
                self.target = Target::nearest(self.head.get());
            }
        }
        if self.per_client > self.connections {
            if section.given(&["per-client"]) {
                let counts = [("per-client", self.per_client), ("connections", self.connections)];
                above(section, counts.map(|(key, count)| (key, count.get().to_string())));
            } else {
                self.per_client = self.connections;
            }
        }
        within_2_gib(section, "streams", self.streams.get(), &mut self.window);
    }
}

/// All streams together share the window of their connection.
pub(super) fn within_2_gib(
    section: &mut Section<'_, '_>,
    streams_key: &'static str,
    streams: u32,
    window: &mut Window,
) {
    let most = ((1 << 31) - 1) / u64::from(streams.max(1));
    if window.get() <= most {
        return;
    }
    if !section.given(&["window"]) {
        *window = Window::nearest(most);
        return;
    }
    let problem = format!(
        "{} for each of {streams} streams is more than the 2 GiB that HTTP/2 allows a connection",
        section.shown(&["window"], Size::of_bytes(window.get())),
    );
    let expected =
        format!("at most {:?}, or fewer {streams_key:?}", Size::of_bytes(most >> 10 << 10).to_string());
    let fault = section.fault(&["window"], problem).expecting(expected);
    section.push(fault);
}

/// A fault at a limit that could never be reached, since another holds before.
fn above(section: &mut Section<'_, '_>, [limit, bound]: [(&str, String); 2]) {
    let default = if section.given(&[bound.0]) { "" } else { " (the default)" };
    let shown = section.shown(&[limit.0], &limit.1);
    let problem =
        format!("{shown} is above {:?}, which is {}{default}", bound.0, section.shown(&[bound.0], &bound.1));
    let fault = section.fault(&[limit.0], problem).expecting(format!("at most {:?}", bound.0));
    section.push(fault);
}

impl From<&LimitsSpec> for Limits {
    fn from(spec: &LimitsSpec) -> Self {
        Self {
            head: Head::nearest(spec.head as u64),
            fields: Fields::nearest(spec.fields),
            target: Target::nearest(spec.target as u64),
            trailers: Trailers::nearest(spec.trailers as u64),
            body: Body::nearest(spec.body),
            head_time: spec.head_time,
            idle_time: spec.idle_time,
            write_time: spec.write_time,
            body_time: spec.body_time,
            min_rate: spec.min_rate.map(|rate| Rate::nearest(rate.get())),
            connections: Connections::nearest(spec.connections),
            per_client: Connections::nearest(spec.per_client),
            streams: Streams::nearest(spec.streams as usize),
            window: Window::nearest(spec.window.into()),
            unsent: Unsent::nearest(spec.unsent),
            ping: spec.ping,
            replay: Replay::nearest(spec.replay as u64),
        }
    }
}

impl From<Limits> for LimitsSpec {
    fn from(written: Limits) -> Self {
        Self {
            head: written.head.get() as usize,
            fields: written.fields.get() as usize,
            target: written.target.get() as usize,
            trailers: written.trailers.get() as usize,
            body: written.body.get(),
            head_time: written.head_time,
            idle_time: written.idle_time,
            write_time: written.write_time,
            body_time: written.body_time,
            min_rate: written.min_rate.and_then(|rate| NonZeroU64::new(rate.get())),
            connections: written.connections.get() as usize,
            per_client: written.per_client.get() as usize,
            streams: written.streams.get(),
            window: written.window.get() as u32,
            unsent: written.unsent.get(),
            ping: written.ping,
            replay: written.replay.get() as usize,
        }
    }
}

impl Shape for LimitsSpec {
    fn expected() -> Cow<'static, str> {
        Limits::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        Limits::read(node, reader).map(Self::from)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Limits::schema(schemas)
    }

    fn write(&self) -> Value {
        Limits::from(self).write()
    }
}
