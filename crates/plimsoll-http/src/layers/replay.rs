use super::SentBody;
use crate::replay::Replay as Body;
use bytes::Bytes;
use http::{Request, request::Parts};
use plimsoll_tower::{Replay, replay::Reach};
use std::fmt;

/// Sends an HTTP request again, with a body that is kept as it passes by, up to a bound.
///
/// - A request without a body can be sent any number of times, and twice at the same time.
/// - One with a body can be sent again after the attempt before it. When more has passed by than the bound allows, only
///   that is given up; the attempt under way goes on.
/// - One whose body says beforehand that it is larger than the bound is sent once, and nothing of it is kept.
///
/// Nothing is kept, copied or allocated where the policy sends nothing twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HttpReplay {
    bound: usize,
}

impl HttpReplay {
    /// Up to so many bytes of a body are kept, for as long as its request may be sent again.
    pub const fn bounded(bytes: usize) -> Self {
        Self { bound: bytes }
    }
}

impl Default for HttpReplay {
    /// 64 KiB.
    fn default() -> Self {
        Self::bounded(64 * 1024)
    }
}

/// The kept part of a request: its head, and the part of its body that has been sent.
pub struct Kept<B> {
    head: Parts,
    body: Option<Body<B>>,
}

impl<B> fmt::Debug for Kept<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("head", &self.head).field("body", &self.body).finish()
    }
}

impl<B: http_body::Body<Data = Bytes>> Replay<Request<B>> for HttpReplay {
    type Sent = Request<SentBody<B>>;
    type Kept = Kept<B>;

    fn reach(&self, request: &Request<B>) -> Reach {
        let body = request.body();
        if body.is_end_stream() {
            Reach::Twice
        } else if body.size_hint().lower() <= self.bound as u64 {
            Reach::Again
        } else {
            Reach::Once
        }
    }

    fn once(&self, request: Request<B>) -> Self::Sent {
        request.map(SentBody::plain)
    }

    fn keep(&self, request: Request<B>) -> (Self::Sent, Self::Kept) {
        let (head, body) = request.into_parts();
        if body.is_end_stream() {
            let sent = Request::from_parts(head.clone(), SentBody::plain(body));
            return (sent, Kept { head, body: None });
        }
        let body = Body::new(body, self.bound);
        let sent = Request::from_parts(head.clone(), SentBody::kept(body.body()));
        (sent, Kept { head, body: Some(body) })
    }

    fn intact(&self, kept: &Self::Kept) -> bool {
        kept.body.as_ref().is_none_or(Body::is_replayable)
    }

    fn again(&self, kept: &Self::Kept) -> Self::Sent {
        let body = kept.body.as_ref().map_or_else(SentBody::empty, |body| SentBody::kept(body.body()));
        Request::from_parts(kept.head.clone(), body)
    }
}
