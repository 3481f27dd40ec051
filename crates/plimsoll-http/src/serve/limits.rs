//! How much a server takes on.

use crate::{
    KeepAlive,
    body::ByteLimit,
    inbound::{ArrivalLimits, DeadlineRules},
};
use plimsoll_policy::{
    bulkhead::BulkheadSpec,
    rate::RateLimitSpec,
    shed::ShedSpec,
    units::{Burst, Rate},
};
use std::{num::NonZeroU32, time::Duration};

/// A time that can be waited for: from a millisecond to a day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TimeLimit(Duration);

/// A time of which a limit makes no sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected a time from a millisecond to a day, found {0:?}")]
pub struct TimeLimitError(Duration);

impl TimeLimit {
    const LEAST: Duration = Duration::from_millis(1);
    const MOST: Duration = Duration::from_secs(24 * 3600);

    /// So many seconds, taken as at least one and at most a day.
    pub const fn seconds(seconds: u32) -> Self {
        let seconds = if seconds == 0 { 1 } else { seconds };
        Self(Duration::from_secs(if seconds > 24 * 3600 { 24 * 3600 } else { seconds as u64 }))
    }

    /// The time.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl TryFrom<Duration> for TimeLimit {
    type Error = TimeLimitError;

    fn try_from(time: Duration) -> Result<Self, TimeLimitError> {
        if (Self::LEAST..=Self::MOST).contains(&time) { Ok(Self(time)) } else { Err(TimeLimitError(time)) }
    }
}

/// The room for a request's head, in bytes: from 8 KiB to 1 MiB.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HeadRoom(u32);

/// A room that is too small for any head, or too large for a defence.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected 8192 to 1048576 bytes for a head, found {0}")]
pub struct HeadRoomError(u32);

impl HeadRoom {
    /// In bytes.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for HeadRoom {
    type Error = HeadRoomError;

    fn try_from(bytes: u32) -> Result<Self, HeadRoomError> {
        if (8192..=1 << 20).contains(&bytes) { Ok(Self(bytes)) } else { Err(HeadRoomError(bytes)) }
    }
}

/// The window of one stream of HTTP/2, in bytes: from 16 KiB to 16 MiB.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct StreamWindow(u32);

/// A window that is too small for a frame, or too large for a server with many clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected 16384 to 16777216 bytes for a stream's window, found {0}")]
pub struct StreamWindowError(u32);

impl StreamWindow {
    /// In bytes.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for StreamWindow {
    type Error = StreamWindowError;

    fn try_from(bytes: u32) -> Result<Self, StreamWindowError> {
        if (16 << 10..=16 << 20).contains(&bytes) { Ok(Self(bytes)) } else { Err(StreamWindowError(bytes)) }
    }
}

/// The handling of a new connection when all slots are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WhenFull {
    /// Nobody is turned away: it waits in the kernel's queue.
    #[default]
    Wait,
    /// The oldest connection that has no request under way and has not shown the admin's token is closed for it; where
    /// there is none, it is closed itself. Of a client that has its own [places](Limits::connections_per_client) taken, it
    /// is the client's own oldest. For addresses at which strangers must not keep others out.
    MakeRoom,
}

