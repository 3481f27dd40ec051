//! The bypass of a large body around this process.

use super::{conn::ServerConn, error::RespondErrorKind, write_stall::WriteStall};
use crate::{
    splice::{self, Pipe, Splice},
    transport::Transport,
    turn::Turn,
};
use http_body::Body;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

type PollSplice<B> =
    fn(Pin<&mut B>, &mut Context<'_>, &mut Pipe) -> Poll<Option<Result<u64, <B as Body>::Error>>>;

type PollExpired<B> = fn(Pin<&mut B>, &mut Context<'_>) -> Poll<<B as Body>::Error>;

/// The bypass of one body and the body's own limits, if the body supports them.
pub(super) struct Bypass<B: Body> {
    poll_splice: Option<PollSplice<B>>,
    poll_expired: Option<PollExpired<B>>,
    pipe: Option<Pipe>,
}

impl<B: Body> Bypass<B> {
    pub(super) fn never() -> Self {
        Self { poll_splice: None, poll_expired: None, pipe: None }
    }

    pub(super) fn known() -> Self
    where
        B: Splice,
    {
        Self { poll_splice: Some(B::poll_splice), poll_expired: Some(B::poll_expired), pipe: None }
    }

    /// The client takes nothing: ready once that has lasted too long, or the body's own time is over. The connection must
    /// not be borrowed: what ends the body may let go of an upload that is read from it.
    pub(super) fn poll_blocked(
        &self,
        cx: &mut Context<'_>,
        body: Pin<&mut B>,
        stall: &mut WriteStall,
        written: u64,
    ) -> Poll<RespondErrorKind<B::Error>> {
        if stall.poll(cx, written).is_ready() {
            return Poll::Ready(RespondErrorKind::Stalled);
        }
        match self.poll_expired {
            Some(poll_expired) => poll_expired(body, cx).map(RespondErrorKind::Body),
            None => Poll::Pending,
        }
    }

    pub(super) fn finish(self) {
        if let Some(pipe) = self.pipe {
            pipe.give();
        }
    }
}

impl<IO: Transport> ServerConn<IO> {
    /// Moves the body past this process as long as that is possible; ready once it is not.
    pub(super) fn poll_bypass<B: Body>(
        &self,
        cx: &mut Context<'_>,
        mut body: Pin<&mut B>,
        stall: &mut WriteStall,
        bypass: &mut Bypass<B>,
        turn: &mut Turn,
    ) -> Poll<Result<(), RespondErrorKind<B::Error>>> {
        let Some(poll_splice) = bypass.poll_splice else { return Poll::Ready(Ok(())) };
        loop {
            let blocked = {
                let shared = &mut *self.shared.borrow_mut();
                let socket = shared.io.as_ref().and_then(Transport::tcp);
                let (Some(owed), Some(socket)) = (shared.out.spliceable(), socket) else {
                    return Poll::Ready(Ok(()));
                };
                match &mut bypass.pipe {
                    Some(pipe) if !pipe.is_empty() => match pipe.poll_out(socket, cx) {
                        Poll::Ready(Ok(count)) => {
                            stall.over();
                            shared.out.spliced(count as u64).map_err(|_| RespondErrorKind::Length)?;
                            if turn.is_over(shared.out.written(), cx) {
                                return Poll::Pending;
                            }
                            continue;
                        }
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(RespondErrorKind::Io(error))),
                        Poll::Pending => Some(shared.out.written()),
                    },
                    Some(_) if owed > 0 => None,
                    None if owed >= splice::LEAST => {
                        bypass.pipe = Pipe::take(owed);
                        None
                    }
                    _ => return Poll::Ready(Ok(())),
                }
            };
            if let Some(written) = blocked {
                return bypass.poll_blocked(cx, body, stall, written).map(Err);
            }
            let Some(pipe) = &mut bypass.pipe else { return Poll::Ready(Ok(())) };
            pipe.bound(turn.at_once(self.shared.borrow().out.written()));
            match ready!(poll_splice(body.as_mut(), cx, pipe)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(RespondErrorKind::Body(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
    }
}
