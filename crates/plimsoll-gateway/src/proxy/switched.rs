//! A call whose response is a switch of protocols.

use crate::{route::RoutePolicy, upstream::Picked};
use plimsoll::{driver::BodyGuard, policy::Outcome};

/// A call that is under way for as long as its tunnel is: it holds its permit of the bulkhead and counts at its endpoint. None of
/// its time limits holds any more. Dropped, it is settled as cancelled, which tells nothing of the endpoint.
#[derive(Debug)]
pub(crate) struct Switched {
    call: BodyGuard<RoutePolicy>,
    picked: Option<Picked>,
}

impl Switched {
    pub(super) fn new(call: BodyGuard<RoutePolicy>, picked: Option<Picked>) -> Self {
        Self { call, picked }
    }

    /// The tunnel is over, `well` if both sides were done with it. A side that breaks a tunnel ends it the only way it
    /// can, so nobody is to blame.
    pub(crate) fn ended(&mut self, well: bool) {
        let outcome = if well { self.call.end() } else { self.call.settle(Outcome::Cancelled) };
        if let Some(mut picked) = self.picked.take() {
            picked.settle_late(self.call.call().last(), outcome);
        }
    }
}
