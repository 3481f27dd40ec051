use super::Step;
use parking_lot::{Mutex, MutexGuard};
use std::{collections::HashMap, task::Waker};

/// A record of the calls to a scripted service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// Calls of `call`, those that panicked among them.
    pub calls: usize,
    /// Calls that ended.
    pub ended: usize,
    /// Calls that were dropped before their end.
    pub cancelled: usize,
    /// Calls that began and are neither ended nor dropped.
    pub in_flight: usize,
    /// The most there have been of these at once.
    pub most_in_flight: usize,
    /// Calls of an instance that had not been readied since its creation or its last call.
    pub unready_calls: usize,
    /// Times that an instance was found ready.
    pub readied: usize,
    /// Instances made by cloning.
    pub clones: usize,
}

type Script<Req, Res, E> = Box<dyn FnMut(usize, &Req) -> Step<Res, E> + Send>;

pub(super) struct State<Req, Res, E> {
    pub(super) script: Script<Req, Res, E>,
    pub(super) record: Record,
    pub(super) ready: bool,
    /// Calls numbered below this are held no longer.
    pub(super) released: usize,
    pub(super) waiting_for_ready: Vec<Waker>,
    pub(super) held: HashMap<usize, Waker>,
}

pub(super) type Shared<Req, Res, E> = Mutex<State<Req, Res, E>>;

/// A script that panics on purpose leaves nothing half-done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}
