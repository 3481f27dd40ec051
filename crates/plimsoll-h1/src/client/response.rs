//! The response of an upstream.

use crate::body::Incoming;
use bytes::Bytes;
use http::Response;

/// The response of an upstream.
pub enum ClientResponse<IO> {
    /// A final response; its body reads the connection.
    Response(Response<Incoming>),
    /// The upstream switched protocols.
    Upgraded {
        /// The head of the 101.
        response: Response<()>,
        /// The socket, from here on in the other protocol.
        io: IO,
        /// The bytes read behind the head.
        leftover: Bytes,
    },
}

impl<IO> std::fmt::Debug for ClientResponse<IO> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Response(response) => f.debug_tuple("Response").field(response).finish(),
            Self::Upgraded { response, .. } => {
                f.debug_tuple("Upgraded").field(response).finish_non_exhaustive()
            }
        }
    }
}
