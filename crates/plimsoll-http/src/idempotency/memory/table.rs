use super::MemoryStoreError;
use crate::idempotency::{Begun, Completed, Fingerprint, Lease, Outcome, ScopeId, ScopedKey};
use ahash::RandomState;
use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};
use tokio::time::Instant;

/// The state of each key. Time comes in from outside.
#[derive(Debug)]
pub(super) struct Table {
    entries: HashMap<ScopedKey, Entry, RandomState>,
    /// When each of them is forgotten.
    ends: BTreeSet<(Instant, ScopedKey)>,
    bytes: usize,
    /// The share of each scope that has any key. As many as there are entries at most.
    scopes: HashMap<ScopeId, Share, RandomState>,
    most: Share,
    most_of_scope: Share,
    last_token: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Share {
    entries: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    fingerprint: Fingerprint,
    token: i64,
    forgotten_at: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    UnderWay { until: Instant },
    Done(Outcome),
}

impl Table {
    pub(super) fn new(most_entries: usize, most_bytes: usize) -> Self {
        Self {
            entries: HashMap::default(),
            ends: BTreeSet::new(),
            bytes: 0,
            scopes: HashMap::default(),
            most: Share { entries: most_entries, bytes: most_bytes },
            most_of_scope: Share { entries: most_entries.div_ceil(4), bytes: most_bytes.div_ceil(4) },
            last_token: 0,
        }
    }

    pub(super) const fn set_share(&mut self, entries: usize, bytes: usize) {
        self.most_of_scope = Share { entries, bytes };
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn begin(
        &mut self,
        now: Instant,
        key: ScopedKey,
        fingerprint: Fingerprint,
        lease: Duration,
        keep: Duration,
    ) -> Result<Begun, MemoryStoreError> {
        self.forget(now);
        if let Some(entry) = self.entries.get(&key) {
            if entry.fingerprint != fingerprint {
                return Ok(Begun::Reused);
            }
            match &entry.state {
                State::Done(outcome) => return Ok(Begun::Done(outcome.clone())),
                State::UnderWay { until } if *until > now => return Ok(Begun::InFlight),
                State::UnderWay { .. } => self.remove(&key),
            }
        }
        if self.entries.len() >= self.most.entries {
            return Err(MemoryStoreError::Store);
        }
        if self.of_scope(&key).is_some_and(|has| has.entries >= self.most_of_scope.entries) {
            return Err(MemoryStoreError::Share);
        }
        self.last_token += 1;
        let state = State::UnderWay { until: now + lease };
        self.put(key, Entry { fingerprint, token: self.last_token, forgotten_at: now + keep, state });
        Ok(Begun::Ours(Lease { key, token: self.last_token }))
    }

    pub(super) fn complete(
        &mut self,
        now: Instant,
        lease: &Lease,
        outcome: &Outcome,
        keep: Duration,
    ) -> Completed {
        self.forget(now);
        let Some(fingerprint) = self.held(lease) else { return Completed::Lost };
        self.remove(&lease.key);
        let weight = weight(outcome);
        let fits = self.bytes + weight <= self.most.bytes
            && self.of_scope(&lease.key).is_none_or(|has| has.bytes + weight <= self.most_of_scope.bytes);
        let state = State::Done(if fits { outcome.clone() } else { Outcome::Unkept });
        self.put(lease.key, Entry { fingerprint, token: lease.token, forgotten_at: now + keep, state });
        Completed::Kept
    }

    pub(super) fn release(&mut self, lease: &Lease) {
        if self.held(lease).is_some() {
            self.remove(&lease.key);
        }
    }

    /// The fingerprint under which this lease holds its key.
    fn held(&self, lease: &Lease) -> Option<Fingerprint> {
        let entry = self.entries.get(&lease.key)?;
        let held = entry.token == lease.token && matches!(entry.state, State::UnderWay { .. });
        held.then_some(entry.fingerprint)
    }

    /// Returns the share of this key's scope; `None` where it has no scope, and so no share.
    fn of_scope(&self, key: &ScopedKey) -> Option<Share> {
        let scope = key.scope()?;
        Some(self.scopes.get(scope).copied().unwrap_or_default())
    }

    fn put(&mut self, key: ScopedKey, entry: Entry) {
        let weight = entry.weight();
        self.bytes += weight;
        if let Some(scope) = key.scope() {
            let has = self.scopes.entry(*scope).or_default();
            has.entries += 1;
            has.bytes += weight;
        }
        self.ends.insert((entry.forgotten_at, key));
        self.entries.insert(key, entry);
    }

    fn remove(&mut self, key: &ScopedKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.ends.remove(&(entry.forgotten_at, *key));
            let weight = entry.weight();
            self.bytes -= weight;
            if let Some(scope) = key.scope()
                && let Some(has) = self.scopes.get_mut(scope)
            {
                has.entries -= 1;
                has.bytes -= weight;
                if has.entries == 0 {
                    self.scopes.remove(scope);
                }
            }
        }
    }

