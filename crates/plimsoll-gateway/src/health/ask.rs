//! One check: a request and its response.

use crate::{
    spec::{Address, PathPrefix, Protocol},
    upstream::connect::dial,
};
use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use plimsoll::{driver::classify::is_our_lack, http::dial::Dialer};
use std::{fmt, io::ErrorKind};
use tokio::task::{JoinHandle, spawn};

/// The outcome of a check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    /// 2xx or 3xx in time.
    Good,
    /// Another status.
    BadStatus(StatusCode),
    /// No connection came about, for this reason.
    Unreachable(ErrorKind),
    /// It broke, or what came was no HTTP.
    Broken,
    /// Nothing in time.
    TimedOut,
    /// It could not be asked: something lacks here (descriptors, ports, a name that cannot be looked up).
    NotAsked,
}

impl Heard {
    pub(super) const NAMES: [&'static str; 6] =
        ["ok", "bad-status", "unreachable", "broken", "timed-out", "not-asked"];

    /// Its place among [`Self::NAMES`].
    pub(super) const fn at(self) -> usize {
        match self {
            Self::Good => 0,
            Self::BadStatus(_) => 1,
            Self::Unreachable(_) => 2,
            Self::Broken => 3,
            Self::TimedOut => 4,
            Self::NotAsked => 5,
        }
    }
}

/// In words, for the log.
impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("ok"),
            Self::BadStatus(status) => write!(f, "status {}", status.as_u16()),
            Self::Unreachable(kind) => write!(f, "no connection: {kind}"),
            Self::Broken => f.write_str("no response that is HTTP"),
            Self::TimedOut => f.write_str("no response in time"),
            Self::NotAsked => f.write_str("not asked"),
        }
    }
}

/// Aborts the connection's task: what else an endpoint sends is not wanted.
struct Driving(JoinHandle<()>);

impl Drop for Driving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Asks over a connection of its own: a kept one would say that the endpoint was well when the connection was made.
pub(super) async fn ask(dialer: &Dialer, address: &Address, protocol: Protocol, path: &PathPrefix) -> Heard {
    let socket = match dial(dialer, address).await {
        Ok(socket) => socket,
        Err(error) if is_our_lack(&error) => return Heard::NotAsked,
        Err(error) => return Heard::Unreachable(error.kind()),
    };
    let io = TokioIo::new(socket);
    let Some(request) = request(address, protocol, path) else { return Heard::Broken };
    let response = match protocol {
        Protocol::Http1 => match http1::handshake(io).await {
            Ok((mut sender, connection)) => {
                let _driving = Driving(spawn(async {
                    let _ = connection.await;
                }));
                sender.send_request(request).await
            }
            Err(error) => Err(error),
        },
        Protocol::Http2 => match http2::handshake(TokioExecutor::new(), io).await {
            Ok((mut sender, connection)) => {
                let _driving = Driving(spawn(async {
                    let _ = connection.await;
                }));
                sender.send_request(request).await
            }
            Err(error) => Err(error),
        },
    };
    match response.map(|response| response.status()) {
        Ok(status) if status.is_success() || status.is_redirection() => Heard::Good,
        Ok(status) => Heard::BadStatus(status),
        Err(_) => Heard::Broken,
    }
}

fn request(address: &Address, protocol: Protocol, path: &PathPrefix) -> Option<Request<Empty<Bytes>>> {
    let authority = address.to_string();
    let request = Request::get(match protocol {
        Protocol::Http1 => path.as_str().parse::<Uri>().ok()?,
        Protocol::Http2 => format!("http://{authority}{path}").parse().ok()?,
    });
    let request = request.header(header::USER_AGENT, concat!("plimsoll/", env!("CARGO_PKG_VERSION")));
    let request = match protocol {
        Protocol::Http1 => request.header(header::HOST, authority).header(header::CONNECTION, "close"),
        Protocol::Http2 => request,
    };
    request.body(Empty::new()).ok()
}
