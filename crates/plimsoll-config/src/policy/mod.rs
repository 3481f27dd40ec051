//! `[policy.NAME]`: which machines a policy has, and with which thresholds.

mod balance;
mod breaker;
mod bulkhead;
mod concurrency;
mod ejection;
mod hedge;
mod rate_limit;
mod retry;
mod shed;
mod throttle;
mod timeout;

use crate::{Name, Rules, Section, Version, section};
use plimsoll_policy::{
    PolicySpec, Timeouts,
    breaker::BreakerSpec,
    bulkhead::BulkheadSpec,
    concurrency::ConcurrencySpec,
    hedge::{HedgeDelay, HedgeSpec},
    rate::RateLimitSpec,
    retry::RetrySpec,
    shed::ShedSpec,
    throttle::ThrottleSpec,
    units::Span,
};
use std::collections::BTreeMap;

type ByName = BTreeMap<Name, PolicySpec>;

section! {
    /// A file of policies alone, as a service of one's own would read it.
    pub struct PolicyFile {
        /// The version of the file's format.
        version: Version,
        /// Policies by name.
        policy: ByName = ByName::new(),
    }
}

impl Rules for PolicyFile {}

section! {
    /// Which machines a call passes, and with which thresholds. Their order is fixed: shed, rate limit, total timeout,
    /// retry and hedge, breaker, bulkhead, attempt timeouts.
    ///
    /// Each may be "off"; an omitted one has its default.
    for PolicySpec {
        /// How long each part of a call may take.
        timeouts as "timeout": Timeouts = Self::default().timeouts,
        /// Refuses calls while the wait queue stands.
        shed: Option<ShedSpec> = Self::default().shed,
        /// Refuses calls beyond a rate.
        rate_limit: Option<RateLimitSpec> = Self::default().rate_limit,
        /// Sends less to a peer that refuses much.
        throttle: Option<ThrottleSpec> = Self::default().throttle,
        /// Sends nothing to a peer that fails, until it has recovered.
        breaker: Option<BreakerSpec> = Self::default().breaker,
        /// Limits the attempts in flight, and those that wait for a permit.
        bulkhead: Option<BulkheadSpec> = Self::default().bulkhead,
        /// Limits the attempts in flight to what the peer is seen to bear.
        concurrency: Option<ConcurrencySpec> = Self::default().concurrency,
        /// Repeats failed attempts where that is safe.
        retry: Option<RetrySpec> = Self::default().retry,
        /// Sends one more attempt elsewhere when the first is slow.
        hedge: Option<HedgeSpec> = Self::default().hedge,
    }
}

impl Rules for PolicySpec {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        let Some(HedgeSpec { after: HedgeDelay::Fixed(after), .. }) = self.hedge else { return };
        let limits =
            [("attempt limit", "attempt", self.timeouts.attempt), ("total", "total", self.timeouts.total)];
        for (name, key, limit) in limits {
            let Some(limit) = limit.filter(|limit| after >= *limit) else { continue };
            let problem = format!(
                "{} is not below the {name} of {}",
                section.shown(&["hedge", "after"], Span(after)),
                section.shown(&["timeout", key], Span(limit)),
            );
            let fault = section.fault(&["hedge", "after"], problem);
            section.push(fault.expecting("less than that, or the hedge would never go out"));
            return;
        }
    }
}
