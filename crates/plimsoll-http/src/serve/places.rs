//! The places of connections: how many there are, in all and for one client, and who has to leave when they are taken.

use super::{limits::WhenFull, pulse::Pulse};
use parking_lot::{Mutex, MutexGuard};
use plimsoll_driver::client_network;
use plimsoll_task::drain::CancellationToken;
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// The places of one door. Asked when connections come and go, never by a request.
#[derive(Debug)]
pub(super) struct Places {
    /// In all, where newcomers do not wait for one.
    most: Option<usize>,
    of_client: Option<usize>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    /// The oldest first.
    all: BTreeMap<u64, Taker>,
    /// By the clients' networks, hashed under a secret. As many as there are connections at the most.
    of_client: HashMap<IpAddr, usize, ahash::RandomState>,
}

#[derive(Debug)]
struct Taker {
    client: IpAddr,
    pulse: Arc<Pulse>,
    place: Place,
    leave: CancellationToken,
}

impl Taker {
    /// It has no request under way, and has not shown who it is.
    fn yields(&self) -> bool {
        !self.place.0.load(Relaxed) && !self.pulse.is_busy()
    }
}

/// A connection's place: in the extensions of its requests, if it can lose it.
#[derive(Clone, Debug, Default)]
pub(super) struct Place(Arc<AtomicBool>);

impl Place {
    /// Whoever this connection belongs to has shown the token: it makes room for nobody.
    pub(super) fn keep(&self) {
        self.0.store(true, Relaxed);
    }
}

/// A connection has a place until this is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    places: Arc<Places>,
    key: u64,
    pub(super) place: Place,
    /// Cancelled where it has to make room.
    pub(super) leave: CancellationToken,
}

/// All places are taken, and nobody makes room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NoPlace;

impl Places {
    /// `None` where there is nothing to keep count of.
    pub(super) fn new(
        most: Option<usize>,
        of_client: Option<usize>,
        when_full: WhenFull,
    ) -> Option<Arc<Self>> {
        let most = most.filter(|_| when_full == WhenFull::MakeRoom);
        (most.is_some() || of_client.is_some())
            .then(|| Arc::new(Self { most, of_client, taken: Mutex::default() }))
    }

    /// A place for a connection of this client. Where its own are taken, its oldest that yields leaves; where all are,
    /// the oldest of all that does. Without [`WhenFull::MakeRoom`] nobody leaves.
    pub(super) fn enter(self: &Arc<Self>, client: IpAddr, pulse: &Arc<Pulse>) -> Result<Admitted, NoPlace> {
        let client = client_network(client);
        let mut taken = self.lock();
        let own = taken.of_client.get(&client).copied().unwrap_or_default();
        if self.of_client.is_some_and(|most| own >= most) {
            self.make_room(&mut taken, |taker| taker.client == client)?;
        }
        if self.most.is_some_and(|most| taken.all.len() >= most) {
            self.make_room(&mut taken, |_| true)?;
        }
        let (key, place, leave) = (taken.next, Place::default(), CancellationToken::new());
        taken.next += 1;
        *taken.of_client.entry(client).or_default() += 1;
        let taker = Taker { client, pulse: Arc::clone(pulse), place: place.clone(), leave: leave.clone() };
        taken.all.insert(key, taker);
        drop(taken);
        Ok(Admitted { places: Arc::clone(self), key, place, leave })
    }

    fn make_room(&self, taken: &mut Taken, may: impl Fn(&Taker) -> bool) -> Result<(), NoPlace> {
        if self.most.is_none() {
            return Err(NoPlace);
        }
        let oldest = taken.all.iter().find(|(_, taker)| may(taker) && taker.yields()).map(|(key, _)| *key);
        taken.leave(oldest.ok_or(NoPlace)?);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing is half-done under this lock.
        self.taken.lock()
    }
}

impl Taken {
    fn leave(&mut self, key: u64) {
        // Whoever had to make room has left already.
        let Some(taker) = self.all.remove(&key) else { return };
        taker.leave.cancel();
        if let Some(own) = self.of_client.get_mut(&taker.client) {
            *own -= 1;
            if *own == 0 {
                self.of_client.remove(&taker.client);
            }
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.places.lock().leave(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn places(most: usize, of_client: usize) -> Arc<Places> {
        Places::new(Some(most), Some(of_client), WhenFull::MakeRoom).unwrap()
    }

    fn enter(places: &Arc<Places>, client: IpAddr) -> Result<Admitted, NoPlace> {
        places.enter(client, &Pulse::new(Instant::now()))
    }

    #[tokio::test]
    async fn the_oldest_that_yields_makes_room() {
        let places = places(3, 3);
        let first = enter(&places, ip(1)).unwrap();
        first.place.keep();
        let pulse = Pulse::new(Instant::now());
        let busy = places.enter(ip(1), &pulse).unwrap();
        let beat = pulse.begin(false);
        let third = enter(&places, ip(1)).unwrap();
        let fourth = enter(&places, ip(2)).unwrap();
        assert!(third.leave.is_cancelled());
        assert!(!first.leave.is_cancelled() && !busy.leave.is_cancelled() && !fourth.leave.is_cancelled());
        drop(third); // it has left before
        fourth.place.keep();
        assert_eq!(enter(&places, ip(3)).unwrap_err(), NoPlace);
        drop(beat);
        let _fifth = enter(&places, ip(3)).unwrap();
        assert!(busy.leave.is_cancelled());
    }

    #[tokio::test]
    async fn one_client_takes_only_its_own_places() {
        let places = places(4, 2);
        let mut strangers: Vec<_> = (0..50).map(|_| enter(&places, ip(1)).unwrap()).collect();
        assert_eq!(strangers.iter().filter(|stranger| !stranger.leave.is_cancelled()).count(), 2);
        let others = [ip(2), ip(3)].map(|client| enter(&places, client).unwrap());
        assert_eq!(strangers.iter().filter(|stranger| !stranger.leave.is_cancelled()).count(), 2);
        assert!(others.iter().all(|other| !other.leave.is_cancelled()));
        strangers.clear();
        drop(others);
        assert!(places.lock().all.is_empty() && places.lock().of_client.is_empty());
    }

    #[tokio::test]
    async fn a_network_of_ipv6_is_one_client_and_without_making_room_the_newcomer_is_turned_away() {
        let places = Places::new(Some(9), Some(2), WhenFull::Wait).unwrap();
        let one = enter(&places, "2001:db8::1".parse().unwrap()).unwrap();
        let _two = enter(&places, "2001:db8::2".parse().unwrap()).unwrap();
        assert_eq!(enter(&places, "2001:db8::3".parse().unwrap()).unwrap_err(), NoPlace);
        assert!(!one.leave.is_cancelled());
        drop(one);
        enter(&places, "2001:db8::3".parse().unwrap()).unwrap();
        assert!(Places::new(Some(9), None, WhenFull::Wait).is_none());
    }
}
