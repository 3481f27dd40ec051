//! The queue between those who hand work in and the threads, and how many threads there are.
//!
//! One lock around all of it: work is in the queue or it is not, so who takes it out, a thread or the one who gives
//! it up, has it alone. What is taken out is dropped outside of the lock, because it may be anything.

use crate::sync::{Condvar, Mutex, MutexGuard, lock};
use std::{collections::VecDeque, mem, sync::PoisonError, time::Duration};

#[derive(Debug)]
pub(super) struct Line<J> {
    state: Mutex<State<J>>,
    comes: Condvar,
    /// Work that may wait beyond the threads that are free.
    room: usize,
    /// Threads.
    most: usize,
}

#[derive(Debug)]
struct State<J> {
    /// With rising tickets.
    jobs: VecDeque<(u64, J)>,
    next: u64,
    open: bool,
    /// Running, waiting for work, or about to be started.
    threads: usize,
    /// Waiting for work. One that was woken counts until it has the lock, but so does what it was woken for.
    idle: usize,
}

/// What became of work that was handed in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    Queued(u64),
    /// In the queue, and the caller has to start a thread.
    Starts(u64),
    Full {
        queued: usize,
    },
    Closed,
}

/// How full it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fill {
    pub(super) queued: usize,
    pub(super) threads: usize,
    pub(super) busy: usize,
}

impl<J> Line<J> {
    pub(super) fn new(most: usize, room: usize) -> Self {
        let state = State { jobs: VecDeque::new(), next: 0, open: true, threads: 0, idle: 0 };
        Self { state: Mutex::new(state), comes: Condvar::new(), room, most }
    }

    /// Also answers with what was late and made room.
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

    /// A thread's next work. `None`: there is none any more, or none came for so long, and the thread, which no longer
    /// counts, is to end.
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

    /// Whether something woke it, rather than its time.
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

    /// The work of that ticket, if no thread has it: it will never be begun.
    pub(super) fn give_up(&self, ticket: u64) -> Option<J> {
        let mut state = lock(&self.state);
        let at = state.jobs.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok()?;
        state.jobs.remove(at).map(|(_, job)| job)
    }

    /// A thread could not be started. Answers with the work of that ticket, if there is no other thread for it.
    pub(super) fn start_failed(&self, ticket: u64) -> Option<J> {
        let none_left = {
            let mut state = lock(&self.state);
            state.threads -= 1;
            state.threads == 0
        };
        // Somebody else may have started one in between: then it may have the work already.
        if none_left { self.give_up(ticket) } else { None }
    }

    /// Takes no more in. What is there is still taken out.
    pub(super) fn close(&self) {
        lock(&self.state).open = false;
        self.comes.notify_all();
    }

    /// All that no thread has.
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

    fn push(line: &Line<u32>, job: u32) -> Pushed {
        line.push(job, |job| *job >= 100).0
    }

    #[test]
    fn a_thread_is_started_for_each_until_there_are_enough() {
        let line = Line::new(2, 1);
        assert_eq!(push(&line, 0), Pushed::Starts(0));
        assert_eq!(push(&line, 1), Pushed::Starts(1));
        assert_eq!(push(&line, 2), Pushed::Full { queued: 2 }, "no thread has begun yet");
        assert_eq!((line.take(None), line.take(None)), (Some(0), Some(1)));
        assert_eq!(push(&line, 2), Pushed::Queued(2));
        assert_eq!(push(&line, 3), Pushed::Full { queued: 1 });
        assert_eq!(line.fill(), Fill { queued: 1, threads: 2, busy: 2 });
    }

    #[test]
    fn what_is_late_makes_room() {
        let line = Line::new(1, 2);
        assert_eq!((push(&line, 0), push(&line, 100)), (Pushed::Starts(0), Pushed::Queued(1)));
        assert_eq!(line.push(1, |job| *job >= 100), (Pushed::Queued(2), vec![100]));
        assert_eq!(line.push(2, |job| *job >= 100), (Pushed::Full { queued: 2 }, vec![]));
        assert_eq!(line.take(None), Some(0));
        assert_eq!(push(&line, 2), Pushed::Queued(3));
        assert_eq!((line.take(None), line.take(None)), (Some(1), Some(2)));
    }

    #[test]
    fn what_is_given_up_is_never_taken() {
        let line = Line::new(1, 8);
        for job in 0..4 {
            push(&line, job);
        }
        assert_eq!((line.give_up(2), line.give_up(2), line.give_up(9)), (Some(2), None, None));
        assert_eq!(line.first(|job| *job), Some(0));
        line.close();
        assert_eq!(push(&line, 5), Pushed::Closed);
        let taken: Vec<_> = std::iter::from_fn(|| line.take(None)).collect();
        assert_eq!(taken, [0, 1, 3]);
        assert_eq!(line.fill().threads, 0);
    }

    #[test]
    fn without_a_thread_the_work_comes_back() {
        let line = Line::new(1, 8);
        assert_eq!(push(&line, 7), Pushed::Starts(0));
        assert_eq!(line.start_failed(0), Some(7));
        assert_eq!(line.fill(), Fill { queued: 0, threads: 0, busy: 0 });
    }

    #[test]
    fn a_thread_without_work_ends() {
        let line = Line::new(1, 8);
        push(&line, 7);
        assert_eq!(line.take(Some(Duration::ZERO)), Some(7));
        assert_eq!(line.take(Some(Duration::ZERO)), None);
        assert_eq!(push(&line, 8), Pushed::Starts(1));
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::{sync::Arc, thread};

    fn never(_: &u32) -> bool {
        false
    }

    fn all_taken(line: &Line<u32>) -> Vec<u32> {
        std::iter::from_fn(|| line.take(None)).collect()
    }

    #[test]
    fn loom_work_reaches_a_thread_that_waits() {
        loom::model(|| {
            let line = Arc::new(Line::new(1, 2));
            let theirs = Arc::clone(&line);
            assert_eq!(line.push(1, never).0, Pushed::Starts(0));
            let worker = thread::spawn(move || all_taken(&theirs));
            assert_eq!(line.push(2, never).0, Pushed::Queued(1));
            line.close();
            assert_eq!(worker.join().unwrap(), [1, 2]);
            assert_eq!(line.fill().threads, 0);
        });
    }

    #[test]
    fn loom_work_is_taken_or_given_up() {
        loom::model(|| {
            let line = Arc::new(Line::new(1, 2));
            let theirs = Arc::clone(&line);
            line.push(1, never);
            let worker = thread::spawn(move || all_taken(&theirs));
            let given_up = line.give_up(0).is_some();
            line.close();
            assert_ne!(given_up, worker.join().unwrap() == [1]);
        });
    }

    #[test]
    fn loom_no_work_is_lost_when_it_closes() {
        loom::model(|| {
            let line = Arc::new(Line::new(1, 2));
            let (pushes, closes) = (Arc::clone(&line), Arc::clone(&line));
            line.push(1, never);
            let pushed = thread::spawn(move || pushes.push(2, never).0);
            let closed = thread::spawn(move || {
                closes.close();
                closes.drain().len()
            });
            let taken = all_taken(&line).len();
            let came = 1 + usize::from(pushed.join().unwrap() == Pushed::Queued(1));
            assert_eq!(taken + closed.join().unwrap(), came);
        });
    }
}
