//! How many connections each client has, over all workers.

use parking_lot::{Mutex, MutexGuard};
use plimsoll::driver::client_network;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Connections in all and of each client, by its address or, over IPv6, its /64. Asked when a connection comes and goes, never by a request.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    all: AtomicUsize,
    /// As many entries as there are connections at the most, hashed under a secret: an attacker can fill it no further
    /// than the limit on connections lets him.
    each: Mutex<HashMap<IpAddr, usize, ahash::RandomState>>,
}

/// Why a connection is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TooMany {
    InAll,
    OfClient,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    clients: Arc<Clients>,
    client: IpAddr,
}

impl Clients {
    /// Counts a connection of this client, unless it is one too many.
    pub(crate) fn count(
        self: &Arc<Self>,
        client: IpAddr,
        in_all: usize,
        of_client: usize,
    ) -> Result<Counted, TooMany> {
        let client = client_network(client);
        if self.all.fetch_add(1, Ordering::Relaxed) >= in_all {
            self.all.fetch_sub(1, Ordering::Relaxed);
            return Err(TooMany::InAll);
        }
        let mut each = self.lock();
        let own = each.entry(client).or_insert(0);
        if *own >= of_client {
            let refused = Err(TooMany::OfClient);
            if *own == 0 {
                each.remove(&client);
            }
            self.all.fetch_sub(1, Ordering::Relaxed);
            return refused;
        }
        *own += 1;
        drop(each);
        Ok(Counted { clients: Arc::clone(self), client })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize, ahash::RandomState>> {
        self.each.lock()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let clients = &self.clients;
        let mut each = clients.lock();
        if let Some(own) = each.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                each.remove(&self.client);
            }
        }
        clients.all.fetch_sub(1, Ordering::Relaxed);
    }
}
