//! A client that can do everything wrong.

use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// So long that nobody waits for it but in a test that fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A connection, by hand.
pub(crate) struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The kind of problem that it tells of.
    pub(crate) fn kind(&self) -> String {
        assert!(self.head.contains("content-type: application/problem+json"), "{self:?}");
        let body: serde_json::Value = serde_json::from_str(&self.body).expect("problem details are JSON");
        body["type"].as_str().unwrap().trim_start_matches("urn:plimsoll:problem:").to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Raw {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// As much as the server takes before it closes.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Reads on until what is there satisfies; `None` where the server closes before.
    async fn until<T>(&mut self, found: impl Fn(&[u8]) -> Option<(T, usize)>) -> Option<T> {
        loop {
            if let Some((value, taken)) = found(&self.read) {
                self.read.drain(..taken);
                return Some(value);
            }
            let read =
                timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await.expect("an answer in time");
            if read.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The next answer with a `content-length`, or none where the connection is closed.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        let head = self.head().await?;
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let length = length.unwrap_or(0);
        let body =
            self.until(|read| (read.len() >= length).then(|| (read[..length].to_vec(), length))).await?;
        let status = head[9..12].parse().unwrap();
        Some(Answer { status, head, body: String::from_utf8(body).unwrap() })
    }

    /// The next head alone.
    pub(crate) async fn head(&mut self) -> Option<String> {
        self.until(|read| {
            let end = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
            Some((String::from_utf8_lossy(&read[..end]).into_owned(), end))
        })
        .await
    }

    /// Exactly so many bytes, or fewer where the server closes before.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<u8> {
        self.until(|read| Some((read.get(..count)?.to_vec(), count))).await.unwrap_or_default()
    }

    /// Everything until the server closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let _closed: Option<()> = self.until(|_| None).await;
        std::mem::take(&mut self.read)
    }

    pub(crate) async fn get(&mut self, path: &str) -> Option<Answer> {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        self.answer().await
    }
}

/// One request on a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    Raw::to(address).await.get(path).await.expect("an answer")
}

/// One request with these lines of a head, on a connection of its own.
pub(crate) async fn ask(address: SocketAddr, head: &str, body: &str) -> Answer {
    let mut raw = Raw::to(address).await;
    raw.send(&format!("{head}\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await;
    raw.answer().await.expect("an answer")
}
