//! The way in: connections are accepted as fast as there is room for them.

use super::{
    connection::{Ended, Manner},
    metrics::ConnectionMetrics,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use plimsoll_driver::now;
use plimsoll_task::drain::{CancellationToken, Member};
use plimsoll_telemetry::logs::Repeats;
use std::{error::Error, io, num::NonZeroU32, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tower_service::Service;

/// How long to wait when the process has no descriptors or memory left: closing ones free some.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// What ends a listener, its connections and what is left of them, in this order.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    /// No further connection is accepted.
    pub(super) closed: CancellationToken,
    /// No further request is taken.
    pub(super) quiet: CancellationToken,
    /// Whatever is left is cut off.
    pub(super) cut: CancellationToken,
    /// Counts the connections, where somebody waits for their end.
    pub(super) connections: Option<Member>,
}

/// All that connections have in common.
#[derive(Clone)]
pub(super) struct Door<S> {
    pub(super) service: S,
    pub(super) manner: Arc<Manner>,
    pub(super) metrics: ConnectionMetrics,
    pub(super) ending: Ending,
    pub(super) failures: AcceptFailures,
}

/// Failures to accept, of which one a minute and kind is a line in the log.
#[derive(Clone, Debug)]
pub(super) struct AcceptFailures(Arc<Repeats<io::ErrorKind, ()>>);

impl Default for AcceptFailures {
    fn default() -> Self {
        Self(Arc::new(Repeats::new(Duration::from_secs(60), 16)))
    }
}

impl<S, B> Door<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
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
                    Ok((stream, peer)) => self.open(stream, Some(peer), slot),
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

    fn open(
        &self,
        stream: TcpStream,
        peer: Option<std::net::SocketAddr>,
        slot: Option<OwnedSemaphorePermit>,
    ) {
        // Small answers go out at once. Where it is refused, they go out a little later.
        let _ = stream.set_nodelay(true);
        let door = self.clone();
        let busy = self.ending.connections.as_ref().map(Member::enter);
        tokio::spawn(async move {
            let _open = (door.metrics.opened(), busy);
            let Ending { quiet, cut, .. } = &door.ending;
            let ended = tokio::select! {
                ended = door.manner.serve(stream, peer, door.service, quiet) => ended,
                () = cut.cancelled() => return,
            };
            door.metrics.ended(&ended);
            if let Ended::Broken(error) = ended {
                tracing::debug!(%error, "a connection broke");
            }
            drop(slot);
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