    fn forget(&mut self, now: Instant) {
        while let Some(&(at, key)) = self.ends.first().filter(|(at, _)| *at <= now) {
            debug_assert!(at <= now);
            self.remove(&key);
        }
    }
}

impl Entry {
    fn weight(&self) -> usize {
        match &self.state {
            State::Done(outcome) => weight(outcome),
            State::UnderWay { .. } => 0,
        }
    }
}

fn weight(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Stored(response) => response.weight(),
        Outcome::Unkept => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idempotency::{IdempotencyKey, StoredResponse};
    use http::StatusCode;

    const LEASE: Duration = Duration::from_secs(10);
    const KEEP: Duration = Duration::from_secs(100);
    const SAME: Fingerprint = Fingerprint::from_bytes([1; 32]);

    fn key(number: u32) -> ScopedKey {
        ScopedKey::new(None, &IdempotencyKey::try_from(number.to_string().as_str()).unwrap())
    }

    fn response(body: &'static str) -> Outcome {
        Outcome::Stored(StoredResponse::new(StatusCode::CREATED, body))
    }

    fn begin(table: &mut Table, now: Instant, number: u32) -> Result<Begun, MemoryStoreError> {
        table.begin(now, key(number), SAME, LEASE, KEEP)
    }

    fn ours(table: &mut Table, now: Instant, number: u32) -> Lease {
        let Ok(Begun::Ours(lease)) = begin(table, now, number) else { panic!("it is free") };
        lease
    }

    #[test]
    fn full_means_no_not_forgetting() {
        let (mut table, now) = (Table::new(2, 100), Instant::now());
        let done = ours(&mut table, now, 1);
        table.complete(now, &done, &response("one"), KEEP);
        ours(&mut table, now, 2);
        assert_eq!(begin(&mut table, now, 3), Err(MemoryStoreError::Store));
        assert_eq!(
            begin(&mut table, now, 1),
            Ok(Begun::Done(response("one"))),
            "nothing was forgotten for it"
        );
        assert_eq!(begin(&mut table, now, 2), Ok(Begun::InFlight));
        assert!(matches!(begin(&mut table, now + KEEP, 3), Ok(Begun::Ours(_))), "what ran out made room");
        assert_eq!((table.len(), table.bytes()), (1, 0));
    }

    #[test]
    fn a_response_without_room_is_known_to_have_been_given() {
        let (mut table, now) = (Table::new(10, 8), Instant::now());
        for (number, body, kept) in [(1, "12345", true), (2, "1234", false), (3, "123", true)] {
            let lease = ours(&mut table, now, number);
            assert_eq!(table.complete(now, &lease, &response(body), KEEP), Completed::Kept);
            let expected = if kept { response(body) } else { Outcome::Unkept };
            assert_eq!(begin(&mut table, now, number), Ok(Begun::Done(expected)));
        }
        assert_eq!(table.bytes(), 8);
        begin(&mut table, now + KEEP, 9).unwrap();
        assert_eq!((table.bytes(), table.ends.len(), table.len()), (0, 1, 1));
    }

    #[test]
    fn one_scope_leaves_room_for_all_others() {
        let (mut table, now) = (Table::new(8, 80), Instant::now());
        let scoped = |scope: &str, number: u32| {
            let key = IdempotencyKey::try_from(number.to_string().as_str()).unwrap();
            ScopedKey::new(Some(scope.as_bytes()), &key)
        };
        let begin =
            |table: &mut Table, at, scope, number| table.begin(at, scoped(scope, number), SAME, LEASE, KEEP);
        let mut lease = None;
        for number in 0..2 {
            let Ok(Begun::Ours(ours)) = begin(&mut table, now, "loud", number) else { panic!("{number}") };
            lease = Some(ours);
        }
        assert_eq!(begin(&mut table, now, "loud", 2), Err(MemoryStoreError::Share), "a quarter of eight");
        assert_eq!(begin(&mut table, now, "loud", 1), Ok(Begun::InFlight), "what it has it has");
        for other in ["", "a", "b"] {
            assert!(matches!(begin(&mut table, now, other, 0), Ok(Begun::Ours(_))), "{other:?}");
        }
        // Bytes as well: a quarter of eighty is twenty.
        table.complete(now, &lease.unwrap(), &response("123456789012345678901"), KEEP);
        assert_eq!(begin(&mut table, now, "loud", 1), Ok(Begun::Done(Outcome::Unkept)));
        assert!(
            matches!(begin(&mut table, now + KEEP, "loud", 2), Ok(Begun::Ours(_))),
            "what ran out made room"
        );
        assert_eq!((table.len(), table.scopes.len()), (1, 1), "nothing is left of those who have no key");
    }

    #[test]
    fn a_lease_that_ran_out_is_fenced_off() {
        let (mut table, now) = (Table::new(10, 100), Instant::now());
        let late = ours(&mut table, now, 1);
        let other = Fingerprint::from_bytes([2; 32]);
        let later = now + LEASE;
        assert_eq!(
            table.begin(later, key(1), other, LEASE, KEEP),
            Ok(Begun::Reused),
            "not for another request"
        );
        let taker = ours(&mut table, later, 1);
        assert_ne!(late.token, taker.token);
        table.release(&late);
        assert_eq!(table.complete(later, &late, &response("late"), KEEP), Completed::Lost);
        assert_eq!(begin(&mut table, later, 1), Ok(Begun::InFlight));
        assert_eq!(table.complete(later, &taker, &response("in time"), KEEP), Completed::Kept);
        assert_eq!(table.complete(later, &taker, &response("again"), KEEP), Completed::Lost);
        assert_eq!(begin(&mut table, later, 1), Ok(Begun::Done(response("in time"))));
    }
}
