//! The flights under way, and who follows them.

use super::seat::Seat;
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

type Map<T> = HashMap<Box<[u8]>, Arc<Flight<T>>>;

/// Every flight under way. Locks are taken in this order: the map, then a flight.
pub(super) struct Flights<T> {
    map: Mutex<Map<T>>,
    most: usize,
    followers: usize,
}

pub(super) struct Flight<T> {
    key: Box<[u8]>,
    state: Mutex<State<T>>,
}

pub(super) struct State<T> {
    pub(super) result: Option<T>,
    /// Somebody is on the way.
    pub(super) led: bool,
    /// Who waits for the result.
    pub(super) followers: usize,
    /// Of the followers, those who have been polled.
    pub(super) wakers: Vec<(u64, Waker)>,
    numbers: u64,
}

/// No state here is left half-done by a panic: user code runs outside the locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Flights<T> {
    pub(super) fn new(most: usize, followers: usize) -> Self {
        Self { map: Mutex::new(HashMap::new()), most, followers }
    }

    /// A place on the flight for this key, leading if there was none; `None` where bounds say to go alone.
    pub(super) fn board(self: &Arc<Self>, key: &[u8]) -> Option<Seat<T>> {
        let mut map = lock(&self.map);
        if let Some(flight) = map.get(key) {
            let mut state = flight.state();
            if state.followers >= self.followers {
                return None;
            }
            state.followers += 1;
            state.numbers += 1;
            return Some(Seat::follower(Arc::clone(self), Arc::clone(flight), state.numbers));
        }
        if map.len() >= self.most {
            return None;
        }
        let key: Box<[u8]> = key.into();
        let state = State { result: None, led: true, followers: 0, wakers: Vec::new(), numbers: 0 };
        let flight = Arc::new(Flight { key: key.clone(), state: Mutex::new(state) });
        map.insert(key, Arc::clone(&flight));
        Some(Seat::leader(Arc::clone(self), flight))
    }

    /// The flight is over: who comes from now on begins another.
    pub(super) fn land(&self, flight: &Arc<Flight<T>>, result: T) {
        let wakers = {
            let mut map = lock(&self.map);
            Self::remove(&mut map, flight);
            let mut state = flight.state();
            state.result = Some(result);
            std::mem::take(&mut state.wakers)
        };
        for (_, waker) in wakers {
            waker.wake();
        }
    }

    /// Whoever led is gone: one of the followers goes in its stead; without any the flight is over.
    pub(super) fn abandon(&self, flight: &Arc<Flight<T>>) {
        let next = {
            let mut map = lock(&self.map);
            let mut state = flight.state();
            state.led = false;
            if state.followers == 0 {
                Self::remove(&mut map, flight);
            }
            state.wakers.pop()
        };
        if let Some((_, waker)) = next {
            waker.wake();
        }
    }

    /// A follower is gone. If it was to lead, another one is asked.
    pub(super) fn leave(&self, flight: &Arc<Flight<T>>, number: u64) {
        let (unled, gone) = {
            let mut state = flight.state();
            state.followers -= 1;
            let at = state.wakers.iter().position(|(known, _)| *known == number);
            let gone = at.map(|at| state.wakers.swap_remove(at));
            (!state.led && state.result.is_none(), gone)
        };
        drop(gone);
        if unled {
            self.abandon(flight);
        }
    }

    fn remove(map: &mut Map<T>, flight: &Arc<Flight<T>>) {
        if let Entry::Occupied(entry) = map.entry(flight.key.clone())
            && Arc::ptr_eq(entry.get(), flight)
        {
            entry.remove();
        }
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.map).len()
    }
}

impl<T> Flight<T> {
    pub(super) fn state(&self) -> MutexGuard<'_, State<T>> {
        lock(&self.state)
    }
}
