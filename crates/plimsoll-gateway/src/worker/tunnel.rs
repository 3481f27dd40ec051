//! Both sides after a switch of protocols: bytes, either way, until both have ended or a limit ends them.

use super::state::Worker;
use crate::{
    access_log::Entry,
    h1::ReadBuffer,
    metrics::{TunnelEnd, TunnelMetrics},
    proxy::{Alarm, Tunnel},
    route::InFlight,
    why::Why,
};
use bytes::Bytes;
use plimsoll::policy::Instant;
use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{io::AsyncWrite, net::TcpStream};

/// The word for the access log, unless both sides were done.
const fn why(end: TunnelEnd) -> Option<Why> {
    match end {
        TunnelEnd::Closed => None,
        TunnelEnd::Broken => Some(Why::TunnelBroken),
        TunnelEnd::Idle => Some(Why::TunnelIdle),
        TunnelEnd::Stalled => Some(Why::TunnelStalled),
        TunnelEnd::Drained => Some(Why::Drained),
    }
}

/// Carries bytes between client and endpoint. Outlives the request's deadline, and has limits of its own. The request is
/// under way until the end: on its route, in its policy's bulkhead and at its endpoint. Its line in the access log is written
/// then.
pub(super) async fn carry(
    worker: &Rc<Worker>,
    mut client: TcpStream,
    read: Bytes,
    tunnel: Tunnel,
    route: Option<InFlight>,
    entry: Option<Box<Entry>>,
) {
    let Tunnel { mut io, leftover, mut switched } = tunnel;
    let open = route.as_ref().map(|route| Open::on(&route.metrics.tunnels));
    let mut ways = [Way::new(&read), Way::new(&leftover)];
    drop((read, leftover));
    let limits = Limits::of(worker);
    let mut timer = TunnelTimer { limits, moved: worker.now(), drained: Instant::FAR };
    let (mut alarm, mut draining) = (Alarm::default(), pin!(worker.drain.begun()));
    let end = poll_fn(|cx| {
        let before = ways[0].carried + ways[1].carried;
        let [up, down] = &mut ways;
        let up = up.poll(cx, &mut client, &mut io);
        let down = down.poll(cx, &mut io, &mut client);
        let now = worker.now();
        if let Some(entry) = &entry {
            let [to_endpoint, to_client] = &ways;
            entry.carried(to_client.carried, to_endpoint.carried);
        }
        if let Some(Open(metrics)) = &open {
            count(metrics, &mut ways);
        }
        match (up, down) {
            (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => return Poll::Ready(TunnelEnd::Broken),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(TunnelEnd::Closed),
            _ => {}
        }
        if ways[0].carried + ways[1].carried != before {
            timer.moved = now;
        }
        for way in &mut ways {
            way.note(now);
        }
        if timer.drained == Instant::FAR && draining.as_mut().poll(cx).is_ready() {
            timer.drained = now + worker.shared.snapshot.load().spec.tunnels.drain_time;
        }
        let (until, end) = timer.next(&ways);
        alarm.poll(cx, worker.time(), until).map(|()| end)
    })
    .await;
    if let Some(Open(metrics)) = &open {
        metrics.ended(end);
    }
    if let Some(entry) = entry {
        entry.tunnel_ended(why(end));
    }
    switched.ended(end == TunnelEnd::Closed);
}

/// A tunnel that counts as open until this is dropped.
struct Open<'m>(&'m TunnelMetrics);

impl<'m> Open<'m> {
    fn on(metrics: &'m TunnelMetrics) -> Self {
        metrics.open.inc();
        Self(metrics)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.dec();
    }
}

/// Counts the bytes that moved since the last call.
fn count(metrics: &TunnelMetrics, ways: &mut [Way; 2]) {
    let [up, down] = ways;
    metrics.to_endpoint.add(up.uncounted());
    metrics.to_client.add(down.uncounted());
}

/// The limits that hold for a tunnel, which are those of its beginning.
#[derive(Clone, Copy)]
struct Limits {
    idle: Option<Duration>,
    write: Duration,
}

impl Limits {
    fn of(worker: &Worker) -> Self {
        let spec = &worker.shared.snapshot.load().spec;
        Self { idle: spec.tunnels.idle_time, write: spec.limits.write_time }
    }
}

