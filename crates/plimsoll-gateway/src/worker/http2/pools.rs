//! Connections to endpoints.

use super::{KEEP_ALIVE, Local};
use crate::{
    proxy::{Fault, Upload},
    upstream::{Endpoint, Upstream},
};
use hyper::client::conn::http2 as client;
use hyper_util::rt::{TokioIo, TokioTimer};
use plimsoll::http::dial::Dialer;
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    net::IpAddr,
    rc::Rc,
};
use tokio::sync::Mutex;

/// What h2 itself takes of an answer's head. Above it the stream ends as if the endpoint had broken the protocol, so it
/// lies well above what is taken of a head, which is asked of each answer.
const HEAD: u32 = 256 * 1024;

type Sender = client::SendRequest<Upload>;

/// A worker's HTTP/2 connections to endpoints: one each, many requests at once.
#[derive(Debug, Default)]
pub(crate) struct Http2Pools {
    by_endpoint: RefCell<HashMap<u64, Rc<Slot>, ahash::RandomState>>,
}

/// An endpoint's place: its connection, and who is making it. Whoever comes meanwhile waits for that one.
#[derive(Debug, Default)]
struct Slot {
    sender: RefCell<Option<Sender>>,
    /// Where the connection goes.
    peer: Cell<Option<IpAddr>>,
    dialling: Mutex<()>,
}

impl Slot {
    async fn kept(&self) -> Option<Sender> {
        let mut sender = self.sender.borrow().clone().filter(|sender| !sender.is_closed())?;
        sender.ready().await.is_ok().then_some(sender)
    }

    fn is_used(&self) -> bool {
        let open = self.sender.borrow().as_ref().is_some_and(|sender| !sender.is_closed());
        open || self.dialling.try_lock().is_err()
    }
}

impl Http2Pools {
    /// A sender on the endpoint's connection, which is made if there is none.
    pub(crate) async fn sender(
        &self,
        dialer: &Dialer,
        upstream: &Upstream,
        endpoint: &Endpoint,
    ) -> Result<Sender, Fault> {
        let slot = Rc::clone(self.by_endpoint.borrow_mut().entry(endpoint.id).or_default());
        if let Some(sender) = slot.kept().await {
            return Ok(sender);
        }
        let _dialling = slot.dialling.lock().await;
        if let Some(sender) = slot.kept().await {
            return Ok(sender);
        }
        let connected = crate::proxy::dial(dialer, &endpoint.address).await;
        let stream =
            connected.inspect_err(|_| upstream.metrics.connect_failed.inc()).map_err(Fault::Connect)?;
        slot.peer.set(stream.peer_addr().ok().map(|peer| peer.ip()));
        let handshake = client::Builder::new(Local)
            .timer(TokioTimer::new())
            .max_header_list_size(HEAD)
            .keep_alive_interval(KEEP_ALIVE.0)
            .keep_alive_timeout(KEEP_ALIVE.1)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, connection) = handshake.map_err(|error| Fault::Connect(io::Error::other(error)))?;
        upstream.metrics.connected.inc();
        tokio::task::spawn_local(connection);
        *slot.sender.borrow_mut() = Some(sender.clone());
        Ok(sender)
    }

    /// Forgets closed connections, those of endpoints that are not among `live` any more, and those to addresses that
    /// are not among the endpoint's any more, where these are known. What is under way on them ends first.
    pub(crate) fn sweep(&self, live: impl Fn(u64) -> bool, addresses: impl Fn(u64) -> Option<Vec<IpAddr>>) {
        self.by_endpoint.borrow_mut().retain(|endpoint, slot| {
            if let (Some(peer), Some(addresses)) = (slot.peer.get(), addresses(*endpoint))
                && !addresses.contains(&peer)
            {
                slot.sender.borrow_mut().take();
            }
            live(*endpoint) && slot.is_used()
        });
    }
}
