//! How far the system may run ahead of a client.
//!
//! A socket takes megabytes before it says that it is full, whether its client reads them or not. Many clients with slow
//! links that begin large downloads together would keep a worker busy with copying what is not asked for yet, and all
//! others waiting. So the first part of a large body is handed over under a bound on what the system holds unsent. A client
//! that has taken that much reads quickly, and the bound, which costs it wake-ups, is lifted for the rest of its
//! connection.

use crate::transport::Transport;

/// Bytes of a body from which on the bound is set: most bodies are smaller, and never pay for it.
const LARGE: u64 = 64 * 1024;
/// The bound: a quarter of a round of all large bodies.
const UNSENT: u32 = 256 * 1024;
/// Bytes of a body after which it is lifted.
const TAKEN: u64 = 2 * 1024 * 1024;

/// The bound of one connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Lead {
    /// No large body has been sent yet.
    #[default]
    New,
    Bounded,
    /// The client has taken a large body's beginning.
    Free,
}

impl Lead {
    /// Follows a body of which `written` bytes have been handed over.
    #[inline]
    pub(super) fn follow<IO: Transport>(&mut self, written: u64, io: &IO) {
        match self {
            Self::New if written >= LARGE => {
                io.bound_unsent(Some(UNSENT));
                *self = Self::Bounded;
            }
            Self::Bounded if written >= TAKEN => {
                io.bound_unsent(None);
                *self = Self::Free;
            }
            _ => {}
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use socket2::SockRef;
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn a_large_bodys_beginning_is_bounded_and_its_rest_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let bound = || SockRef::from(&socket).tcp_notsent_lowat().unwrap();
        let (before, mut lead) = (bound(), Lead::default());
        lead.follow(LARGE - 1, &socket);
        assert_eq!((lead, bound()), (Lead::New, before), "small bodies cost no system call");
        lead.follow(LARGE, &socket);
        assert_eq!((lead, bound()), (Lead::Bounded, UNSENT));
        lead.follow(0, &socket);
        assert_eq!(lead, Lead::Bounded, "the next body on the connection");
        lead.follow(TAKEN, &socket);
        assert_eq!((lead, bound()), (Lead::Free, before));
        lead.follow(LARGE, &socket);
        assert_eq!((lead, bound()), (Lead::Free, before));
    }
}
