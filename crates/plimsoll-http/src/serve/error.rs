use plimsoll_task::drain::DrainError;
use plimsoll_telemetry::RegisterError;
use std::{io, net::SocketAddr};

/// Why a server did not serve, or stopped before its requests had ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// There is nowhere to listen: [`Server::on`](super::Server::on) was not called.
    #[error("no address to serve on was given")]
    Nowhere,
    /// An address could not be listened on: malformed, unknown, in use, or not ours.
    #[error("cannot listen on {address}")]
    Bind {
        /// As it was given.
        address: String,
        /// The system's error.
        source: io::Error,
    },
    /// The admin address can be reached from elsewhere, and nobody would be asked who he is.
    #[error("the admin address {0} is not loopback: that takes a token")]
    AdminWithoutToken(SocketAddr),
    /// The registry does not take the server's metrics.
    #[error("the server's metrics cannot be registered")]
    Metrics(#[from] RegisterError),
    /// The drain is under way already, or full.
    #[error("the server cannot take part in the drain")]
    Drain(#[from] DrainError),
    /// Signals of the process cannot be heard.
    #[error("signals cannot be heard")]
    Signals(#[source] io::Error),
    /// A second signal came while requests were still under way: they were cut off.
    #[error("a second signal cut the drain short")]
    CutShort,
}
