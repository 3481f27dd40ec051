//! The shared calls in flight, their leaders and followers.

use super::participant::Participant;
use parking_lot::{Mutex, MutexGuard};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    task::Waker,
};

type Map<T> = HashMap<Box<[u8]>, Arc<SharedCall<T>>>;

/// All shared calls in flight, by key. Lock order: the map, then a call.
pub(super) struct CallGroup<T> {
    map: Mutex<Map<T>>,
    most: usize,
    followers: usize,
}

/// One call that several callers wait for.
pub(super) struct SharedCall<T> {
    key: Box<[u8]>,
    state: Mutex<State<T>>,
}

pub(super) struct State<T> {
    pub(super) result: Option<T>,
    /// Whether a leader is making the call.
    pub(super) led: bool,
    /// The number of callers that wait for the result.
    pub(super) followers: usize,
    /// The wakers of the followers that have been polled.
    pub(super) wakers: Vec<(u64, Waker)>,
    numbers: u64,
}

/// Ignores poison: user code runs outside the locks, so no panic leaves the state inconsistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

impl<T> CallGroup<T> {
    pub(super) fn new(most: usize, followers: usize) -> Self {
        Self { map: Mutex::new(HashMap::new()), most, followers }
    }

    /// Joins the call for this key, as its leader if there is none yet. `None` at a bound: the caller makes its own call.
    pub(super) fn join(self: &Arc<Self>, key: &[u8]) -> Option<Participant<T>> {
        let mut map = lock(&self.map);
        if let Some(call) = map.get(key) {
            let mut state = call.state();
            if state.followers >= self.followers {
                return None;
            }
            state.followers += 1;
            state.numbers += 1;
            return Some(Participant::follower(Arc::clone(self), Arc::clone(call), state.numbers));
        }
        if map.len() >= self.most {
            return None;
        }
        let key: Box<[u8]> = key.into();
        let state = State { result: None, led: true, followers: 0, wakers: Vec::new(), numbers: 0 };
        let call = Arc::new(SharedCall { key: key.clone(), state: Mutex::new(state) });
        map.insert(key, Arc::clone(&call));
        Some(Participant::leader(Arc::clone(self), call))
    }

    /// Hands the result to all followers. Later callers begin another call.
    pub(super) fn complete(&self, call: &Arc<SharedCall<T>>, result: T) {
        let wakers = {
            let mut map = lock(&self.map);
            Self::remove(&mut map, call);
            let mut state = call.state();
            state.result = Some(result);
            std::mem::take(&mut state.wakers)
        };
        for (_, waker) in wakers {
            waker.wake();
        }
    }

    /// Replaces a leader that is gone by one of the followers; without followers the call is over.
    pub(super) fn abandon(&self, call: &Arc<SharedCall<T>>) {
        let next = {
            let mut map = lock(&self.map);
            let mut state = call.state();
            state.led = false;
            if state.followers == 0 {
                Self::remove(&mut map, call);
            }
            state.wakers.pop()
        };
        if let Some((_, waker)) = next {
            waker.wake();
        }
    }

    /// Removes a follower. If it had been chosen to lead, another one is woken.
    pub(super) fn leave(&self, call: &Arc<SharedCall<T>>, number: u64) {
        let (unled, gone) = {
            let mut state = call.state();
            state.followers -= 1;
            let at = state.wakers.iter().position(|(known, _)| *known == number);
            let gone = at.map(|at| state.wakers.swap_remove(at));
            (!state.led && state.result.is_none(), gone)
        };
        drop(gone);
        if unled {
            self.abandon(call);
        }
    }

    fn remove(map: &mut Map<T>, call: &Arc<SharedCall<T>>) {
        if let Entry::Occupied(entry) = map.entry(call.key.clone())
            && Arc::ptr_eq(entry.get(), call)
        {
            entry.remove();
        }
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.map).len()
    }
}

impl<T> SharedCall<T> {
    pub(super) fn state(&self) -> MutexGuard<'_, State<T>> {
        lock(&self.state)
    }
}
