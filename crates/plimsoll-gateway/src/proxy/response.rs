use super::{message::Response, tunnel::Tunnel};
use crate::{route::InFlight, why::Why};
use plimsoll::http::Kind;

/// The response to a request, an endpoint's or the gateway's own.
#[derive(Debug)]
pub(crate) struct ProxyResponse {
    pub(crate) response: Response,
    /// The route it took, if any did.
    pub(crate) route: Option<InFlight>,
    /// The endpoint's side, if both have switched protocols.
    pub(crate) tunnel: Option<Box<Tunnel>>,
    /// The gateway's own problem, if it responded with one.
    pub(crate) problem: Option<Kind>,
    /// The reason of the problem.
    pub(crate) why: Option<Why>,
}
