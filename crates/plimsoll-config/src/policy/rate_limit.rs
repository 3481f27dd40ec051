//! `rate-limit = { … }`.

use crate::{
    Node, Reader, Rules, Schemas, Section, Shape,
    header::{self, tagged},
    section, words,
};
use plimsoll_policy::{
    rate::{KeyCapacity, Per, RateLimitSpec, RateShape},
    units::{Burst, Rate},
};
use serde_json::json;
use std::borrow::Cow;

words! { RateShape { "token-bucket" => TokenBucket, "leaky-bucket" => LeakyBucket } }

impl Shape for Per {
    fn expected() -> Cow<'static, str> {
        "\"all\", \"client\", \"route\" or \"header:NAME\"".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let expected = Self::expected();
        let text = reader.text(node, &expected)?;
        if text.starts_with("header:") {
            return reader.parsed(node, &expected, |text| tagged(text).map(Self::Header));
        }
        let words = [("all", Self::All), ("client", Self::Client), ("route", Self::Route)];
        reader.word(node, &words, &expected)
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        schemas.text("per", &Self::expected(), &format!(r"all|client|route|header:\s*{}\s*", header::PATTERN))
    }

    fn write(&self) -> serde_json::Value {
        match self {
            Self::All => "all".into(),
            Self::Client => "client".into(),
            Self::Route => "route".into(),
            Self::Header(name) => format!("header:{name}").into(),
        }
    }
}

impl Shape for KeyCapacity {
    fn expected() -> Cow<'static, str> {
        format!("a whole number from 1 to {}", Self::MAX).into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let keys = reader.integer(node, 1..=Self::MAX.into(), &Self::expected())?;
        Self::new(u32::try_from(keys).ok()?)
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "type": "integer", "minimum": 1, "maximum": Self::MAX })
    }

    fn write(&self) -> serde_json::Value {
        self.get().into()
    }
}

section! {
    /// A rate limit: a token bucket or a leaky bucket, with a rate and a burst.
    for RateLimitSpec {
        /// The calls per unit of time.
        rate: Rate,
        /// The calls that may come at once. By default those of one second, and at least 1.
        burst: Burst => Burst::ONE,
        /// The treatment of a burst: in a "token-bucket" its calls go at once; in a "leaky-bucket" one goes, and the others
        /// wait in a queue that is drained at the rate, each refused at once if its turn would come after its deadline.
        shape: RateShape = RateShape::default(),
        /// The calls that are counted together: all, those of a client address, of a route, or with the same value of a
        /// header. A leaky bucket counts all together.
        per: Per = Per::default(),
        /// How many keys are remembered at most, where keys are counted apart. The least useful goes first.
        keys: KeyCapacity = Self::KEYS,
    }
}

impl Rules for RateLimitSpec {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        if !section.given(&["burst"]) {
            self.burst = Self::new(self.rate).burst;
        }
        if self.shape == RateShape::LeakyBucket && self.per != Per::All {
            let problem = "a leaky bucket is one queue for all calls, and cannot count them apart";
            let fault = section.fault(&["per"], problem);
            section.push(fault.expecting("per = \"all\", or shape = \"token-bucket\""));
        }
    }
}
