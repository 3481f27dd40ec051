use super::connection::{Connection, Sender};
use plimsoll::driver;
use std::rc::Rc;
use tokio::sync::Notify;

/// The permit for one stream on a connection, until this is dropped.
#[derive(Debug)]
pub(crate) struct StreamPermit {
    connection: Rc<Connection>,
    /// Told when this is dropped.
    freed: Rc<Notify>,
}

impl StreamPermit {
    pub(super) fn new(connection: &Rc<Connection>, freed: &Rc<Notify>) -> Self {
        connection.stream_opened();
        Self { connection: Rc::clone(connection), freed: Rc::clone(freed) }
    }

    /// Returns a handle to send the request by.
    pub(crate) fn sender(&self) -> Sender {
        self.connection.sender()
    }

    /// A part of the request's body has been handed over, and more of it is there: from now on it is seen how long the
    /// endpoint takes for it.
    pub(crate) fn part_given(&self) -> usize {
        self.connection.part_given(driver::now())
    }

    /// The part that was handed over has been taken, or is not sent any more.
    pub(crate) fn part_taken(&self, part: usize) {
        self.connection.part_taken(part);
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.connection.stream_closed();
        self.freed.notify_one();
    }
}
