//! The wait queue between submitters and threads, and the number of threads.
//!
//! One lock around all of it: work is in the queue or it is not, so a thread or a submitter that takes it out has it alone.
//! Work is dropped outside the lock, because its `Drop` may run any code.

use crate::sync::{Condvar, Mutex, MutexGuard, lock};
use std::{collections::VecDeque, mem, sync::PoisonError, time::Duration};

#[derive(Debug)]
pub(super) struct WaitQueue<J> {
    state: Mutex<State<J>>,
    comes: Condvar,
    /// The capacity for work beyond the free threads.
    room: usize,
    /// The most threads.
    most: usize,
}

#[derive(Debug)]
struct State<J> {
    /// With rising tickets.
    jobs: VecDeque<(u64, J)>,
    next: u64,
    open: bool,
    /// Threads that are running, waiting for work, or about to be started.
    threads: usize,
    /// Threads that wait for work. A woken thread counts until it has the lock, but so does the work it was woken for.
    idle: usize,
}

/// The result of submitting work.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    Queued(u64),
    /// Queued, and the caller has to start a thread.
    Starts(u64),
    Full {
        queued: usize,
    },
    Closed,
}

/// The fill of a queue and its threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fill {
    pub(super) queued: usize,
    pub(super) threads: usize,
    pub(super) busy: usize,
}

impl<J> WaitQueue<J> {
    pub(super) fn new(most: usize, room: usize) -> Self {
        let state = State { jobs: VecDeque::new(), next: 0, open: true, threads: 0, idle: 0 };
        Self { state: Mutex::new(state), comes: Condvar::new(), room, most }
    }

    /// Submits work. Returns also late work that was removed to make room.
    pub(super) fn push(&self, job: J, late: impl Fn(&J) -> bool) -> (Pushed, Vec<J>) {
        let mut state = lock(&self.state);
        let mut swept = Vec::new();
        if !state.open {
            drop(state);
            return (Pushed::Closed, swept);
        }
        if !self.has_room(&state) {
            let all = mem::take(&mut state.jobs);
            for (ticket, job) in all {
                if late(&job) {
                    swept.push(job);
                } else {
                    state.jobs.push_back((ticket, job));
                }
            }
        }
        if !self.has_room(&state) {
            let queued = state.jobs.len();
            drop(state);
            return (Pushed::Full { queued }, swept);
        }
        let ticket = state.next;
        state.next += 1;
        state.jobs.push_back((ticket, job));
        let starts = state.jobs.len() > state.idle && state.threads < self.most;
        state.threads += usize::from(starts);
        drop(state);
        if starts {
            return (Pushed::Starts(ticket), swept);
        }
        self.comes.notify_one();
        (Pushed::Queued(ticket), swept)
    }

    fn has_room(&self, state: &State<J>) -> bool {
        let free = state.idle + (self.most - state.threads);
        state.jobs.len() < self.room.saturating_add(free)
    }

    /// Takes a thread's next work. `None`: the queue is closed, or no work came for `idle`, and the thread, which no longer
    /// counts, must end.
    pub(super) fn take(&self, idle: Option<Duration>) -> Option<J> {
        let mut state = lock(&self.state);
        loop {
            if let Some((_, job)) = state.jobs.pop_front() {
                return Some(job);
            }
            if !state.open {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            let waited;
            (state, waited) = self.wait(state, idle);
            state.idle -= 1;
            if !waited && state.jobs.is_empty() && state.open {
                state.threads -= 1;
                return None;
            }
        }
    }

    /// Waits, and returns whether a notification rather than the time ended it.
    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State<J>>,
        idle: Option<Duration>,
    ) -> (MutexGuard<'a, State<J>>, bool) {
        match idle {
            None => (self.comes.wait(state).unwrap_or_else(PoisonError::into_inner), true),
            Some(idle) => {
                let waited = self.comes.wait_timeout(state, idle).unwrap_or_else(PoisonError::into_inner);
                (waited.0, !waited.1.timed_out())
            }
        }
    }

    /// Takes the work of this ticket out, if no thread has it: it will never be begun.
    pub(super) fn give_up(&self, ticket: u64) -> Option<J> {
        let mut state = lock(&self.state);
        let at = state.jobs.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok()?;
        state.jobs.remove(at).map(|(_, job)| job)
    }

    /// Records that a thread could not be started. Returns the work of this ticket if there is no other thread for it.
    pub(super) fn start_failed(&self, ticket: u64) -> Option<J> {
        let none_left = {
            let mut state = lock(&self.state);
            state.threads -= 1;
            state.threads == 0
        };
        // Another submitter may have started one in between, which may have the work already.
        if none_left { self.give_up(ticket) } else { None }
    }

    /// Closes the queue for further work. Queued work is still taken out.
    pub(super) fn close(&self) {
        lock(&self.state).open = false;
        self.comes.notify_all();
    }

    /// Takes all queued work.
    pub(super) fn drain(&self) -> VecDeque<(u64, J)> {
        mem::take(&mut lock(&self.state).jobs)
    }

    pub(super) fn fill(&self) -> Fill {
        let state = lock(&self.state);
        Fill { queued: state.jobs.len(), threads: state.threads, busy: state.threads - state.idle }
    }

