//! The slots of connections: how many there are, in all and for one client, and who has to leave when they are occupied.

use super::{activity::ConnectionActivity, limits::WhenFull};
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

/// The slots of one acceptor. Asked when connections come and go, never by a request.
#[derive(Debug)]
pub(super) struct Slots {
    /// In all, where newcomers do not wait for one.
    most: Option<usize>,
    of_client: Option<usize>,
    occupied: Mutex<Occupied>,
}

#[derive(Debug, Default)]
struct Occupied {
    next: u64,
    /// The oldest first.
    all: BTreeMap<u64, Occupant>,
    /// By the clients' networks, hashed under a secret. As many as there are connections at the most.
    of_client: HashMap<IpAddr, usize, ahash::RandomState>,
}

#[derive(Debug)]
struct Occupant {
    client: IpAddr,
    activity: Arc<ConnectionActivity>,
    slot: Slot,
    leave: CancellationToken,
}

impl Occupant {
    /// It has no request under way, and has not shown who it is.
    fn yields(&self) -> bool {
        !self.slot.0.load(Relaxed) && !self.activity.is_busy()
    }
}

/// A connection's slot: in the extensions of its requests, if it can lose it.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot(Arc<AtomicBool>);

impl Slot {
    /// Keeps the connection: its client has shown the token, so it makes room for nobody.
    pub(super) fn keep(&self) {
        self.0.store(true, Relaxed);
    }
}

/// A connection has a slot until this is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    slots: Arc<Slots>,
    key: u64,
    pub(super) slot: Slot,
    /// Cancelled where it has to make room.
    pub(super) leave: CancellationToken,
}

/// All slots are occupied, and nobody makes room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NoSlotError;

impl Slots {
    /// `None` where there is nothing to keep count of.
    pub(super) fn new(
        most: Option<usize>,
        of_client: Option<usize>,
        when_full: WhenFull,
    ) -> Option<Arc<Self>> {
        let most = most.filter(|_| when_full == WhenFull::MakeRoom);
        (most.is_some() || of_client.is_some())
            .then(|| Arc::new(Self { most, of_client, occupied: Mutex::default() }))
    }

    /// A slot for a connection of this client. Where its own are occupied, its oldest that yields leaves; where all are,
    /// the oldest of all that does. Without [`WhenFull::MakeRoom`] nobody leaves.
    pub(super) fn enter(
        self: &Arc<Self>,
        client: IpAddr,
        activity: &Arc<ConnectionActivity>,
    ) -> Result<Admitted, NoSlotError> {
        let client = client_network(client);
        let mut occupied = self.lock();
        let own = occupied.of_client.get(&client).copied().unwrap_or_default();
        if self.of_client.is_some_and(|most| own >= most) {
            self.make_room(&mut occupied, |occupant| occupant.client == client)?;
        }
        if self.most.is_some_and(|most| occupied.all.len() >= most) {
            self.make_room(&mut occupied, |_| true)?;
        }
        let (key, slot, leave) = (occupied.next, Slot::default(), CancellationToken::new());
        occupied.next += 1;
        *occupied.of_client.entry(client).or_default() += 1;
        let occupant =
            Occupant { client, activity: Arc::clone(activity), slot: slot.clone(), leave: leave.clone() };
        occupied.all.insert(key, occupant);
        drop(occupied);
        Ok(Admitted { slots: Arc::clone(self), key, slot, leave })
    }

    fn make_room(&self, occupied: &mut Occupied, may: impl Fn(&Occupant) -> bool) -> Result<(), NoSlotError> {
        if self.most.is_none() {
            return Err(NoSlotError);
        }
        let oldest =
            occupied.all.iter().find(|(_, occupant)| may(occupant) && occupant.yields()).map(|(key, _)| *key);
        occupied.leave(oldest.ok_or(NoSlotError)?);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Occupied> {
        // Nothing is half-done under this lock.
        self.occupied.lock()
    }
}

impl Occupied {
    fn leave(&mut self, key: u64) {
        // Whoever had to make room has left already.
        let Some(occupant) = self.all.remove(&key) else { return };
        occupant.leave.cancel();
        if let Some(own) = self.of_client.get_mut(&occupant.client) {
            *own -= 1;
            if *own == 0 {
                self.of_client.remove(&occupant.client);
            }
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.slots.lock().leave(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn slots(most: usize, of_client: usize) -> Arc<Slots> {
        Slots::new(Some(most), Some(of_client), WhenFull::MakeRoom).unwrap()
    }

    fn enter(slots: &Arc<Slots>, client: IpAddr) -> Result<Admitted, NoSlotError> {
        slots.enter(client, &ConnectionActivity::new(Instant::now()))
    }

    #[tokio::test]
    async fn the_oldest_that_yields_makes_room() {
        let slots = slots(3, 3);
        let first = enter(&slots, ip(1)).unwrap();
        first.slot.keep();
        let activity = ConnectionActivity::new(Instant::now());
        let busy = slots.enter(ip(1), &activity).unwrap();
        let active = activity.begin(false);
        let third = enter(&slots, ip(1)).unwrap();
        let fourth = enter(&slots, ip(2)).unwrap();
        assert!(third.leave.is_cancelled());
        assert!(!first.leave.is_cancelled() && !busy.leave.is_cancelled() && !fourth.leave.is_cancelled());
        drop(third); // it has left before
        fourth.slot.keep();
        assert_eq!(enter(&slots, ip(3)).unwrap_err(), NoSlotError);
        drop(active);
        let _fifth = enter(&slots, ip(3)).unwrap();
        assert!(busy.leave.is_cancelled());
    }

    #[tokio::test]
    async fn one_client_takes_only_its_own_places() {
        let slots = slots(4, 2);
        let mut strangers: Vec<_> = (0..50).map(|_| enter(&slots, ip(1)).unwrap()).collect();
        assert_eq!(strangers.iter().filter(|stranger| !stranger.leave.is_cancelled()).count(), 2);
        let others = [ip(2), ip(3)].map(|client| enter(&slots, client).unwrap());
        assert_eq!(strangers.iter().filter(|stranger| !stranger.leave.is_cancelled()).count(), 2);
        assert!(others.iter().all(|other| !other.leave.is_cancelled()));
        strangers.clear();
        drop(others);
        assert!(slots.lock().all.is_empty() && slots.lock().of_client.is_empty());
    }

    #[tokio::test]
    async fn a_network_of_ipv6_is_one_client_and_without_making_room_the_newcomer_is_turned_away() {
        let slots = Slots::new(Some(9), Some(2), WhenFull::Wait).unwrap();
        let one = enter(&slots, "2001:db8::1".parse().unwrap()).unwrap();
        let _two = enter(&slots, "2001:db8::2".parse().unwrap()).unwrap();
        assert_eq!(enter(&slots, "2001:db8::3".parse().unwrap()).unwrap_err(), NoSlotError);
        assert!(!one.leave.is_cancelled());
        drop(one);
        enter(&slots, "2001:db8::3".parse().unwrap()).unwrap();
        assert!(Slots::new(Some(9), None, WhenFull::Wait).is_none());
    }
}
