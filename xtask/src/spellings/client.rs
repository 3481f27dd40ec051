//! A client that sends what it is told to, byte by byte.

use anyhow::{Context, Result};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// How long a response may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client of one port, over one connection as long as that is kept.
pub(crate) struct Client {
    port: u16,
    connection: Option<BufReader<TcpStream>>,
}

/// A response.
pub(crate) struct FullResponse {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, connection: None }
    }

    pub(crate) fn ask(&mut self, method: &str, host: &str, path: &str) -> Result<FullResponse> {
        if let Some(mut kept) = self.connection.take()
            && let Ok(response) = ask_over(&mut kept, method, host, path)
        {
            return Ok(self.keep(kept, response));
        }
        // A kept connection may have been closed meanwhile.
        let stream = TcpStream::connect(("127.0.0.1", self.port)).context("cannot connect")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut connection = BufReader::new(stream);
        let response = ask_over(&mut connection, method, host, path)?;
        Ok(self.keep(connection, response))
    }

    fn keep(
        &mut self,
        connection: BufReader<TcpStream>,
        (response, close): (FullResponse, bool),
    ) -> FullResponse {
        self.connection = (!close).then_some(connection);
        response
    }
}

/// Asks, and says whether the connection ends with the response.
fn ask_over(
    connection: &mut BufReader<TcpStream>,
    method: &str,
    host: &str,
    path: &str,
) -> Result<(FullResponse, bool)> {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
    connection.get_mut().write_all(request.as_bytes())?;
    let mut line = String::new();
    connection.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.with_context(|| format!("no status in {line:?}"))?;
    let (mut length, mut close) = (None, false);
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        let field = line.trim_end().to_ascii_lowercase();
        if field.is_empty() {
            break;
        }
        match field.split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().ok(),
            Some(("connection", value)) => close |= value.contains("close"),
            _ => {}
        }
    }
    let mut body = vec![0; length.unwrap_or(0)];
    connection.read_exact(&mut body)?;
    Ok((
        FullResponse { status, body: String::from_utf8_lossy(&body).into_owned() },
        close || length.is_none(),
    ))
}
