//! The response of an upstream.

use crate::{body::Incoming, response_head::ResponseHead};
use bytes::Bytes;
use http::Response;

/// The response of an upstream.
pub enum ClientResponse<IO> {
    /// A final response.
    Response {
        /// The head.
        head: ResponseHead,
        /// The body, which reads the connection.
        body: Incoming,
    },
    /// The upstream switched protocols.
    Upgraded {
        /// The head of the 101.
        head: ResponseHead,
        /// The socket, from here on in the other protocol.
        io: IO,
        /// The bytes read behind the head.
        leftover: Bytes,
    },
}

impl<IO> ClientResponse<IO> {
    /// Returns a final response, its fields in a map; `None` if the upstream switched protocols.
    pub fn into_response(self) -> Option<Response<Incoming>> {
        match self {
            Self::Response { head, body } => Some(head.into_response().map(|()| body)),
            Self::Upgraded { .. } => None,
        }
    }
}

impl<IO> std::fmt::Debug for ClientResponse<IO> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Response { head, .. } => f.debug_tuple("Response").field(head).finish(),
            Self::Upgraded { head, .. } => f.debug_tuple("Upgraded").field(head).finish_non_exhaustive(),
        }
    }
}
