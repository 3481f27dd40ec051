//! A connection's socket: it tells when bytes come, and gives up on a client that does not take what is sent.

use super::{
    activity::ConnectionActivity,
    first_line::FirstLine,
    upgraded::{Rules, Upgraded},
};
use pin_project_lite::pin_project;
use std::{
    any::Any,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

pin_project! {
    pub(super) struct Watched<I> {
        #[pin]
        inner: I,
        activity: Arc<ConnectionActivity>,
        stall: Option<Duration>,
        // Boxed, for what hyper reads and writes must be movable; made at the first write that has to wait.
        waits: Option<Pin<Box<Sleep>>>,
        stalled: bool,
        rules: Rules,
        // Once it has switched protocols.
        upgraded: Option<Box<Upgraded>>,
        first: FirstLine,
        // What counts the connection, for as long as its socket is open: it may outlive the server's part in it.
        _held: Box<dyn Any + Send + Sync>,
    }
}

impl<I> Watched<I> {
    pub(super) fn new(
        inner: I,
        activity: Arc<ConnectionActivity>,
        stall: Option<Duration>,
        rules: Rules,
        held: Box<dyn Any + Send + Sync>,
    ) -> Self {
        Self {
            inner,
            activity,
            stall,
            waits: None,
            stalled: false,
            rules,
            upgraded: None,
            first: FirstLine::default(),
            _held: held,
        }
    }
}

impl<I: AsyncRead> AsyncRead for Watched<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buf.filled().len();
        let polled = this.inner.poll_read(cx, buf);
        if this.activity.has_switched() {
            let upgraded = this.upgraded.get_or_insert_with(|| Box::new(Upgraded::new(this.rules)));
            return match polled {
                Poll::Ready(_) => {
                    upgraded.moved();
                    polled
                }
                Poll::Pending => upgraded.poll_end(cx).map(Err),
            };
        }
        let read = ready!(polled);
        if this.first.has_no_target(&buf.filled()[before..]) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "neither HTTP/1 nor HTTP/2")));
        }
        if buf.filled().len() > before && !this.activity.is_busy() {
            let now = Instant::now();
            this.activity.heard(now);
            carried(this.activity, &buf.filled()[before..], now);
        }
        Poll::Ready(read)
    }
}

/// A frame that asks whether the peer is there, or says so: its head, then 8 bytes.
const PING: ([u8; 4], usize) = ([0, 0, 8, 6], 17);

/// Bytes have come or gone: where streams have become something else, those that are no more than pings are nothing that
/// they carry.
fn carried(activity: &ConnectionActivity, bytes: &[u8], now: Instant) {
    let (head, length) = PING;
    let pings =
        || bytes.len().is_multiple_of(length) && bytes.chunks(length).all(|frame| frame.starts_with(&head));
    if activity.is_tunnel() && !pings() {
        activity.carries(now);
    }
}

/// Passes on what a write came to; where it has to wait, not for longer than the limit.
fn within<T>(
    written: Poll<io::Result<T>>,
    stall: Option<Duration>,
    waits: &mut Option<Pin<Box<Sleep>>>,
    stalled: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<io::Result<T>> {
    if written.is_ready() {
        *stalled = false;
        return written;
    }
    let Some(limit) = stall else { return Poll::Pending };
    let timer = waits.get_or_insert_with(|| Box::pin(sleep(limit)));
    if !*stalled {
        *stalled = true;
        timer.as_mut().reset(Instant::now() + limit);
    }
    ready!(timer.as_mut().poll(cx));
    Poll::Ready(Err(takes_nothing()))
}

/// The end of a connection whose client has taken nothing for too long.
pub(super) fn takes_nothing() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing of what is sent")
}

impl<I: AsyncWrite> AsyncWrite for Watched<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        if let Some(upgraded) = this.upgraded {
            upgraded.moved();
        } else if this.activity.is_tunnel() {
            carried(this.activity, buf, Instant::now());
        }
        within(this.inner.poll_write(cx, buf), *this.stall, this.waits, this.stalled, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        if let Some(upgraded) = this.upgraded {
            upgraded.moved();
        } else if this.activity.is_tunnel() {
            for buf in bufs {
                carried(this.activity, buf, Instant::now());
            }
        }
        within(this.inner.poll_write_vectored(cx, bufs), *this.stall, this.waits, this.stalled, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        within(this.inner.poll_flush(cx), *this.stall, this.waits, this.stalled, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        within(this.inner.poll_shutdown(cx), *this.stall, this.waits, this.stalled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_task::drain::CancellationToken;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (ours, mut theirs) = duplex(8);
        let never = CancellationToken::new;
        let rules = Rules { idle: None, drain: None, quiet: never(), cut: never(), leave: never() };
        let activity = ConnectionActivity::new(Instant::now());
        let mut ours = Watched::new(ours, activity, Some(Duration::from_secs(30)), rules, Box::new(()));
        ours.write_all(b"12345678").await.unwrap();
        // It takes a little every 20 seconds: slow, and alive.
        let slow = tokio::spawn(async move {
            for _ in 0..4 {
                sleep(Duration::from_secs(20)).await;
                theirs.read_exact(&mut [0; 4]).await.unwrap();
            }
            theirs
        });
        ours.write_all(b"0123456789abcdef").await.unwrap();
        let _theirs = slow.await.unwrap();
        let before = Instant::now();
        let error = ours.write_all(b"0123456789abcdef").await.unwrap_err();
        assert_eq!((error.kind(), before.elapsed().as_secs()), (io::ErrorKind::TimedOut, 30));
    }
}
