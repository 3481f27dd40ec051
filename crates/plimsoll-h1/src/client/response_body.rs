//! The body of a response: it reads the connection of its exchange, and writes the rest of the request meanwhile.

use super::exchange::{Exchange, UploadError};
use crate::{
    body::{BodySource, Polled},
    error::BodyError,
    splice::Pipe,
    transport::Transport,
};
use bytes::Bytes;
use http_body::Body;
use std::{
    cell::RefCell,
    rc::Rc,
    task::{Context, Poll, ready},
};

impl<IO, B> Exchange<IO, B>
where
    IO: Transport,
    B: Body<Data = Bytes> + Unpin + 'static,
{
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Polled {
        if self.uploading {
            match self.poll_upload(cx) {
                Poll::Ready(Err(UploadError::Io(error))) => self.write_error = Some(error),
                Poll::Ready(Err(_)) => return Poll::Ready(Err(BodyError::Upload)),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        let Some(io) = &mut self.io else { return Poll::Ready(Err(BodyError::Gone)) };
        self.body.poll_frame(&mut self.read, io, cx)
    }

    fn poll_splice(&mut self, cx: &mut Context<'_>, pipe: &mut Pipe) -> Poll<Option<Result<u64, BodyError>>> {
        // Buffered bytes go first, and an unfinished upload needs its polls.
        if self.uploading || !self.read.is_empty() {
            return Poll::Ready(None);
        }
        let (Some(most), Some(socket)) = (self.body.spliceable(), self.io.as_ref().and_then(Transport::tcp))
        else {
            return Poll::Ready(None);
        };
        Poll::Ready(match ready!(pipe.poll_in(socket, most, cx)) {
            // The next frame says how it ended.
            Ok(0) => None,
            Ok(count) => {
                self.body.spliced(count as u64);
                Some(Ok(count as u64))
            }
            Err(error) => Some(Err(BodyError::Io(error))),
        })
    }
}

impl<IO, B> BodySource for RefCell<Exchange<IO, B>>
where
    IO: Transport,
    B: Body<Data = Bytes> + Unpin + 'static,
{
    fn poll_frame(&self, epoch: u32, cx: &mut Context<'_>) -> Polled {
        let mut exchange = self.borrow_mut();
        if exchange.epoch == epoch { exchange.poll_body(cx) } else { Poll::Ready(Err(BodyError::Gone)) }
    }

    fn poll_splice(
        &self,
        epoch: u32,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<Option<Result<u64, BodyError>>> {
        let mut exchange = self.borrow_mut();
        if exchange.epoch == epoch { exchange.poll_splice(cx, pipe) } else { Poll::Ready(None) }
    }

    fn take_whole(&self, epoch: u32) -> Option<Bytes> {
        let exchange = &mut *self.borrow_mut();
        if exchange.epoch != epoch || exchange.uploading {
            return None;
        }
        exchange.body.take_whole(&mut exchange.read)
    }

    fn waits_for_upload(&self, epoch: u32) -> bool {
        let exchange = self.borrow();
        exchange.epoch == epoch && exchange.uploading && exchange.starved
    }

    fn is_done(&self, epoch: u32) -> bool {
        let exchange = self.borrow();
        exchange.epoch == epoch && exchange.body.is_done()
    }

    fn finished(self: Rc<Self>, epoch: u32) {
        if self.borrow().epoch == epoch {
            Exchange::settle(self);
        }
    }

    fn abandoned(self: Rc<Self>, epoch: u32) {
        let mut exchange = self.borrow_mut();
        if exchange.epoch == epoch {
            exchange.io = None;
            exchange.upload = None;
        }
    }
}
