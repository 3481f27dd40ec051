//! The engine alone: one thread, one upstream, no policy. `bare_proxy LISTEN UPSTREAM`.

use http::{Response, StatusCode};
use plimsoll_h1::{
    Drain, Fields, Incoming,
    client::{ClientConfig, ClientConn, ClientResponse, Outbound},
    server::{self, Idle, Next, NextError, Received, ServerConfig, ServerConn},
};
use std::{cell::RefCell, net::SocketAddr, rc::Rc};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::LocalOptions,
};

type Upstream = ClientConn<TcpStream, Incoming>;

struct Pool {
    upstream: SocketAddr,
    config: Rc<ClientConfig>,
    idle: RefCell<Vec<Upstream>>,
}

impl Pool {
    async fn get(self: &Rc<Self>) -> std::io::Result<Upstream> {
        while let Some(conn) = { self.idle.borrow_mut().pop() } {
            if conn.is_reusable() {
                return Ok(conn);
            }
        }
        let io = TcpStream::connect(self.upstream).await?;
        io.set_nodelay(true)?;
        let pool = Rc::clone(self);
        let keep: Rc<dyn Fn(Upstream)> = Rc::new(move |conn| pool.idle.borrow_mut().push(conn));
        Ok(ClientConn::new(io, Rc::clone(&self.config), Some(keep)))
    }
}

async fn serve(io: TcpStream, pool: Rc<Pool>, config: Rc<ServerConfig>, drain: Rc<Drain>) {
    let mut conn = ServerConn::new(io, config, &drain);
    while conn.idle(std::future::pending()).await == Idle::Ready {
        let request = match conn.next_request(std::future::pending()).await {
            Ok(Some(request)) => request,
            Err(NextError::Refused(refusal)) => {
                let mut response = Response::new(Incoming::empty());
                *response.status_mut() = refusal.status();
                let _ = conn.respond(response).await;
                break;
            }
            _ => return,
        };
        let Received { head, body } = request;
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let response = match pool.get().await {
            Ok(upstream) => {
                let outbound = Outbound::new(&head.method, target, &head.fields);
                let mut unwatched = ();
                let exchange = upstream.send(outbound, body, &mut unwatched);
                let gone = conn.gone();
                tokio::select! {
                    biased;
                    response = exchange => response.ok(),
                    () = gone => return,
                }
            }
            Err(_) => None,
        };
        let (status, fields, body) = match response {
            Some(ClientResponse::Response { mut head, body }) => {
                head.fields.remove("connection");
                (head.status, head.fields, body)
            }
            _ => (StatusCode::BAD_GATEWAY, Fields::new(), Incoming::empty()),
        };
        match conn.relay(server::Outbound::new(status, fields), body).await {
            Ok(sent) if sent.next == Next::Request => {}
            Ok(_) => break,
            Err(_) => return,
        }
    }
    conn.close().await;
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let listen: SocketAddr = args.next().ok_or("LISTEN is missing")?.parse()?;
    let upstream: SocketAddr = args.next().ok_or("UPSTREAM is missing")?.parse()?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(listen).await?;
        let pool = Rc::new(Pool { upstream, config: Rc::default(), idle: RefCell::default() });
        let config = Rc::new(ServerConfig::default());
        let drain = Drain::new();
        loop {
            let (io, _) = listener.accept().await?;
            io.set_nodelay(true)?;
            let (pool, config, drain) = (Rc::clone(&pool), Rc::clone(&config), Rc::clone(&drain));
            tokio::task::spawn_local(serve(io, pool, config, drain));
        }
    })
}
