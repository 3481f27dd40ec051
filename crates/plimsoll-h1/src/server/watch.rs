//! Handles on the request in hand: is the client still there, and a word to it before the answer.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http::{HeaderMap, StatusCode};

use super::shared::Shared;
use crate::transport::Transport;

/// Resolves once the client has closed its side of the connection or reset it, while its request is in hand.
///
/// Never resolves after the request is answered. What the client sends meanwhile (pipelined requests) is read up to
/// 8 KiB; behind more than that, an end is not seen. While a body is being read, its reader finds the end: this
/// resolves then, but does not read by itself. Cancel safe.
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

trait Sink {
    fn send(&self, epoch: u32, status: StatusCode, headers: &HeaderMap) -> bool;
}

impl<IO: Transport> Sink for RefCell<Shared<IO>> {
    fn send(&self, epoch: u32, status: StatusCode, headers: &HeaderMap) -> bool {
        self.borrow_mut().send_interim(epoch, status, headers)
    }
}

/// Sends interim answers (1xx) ahead of the final one.
#[derive(Clone)]
pub struct Informational {
    sink: Rc<dyn Sink>,
    epoch: u32,
}

impl Informational {
    pub(super) fn new<IO: Transport>(shared: &Rc<RefCell<Shared<IO>>>) -> Self {
        let epoch = shared.borrow().epoch;
        Self { sink: Rc::clone(shared) as Rc<dyn Sink>, epoch }
    }

    /// Sends one, and says whether it was taken.
    ///
    /// Not taken are: any status but 100 and 102 to 199; a `100 Continue` that nobody waits for; anything once
    /// the final answer has begun; and anything while 4 KiB of earlier ones wait for a client that does not read.
    pub fn send(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        self.sink.send(self.epoch, status, headers)
    }
}

impl fmt::Debug for Informational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Informational").finish_non_exhaustive()
    }
}
