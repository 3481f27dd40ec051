//! `retry = { … }`.

use crate::{Content, Node, Reader, Rules, Schemas, Section, Shape, section, text_or, words};
use plimsoll_policy::{
    retry::{Attempts, Jitter, RetryOn, RetrySpec},
    units::{BackoffRange, Ratio},
};
use serde_json::{Value, json};
use std::{borrow::Cow, time::Duration};

words! { Jitter { "full" => Full, "equal" => Equal, "decorrelated" => Decorrelated } }

/// One item of `on`.
#[derive(Clone, Copy)]
enum Item {
    Connect,
    Reset,
    Timeout,
    Status(u16),
}

const WORDS: [(&str, Item); 3] =
    [("connect", Item::Connect), ("reset", Item::Reset), ("timeout", Item::Timeout)];

const ITEM: &str = "\"connect\", \"reset\", \"timeout\" or a status from 400 to 599";

impl Shape for Item {
    fn expected() -> Cow<'static, str> {
        ITEM.into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if matches!(node.content(), Content::Integer(_)) {
            let status = reader.integer(node, 400..=599, ITEM)?;
            return u16::try_from(status).ok().map(Self::Status);
        }
        reader.word(node, &WORDS, ITEM)
    }

    fn schema(_: &mut Schemas) -> Value {
        let words = WORDS.map(|(word, _)| word);
        text_or(json!({ "enum": words }), json!({ "type": "integer", "minimum": 400, "maximum": 599 }))
    }

    fn write(&self) -> Value {
        match self {
            Self::Connect => "connect".into(),
            Self::Reset => "reset".into(),
            Self::Timeout => "timeout".into(),
            Self::Status(status) => (*status).into(),
        }
    }
}

impl Shape for RetryOn {
    fn expected() -> Cow<'static, str> {
        Vec::<Item>::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let items = Vec::<Item>::read(node, reader)?;
        let mut on = Self::NONE;
        for item in items {
            match item {
                Item::Connect => on.connect = true,
                Item::Reset => on.reset = true,
                Item::Timeout => on.timeout = true,
                Item::Status(status) => on = on.with_status(status).ok()?,
            }
        }
        Some(on)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Vec::<Item>::schema(schemas)
    }

    fn write(&self) -> Value {
        let words = [(Item::Connect, self.connect), (Item::Reset, self.reset), (Item::Timeout, self.timeout)];
        let words = words.into_iter().filter(|(_, on)| *on).map(|(item, _)| item);
        words.chain(self.statuses().map(Item::Status)).map(|item| item.write()).collect()
    }
}

section! {
    /// Retries: of idempotent requests only, at another endpoint if there is one, within a budget and the total timeout.
    for RetrySpec {
        /// The most attempts of a call, the first included.
        attempts: Attempts = Self::default().attempts,
        /// The shortest and the longest wait before a retry.
        backoff: BackoffRange = Self::default().backoff,
        /// How the wait is spread: "full" from nothing to the backoff, "equal" over its upper half, "decorrelated" from
        /// the base to three times the last wait.
        jitter: Jitter = Self::default().jitter,
        /// The most retries and hedges together, as a part of the calls, beyond the reserve.
        budget: Ratio = Self::default().budget,
        /// The retries a second that need no budget, so that a service with few calls can retry at all.
        reserve: u32 = Self::default().reserve,
        /// The failures that are retried: "connect" (no connection), "reset" (it broke before a response), "timeout" (the
        /// attempt reached a limit), and statuses.
        on: RetryOn = Self::default().on,
        /// No retry begins later than this after the call's first attempt.
        window: Option<Duration> = Self::default().window,
    }
}

impl Rules for RetrySpec {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        if self.budget == Ratio::ZERO && self.reserve == 0 {
            let fault = section.fault(&["budget"], "a budget of 0% and a reserve of 0 leave no retry");
            section.push(fault.expecting("a budget above 0%, a reserve above 0, or retry = \"off\""));
        }
    }
}
