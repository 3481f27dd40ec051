//! The orderly end of a connection.

use super::conn::ServerConn;
use crate::{buffer::ReadBuffer, transport::Transport};
use std::{
    future::poll_fn,
    pin::Pin,
    task::{Poll, ready},
};

impl<IO: Transport> ServerConn<IO> {
    /// Closes the connection in good order.
    ///
    /// While the client may still be sending, its bytes are discarded for a time
    /// ([`linger`](super::ServerConfig::linger), at most 1 MiB): closing on unread bytes would reset the connection, and
    /// the client could lose the response. Dropping the future closes at once.
    pub async fn close(self) {
        const MOST_DISCARDED: usize = 1 << 20;
        let lingers = {
            let shared = self.shared.borrow();
            !shared.ended && (self.linger || !shared.body.is_done() || !shared.read.is_empty())
        };
        let Some(mut io) = self.shared.borrow_mut().io.take() else { return };
        let mut buffer = ReadBuffer::new();
        let mut left = MOST_DISCARDED;
        let mut shut = false;
        let end = poll_fn(|cx| {
            if !shut {
                ready!(Pin::new(&mut io).poll_shutdown(cx))?;
                shut = true;
            }
            while lingers && left > 0 {
                match ready!(buffer.poll_fill(&mut io, cx))? {
                    0 => break,
                    count => left = left.saturating_sub(count),
                }
                buffer.skip(buffer.len());
            }
            Poll::Ready(std::io::Result::Ok(()))
        });
        // The connection ends here whether the client listens, answers or breaks it.
        let _ = tokio::time::timeout(self.config.linger, end).await;
    }
}
