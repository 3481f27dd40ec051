//! The two gateways that are compared.

use super::{plan::Plan, tally::Tally};
use anyhow::{Context as _, anyhow};
use plimsoll_gateway::{
    Gateway, file,
    spec::{GatewaySpec, ListenerSpec},
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};

/// The example configuration.
const EXAMPLE: &str = include_str!("../../../../examples/gateway.toml");
/// The same service without policies.
const BARE: &str = include_str!("bare.toml");

/// The policy of the example that the load goes through.
const POLICY: &str = "careful";

/// The number of the side with the example's policies.
pub(super) const WITH: usize = 0;
/// The number of the side without policies.
pub(super) const WITHOUT: usize = 1;

/// A gateway and the outcomes of the requests sent through it.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) gateway: Gateway,
    pub(super) tally: Arc<Tally>,
}

impl Side {
    pub(super) fn start(spec: GatewaySpec) -> anyhow::Result<Self> {
        let gateway = Gateway::start(spec).context("cannot start a gateway")?;
        Ok(Self { gateway, tally: Arc::default() })
    }

    pub(super) fn address(&self) -> anyhow::Result<SocketAddr> {
        self.gateway.addresses().first().copied().ok_or_else(|| anyhow!("a gateway listens nowhere"))
    }
}

/// Returns the configuration of the side with policies: the example, in front of these replicas. In a short run
/// ejections are shorter too; their length is returned with it.
pub(super) fn with_policies(
    replicas: &[SocketAddr],
    plan: &Plan,
) -> anyhow::Result<(GatewaySpec, Option<Duration>)> {
    let mut spec = read("examples/gateway.toml", EXAMPLE, replicas)?;
    let mut shortened = None;
    let ejections = spec.upstreams.values_mut().filter_map(|upstream| upstream.ejection.as_mut());
    for ejection in ejections.filter(|ejection| ejection.duration > plan.longest_ejection()) {
        ejection.duration = plan.longest_ejection();
        shortened = Some(ejection.duration);
    }
    Ok((spec, shortened))
}

/// Returns the configuration of the side without policies.
pub(super) fn without_policies(replicas: &[SocketAddr]) -> anyhow::Result<GatewaySpec> {
    read("bare.toml", BARE, replicas)
}

/// Returns the most attempts that the example's budget allows for `requests` requests within `length`.
pub(super) fn attempts_allowed(spec: &GatewaySpec, requests: u64, length: Duration) -> f64 {
    /// For as long the budget looks back; the reserve may be spent anywhere within.
    const WINDOW: Duration = plimsoll_gateway::plimsoll::policy::retry::RetryBudget::WINDOW;
    let policy = spec.policies.iter().find(|(name, _)| name.as_str() == POLICY).map(|(_, policy)| policy);
    let budget = policy.map(|policy| {
        plimsoll_gateway::plimsoll::policy::retry::BudgetSpec::from_specs(
            policy.retry.as_ref(),
            policy.hedge.as_ref(),
        )
    });
    let (ratio, reserve) = budget.map_or((0.0, 0), |budget| (budget.ratio.get(), budget.reserve));
    let windows = (length.as_secs_f64() / WINDOW.as_secs_f64()).ceil();
    requests as f64 * (1.0 + ratio) + f64::from(reserve) * WINDOW.as_secs_f64() * windows
}

/// Reads a file and replaces the addresses, which depend on the machine.
fn read(name: &str, text: &str, replicas: &[SocketAddr]) -> anyhow::Result<GatewaySpec> {
    let loaded = file::parse(name, text, &|_| None).map_err(|invalid| anyhow!("{}", invalid.render()))?;
    let mut spec = loaded.spec;
    // One worker a gateway: two gateways, the replicas and the load share this machine.
    spec.workers = Some(NonZeroUsize::MIN);
    spec.admin = None;
    spec.listeners = vec![ListenerSpec::new((Ipv4Addr::LOCALHOST, 0).into())];
    for upstream in spec.upstreams.values_mut() {
        upstream.endpoints =
            replicas.iter().map(|replica| replica.to_string().parse()).collect::<Result<_, _>>()?;
    }
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_gateway::plimsoll::{PolicySpec, policy::balance::Balance};

    fn replicas() -> Vec<SocketAddr> {
        [1, 2, 3].map(|port| (Ipv4Addr::LOCALHOST, port).into()).to_vec()
    }

    fn both(length: u64) -> [GatewaySpec; 2] {
        let plan = Plan::new(Duration::from_secs(length));
        [with_policies(&replicas(), &plan).unwrap().0, without_policies(&replicas()).unwrap()]
    }

    #[test]
    fn only_places_differ_from_the_example() {
        let example = file::parse("example", EXAMPLE, &|_| None).unwrap().spec;
        let [mut with, _] = both(20);
        assert_eq!(with.upstreams.len(), 1);
        assert_eq!((&with.policies, &with.routes), (&example.policies, &example.routes));
        for (name, upstream) in &mut with.upstreams {
            assert_eq!(upstream.endpoints[2].address.to_string(), "127.0.0.1:3");
            upstream.endpoints.clone_from(&example.upstreams[name].endpoints);
        }
        assert_eq!(with.upstreams, example.upstreams);
        assert!(with.routes.iter().any(|route| route.path.as_str() == "/"
            && route.policy.as_ref().is_some_and(|name| name.as_str() == POLICY)));
    }

    #[test]
    fn a_short_run_has_short_ejections() {
        let [with, _] = both(10);
        let plan = Plan::new(Duration::from_secs(10));
        assert_eq!(with_policies(&replicas(), &plan).unwrap().1, Some(Duration::from_secs(3)));
        let ejection = with.upstreams.values().next().unwrap().ejection.unwrap();
        assert_eq!(ejection.duration, Duration::from_secs(3));
    }

    #[test]
    fn the_other_side_has_nothing_but_a_total() {
        let [_, without] = both(20);
        let policy = without.policies.values().next().unwrap();
        let total = policy.timeouts.total;
        let timeouts = plimsoll_gateway::plimsoll::policy::Timeouts { total, ..PolicySpec::OFF.timeouts };
        assert_eq!(*policy, PolicySpec { timeouts, ..PolicySpec::OFF });
        assert_eq!(total, Some(Duration::from_secs(3)));
        let upstream = without.upstreams.values().next().unwrap();
        assert_eq!(
            (&upstream.balance, upstream.ejection, &upstream.health),
            (&Balance::RoundRobin, None, &None)
        );
    }

    #[test]
    fn the_example_allows_a_fifth_more_and_ten_a_second() {
        let [with, _] = both(20);
        let allowed = |seconds| attempts_allowed(&with, 1000, Duration::from_secs(seconds));
        assert!((allowed(10) - 1300.0).abs() < 1e-6, "{}", allowed(10));
        assert!((allowed(11) - 1400.0).abs() < 1e-6, "{}", allowed(11));
    }
}
