//! Errors of registering metrics.

use crate::{desc::Kind, histogram::BucketsError};

/// An error of registering a metric. The registry is unchanged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name breaks a rule of the exposition formats or of the naming conventions.
    #[error("metric name {name:?} {fault}")]
    BadName {
        /// The name as it was given.
        name: String,
        /// The rule.
        fault: NameError,
    },
    /// A label's name is not a letter or `_` followed by letters, digits and `_`; or it is reserved
    /// (`le`, `quantile`, `__...`); or it occurs twice.
    #[error("label name {label:?} of metric {name:?} is malformed, reserved or used twice")]
    BadLabel {
        /// The metric.
        name: String,
        /// The label.
        label: String,
    },
    /// The name is registered as something else. Names that differ only by `_total` are one name too.
    #[error("metric {name:?} is already registered as a {registered} with other properties")]
    Conflict {
        /// The metric.
        name: String,
        /// The kind that is registered.
        registered: Kind,
    },
    /// The buckets of a histogram are wrong.
    #[error("buckets of metric {name:?}: {fault}")]
    BadBuckets {
        /// The metric.
        name: String,
        /// The fault.
        fault: BucketsError,
    },
    /// The registry has as many families (or collectors) as it was built for.
    #[error("the registry is full: it holds at most {limit} {of}")]
    Full {
        /// The limit.
        limit: usize,
        /// The kind of entries: families or collectors.
        of: &'static str,
    },
}

/// A rule that a metric's name breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Only ASCII letters, digits and `_` are allowed, and no digit in front. Colons belong to recording rules.
    #[error("must be a letter or `_` followed by letters, digits and `_`")]
    Characters,
    /// A counter's name ends in `_total`.
    #[error("is a counter's and must end in `_total`")]
    CounterWithoutTotal,
    /// The ending is one that the formats give to parts of other metrics.
    #[error("must not end in `_total`, `_bucket`, `_count`, `_sum`, `_created` or `_info`")]
    ReservedEnding,
    /// The name does not end in its unit.
    #[error("must end in its unit (before `_total`)")]
    WithoutUnit,
}
