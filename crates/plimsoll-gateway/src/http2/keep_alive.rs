//! Pings of a connection that is silent.

use super::Wire;
use h2::{Ping, PingPong};
use plimsoll::{
    driver::{Alarm, Time},
    http::http2::PING_TIMEOUT,
    policy::Instant,
};
use std::{
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

/// Asks a peer of which nothing has been read for a while whether it is there.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    pings: PingPong,
    every: Duration,
    wire: Rc<Wire>,
    time: Time,
    /// Bytes read so far, and when the last of them were seen.
    read: u64,
    since: Instant,
    /// When the ping was sent that has not been answered.
    asked: Option<Instant>,
    alarm: Alarm,
}

impl KeepAlive {
    /// Of a connection over this wire, from now on.
    pub(crate) fn new(pings: PingPong, every: Duration, wire: Rc<Wire>, time: Time) -> Self {
        let (read, since) = (wire.read(), time.now());
        Self { pings, every, wire, time, read, since, asked: None, alarm: Alarm::default() }
    }

    /// Ready once the peer has left a ping unanswered for too long. To be called whenever the connection is polled, and
    /// before it; no ping is sent while it is `idle`.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, idle: bool) -> Poll<()> {
        if self.wire.read() != self.read {
            self.read = self.wire.read();
            self.since = self.time.now();
        }
        if self.asked.is_some() && self.pings.poll_pong(cx).is_ready() {
            self.asked = None;
        }
        loop {
            let until = self.asked.map_or(self.since + self.every, |asked| asked + PING_TIMEOUT);
            if self.alarm.poll(cx, &self.time, until).is_pending() {
                return Poll::Pending;
            }
            if self.asked.is_some() {
                return Poll::Ready(());
            }
            if idle || self.pings.send_ping(Ping::opaque()).is_err() {
                // Looked at again when as much time has passed.
                self.since = self.time.now();
            } else {
                self.asked = Some(self.time.now());
                // Registers for the answer.
                if self.pings.poll_pong(cx).is_ready() {
                    self.asked = None;
                }
            }
        }
    }
}
