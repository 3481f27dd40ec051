//! A breaker held by hand, as an admin address is asked for it.

use plimsoll_config::{ConfigError, Diagnostic, Location, nearest, one_of};
use plimsoll_policy::{Driver, Instant, Policy, PolicyEvent};
use serde_json::Value;

/// The state that an operator sets for a breaker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BreakerForce {
    /// Open until it is told otherwise.
    Open,
    /// Closed, whatever happens.
    Closed,
    /// Open, and its upstream taken out of service.
    Isolated,
    /// As it decides itself.
    Auto,
}

impl BreakerForce {
    const ALL: [Self; 4] = [Self::Open, Self::Closed, Self::Isolated, Self::Auto];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Isolated => "isolated",
            Self::Auto => "auto",
        }
    }

    /// Makes it so. False where the policy has no breaker.
    pub fn apply<H: Driver>(self, policy: &Policy<H>, now: Instant) -> bool {
        let Some(breaker) = policy.breaker() else { return false };
        let transition = match self {
            Self::Open => breaker.force_open(now),
            Self::Closed => breaker.force_closed(now),
            Self::Isolated => breaker.isolate(now),
            Self::Auto => breaker.release(now),
        };
        if let Some(transition) = transition {
            policy.driver().on(now, &PolicyEvent::Breaker(transition));
        }
        true
    }
}

/// `{"force": "open", "upstream": "…"}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BreakerOrder {
    /// The state to set.
    pub force: BreakerForce,
    /// That of one upstream alone.
    pub upstream: Option<String>,
}

impl BreakerOrder {
    /// Reads it; `upstreams` are those that the policy guards.
    ///
    /// # Errors
    /// With everything that is wrong with it.
    pub fn read(value: &Value, upstreams: &[&str]) -> Result<Self, ConfigError> {
        let mut faults = Vec::new();
        let keys = ["force", "upstream"];
        let Some(object) = value.as_object() else {
            let expected = "an object such as {\"force\": \"open\"}".to_owned();
            return Err(fault("", format!("found {value}"), expected).into());
        };
        for key in object.keys().filter(|key| !keys.contains(&&***key)) {
            let near = nearest(key, keys);
            let pointed = key.replace('~', "~0").replace('/', "~1");
            faults.push(fault(&pointed, format!("unknown key {key:?}"), one_of(&keys)).nearest_to(near));
        }
        let words = BreakerForce::ALL.map(BreakerForce::name);
        let word = object.get("force").and_then(Value::as_str);
        let force = BreakerForce::ALL.into_iter().find(|force| word == Some(force.name()));
        if force.is_none() {
            let found = object
                .get("force")
                .map_or("missing key \"force\"".to_owned(), |value| format!("found {value}"));
            let near = word.and_then(|word| nearest(word, words));
            faults.push(fault("force", found, one_of(&words)).nearest_to(near));
        }
        let upstream = object.get("upstream").and_then(Value::as_str);
        if let Some(value) =
            object.get("upstream").filter(|_| upstream.is_none_or(|one| !upstreams.contains(&one)))
        {
            let near = upstream.and_then(|one| nearest(one, upstreams.iter().copied()));
            let problem = format!("the policy guards no upstream {value}");
            faults.push(fault("upstream", problem, one_of(upstreams)).nearest_to(near));
        }
        ConfigError::check(faults)?;
        let upstream = upstream.map(str::to_owned);
        Ok(Self { force: force.unwrap_or(BreakerForce::Auto), upstream })
    }

    /// Whether it is about this upstream.
    pub fn means(&self, upstream: &str) -> bool {
        self.upstream.as_deref().is_none_or(|only| only == upstream)
    }
}

fn fault(key: &str, problem: String, expected: String) -> Diagnostic {
    let pointer = if key.is_empty() { String::new() } else { format!("/{key}") };
    Diagnostic::new(Location::Json { pointer }, key, problem).expecting(expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_order_says_what_is_wrong_with_it() {
        let read = |value: Value| BreakerOrder::read(&value, &["a.example", "b.example"]);
        let order = read(json!({ "force": "open", "upstream": "a.example" })).unwrap();
        assert!(order.force == BreakerForce::Open && order.means("a.example") && !order.means("b.example"));
        assert!(read(json!({ "force": "auto" })).unwrap().means("b.example"));
        for (value, said) in [
            (json!({ "force": "opne" }), "open"),
            (json!({ "forced": "open" }), "force"),
            (json!({ "force": "open", "upstream": "c.example" }), "guards no upstream"),
            (json!([]), "an object"),
        ] {
            let faults = read(value.clone()).unwrap_err().to_string();
            assert!(faults.contains(said), "{value}: {faults}");
        }
    }
}
