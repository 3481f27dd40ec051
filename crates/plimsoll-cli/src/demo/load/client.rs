//! The client of one side: it keeps connections, sends requests, and counts their outcomes.

use crate::demo::{
    plan::REPLICAS,
    replica::{SERVED_BY, SIDE},
    tally::{RequestOutcome, Tally},
};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpStream, time::Instant};

/// The client's timeout, longer than the total timeout of either side.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// The most requests in flight; further ones are not sent and count as lost.
const MOST: usize = 4096;
/// How long an idle connection is kept: less than the gateway keeps it.
const KEEP: Duration = Duration::from_secs(20);
/// The limit of a response's length.
const BODY: usize = 16 * 1024;

type Connection = SendRequest<Empty<Bytes>>;

pub(super) struct Client {
    side: usize,
    gateway: SocketAddr,
    tally: Arc<Tally>,
    kept: RefCell<Vec<(Connection, Instant)>>,
    under_way: Cell<usize>,
}

impl Client {
    pub(super) fn new(side: usize, gateway: SocketAddr, tally: Arc<Tally>) -> Rc<Self> {
        Rc::new(Self { side, gateway, tally, kept: RefCell::default(), under_way: Cell::new(0) })
    }

    /// Sends the `number`th request, which was due at `due`, and counts its outcome.
    pub(super) async fn ask(self: Rc<Self>, number: usize, due: Instant) {
        self.tally.sent();
        if self.under_way.get() == MOST {
            self.tally.ended(RequestOutcome::Lost, due.elapsed());
            return;
        }
        self.under_way.set(self.under_way.get() + 1);
        let asked = tokio::time::timeout(PATIENCE, self.exchange(&format!("/orders/{number}"))).await;
        self.under_way.set(self.under_way.get() - 1);
        let outcome = match asked {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => RequestOutcome::Lost,
        };
        self.tally.ended(outcome, due.elapsed());
    }

    /// Sends one request and reads its whole response.
    pub(super) async fn exchange(&self, path: &str) -> anyhow::Result<RequestOutcome> {
        let mut connection = self.connection().await?;
        let request = Request::get(path)
            .header(header::HOST, "orders.demo")
            .header(SIDE, self.side)
            .body(Empty::<Bytes>::new())?;
        let (head, body) = connection.send_request(request).await?.into_parts();
        let read = Limited::new(body, BODY).collect().await;
        if read.is_err() {
            return Ok(RequestOutcome::Lost);
        }
        if connection.ready().await.is_ok() {
            self.kept.borrow_mut().push((connection, Instant::now()));
        }
        let served_by = || head.headers.get(SERVED_BY)?.to_str().ok()?.parse().ok();
        match served_by() {
            Some(replica) if head.status == StatusCode::OK && replica < REPLICAS => {
                Ok(RequestOutcome::Good(replica))
            }
            _ => Ok(RequestOutcome::Failed),
        }
    }

    /// Returns the idle connection that was used last, or a new one.
    async fn connection(&self) -> anyhow::Result<Connection> {
        while let Some((connection, since)) = self.take() {
            if connection.is_ready() && since.elapsed() < KEEP {
                return Ok(connection);
            }
        }
        let stream = TcpStream::connect(self.gateway).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(connection);
        Ok(sender)
    }

    fn take(&self) -> Option<(Connection, Instant)> {
        self.kept.borrow_mut().pop()
    }
}
