use super::{Reach, Replay};

/// A replay that sends clones and keeps the request: one clone an attempt, none if the policy sends nothing twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ByClone;

impl<Req: Clone> Replay<Req> for ByClone {
    type Sent = Req;
    type Kept = Req;

    #[inline]
    fn reach(&self, _: &Req) -> Reach {
        Reach::Twice
    }

    #[inline]
    fn once(&self, request: Req) -> Req {
        request
    }

    #[inline]
    fn keep(&self, request: Req) -> (Req, Req) {
        (request.clone(), request)
    }

    #[inline]
    fn again(&self, kept: &Req) -> Req {
        kept.clone()
    }
}
