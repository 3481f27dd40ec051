//! The cost of reading and writing heads, with allocations.

use bytes::BytesMut;
use divan::{AllocProfiler, Bencher, black_box};
use http::Method;
use plimsoll_h1::{
    Drain, HeadLimits, Incoming, RequestHead, ResponseHead,
    client::{ClientConfig, ClientConn, ClientResponse, Outbound},
    server::{self, Received, ServerConfig, ServerConn},
};
use std::{cell::RefCell, rc::Rc};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

const REQUEST: &[u8] =
    b"GET /orders/17?full=1 HTTP/1.1\r\nHost: shop.example.org\r\nUser-Agent: curl/8.5.0\r\n\
Accept: */*\r\nAccept-Encoding: gzip, br\r\nX-Request-Id: 0f1e2d3c4b5a\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Tue, 01 Jul 2025 10:00:00 GMT\r\n\
Content-Type: text/plain\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello";

fn main() {
    divan::main();
}

#[divan::bench]
fn parse_request(bencher: Bencher<'_, '_>) {
    let limits = HeadLimits::default();
    let mut read = BytesMut::with_capacity(1 << 20);
    bencher.bench_local(|| RequestHead::parse(arrived(&mut read, REQUEST), &limits));
}

#[divan::bench]
fn parse_response(bencher: Bencher<'_, '_>) {
    let limits = HeadLimits::default();
    let mut read = BytesMut::with_capacity(1 << 20);
    let head = &RESPONSE[..RESPONSE.len() - 5];
    bencher.bench_local(|| ResponseHead::parse(arrived(&mut read, head), &Method::GET, &limits));
}

/// The head as a connection splits it off its buffer.
fn arrived(read: &mut BytesMut, head: &[u8]) -> BytesMut {
    read.reserve(head.len());
    read.extend_from_slice(black_box(head));
    read.split()
}

/// One request through both sides over in-memory pipes: everything but the sockets.
#[divan::bench]
fn forward(bencher: Bencher<'_, '_>) {
    type Upstream = ClientConn<DuplexStream, Incoming>;
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (near, mut client) = tokio::io::duplex(64 * 1024);
    let (up, mut origin) = tokio::io::duplex(64 * 1024);
    let mut conn = ServerConn::new(near, Rc::new(ServerConfig::default()), &Drain::new());
    let shelf: Rc<RefCell<Vec<Upstream>>> = Rc::default();
    let keep = Rc::clone(&shelf);
    let hook = Rc::new(move |conn| keep.borrow_mut().push(conn));
    shelf.borrow_mut().push(ClientConn::new(up, Rc::new(ClientConfig::default()), Some(hook)));
    let mut buffer = vec![0; 4096];
    bencher.bench_local(|| {
        runtime.block_on(async {
            client.write_all(REQUEST).await.expect("room");
            origin.write_all(RESPONSE).await.expect("room");
            conn.idle(std::future::pending()).await;
            let request =
                conn.next_request(std::future::pending()).await.expect("a request").expect("a request");
            let Received { head, body } = request;
            let upstream = shelf.borrow_mut().pop().expect("a connection");
            let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
            let outbound = Outbound::new(&head.method, target, &head.fields);
            let response = upstream.send(outbound, body, &mut ()).await.expect("a response");
            let ClientResponse::Response { head, body } = response else { panic!("an upgrade") };
            conn.relay(server::Outbound::new(head.status, head.fields), body).await.expect("sent");
            black_box(client.read(&mut buffer).await.expect("a response"));
            black_box(origin.read(&mut buffer).await.expect("a request"));
        });
    });
}
