//! `hedge = { … }`.

use crate::{
    Node, Reader, Rules, Schemas, Section, Shape,
    quantities::{DURATION, PERCENTILE},
    section,
};
use plimsoll_policy::{
    hedge::{HedgeDelay, HedgeSpec},
    units::{Ratio, duration},
};
use serde_json::Value;
use std::{borrow::Cow, time::Duration};

impl Shape for HedgeDelay {
    fn expected() -> Cow<'static, str> {
        "a percentile from \"p1\" to \"p99.99\", or a duration above zero such as \"100ms\"".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.quantity(node, &Self::expected(), |text| {
            let fixed = || duration(text).ok().filter(|delay| *delay > Duration::ZERO).map(Self::Fixed);
            text.parse().ok().map(Self::Percentile).or_else(fixed)
        })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.text("hedge-delay", &Self::expected(), &format!("{PERCENTILE}|{DURATION}"))
    }

    fn write(&self) -> Value {
        match self {
            Self::Percentile(percentile) => percentile.write(),
            Self::Fixed(delay) => delay.write(),
        }
    }
}

section! {
    /// Hedging: a second attempt, at another endpoint, for an idempotent call that is slower than most.
    for HedgeSpec {
        /// When the hedge begins: at this percentile of recent latencies, or after this long.
        after: HedgeDelay = Self::default().after,
        /// The most hedges, as a part of the calls.
        budget: Ratio = Self::default().budget,
    }
}

impl Rules for HedgeSpec {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        if self.budget == Ratio::ZERO {
            let fault = section.fault(&["budget"], "a budget of 0% leaves no hedge");
            section.push(fault.expecting("a budget above 0%, or hedge = \"off\""));
        }
    }
}
