//! One connection's faults.

use super::{Fault, request::Requests};
use std::{
    future::pending,
    io,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

/// Serves one connection, to its end.
pub(super) async fn serve(mut stream: TcpStream, fault: Fault, requests: &AtomicUsize) -> io::Result<()> {
    match fault {
        Fault::ResetAtOnce => return stream.set_zero_linger(),
        Fault::Deaf => pending().await,
        _ => {}
    }
    let resets = {
        let (read, mut write) = stream.split();
        let mut incoming = Requests::new(read);
        loop {
            if incoming.next().await?.is_none() {
                break false;
            }
            requests.fetch_add(1, Relaxed);
            match response(&fault, &mut write, &mut incoming).await? {
                Next::Request => {}
                Next::Close => break false,
                Next::Reset => break true,
            }
        }
    };
    if resets { stream.set_zero_linger() } else { stream.shutdown().await }
}

enum Next {
    Request,
    Close,
    Reset,
}

async fn response<R, W>(fault: &Fault, write: &mut W, incoming: &mut Requests<R>) -> io::Result<Next>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    match fault {
        Fault::Healthy(body) => {
            write.write_all(head(body.len()).as_bytes()).await?;
            write.write_all(body).await?;
            return Ok(Next::Request);
        }
        Fault::Status(status) => {
            let response = format!("HTTP/1.1 {status} Scripted\r\nContent-Length: 0\r\n\r\n");
            write.write_all(response.as_bytes()).await?;
            return Ok(Next::Request);
        }
        Fault::Raw(bytes) => write.write_all(bytes).await?,
        Fault::ResetAtOnce | Fault::Reset => return Ok(Next::Reset),
        Fault::ResetInBody => {
            write.write_all(head(100).as_bytes()).await?;
            write.write_all(b"half an an").await?;
            write.flush().await?;
            return Ok(Next::Reset);
        }
        Fault::Close => {}
        Fault::NotHttp => write.write_all(b"\x16\x03\x01\x02\x00 no HTTP this\r\n\r\n").await?,
        Fault::Truncated => {
            write.write_all(head(100).as_bytes()).await?;
            write.write_all(b"ten bytes.").await?;
        }
        Fault::TruncatedChunk => {
            let response =
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n64\r\nten bytes.";
            write.write_all(response).await?;
        }
        Fault::TooLong => {
            write.write_all(head(2).as_bytes()).await?;
            write.write_all(b"okand eighteen more.").await?;
        }
        // Until the other side has gone.
        Fault::Silent | Fault::Deaf => {
            incoming.next().await?;
        }
        Fault::EndlessHead => {
            write.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            endless(write, b"X-More: and more and more and more\r\n").await?;
        }
        Fault::EndlessBody => {
            write.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
            endless(write, b"8\r\nand more\r\n").await?;
        }
        Fault::Slow(body, pause) => {
            for byte in head(body.len()).as_bytes().iter().chain(body) {
                sleep(*pause).await;
                write.write_all(&[*byte]).await?;
                write.flush().await?;
            }
        }
    }
    Ok(Next::Close)
}

/// Until the other side has had enough.
async fn endless(write: &mut (impl AsyncWrite + Unpin), of: &[u8]) -> io::Result<()> {
    let block = of.repeat(64);
    loop {
        write.write_all(&block).await?;
    }
}
