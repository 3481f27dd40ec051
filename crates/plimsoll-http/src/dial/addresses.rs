//! The addresses of one name, and the order in which they are tried.

use super::names::MOST_ADDRESSES;
use parking_lot::Mutex;
use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::Instant;

/// How long an address that has failed comes last.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The addresses of one name, in the resolver's order. Never empty.
#[derive(Debug)]
pub(super) struct Addresses {
    places: Box<[RankedAddress]>,
    turn: AtomicUsize,
}

/// An address, which is kept across lookups.
#[derive(Clone, Debug)]
pub(super) struct RankedAddress {
    ip: IpAddr,
    failed: Arc<Mutex<Option<Instant>>>,
}

impl RankedAddress {
    pub(super) const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Records that it refused, or did not respond in time.
    pub(super) fn failed(&self) {
        *self.failed.lock() = Some(Instant::now());
    }

    pub(super) fn responded(&self) {
        *self.failed.lock() = None;
    }

    fn has_failed(&self, now: Instant) -> bool {
        let failed = *self.failed.lock();
        failed.is_some_and(|at| now.duration_since(at) < REMEMBERED)
    }
}

impl Addresses {
    /// Creates the addresses of a lookup, if there are any. Knowledge about an address from `before` is kept.
    pub(super) fn new(found: Vec<IpAddr>, before: Option<&Self>) -> Option<Self> {
        let mut places: Vec<RankedAddress> = Vec::with_capacity(found.len().min(MOST_ADDRESSES));
        for ip in found {
            if places.len() == MOST_ADDRESSES {
                break;
            }
            if places.iter().all(|place| place.ip != ip) {
                let known = before.and_then(|before| before.places.iter().find(|place| place.ip == ip));
                places.push(known.cloned().unwrap_or_else(|| RankedAddress { ip, failed: Arc::default() }));
            }
        }
        let turn = before.map_or(0, |before| before.turn.load(Relaxed));
        (!places.is_empty()).then(|| Self { places: places.into(), turn: AtomicUsize::new(turn) })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = IpAddr> {
        self.places.iter().map(|place| place.ip)
    }

    /// Returns the addresses in the order in which to try them. Each call begins with another one.
    pub(super) fn in_turn(&self) -> Vec<&RankedAddress> {
        let (now, turn) = (Instant::now(), self.turn.fetch_add(1, Relaxed));
        let (failed, well): (Vec<&RankedAddress>, _) =
            self.places.iter().partition(|place| place.has_failed(now));
        let mut order = interleaved(well, turn);
        order.extend(interleaved(failed, turn));
        order
    }
}

/// Alternates the families, beginning with that of the first address; within each, the addresses take turns.
fn interleaved(places: Vec<&RankedAddress>, turn: usize) -> Vec<&RankedAddress> {
    let Some(first) = places.first().map(|place| place.ip.is_ipv6()) else { return places };
    let (mut one, mut other): (Vec<_>, Vec<_>) =
        places.into_iter().partition(|place| place.ip.is_ipv6() == first);
    for family in [&mut one, &mut other] {
        if !family.is_empty() {
            let by = turn % family.len();
            family.rotate_left(by);
        }
    }
    let mut order = Vec::with_capacity(one.len() + other.len());
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    loop {
        match (one.next(), other.next()) {
            (None, None) => return order,
            (first, second) => order.extend(first.into_iter().chain(second)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &[&str]) -> Addresses {
        Addresses::new(text.iter().map(|ip| ip.parse().unwrap()).collect(), None).unwrap()
    }

    fn order(addresses: &Addresses) -> Vec<String> {
        addresses.in_turn().iter().map(|place| place.ip.to_string()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn families_take_turns_beginning_with_the_resolvers_first() {
        let both = addresses(&["2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2"]);
        assert_eq!(order(&both), ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"]);
        let old = addresses(&["192.0.2.1", "2001:db8::1"]);
        assert_eq!(order(&old), ["192.0.2.1", "2001:db8::1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn connections_are_spread_over_the_addresses_of_a_family() {
        let all = addresses(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
        let firsts: Vec<_> = (0..6).map(|_| order(&all).remove(0)).collect();
        assert_eq!(firsts, ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_failed_comes_last_for_a_minute_and_across_lookups() {
        let first = addresses(&["2001:db8::1", "192.0.2.1", "192.0.2.2"]);
        first.in_turn()[0].failed();
        assert_eq!(order(&first).last().unwrap(), "2001:db8::1");
        let again = Addresses::new(first.all().collect(), Some(&first)).unwrap();
        assert_eq!(order(&again).last().unwrap(), "2001:db8::1");
        tokio::time::advance(REMEMBERED).await;
        assert_eq!(order(&again).first().unwrap(), "2001:db8::1");
    }

    #[test]
    fn addresses_are_bounded_and_no_two_alike() {
        let many = (0..200_u8).flat_map(|last| [IpAddr::from([192, 0, 2, last]); 2]).collect();
        let kept: Vec<_> = Addresses::new(many, None).unwrap().all().collect();
        assert_eq!(kept.len(), MOST_ADDRESSES);
        assert_eq!(kept[1], IpAddr::from([192, 0, 2, 1]));
        assert!(Addresses::new(Vec::new(), None).is_none());
    }
}
