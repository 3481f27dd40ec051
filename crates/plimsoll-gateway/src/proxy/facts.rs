//! The facts of a request that the policy uses.

use super::{client::Client, forward::Special, upload::Uploads};
use crate::route::Route;
use http::request;
use plimsoll::{
    driver::Time,
    http::idempotency::is_idempotent,
    policy::{
        Instant, KeyHash, RejectedError,
        call::{Facts, Stages},
        rate::Per,
    },
    tower::Key,
};

/// The facts of a request on this route.
pub(crate) fn facts(
    route: &Route,
    parts: &request::Parts,
    special: &Special,
    uploads: &Uploads,
    client: &Client<'_>,
) -> Facts {
    // An upgrade's exchange has a side of its own for every try: it is made once.
    let idempotent = is_idempotent(&parts.method, &parts.headers) && !special.asks_for_upgrade();
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

/// Counts the request under every other value of the header that its limit goes by: the endpoint may go by any of them.
pub(crate) fn charge_others(route: &Route, parts: &request::Parts, time: &Time) -> Result<(), RejectedError> {
    let Some(Per::Header(name)) = route.rate_per() else { return Ok(()) };
    let values = || parts.headers.get_all(&**name).iter();
    for (at, value) in values().enumerate().skip(1) {
        if values().take(at).any(|earlier| earlier == value) {
            continue;
        }
        if let Some(key) = route.policy.rate_key(value.as_bytes()) {
            route.policy.charge(time.now(), key)?;
        }
    }
    Ok(())
}

fn rate_key(route: &Route, parts: &request::Parts, client: &Client<'_>) -> Option<KeyHash> {
    match route.rate_per()? {
        Per::All => None,
        Per::Client => route.policy.rate_key(Key::from(client.address(&parts.headers)).as_bytes()),
        Per::Route => route.policy.rate_key(route.name.as_bytes()),
        Per::Header(name) => {
            let value = parts.headers.get(&**name)?;
            route.policy.rate_key(value.as_bytes())
        }
    }
}
