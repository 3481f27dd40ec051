//! The journal of a script: who decided what, when.

use parking_lot::{Mutex, MutexGuard};
use plimsoll_policy::{
    Instant, Observer, PolicyEvent,
    call::{Action, Finish},
};
use std::{collections::HashMap, fmt::Write, sync::Arc};

/// How much of a journal is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Everything, what each call was told to do included.
    Actions,
    /// The events of the policy's observer, and the end of each call: for a driver that does not show its actions.
    Decisions,
}

/// Writes down what it hears, a line each. Clones write into the same.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Written>>);

#[derive(Debug, Default)]
struct Written {
    start: Option<Instant>,
    entries: Vec<(Instant, Entry)>,
    /// The last action of each call, where it was a wait: however often a driver asks, it is written once.
    waiting: HashMap<usize, Action>,
}

#[derive(Debug)]
enum Entry {
    Event(PolicyEvent),
    Action(usize, Action),
    Finish(usize, Finish),
    End(usize, String),
}

impl Journal {
    /// An empty one. Its lines count time from `start` on.
    pub fn new(start: Instant) -> Self {
        let written = Written { start: Some(start), ..Written::default() };
        Self(Arc::new(Mutex::new(written)))
    }

    /// This call was told to do this.
    pub fn action(&self, now: Instant, call: usize, action: Action) {
        let mut written = self.written();
        if matches!(action, Action::Wait { .. }) {
            if written.waiting.insert(call, action) == Some(action) {
                return;
            }
        } else {
            written.waiting.remove(&call);
        }
        written.entries.push((now, Entry::Action(call, action)));
    }

    /// This call has ended so for its caller.
    pub fn ended(&self, now: Instant, call: usize, finish: Finish) {
        self.written().entries.push((now, Entry::Finish(call, finish)));
    }

    /// This call, or its body, has ended in some other way.
    pub fn end(&self, now: Instant, call: usize, how: String) {
        self.written().entries.push((now, Entry::End(call, how)));
    }

    /// Returns the observer's events with their times, in order.
    pub fn events(&self) -> Vec<(Instant, PolicyEvent)> {
        let event = |(at, entry): &(Instant, Entry)| match entry {
            Entry::Event(event) => Some((*at, *event)),
            _ => None,
        };
        self.written().entries.iter().filter_map(event).collect()
    }

    /// How each call ended, and when, in order: `Ok` where that was for its caller, `Err` in any other way.
    pub fn ends(&self) -> Vec<(Instant, usize, Result<Finish, String>)> {
        let end = |(at, entry): &(Instant, Entry)| match entry {
            Entry::Finish(call, finish) => Some((*at, *call, Ok(*finish))),
            Entry::End(call, how) => Some((*at, *call, Err(how.clone()))),
            _ => None,
        };
        self.written().entries.iter().filter_map(end).collect()
    }

    /// All that is written, a line each.
    pub fn lines(&self, detail: Detail) -> Vec<String> {
        let written = self.written();
        let start = written.start.unwrap_or(Instant::ORIGIN);
        let line = |(at, entry): &(Instant, Entry)| {
            let mut line = format!("{:>13} ", format!("{:?}", at.since(start)));
            let _infallible = match entry {
                Entry::Event(event) => write!(line, "{event:?}"),
                Entry::Action(..) if detail == Detail::Decisions => return None,
                Entry::Action(call, Action::Wait { until, ticket }) => {
                    let until = if *until == Instant::FAR {
                        "never".to_owned()
                    } else {
                        format!("{:?}", until.since(start))
                    };
                    write!(line, "call {call}: Wait until {until}, {ticket:?}")
                }
                Entry::Action(call, action) => write!(line, "call {call}: {action:?}"),
                Entry::Finish(call, finish) => write!(line, "call {call} ended: {finish:?}"),
                Entry::End(call, how) => write!(line, "call {call} ended: {how}"),
            };
            Some(line)
        };
        written.entries.iter().filter_map(line).collect()
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.lock()
    }
}

impl Observer for Journal {
    fn on(&self, now: Instant, event: &PolicyEvent) {
        self.written().entries.push((now, Entry::Event(*event)));
    }
}
