//! Forwarding headers from peers that are not trusted.

use parking_lot::Mutex;
use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

/// Requests that came with `X-Forwarded-For`, `Forwarded` or `X-Real-IP` from a peer that is not trusted.
///
/// If that peer is a proxy that is missing in the configuration, all its clients count as one and share every limit by
/// client. So the first of these requests logs a warning, which says what to set. The first from a private network or
/// from this machine, where proxies usually are, logs another: requests from the internet do not use that warning up.
#[derive(Debug, Default)]
pub struct Strangers {
    count: AtomicU64,
    last: Mutex<Option<IpAddr>>,
    said: AtomicBool,
    said_of_neighbour: AtomicBool,
}

impl Strangers {
    /// Records such a request. `setting` is the setting that names trusted proxies.
    pub fn heard(&self, peer: IpAddr, setting: &str) {
        let peer = peer.to_canonical();
        self.count.fetch_add(1, Relaxed);
        // Whoever finds it taken leaves it to the one who has it: one address is as good as the other.
        if let Some(mut last) = self.last.try_lock() {
            *last = Some(peer);
        }
        let said = if is_neighbour(peer) { &self.said_of_neighbour } else { &self.said };
        if !said.load(Relaxed) && !said.swap(true, Relaxed) {
            tracing::warn!(
                %peer,
                setting,
                "a peer that is not trusted says for whom it asks; if it is your proxy, all its clients share one \
                 client's limits until it is named in the setting"
            );
        }
    }

    /// Returns the number of such requests.
    pub fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// Returns the peer of one of the latest of them.
    pub fn last(&self) -> Option<IpAddr> {
        *self.last.lock()
    }
}

/// Returns whether the address is private or local, where one's own proxies are.
fn is_neighbour(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            // 100.64.0.0/10 is shared address space, which clouds use within.
            let shared = a == 100 && (64..128).contains(&b);
            address.is_private() || address.is_loopback() || address.is_link_local() || shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_live_next_door() {
        for near in
            ["10.0.0.1", "172.16.3.4", "192.168.1.1", "127.0.0.1", "100.64.0.7", "::1", "fd00::1", "fe80::1"]
        {
            assert!(is_neighbour(near.parse().unwrap()), "{near}");
        }
        for far in ["198.51.100.7", "100.128.0.1", "172.32.0.1", "2001:db8::1"] {
            assert!(!is_neighbour(far.parse().unwrap()), "{far}");
        }
    }
}
