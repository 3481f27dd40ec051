//! The way in: connections are accepted as fast as there is room for them.

use super::{
    activity::ConnectionActivity,
    connection::{ConnectionConfig, ConnectionContext, Ended},
    limits::{Limits, WhenFull},
    metrics::ConnectionMetrics,
    slots::Slots,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use plimsoll_driver::now;
use plimsoll_task::drain::{CancellationToken, Member};
use plimsoll_telemetry::logs::Repeats;
use std::{error::Error, io, net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};
use tower_service::Service;

/// How long to wait when the process has no descriptors or memory left: closing ones free some.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// The tokens that end a listener, its connections and the rest of them, in this order.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    /// No further connection is accepted.
    pub(super) closed: CancellationToken,
    /// No further request is taken.
    pub(super) quiet: CancellationToken,
    /// Cuts off everything that is left.
    pub(super) cut: CancellationToken,
    /// Counts the connections, where somebody waits for their end.
    pub(super) connections: Option<Member>,
}

/// All that connections have in common.
#[derive(Clone)]
pub(super) struct Acceptor<S> {
    pub(super) service: S,
    pub(super) config: Arc<ConnectionConfig>,
    pub(super) metrics: ConnectionMetrics,
    pub(super) ending: Ending,
    pub(super) failures: AcceptFailures,
    /// Where connections are counted by client, or make room for others. For all listeners of the acceptor.
    pub(super) slots: Option<Arc<Slots>>,
}

/// Failures to accept, of which one a minute and kind is a line in the log.
#[derive(Clone, Debug)]
pub(super) struct AcceptFailures(Arc<Repeats<io::ErrorKind, ()>>);

impl Default for AcceptFailures {
    fn default() -> Self {
        Self(Arc::new(Repeats::new(Duration::from_secs(60), 16)))
    }
}

/// Returns the connection slots for these limits.
pub(super) fn slots(limits: &Limits) -> Option<Arc<Slots>> {
    let count = |limit: Option<NonZeroU32>| limit.map(|limit| limit.get() as usize);
    Slots::new(count(limits.connections), count(limits.connections_per_client), limits.when_full)
}

/// How many connections may be there before the next one waits in the kernel's queue.
pub(super) fn before_waiting(limits: &Limits) -> Option<NonZeroU32> {
    limits.connections.filter(|_| limits.when_full == WhenFull::Wait)
}

impl<S, B> Acceptor<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + Unpin + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Accepts until it is closed. Where `most` connections are open, the next ones wait in the kernel's queue.
    ///
    /// Cancel safe: the listener is closed; connections go on.
    pub(super) async fn accept(self, listener: TcpListener, most: Option<NonZeroU32>) {
        let slots = most.map(|most| Arc::new(Semaphore::new(most.get() as usize)));
        let closed = self.ending.closed.clone();
        let mut accepting = std::pin::pin!(async {
            loop {
                let slot = match &slots {
                    Some(slots) => Arc::clone(slots).acquire_owned().await.ok(),
                    None => None,
                };
                match listener.accept().await {
                    Ok((stream, peer)) => self.open(stream, peer, slot),
                    Err(error) => self.failed(&error).await,
                }
            }
        });
        tokio::select! {
            biased;
            () = closed.cancelled() => {}
            () = &mut accepting => {}
        }
    }

    fn open(&self, stream: TcpStream, peer: SocketAddr, permit: Option<OwnedSemaphorePermit>) {
        // An IPv4 client of a socket for both families is that IPv4 client, to handlers, limits and logs alike.
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let activity = ConnectionActivity::new(Instant::now());
        let admitted = match &self.slots {
            Some(slots) => match slots.enter(peer.ip(), &activity) {
                Ok(admitted) => Some(admitted),
                Err(_) => return self.metrics.turned_away(),
            },
            None => None,
        };
        // Small answers go out at once. Where it is refused, they go out a little later.
        let _ = stream.set_nodelay(true);
        if let Some(keep_alive) = &self.config.keep_alive {
            // Where it is refused, other limits find the client out.
            let _ = keep_alive.set(&stream);
        }
        let acceptor = self.clone();
        let busy = self.ending.connections.as_ref().map(Member::enter);
        tokio::spawn(async move {
            let Ending { quiet, cut, .. } = acceptor.ending;
            let (slot, leave) = match &admitted {
                Some(admitted) => (Some(admitted.slot.clone()), admitted.leave.clone()),
                None => (None, CancellationToken::new()),
            };
            let held = Box::new((acceptor.metrics.opened(), busy, permit, admitted));
            let context = ConnectionContext { activity, peer: Some(peer), slot, quiet, cut, leave, held };
            let ended = acceptor.config.serve(stream, context, acceptor.service).await;
            acceptor.metrics.ended(&ended);
            if let Ended::Broken(error) = ended {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }

    async fn failed(&self, error: &io::Error) {
        // The client left while it stood in the queue: nothing of ours is amiss.
        let theirs = matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
        );
        self.metrics.accept_failed();
        if !theirs {
            if let Some(repeats) = self.failures.0.seen(error.kind(), (), now()) {
                let repeats = (repeats > 0).then_some(repeats);
                tracing::warn!(%error, repeats, "no connection can be accepted");
            }
            sleep(EXHAUSTED).await;
        }
    }
}
