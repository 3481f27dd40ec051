//! The wait queue: a doubly linked list through slots that are allocated once.

use crate::{Instant, Ticket};

const END: u32 = u32::MAX;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Free,
    Waiting,
    /// Granted a permit, and not yet claimed.
    Granted,
}

#[derive(Debug)]
struct Slot {
    since: Instant,
    until: Instant,
    /// Distinguishes the tickets of this slot. It wraps after 2³² of them, so a ticket must not be used again after that
    /// many others.
    generation: u32,
    older: u32,
    /// Towards the newest; on the free list, the next free slot.
    newer: u32,
    phase: Phase,
}

/// Waiters in the order of arrival.
#[derive(Debug)]
pub(super) struct WaitQueue {
    slots: Vec<Slot>,
    free: u32,
    oldest: u32,
    newest: u32,
    /// The largest capacities so far: for waiters, and for granted tickets.
    most: (u32, u32),
}

impl WaitQueue {
    pub(super) fn new(waiting: u32, granted: u32) -> Self {
        let mut queue = Self { slots: Vec::new(), free: END, oldest: END, newest: END, most: (0, 0) };
        queue.lengthen(waiting, granted);
        queue
    }

    /// Makes room for at least this many. Slots are never freed: tickets point at them, and those granted under an
    /// earlier, larger limit may still be live.
    pub(super) fn lengthen(&mut self, waiting: u32, granted: u32) {
        self.most = (self.most.0.max(waiting), self.most.1.max(granted));
        let slots = if self.most.0 == 0 { 0 } else { (self.most.0 + self.most.1) as usize };
        let more = slots.saturating_sub(self.slots.len());
        self.slots.reserve_exact(more);
        for _ in 0..more {
            let slot = Slot {
                since: Instant::ORIGIN,
                until: Instant::ORIGIN,
                generation: 0,
                older: END,
                newer: self.free,
                phase: Phase::Free,
            };
            self.free = self.slots.len() as u32;
            self.slots.push(slot);
        }
    }

    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn has_room(&self) -> bool {
        self.free != END
    }

    /// Appends a waiter; requires [`has_room`](Self::has_room).
    pub(super) fn push(&mut self, since: Instant, until: Instant) -> Ticket {
        let at = self.free;
        let older = self.newest;
        let slot = &mut self.slots[at as usize];
        self.free = slot.newer;
        (slot.since, slot.until, slot.phase) = (since, until, Phase::Waiting);
        (slot.older, slot.newer) = (older, END);
        let ticket = Ticket(u64::from(slot.generation) << 32 | u64::from(at));
        match older {
            END => self.oldest = at,
            older => self.slots[older as usize].newer = at,
        }
        self.newest = at;
        ticket
    }

    pub(super) fn oldest(&self) -> Option<u32> {
        (self.oldest != END).then_some(self.oldest)
    }

    pub(super) fn newest(&self) -> Option<u32> {
        (self.newest != END).then_some(self.newest)
    }

    pub(super) fn since(&self, at: u32) -> Instant {
        self.slots[at as usize].since
    }

    pub(super) fn until(&self, at: u32) -> Instant {
        self.slots[at as usize].until
    }

    /// Returns the slot of a ticket that is waiting or granted; `None` for one that is gone.
    pub(super) fn find(&self, ticket: Ticket) -> Option<(u32, Phase)> {
        let at = ticket.0 as u32;
        let slot = self.slots.get(at as usize)?;
        let live = slot.generation == (ticket.0 >> 32) as u32 && slot.phase != Phase::Free;
        live.then_some((at, slot.phase))
    }

    /// Takes a waiter out of the queue and keeps its slot until it claims its permit.
    pub(super) fn grant(&mut self, at: u32) -> Ticket {
        self.unlink(at);
        let slot = &mut self.slots[at as usize];
        slot.phase = Phase::Granted;
        Ticket(u64::from(slot.generation) << 32 | u64::from(at))
    }

    /// Takes a waiter out of the queue and frees its slot.
    pub(super) fn remove(&mut self, at: u32) {
        self.unlink(at);
        self.vacate(at);
    }

    /// Frees the slot of a waiter that is no longer linked.
    pub(super) fn vacate(&mut self, at: u32) {
        let free = self.free;
        let slot = &mut self.slots[at as usize];
        slot.phase = Phase::Free;
        slot.generation = slot.generation.wrapping_add(1);
        slot.newer = free;
        self.free = at;
    }

    fn unlink(&mut self, at: u32) {
        let (older, newer) = (self.slots[at as usize].older, self.slots[at as usize].newer);
        match older {
            END => self.oldest = newer,
            older => self.slots[older as usize].newer = newer,
        }
        match newer {
            END => self.newest = older,
            newer => self.slots[newer as usize].older = older,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(queue: &WaitQueue) -> Vec<u64> {
        let (mut at, mut seen) = (queue.oldest, Vec::new());
        while at != END {
            seen.push(queue.since(at).as_nanos());
            at = queue.slots[at as usize].newer;
        }
        seen
    }

    #[test]
    fn waiters_keep_their_order_when_others_leave_from_anywhere() {
        let mut queue = WaitQueue::new(3, 1);
        let tickets: Vec<_> = (0..4).map(|n| queue.push(Instant::from_nanos(n), Instant::FAR)).collect();
        assert!(!queue.has_room());
        let at = |queue: &WaitQueue, ticket| queue.find(ticket).unwrap().0;
        queue.remove(at(&queue, tickets[2]));
        assert_eq!(order(&queue), [0, 1, 3]);
        queue.remove(at(&queue, tickets[0]));
        queue.remove(at(&queue, tickets[3]));
        assert_eq!(order(&queue), [1]);
        assert_eq!(
            (queue.oldest(), queue.newest()),
            (Some(at(&queue, tickets[1])), Some(at(&queue, tickets[1])))
        );
        let last = queue.push(Instant::from_nanos(9), Instant::FAR);
        assert_eq!(order(&queue), [1, 9]);
        assert_eq!(queue.grant(at(&queue, last)), last);
        assert_eq!(order(&queue), [1]);
    }

    #[test]
    fn a_reused_slot_is_not_found_by_its_old_ticket() {
        let mut queue = WaitQueue::new(1, 0);
        let old = queue.push(Instant::ORIGIN, Instant::FAR);
        queue.remove(0);
        assert_eq!(queue.find(old), None);
        let new = queue.push(Instant::ORIGIN, Instant::FAR);
        assert_ne!(old, new);
        assert_eq!(queue.find(old), None);
        assert_eq!(queue.find(new), Some((0, Phase::Waiting)));
    }

    #[test]
    fn a_slot_is_thirty_two_bytes() {
        assert_eq!(size_of::<Slot>(), 32);
    }
}
