//! How many retries and hedges all calls together may cause.

use super::{RetrySpec, stretch::Stretch};
use crate::{
    Instant,
    hedge::HedgeSpec,
    sync::atomic::{AtomicU64, Ordering, fence},
    units::Ratio,
};
use std::time::Duration;

/// Stretches that make up the window in which calls count. Loom walks every order of every load: two are enough there.
const CALL_STRETCHES: u64 = if cfg!(loom) { 2 } else { 50 };
/// The number of stretches for withdrawals, which count one stretch longer. See [`RetryBudget`].
const STRETCHES: u64 = CALL_STRETCHES + 1;
const STRETCH_NANOS: u64 = RetryBudget::WINDOW.as_nanos() as u64 / CALL_STRETCHES;
/// One withdrawal. A power of ten: people write ratios in decimals, and those are whole here.
const UNIT: u64 = 1_000_000_000;

/// The thresholds of a [`RetryBudget`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BudgetSpec {
    /// Retries and hedges together are at most this part of the calls, beyond the reserve.
    pub ratio: Ratio,
    /// So many a second are free.
    pub reserve: u32,
    /// Hedges are moreover at most this part of the calls; the reserve is not for them.
    pub hedges: Ratio,
}

impl BudgetSpec {
    /// The common budget of these retries and hedges. Hedges without retries have their own ratio alone.
    pub fn from_specs(retry: Option<&RetrySpec>, hedge: Option<&HedgeSpec>) -> Self {
        let hedges = hedge.map_or(Ratio::ZERO, |spec| spec.budget);
        match retry {
            Some(retry) => Self { ratio: retry.budget, reserve: retry.reserve, hedges },
            None => Self { ratio: hedges, reserve: 0, hedges },
        }
    }
}

/// A snapshot of a [`RetryBudget`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BudgetSnapshot {
    /// The thresholds in force.
    pub spec: BudgetSpec,
    /// Calls in the window.
    pub calls: u64,
    /// Retries in the window.
    pub retries: u64,
    /// Hedges in the window.
    pub hedges: u64,
    /// Withdrawals that would be granted now.
    pub balance: u64,
}

/// A budget of retries and hedges: every call pays in, every retry or hedge draws one out.
///
/// At every withdrawal that is granted, the withdrawals of the last [`WINDOW`](Self::WINDOW), itself included, are at
/// most `ratio × calls of the last WINDOW + reserve × WINDOW`. That holds to the last unit and under any concurrency. A
/// budget with nothing left refuses the next retry; it never touches attempts that are under way.
///
/// The window is a ring of 200 ms stretches. Calls count for 50 of them, so never longer than the window; withdrawals
/// for 51, so never shorter. Rounding both the safe way costs a steady load a fiftieth of its budget (19.6 % for 20 %).
/// Amounts are whole billionths of a withdrawal: 60 % of five calls are three retries.
///
/// After Finagle's `RetryBudget` (leaky bucket with a time to live of 10 s, a reserve a second and a ratio), and the same
/// decision for decision while nothing expires. Differences: there a withdrawal costs `1000 / ratio` cut to a whole number,
/// so that 60 % is a little more; both calls and withdrawals count for nine to ten seconds, so that a window may hold
/// more withdrawals than its calls allow; and hedges have no share of their own. Known
/// weakness, of every such budget: what calls have paid in may be drawn at once, so a peer that fails after ten good
/// seconds sees up to ten seconds' worth of retries in one burst; backoff spreads it.
///
/// 1248 bytes; no allocation. A deposit is one load and one uncontended add, a withdrawal a walk over the ring and a
/// full fence.
///
/// ```
/// # use plimsoll_policy::{Instant, retry::{BudgetSpec, RetryBudget}, units::Ratio};
/// let spec = BudgetSpec { ratio: Ratio::percent(20), reserve: 0, hedges: Ratio::ZERO };
/// let budget = RetryBudget::new(spec);
/// let now = Instant::from_nanos(1);
/// for _ in 0..5 {
///     budget.deposit(now);
/// }
/// assert!(budget.withdraw(now));
/// assert!(!budget.withdraw(now));
/// ```
#[derive(Debug)]
pub struct RetryBudget {
    /// Billionths paid in by a call.
    ratio: AtomicU64,
    /// Billionths of a hedge that a call allows.
    hedge_ratio: AtomicU64,
    /// Free withdrawals a second.
    reserve: AtomicU64,
    ring: [Slot; STRETCHES as usize],
}

#[derive(Debug)]
struct Slot {
    calls: Stretch,
    retries: Stretch,
    hedges: Stretch,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Retry,
    Hedge,
}

/// The content of the window, as one withdrawal sees it.
#[derive(Default)]
struct Tally {
    calls: u64,
    retries: u64,
    hedges: u64,
}

impl RetryBudget {
    /// For how long calls and withdrawals count.
    pub const WINDOW: Duration = Duration::from_secs(10);

    /// A budget with its reserve alone.
    pub fn new(spec: BudgetSpec) -> Self {
        let slot = |_| Slot { calls: Stretch::new(), retries: Stretch::new(), hedges: Stretch::new() };
        Self {
            ratio: AtomicU64::new(spec.ratio.billionths().into()),
            hedge_ratio: AtomicU64::new(spec.hedges.billionths().into()),
            reserve: AtomicU64::new(spec.reserve.into()),
            ring: std::array::from_fn(slot),
        }
    }

