//! Values that are read at scrape time: pool sizes, breaker states, memory.

use crate::{
    desc::{Desc, Kind},
    family::{MAX_LABEL_BYTES, OVERFLOW},
    registry::Inner,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
};

/// A family whose values a collector supplies at every scrape.
#[derive(Debug, Clone)]
pub struct Observed<const N: usize> {
    pub(crate) spec: Arc<ObservedSpec>,
}

#[derive(Debug)]
pub(crate) struct ObservedSpec {
    pub(crate) desc: Desc,
    pub(crate) kind: Kind,
    pub(crate) labels: Vec<String>,
}

pub(crate) type Collector = Arc<dyn Fn(&mut Samples) + Send + Sync>;

/// The samples of all collectors in one scrape.
#[derive(Debug, Default)]
pub struct Samples {
    families: BTreeMap<String, BTreeMap<Vec<String>, f64>>,
    said: BTreeSet<&'static str>,
    pub(crate) overflowed: u64,
}

impl Samples {
    /// States the value of one series. Several values for the same labels add up: so each worker can report
    /// its own pool. Beyond the family's bound they add up in the series for overflow.
    pub fn put<const N: usize>(&mut self, family: &Observed<N>, values: &[&str; N], value: f64) {
        let desc = &family.spec.desc;
        if !self.families.contains_key(&*desc.name) {
            self.families.insert(desc.name.to_string(), BTreeMap::new());
        }
        let Some(series) = self.families.get_mut(&*desc.name) else { return };
        let mut key: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        let long = values.iter().any(|value| value.len() > MAX_LABEL_BYTES);
        if !series.contains_key(&key) && (long || N > 0 && series.len() >= desc.max_series) {
            key.fill(OVERFLOW.to_owned());
            self.overflowed += 1;
        }
        *series.entry(key).or_default() += value;
    }

    /// Returns whether this is the first call with this key in this scrape: for values of the whole process, which must
    /// not add up when two users of a registry both register the same collector.
    pub fn once(&mut self, key: &'static str) -> bool {
        self.said.insert(key)
    }

    pub(crate) fn series(&self, name: &str) -> impl Iterator<Item = (&[String], f64)> {
        let series = self.families.get(name).into_iter().flatten();
        series.map(|(labels, value)| (labels.as_slice(), *value))
    }
}

/// A registered collector. Dropping it ends the collection; [`keep`](Self::keep) leaves it to the registry.
#[must_use = "the collector is removed when this is dropped"]
#[derive(Debug)]
pub struct Collecting {
    pub(crate) registry: Weak<Inner>,
    pub(crate) id: u64,
}

impl Collecting {
    /// Lets the collector live as long as its registry.
    pub fn keep(mut self) {
        self.registry = Weak::new();
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        if let Some(registry) = self.registry.upgrade() {
            registry.remove_collector(self.id);
        }
    }
}
