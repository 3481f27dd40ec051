//! Repetition of requests for retries and hedges, by an implementation of [`Replay`].
//!
//! | ready-made | for |
//! | --- | --- |
//! | [`NoReplay`] | every request goes out once. The default |
//! | [`ByClone`] | requests that are `Clone`: sent again, or twice at the same time |
//! | `HttpReplay` of `plimsoll-http` | HTTP with a body that is kept as it passes by, up to a bound |

mod by_clone;

pub use by_clone::ByClone;

use std::convert::Infallible;

/// The extent to which a request can be sent again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reach {
    /// The request is sent once.
    Once,
    /// The request can be sent again after the attempt before it is over: retried, not hedged.
    Again,
    /// Two copies of the request can be in flight at the same time: retried and hedged.
    Twice,
}

/// A way to send a request once, or to keep a copy of it for further attempts.
///
/// The inner service may receive another type than the caller's: for example a request whose body is kept while it is
/// sent.
pub trait Replay<Req> {
    /// The type that the inner service is called with.
    type Sent;
    /// The part of a request that is kept while it may be sent again.
    type Kept;

    /// Returns how far this request can be sent again. Called before admission, so it should be cheap.
    fn reach(&self, request: &Req) -> Reach;

    /// Converts a request that will not be sent again.
    fn once(&self, request: Req) -> Self::Sent;

    /// Splits a request into the one that is sent and the part that is kept. Called only for a request whose
    /// [`reach`](Replay::reach) is further than once, and only if the policy may send it again.
    fn keep(&self, request: Req) -> (Self::Sent, Self::Kept);

    /// Returns whether the request can still be sent again as a whole. If it cannot, further attempts are given up,
    /// never the one in flight.
    fn intact(&self, kept: &Self::Kept) -> bool {
        let _ = kept;
        true
    }

    /// Makes another copy of the request. Called after [`intact`](Replay::intact) returned true.
    fn again(&self, kept: &Self::Kept) -> Self::Sent;
}

/// A replay that sends every request once: no retries, no hedges.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NoReplay;

impl<Req> Replay<Req> for NoReplay {
    type Sent = Req;
    type Kept = Infallible;

    #[inline]
    fn reach(&self, _: &Req) -> Reach {
        Reach::Once
    }

    #[inline]
    fn once(&self, request: Req) -> Req {
        request
    }

    fn keep(&self, _: Req) -> (Req, Infallible) {
        unreachable!("only what reaches further than once is kept")
    }

    fn again(&self, kept: &Infallible) -> Req {
        match *kept {}
    }
}
