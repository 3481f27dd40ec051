//! The facts of a request that the policy uses.

use super::{client::Client, forward::Special, message::RequestHead, upload::Uploads};
use crate::route::Route;
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
    head: &RequestHead,
    special: &Special,
    uploads: &Uploads,
    client: &Client<'_>,
) -> Facts {
    // An upgrade's exchange has a side of its own for every try: it is made once.
    let idempotent = is_idempotent(&head.method, &head.fields) && !special.asks_for_upgrade();
    Facts {
        idempotent,
        replayable: true,
        hedgeable: idempotent && uploads.is_empty(),
        deadline: Instant::FAR,
        rate_key: rate_key(route, head, client),
        stages: Stages::Reported,
        ..Facts::default()
    }
}

/// Counts the request under every other value of the header that its limit goes by: the endpoint may go by any of them.
pub(crate) fn charge_others(route: &Route, head: &RequestHead, time: &Time) -> Result<(), RejectedError> {
    let Some(Per::Header(name)) = route.rate_per() else { return Ok(()) };
    let values = || head.fields.named(name);
    for (at, value) in values().enumerate().skip(1) {
        if values().take(at).any(|earlier| earlier == value) {
            continue;
        }
        if let Some(key) = route.policy.rate_key(value) {
            route.policy.charge(time.now(), key)?;
        }
    }
    Ok(())
}

fn rate_key(route: &Route, head: &RequestHead, client: &Client<'_>) -> Option<KeyHash> {
    match route.rate_per()? {
        Per::All => None,
        Per::Client => route.policy.rate_key(Key::from(client.address(&head.fields)).as_bytes()),
        Per::Route => route.policy.rate_key(route.name.as_bytes()),
        Per::Header(name) => {
            let value = head.fields.named(name).next()?;
            route.policy.rate_key(value)
        }
    }
}
