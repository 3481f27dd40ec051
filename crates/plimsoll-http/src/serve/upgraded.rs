//! The limits of a connection that has switched protocols, for example to WebSocket.

use plimsoll_task::drain::CancellationToken;
use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// The limits of such a connection, and who ends it.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// How long nothing may come or go.
    pub(super) idle: Option<Duration>,
    /// How long it goes on once no further request is taken.
    pub(super) drain: Option<Duration>,
    pub(super) quiet: CancellationToken,
    pub(super) cut: CancellationToken,
    /// It has to make room for another.
    pub(super) leave: CancellationToken,
}

impl Rules {
    /// Waits until somebody ends it.
    async fn ended(self) {
        let drained = async {
            self.quiet.cancelled().await;
            match self.drain {
                Some(time) => sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = drained => {}
            () = self.cut.cancelled() => {}
            () = self.leave.cancelled() => {}
        }
    }
}

/// A connection that has switched protocols, as its socket sees it.
pub(super) struct Upgraded {
    idle: Option<Duration>,
    moved: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    ended: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
}

impl Upgraded {
    pub(super) fn new(rules: &Rules) -> Self {
        Self { idle: rules.idle, moved: Instant::now(), timer: None, ended: Box::pin(rules.clone().ended()) }
    }

    /// Bytes have come or gone.
    pub(super) fn moved(&mut self) {
        self.moved = Instant::now();
    }

    /// There is nothing to read. Ready once the connection is to end.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.ended.as_mut().poll(cx).is_ready() {
            return Poll::Ready(io::Error::new(io::ErrorKind::ConnectionAborted, "the server goes down"));
        }
        let Some(idle) = self.idle else { return Poll::Pending };
        let until = self.moved + idle;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        timer
            .as_mut()
            .poll(cx)
            .map(|()| io::Error::new(io::ErrorKind::TimedOut, "nothing has come or gone for too long"))
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").field("idle", &self.idle).finish_non_exhaustive()
    }
}