    /// Deposits the share of a call that has begun.
    #[inline]
    pub fn deposit(&self, now: Instant) {
        let epoch = epoch(now);
        self.slot(epoch).calls.count(epoch);
    }

    /// Withdraws one retry; `true` if the budget allows it.
    pub fn withdraw(&self, now: Instant) -> bool {
        self.spend(now, Use::Retry)
    }

    /// Withdraws one hedge from the common balance and from the hedges' own share; `true` if both allow it.
    pub fn withdraw_hedge(&self, now: Instant) -> bool {
        self.spend(now, Use::Hedge)
    }

    /// Undoes a [`Self::withdraw`] of that instant: the retry was not made after all. Without effect once the window has
    /// passed over it.
    pub fn refund(&self, withdrawn: Instant) {
        let epoch = epoch(withdrawn);
        self.slot(epoch).retries.put_back(epoch);
    }

    /// Undoes a [`Self::withdraw_hedge`] of that instant, likewise.
    pub fn refund_hedge(&self, withdrawn: Instant) {
        let epoch = epoch(withdrawn);
        self.slot(epoch).hedges.put_back(epoch);
    }

    /// Returns the number of withdrawals that would be granted now.
    pub fn balance(&self, now: Instant) -> u64 {
        self.room(&self.tally(epoch(now), None), Use::Retry)
    }

    /// Puts new thresholds in force; deposits and withdrawals stay.
    pub fn update(&self, spec: BudgetSpec) {
        self.ratio.store(spec.ratio.billionths().into(), Ordering::Relaxed);
        self.hedge_ratio.store(spec.hedges.billionths().into(), Ordering::Relaxed);
        self.reserve.store(spec.reserve.into(), Ordering::Relaxed);
    }

    /// Returns the thresholds and the content of the window.
    pub fn snapshot(&self, now: Instant) -> BudgetSnapshot {
        let tally = self.tally(epoch(now), None);
        let ratio = |part: &AtomicU64| {
            Ratio::try_from(part.load(Ordering::Relaxed) as f64 / UNIT as f64).unwrap_or(Ratio::ONE)
        };
        BudgetSnapshot {
            spec: BudgetSpec {
                ratio: ratio(&self.ratio),
                reserve: self.reserve.load(Ordering::Relaxed) as u32,
                hedges: ratio(&self.hedge_ratio),
            },
            balance: self.room(&tally, Use::Retry),
            calls: tally.calls,
            retries: tally.retries,
            hedges: tally.hedges,
        }
    }

    /// Takes first and looks afterwards. Of several that take at once, each sees those before it in its own place and,
    /// by the fence, at least one sees all in the others: so they can never be granted more than there is.
    fn spend(&self, now: Instant, what: Use) -> bool {
        let epoch = epoch(now);
        if self.room(&self.tally(epoch, None), what) == 0 {
            return false;
        }
        let slot = self.slot(epoch);
        let place = if what == Use::Retry { &slot.retries } else { &slot.hedges };
        let Some(before) = place.take(epoch) else { return false };
        fence(Ordering::SeqCst);
        let granted = self.room(&self.tally(epoch, Some((what, before))), what) > 0;
        if !granted {
            place.put_back(epoch);
        }
        granted
    }

    /// Sums the window that ends with `epoch`. `own` replaces what stands in the current place of that use: what came
    /// after one's own withdrawal does not count against it.
    fn tally(&self, epoch: u64, own: Option<(Use, u64)>) -> Tally {
        let calls_from = (epoch + 1).saturating_sub(CALL_STRETCHES);
        let spent_from = (epoch + 1).saturating_sub(STRETCHES);
        let current = (epoch % STRETCHES) as usize;
        let mut tally = Tally::default();
        for (index, slot) in self.ring.iter().enumerate() {
            tally.calls += slot.calls.since(calls_from);
            tally.retries += match own {
                Some((Use::Retry, before)) if index == current => before,
                _ => slot.retries.since(spent_from),
            };
            tally.hedges += match own {
                Some((Use::Hedge, before)) if index == current => before,
                _ => slot.hedges.since(spent_from),
            };
        }
        tally
    }

    /// How many more of this use the tally leaves room for.
    fn room(&self, tally: &Tally, what: Use) -> u64 {
        let part = |ratio: &AtomicU64| {
            u128::from(tally.calls) * u128::from(ratio.load(Ordering::Relaxed)) / u128::from(UNIT)
        };
        let free = u128::from(self.reserve.load(Ordering::Relaxed)) * u128::from(Self::WINDOW.as_secs());
        let common = (part(&self.ratio) + free).saturating_sub(u128::from(tally.retries + tally.hedges));
        let room = match what {
            Use::Retry => common,
            Use::Hedge => common.min(part(&self.hedge_ratio).saturating_sub(tally.hedges.into())),
        };
        u64::try_from(room).unwrap_or(u64::MAX)
    }

    #[inline]
    fn slot(&self, epoch: u64) -> &Slot {
        &self.ring[(epoch % STRETCHES) as usize]
    }
}

#[inline]
fn epoch(now: Instant) -> u64 {
    now.as_nanos() / STRETCH_NANOS
}

#[cfg(test)]
mod tests;
