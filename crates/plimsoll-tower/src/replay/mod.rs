//! How a request is sent again: the user knows, and says so by [`Replay`].
//!
//! | ready-made | for |
//! | --- | --- |
//! | [`NoReplay`] | every request goes out once. The default |
//! | [`ByClone`] | requests that are `Clone`: sent again, or twice at the same time |
//! | `HttpReplay` of `plimsoll-http` | HTTP with a body that is kept as it passes by, up to a bound |

mod by_clone;

pub use by_clone::ByClone;

use std::convert::Infallible;

/// How far a request can be sent again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reach {
    /// It goes out once.
    Once,
    /// It can be sent again when the attempt before it is over: retried, not hedged.
    Again,
    /// Two of it can be under way at the same time: retried and hedged.
    Twice,
}

/// Sends a request once, or keeps what it takes to send it again.
///
/// What the inner service gets may be another type than what the caller gave: a request whose body is being kept as it
/// is sent, for one.
pub trait Replay<Req> {
    /// What the inner service is called with.
    type Sent;
    /// What is kept of a request while it may be sent again.
    type Kept;

    /// How far this request can be sent again. Asked before it is admitted: it should cost nothing.
    fn reach(&self, request: &Req) -> Reach;

    /// The request, which will not be sent again.
    fn once(&self, request: Req) -> Self::Sent;

    /// The request, and what is kept of it. Only for a request whose [`reach`](Replay::reach) is further than once, and
    /// only where the policy may send it again.
    fn keep(&self, request: Req) -> (Self::Sent, Self::Kept);

    /// Whether it can still be sent again, whole. Once it cannot, only further attempts are given up, never the one
    /// under way.
    fn intact(&self, kept: &Self::Kept) -> bool {
        let _ = kept;
        true
    }

    /// Another one. Called after [`intact`](Replay::intact) said yes.
    fn again(&self, kept: &Self::Kept) -> Self::Sent;
}

/// Every request goes out once: no retries, no hedges.
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
