//! One table of statistics as metric families: a row for each name, a family for each column.

use super::grown::Grown;
use plimsoll_telemetry::{Desc, Observed, RegisterError, Registry, Samples, Unit};
use std::{collections::BTreeMap, time::Duration};

/// The most series of a family.
const MOST_SERIES: usize = 1024;

/// A counter's name and meaning. One whose name ends in `_seconds_total` is counted in nanoseconds.
pub(super) type CounterDesc = (&'static str, &'static str);

/// How the values of several objects with one name become one value of a gauge.
#[derive(Clone, Copy, Debug)]
pub(super) enum Aggregation {
    /// Their sum.
    Sum,
    /// The greatest, in seconds.
    Max,
}

/// A gauge's name, its meaning, and how several values become one.
pub(super) type GaugeDesc = (&'static str, &'static str, Aggregation);

/// A table of metrics: `L` labels, `C` counters, `G` gauges.
#[derive(Debug)]
pub(super) struct Table<const L: usize, const C: usize, const G: usize> {
    pub(super) labels: [&'static str; L],
    pub(super) counts: [CounterDesc; C],
    pub(super) levels: [GaugeDesc; G],
    pub(super) grown: Grown<L, C>,
}

/// The statistics of one object.
#[derive(Clone, Copy, Debug)]
pub(super) struct ObjectStats<const L: usize, const C: usize, const G: usize> {
    pub(super) name: [&'static str; L],
    pub(super) counts: [u64; C],
    pub(super) levels: [f64; G],
}

/// A table's families in one registry.
#[derive(Debug)]
pub(super) struct Families<const L: usize, const C: usize, const G: usize> {
    table: &'static Table<L, C, G>,
    counters: Vec<Counter<L>>,
    gauges: Vec<Observed<L>>,
}

#[derive(Debug)]
struct Counter<const L: usize> {
    family: Observed<L>,
    unit: f64,
}

impl<const L: usize, const C: usize, const G: usize> Table<L, C, G> {
    pub(super) fn register(&'static self, registry: &Registry) -> Result<Families<L, C, G>, RegisterError> {
        let counter = |&(name, help): &CounterDesc| {
            let desc = Desc::new(name, help).max_series(MOST_SERIES);
            let in_seconds = name.ends_with("_seconds_total");
            let (desc, unit) = if in_seconds { (desc.unit(Unit::Seconds), 1e-9) } else { (desc, 1.0) };
            Ok(Counter { family: registry.observed_counter(desc, self.labels)?, unit })
        };
        let gauge = |&(name, help, of): &GaugeDesc| {
            let desc = Desc::new(name, help).max_series(MOST_SERIES);
            let desc = if matches!(of, Aggregation::Max) { desc.unit(Unit::Seconds) } else { desc };
            registry.observed_gauge(desc, self.labels)
        };
        Ok(Families {
            table: self,
            counters: self.counts.iter().map(counter).collect::<Result<_, RegisterError>>()?,
            gauges: self.levels.iter().map(gauge).collect::<Result<_, RegisterError>>()?,
        })
    }
}

impl<const L: usize, const C: usize, const G: usize> Families<L, C, G> {
    pub(super) fn show(&self, samples: &mut Samples, rows: impl IntoIterator<Item = ObjectStats<L, C, G>>) {
        let mut by_name: BTreeMap<[&'static str; L], ObjectStats<L, C, G>> = BTreeMap::new();
        for row in rows {
            by_name.entry(row.name).and_modify(|all| self.add(all, &row)).or_insert(row);
        }
        for (name, row) in by_name {
            let counts = self.table.grown.of(name, row.counts);
            for (counter, count) in self.counters.iter().zip(counts) {
                #[expect(clippy::cast_precision_loss, reason = "metrics are floats: exact up to 2^53")]
                samples.put(&counter.family, &name, count as f64 * counter.unit);
            }
            for (gauge, level) in self.gauges.iter().zip(row.levels) {
                samples.put(gauge, &name, level);
            }
        }
    }

    fn add(&self, all: &mut ObjectStats<L, C, G>, row: &ObjectStats<L, C, G>) {
        for (all, count) in all.counts.iter_mut().zip(row.counts) {
            *all += count;
        }
        for ((all, level), (.., of)) in all.levels.iter_mut().zip(row.levels).zip(self.table.levels) {
            *all = match of {
                Aggregation::Sum => *all + level,
                Aggregation::Max => all.max(level),
            };
        }
    }
}

/// Returns the time in nanoseconds, as counters count it.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the number as a gauge's value.
#[expect(clippy::cast_precision_loss, reason = "nothing of which there are so many")]
pub(super) fn number(of: usize) -> f64 {
    of as f64
}
