//! Both sides after a switch of protocols: bytes, either way, until both have ended.

use super::Worker;
use crate::proxy::Tunnel;
use bytes::Bytes;
use std::rc::Rc;
use tokio::{
    io::{AsyncWriteExt, copy_bidirectional},
    net::TcpStream,
};

/// Carries bytes between client and endpoint. Outlives the request's deadline; a drain ends it when its time is over.
pub(super) async fn carry(_worker: &Rc<Worker>, mut client: TcpStream, read: Bytes, tunnel: Tunnel) {
    let Tunnel { mut io, leftover } = tunnel;
    let begun = async {
        io.write_all(&read).await?;
        client.write_all(&leftover).await
    };
    if begun.await.is_err() {
        return;
    }
    let _ = copy_bidirectional(&mut client, &mut io).await;
}
