//! Handles of the current request: a watch for the client's end, and a sender of interim responses.

use super::shared::Shared;
use crate::transport::Transport;
use http::{HeaderMap, StatusCode};
use std::{
    cell::RefCell,
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// A future that resolves once the client has closed its side of the connection or reset it, during the current request.
///
/// It never resolves after the response. Bytes that the client sends meanwhile (pipelined requests) are read up to 8 KiB;
/// an end behind more than that is not seen. While a body is being read, its reader finds the end: this future resolves
/// then, but does not read by itself. Cancel safe.
pub struct Gone<IO> {
    shared: Rc<RefCell<Shared<IO>>>,
    epoch: u32,
}

impl<IO: Transport> Gone<IO> {
    pub(super) fn new(shared: &Rc<RefCell<Shared<IO>>>) -> Self {
        let epoch = shared.borrow().epoch;
        Self { shared: Rc::clone(shared), epoch }
    }
}

impl<IO: Transport> Future for Gone<IO> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.borrow_mut().poll_gone(self.epoch, cx)
    }
}

impl<IO> fmt::Debug for Gone<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gone").finish_non_exhaustive()
    }
}

/// The connection of an interim response, whatever its socket.
trait InterimSink {
    fn send(&self, epoch: u32, status: StatusCode, headers: &HeaderMap) -> bool;
}

impl<IO: Transport> InterimSink for RefCell<Shared<IO>> {
    fn send(&self, epoch: u32, status: StatusCode, headers: &HeaderMap) -> bool {
        self.borrow_mut().send_interim(epoch, status, headers)
    }
}

/// A sender of interim responses (1xx) ahead of the final one.
#[derive(Clone)]
pub struct Informational {
    sink: Rc<dyn InterimSink>,
    epoch: u32,
}

impl Informational {
    pub(super) fn new<IO: Transport>(shared: &Rc<RefCell<Shared<IO>>>) -> Self {
        let epoch = shared.borrow().epoch;
        Self { sink: Rc::clone(shared) as Rc<dyn InterimSink>, epoch }
    }

    /// Sends one interim response and returns whether it was taken.
    ///
    /// Not taken are: any status but 100 and 102 to 199; a `100 Continue` that the client does not wait for; any response
    /// once the final one has begun, or while 4 KiB of earlier ones wait for a client that does not read.
    pub fn send(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        self.sink.send(self.epoch, status, headers)
    }
}

impl fmt::Debug for Informational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Informational").finish_non_exhaustive()
    }
}