/// When a tunnel is to end if nothing happens.
struct TunnelTimer {
    limits: Limits,
    /// When something last moved, either way.
    moved: Instant,
    /// When its time is over in a drain.
    drained: Instant,
}

impl TunnelTimer {
    fn next(&self, ways: &[Way; 2]) -> (Instant, TunnelEnd) {
        let idle = self.limits.idle.map_or(Instant::FAR, |idle| self.moved + idle);
        let mut next = (idle, TunnelEnd::Idle);
        let stalled = ways.iter().filter_map(|way| way.stuck).map(|since| since + self.limits.write);
        let others = stalled.map(|at| (at, TunnelEnd::Stalled)).chain([(self.drained, TunnelEnd::Drained)]);
        for other in others {
            if other.0 < next.0 {
                next = other;
            }
        }
        next
    }
}

/// One direction. Holds memory only while bytes wait in it.
struct Way {
    buffer: ReadBuffer,
    /// The side that is read has ended.
    ended: bool,
    /// The other side has been told.
    done: bool,
    /// Bytes carried so far, and how many of them have been counted.
    carried: u64,
    counted: u64,
    /// The last write found no room, and since when it is so.
    blocked: bool,
    stuck: Option<Instant>,
}

impl Way {
    /// With bytes that have been read already.
    fn new(read: &[u8]) -> Self {
        let buffer = ReadBuffer::from_slice(read);
        Self { buffer, ended: false, done: false, carried: 0, counted: 0, blocked: false, stuck: None }
    }

    /// Ready once all has been carried and the end has been told, or a side has broken.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut TcpStream,
        to: &mut TcpStream,
    ) -> Poll<io::Result<()>> {
        if self.done {
            return Poll::Ready(Ok(()));
        }
        loop {
            while !self.buffer.is_empty() {
                match Pin::new(&mut *to).poll_write(cx, self.buffer.as_slice()) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(written)) => {
                        self.buffer.skip(written);
                        self.carried += written as u64;
                        // The time begins anew.
                        (self.blocked, self.stuck) = (false, None);
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {
                        self.blocked = true;
                        return Poll::Pending;
                    }
                }
            }
            if self.ended {
                ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                self.done = true;
                return Poll::Ready(Ok(()));
            }
            self.ended = ready!(self.buffer.poll_fill(from, cx))? == 0;
        }
    }

    /// Remembers since when it is stuck, if it is.
    fn note(&mut self, now: Instant) {
        if self.blocked {
            self.stuck.get_or_insert(now);
        }
    }

    fn uncounted(&mut self) -> u64 {
        self.carried - std::mem::replace(&mut self.counted, self.carried)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn at(time: u64) -> Instant {
        Instant::ORIGIN + secs(time)
    }

    fn ways(stuck: [Option<u64>; 2]) -> [Way; 2] {
        stuck.map(|since| Way { stuck: since.map(at), ..Way::new(&[]) })
    }

    #[test]
    fn whichever_limit_is_over_first_ends_it() {
        let limits = Limits { idle: Some(secs(100)), write: secs(30) };
        let mut timer = TunnelTimer { limits, moved: at(10), drained: Instant::FAR };
        assert_eq!(timer.next(&ways([None, None])), (at(110), TunnelEnd::Idle));
        // One way is stuck while the other moves on.
        timer.moved = at(1000);
        assert_eq!(timer.next(&ways([None, Some(990)])), (at(1020), TunnelEnd::Stalled));
        assert_eq!(timer.next(&ways([Some(995), Some(990)])), (at(1020), TunnelEnd::Stalled));
        timer.drained = at(1005);
        assert_eq!(timer.next(&ways([Some(995), Some(990)])), (at(1005), TunnelEnd::Drained));
    }

    #[test]
    fn without_an_idle_limit_nothing_ends_a_silent_one() {
        let limits = Limits { idle: None, write: secs(30) };
        let timer = TunnelTimer { limits, moved: at(10), drained: Instant::FAR };
        assert_eq!(timer.next(&ways([None, None])).0, Instant::FAR);
    }
}
