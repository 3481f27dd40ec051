//! `timeout = { … }`.

use super::super::{Rules, Section, section};
use crate::{Timeouts, units::Span};
use std::time::Duration;

section! {
    /// How long each stretch of a call may take. A limit that is "off" does not hold.
    for Timeouts {
        /// From an attempt's start until a connection stands. Left out, never longer than `total`.
        connect: Option<Duration> = Self::default().connect,
        /// From the request's last byte to the answer's head. Left out, never longer than `total`.
        first_byte: Option<Duration> = Self::default().first_byte,
        /// One attempt, from its start to the answer's head. Left out, never longer than `total`.
        attempt: Option<Duration> = Self::default().attempt,
        /// Between two bytes of a body, either way.
        idle: Option<Duration> = Self::default().idle,
        /// The whole call: waiting, every attempt, and the answer's body.
        total: Option<Duration> = Self::default().total,
    }
}

impl Rules for Timeouts {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        let Some(total) = self.total else { return };
        let bounded = [
            ("connect", &mut self.connect),
            ("first-byte", &mut self.first_byte),
            ("attempt", &mut self.attempt),
        ];
        for (key, limit) in bounded {
            let Some(allowed) = *limit else { continue };
            if allowed <= total {
                continue;
            }
            if !section.given(&[key]) {
                *limit = Some(total);
                continue;
            }
            let default = if section.given(&["total"]) { "" } else { ", its default" };
            let problem = format!("{} is above the total of {}{default}", Span(allowed), Span(total));
            let fault = section.fault(&[key], problem).expecting("at most the total, or a longer total");
            section.push(fault);
        }
    }
}