/// The limits of a server. All are on by default; `None` switches one off.
///
/// ```
/// use plimsoll_http::serve::{Limits, TimeLimit};
///
/// let limits = Limits {
///     total: Some(TimeLimit::seconds(10)), // shorter than the default
///     shedding: None,                      // off
///     ..Limits::default()
/// };
/// # let _ = limits;
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Limits {
    /// Connections at once. 10 000.
    pub connections: Option<NonZeroU32>,
    /// The handling of the next one when all are there. It waits.
    pub when_full: WhenFull,
    /// Connections at once of one client, by its address or, over IPv6, its /64; more are closed at once. Behind a proxy
    /// all clients are that proxy. No limit.
    pub connections_per_client: Option<NonZeroU32>,
    /// Probes by which a client that is gone is found while nothing moves. After 30 s, six of them 10 s apart.
    pub keep_alive: Option<KeepAlive>,
    /// For a request's head to arrive: from its first byte, on a new connection from the beginning. 10 s.
    pub head_time: Option<TimeLimit>,
    /// For a connection to be without a request. 60 s.
    pub idle: Option<TimeLimit>,
    /// For a client not to take what is sent to it: a connection ends by it, and over HTTP/2 also a single stream. 30 s.
    pub stall: Option<TimeLimit>,
    /// For nothing to come or go on a connection that has switched protocols, WebSocket's for example. 5 min.
    pub upgraded_idle: Option<TimeLimit>,
    /// For such a connection to go on once no further request is taken; without it, as long as the drain lets. 10 s.
    pub upgraded_drain: Option<TimeLimit>,
    /// The fields of a head, in bytes. 32 KiB.
    pub head_room: HeadRoom,
    /// The fields of a head. 100.
    pub head_fields: NonZeroU32,
    /// Streams at once on one connection of HTTP/2. 200.
    pub streams: NonZeroU32,
    /// The bytes that a client may send ahead on one HTTP/2 stream. The window of the connection is as large as those
    /// of all its [`streams`](Self::streams), at most 2 GiB: one whose bytes are not read holds up no other. 128 KiB.
    pub window: StreamWindow,
    /// For a client of HTTP/2 to be silent before it is asked whether it is there; it has 20 s to say so. A connection
    /// without streams is closed by [`idle`](Self::idle): while that is shorter, it is not asked. 2 min.
    pub ping: Option<TimeLimit>,
    /// The size of a request's body. 2 MiB. Extractors, axum's and [`body`](crate::body)'s, go by it too; a route can set
    /// a smaller one for itself.
    pub body_size: Option<ByteLimit>,
    /// For nothing of a body to arrive while it is waited for; not in gRPC, where a stream may be quiet. 10 s.
    pub body_idle: Option<TimeLimit>,
    /// For a body to arrive as a whole. 60 s.
    pub body_time: Option<TimeLimit>,
    /// From a request's head to its response's last byte; callers can ask for less. 30 s.
    pub total: Option<TimeLimit>,
    /// How fast one client may ask; beyond it is refused, whatever the spec's shape. 1000 in a second, 2000 at once.
    pub client_rate: Option<RateLimitSpec>,
    /// Bytes of responses that clients have not taken, over all connections. Beyond, a response that has any unsent gets
    /// its next part only when they are gone, and a client of HTTP/2 that takes nothing has a quarter of
    /// [`stall`](Self::stall). 128 MiB.
    pub unsent: Option<ByteLimit>,
    /// Requests of one client at once; a request counts until its client has taken the response. 256.
    pub client_in_flight: Option<NonZeroU32>,
    /// Requests at once, and the line before them. A request counts until its client has taken the response, so a stream
    /// counts for as long as it is open; a WebSocket does not. Uploads that the app does not read take at most
    /// [`window`](Self::window) bytes for each of these. 1024, 256 in line for at most 100 ms.
    pub in_flight: Option<BulkheadSpec>,
    /// Shedding while queues are standing: the runtime's, and the line before [`in_flight`](Self::in_flight). 20 ms over
    /// 100 ms.
    pub shedding: Option<ShedSpec>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: NonZeroU32::new(10_000),
            when_full: WhenFull::Wait,
            connections_per_client: None,
            keep_alive: Some(KeepAlive::default()),
            head_time: Some(TimeLimit::seconds(10)),
            idle: Some(TimeLimit::seconds(60)),
            stall: Some(TimeLimit::seconds(30)),
            upgraded_idle: Some(TimeLimit::seconds(300)),
            upgraded_drain: Some(TimeLimit::seconds(10)),
            head_room: HeadRoom(32 * 1024),
            head_fields: const { NonZeroU32::new(100).unwrap() },
            streams: const { NonZeroU32::new(200).unwrap() },
            window: StreamWindow(128 * 1024),
            ping: Some(TimeLimit::seconds(120)),
            body_size: Some(ByteLimit::DEFAULT),
            body_idle: Some(TimeLimit::seconds(10)),
            body_time: Some(TimeLimit::seconds(60)),
            total: Some(TimeLimit::seconds(30)),
            client_rate: client_rate(),
            unsent: Some(ByteLimit::kib(128 * 1024)),
            client_in_flight: NonZeroU32::new(256),
            in_flight: Some(BulkheadSpec::default()),
            shedding: Some(ShedSpec {
                // Above what the system's own scheduler does to a healthy process.
                target: Duration::from_millis(20),
                interval: Duration::from_millis(100),
            }),
        }
    }
}

fn client_rate() -> Option<RateLimitSpec> {
    let rate = Rate::per_second_of(1000).ok()?;
    let burst = Burst::try_from(2000).ok()?;
    Some(RateLimitSpec { burst, ..RateLimitSpec::new(rate) })
}

impl Limits {
    pub(super) fn body(&self) -> ArrivalLimits {
        let time = |limit: Option<TimeLimit>| limit.map(TimeLimit::get);
        let size = self.body_size.map(|limit| limit.get() as u64);
        ArrivalLimits { size, idle: time(self.body_idle), total: time(self.body_time) }
    }

    pub(super) fn deadline(&self, rules: &DeadlineRules) -> DeadlineRules {
        DeadlineRules { total: self.total.map(TimeLimit::get), ..rules.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_no_limit() {
        assert!(TimeLimit::try_from(Duration::ZERO).is_err());
        assert!(TimeLimit::try_from(Duration::from_secs(86_401)).is_err());
        assert_eq!(TimeLimit::try_from(Duration::from_millis(1)).unwrap().get(), Duration::from_millis(1));
        assert_eq!(TimeLimit::seconds(0).get(), Duration::from_secs(1));
        assert_eq!(TimeLimit::seconds(u32::MAX).get(), Duration::from_secs(86_400));
        assert!(StreamWindow::try_from(100).is_err() && StreamWindow::try_from(1 << 25).is_err());
        assert!(HeadRoom::try_from(100).is_err() && HeadRoom::try_from(1 << 21).is_err());
    }

    #[test]
    fn everything_is_on_unless_switched_off() {
        let Limits { connections, head_time, idle, stall, body_size, body_idle, body_time, total, .. } =
            Limits::default();
        assert!(connections.is_some() && head_time.is_some() && idle.is_some() && stall.is_some());
        assert!(body_size.is_some() && body_idle.is_some() && body_time.is_some() && total.is_some());
        let Limits { client_rate, client_in_flight, in_flight, shedding, .. } = Limits::default();
        assert!(
            client_rate.is_some() && client_in_flight.is_some() && in_flight.is_some() && shedding.is_some()
        );
    }
}
