//! Clients of HTTP/2.

use http::Request;
use std::net::SocketAddr;
use tokio::{net::TcpStream, task::JoinHandle};

pub(crate) type Sender = h2::client::SendRequest<bytes::Bytes>;

pub(crate) async fn h2(address: SocketAddr) -> (Sender, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    (sender, tokio::spawn(connection))
}

pub(crate) fn request(path: &str) -> Request<()> {
    Request::get(format!("http://localhost{path}")).body(()).unwrap()
}

pub(crate) async fn read(mut body: h2::RecvStream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        let _ = body.flow_control().release_capacity(data.len());
        all.extend_from_slice(&data);
    }
    all
}