    pub(super) fn first<T>(&self, of: impl FnOnce(&J) -> T) -> Option<T> {
        lock(&self.state).jobs.front().map(|(_, job)| of(job))
    }

    pub(super) fn bounds(&self) -> (usize, usize) {
        (self.most, self.room)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn push(queue: &WaitQueue<u32>, job: u32) -> Pushed {
        queue.push(job, |job| *job >= 100).0
    }

    #[test]
    fn a_thread_is_started_for_each_until_there_are_enough() {
        let queue = WaitQueue::new(2, 1);
        assert_eq!(push(&queue, 0), Pushed::Starts(0));
        assert_eq!(push(&queue, 1), Pushed::Starts(1));
        assert_eq!(push(&queue, 2), Pushed::Full { queued: 2 }, "no thread has begun yet");
        assert_eq!((queue.take(None), queue.take(None)), (Some(0), Some(1)));
        assert_eq!(push(&queue, 2), Pushed::Queued(2));
        assert_eq!(push(&queue, 3), Pushed::Full { queued: 1 });
        assert_eq!(queue.fill(), Fill { queued: 1, threads: 2, busy: 2 });
    }

    #[test]
    fn what_is_late_makes_room() {
        let queue = WaitQueue::new(1, 2);
        assert_eq!((push(&queue, 0), push(&queue, 100)), (Pushed::Starts(0), Pushed::Queued(1)));
        assert_eq!(queue.push(1, |job| *job >= 100), (Pushed::Queued(2), vec![100]));
        assert_eq!(queue.push(2, |job| *job >= 100), (Pushed::Full { queued: 2 }, vec![]));
        assert_eq!(queue.take(None), Some(0));
        assert_eq!(push(&queue, 2), Pushed::Queued(3));
        assert_eq!((queue.take(None), queue.take(None)), (Some(1), Some(2)));
    }

    #[test]
    fn what_is_given_up_is_never_taken() {
        let queue = WaitQueue::new(1, 8);
        for job in 0..4 {
            push(&queue, job);
        }
        assert_eq!((queue.give_up(2), queue.give_up(2), queue.give_up(9)), (Some(2), None, None));
        assert_eq!(queue.first(|job| *job), Some(0));
        queue.close();
        assert_eq!(push(&queue, 5), Pushed::Closed);
        let taken: Vec<_> = std::iter::from_fn(|| queue.take(None)).collect();
        assert_eq!(taken, [0, 1, 3]);
        assert_eq!(queue.fill().threads, 0);
    }

    #[test]
    fn without_a_thread_the_work_comes_back() {
        let queue = WaitQueue::new(1, 8);
        assert_eq!(push(&queue, 7), Pushed::Starts(0));
        assert_eq!(queue.start_failed(0), Some(7));
        assert_eq!(queue.fill(), Fill { queued: 0, threads: 0, busy: 0 });
    }

    #[test]
    fn a_thread_without_work_ends() {
        let queue = WaitQueue::new(1, 8);
        push(&queue, 7);
        assert_eq!(queue.take(Some(Duration::ZERO)), Some(7));
        assert_eq!(queue.take(Some(Duration::ZERO)), None);
        assert_eq!(push(&queue, 8), Pushed::Starts(1));
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::{sync::Arc, thread};

    fn never(_: &u32) -> bool {
        false
    }

    fn all_taken(queue: &WaitQueue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.take(None)).collect()
    }

    #[test]
    fn loom_work_reaches_a_thread_that_waits() {
        loom::model(|| {
            let queue = Arc::new(WaitQueue::new(1, 2));
            let theirs = Arc::clone(&queue);
            assert_eq!(queue.push(1, never).0, Pushed::Starts(0));
            let worker = thread::spawn(move || all_taken(&theirs));
            assert_eq!(queue.push(2, never).0, Pushed::Queued(1));
            queue.close();
            assert_eq!(worker.join().unwrap(), [1, 2]);
            assert_eq!(queue.fill().threads, 0);
        });
    }

    #[test]
    fn loom_work_is_taken_or_given_up() {
        loom::model(|| {
            let queue = Arc::new(WaitQueue::new(1, 2));
            let theirs = Arc::clone(&queue);
            queue.push(1, never);
            let worker = thread::spawn(move || all_taken(&theirs));
            let given_up = queue.give_up(0).is_some();
            queue.close();
            assert_ne!(given_up, worker.join().unwrap() == [1]);
        });
    }

    #[test]
    fn loom_no_work_is_lost_when_it_closes() {
        loom::model(|| {
            let queue = Arc::new(WaitQueue::new(1, 2));
            let (pushes, closes) = (Arc::clone(&queue), Arc::clone(&queue));
            queue.push(1, never);
            let pushed = thread::spawn(move || pushes.push(2, never).0);
            let closed = thread::spawn(move || {
                closes.close();
                closes.drain().len()
            });
            let taken = all_taken(&queue).len();
            let came = 1 + usize::from(pushed.join().unwrap() == Pushed::Queued(1));
            assert_eq!(taken + closed.join().unwrap(), came);
        });
    }
}
