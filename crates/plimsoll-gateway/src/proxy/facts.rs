//! What the policy is told of a request.

use super::{Client, upload::Uploads};
use crate::snapshot::Route;
use http::request;
use plimsoll::{
    Instant, KeyHash,
    call::{Facts, Stages},
    http::{headers::upgrade_of, idempotency::is_idempotent},
    rate::Per,
};

/// The facts of a request on this route.
pub(crate) fn facts(route: &Route, parts: &request::Parts, uploads: &Uploads, client: &Client<'_>) -> Facts {
    // An upgrade's exchange has a side of its own for every try: it is made once.
    let idempotent = is_idempotent(&parts.method, &parts.headers) && upgrade_of(&parts.headers).is_none();
    Facts {
        idempotent,
        replayable: true,
        hedgeable: idempotent && uploads.is_empty(),
        deadline: Instant::FAR,
        rate_key: rate_key(route, parts, client),
        stages: Stages::Reported,
        ..Facts::default()
    }
}

fn rate_key(route: &Route, parts: &request::Parts, client: &Client<'_>) -> Option<KeyHash> {
    match route.rate_per()? {
        Per::All => None,
        Per::Client => match client.address(&parts.headers) {
            std::net::IpAddr::V4(address) => route.policy.rate_key(&address.octets()),
            // A client has a whole /64 to itself: counted by address it would have 2⁶⁴ buckets.
            std::net::IpAddr::V6(address) => route.policy.rate_key(&address.octets()[..8]),
        },
        Per::Route => route.policy.rate_key(route.name.as_bytes()),
        Per::Header(name) => {
            let value = parts.headers.get(&**name)?;
            route.policy.rate_key(value.as_bytes())
        }
    }
}
