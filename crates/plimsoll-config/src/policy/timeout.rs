//! `timeout = { … }`.

use crate::{Node, Reader, Rules, Schemas, Section, Shape, section};
use plimsoll_policy::{Timeouts, units::Span};
use serde_json::Value;
use std::{borrow::Cow, time::Duration};

section! {
    /// How long each part of a call may take. "off" means no limit.
    pub(super) struct Timeout {
        /// From an attempt's start until it has a connection. The default is never longer than `total`.
        connect: Option<Duration> = Timeouts::default().connect,
        /// The TLS handshake, where there is one. The default is never longer than `total`.
        tls: Option<Duration> = Timeouts::default().tls,
        /// From the request's last byte to the response's head. The default is never longer than `total`.
        first_byte: Option<Duration> = Timeouts::default().first_byte,
        /// One attempt, from its start to the response's head. The default is never longer than `total`.
        attempt: Option<Duration> = Timeouts::default().attempt,
        /// Between two bytes of a body, in either direction.
        idle: Option<Duration> = Timeouts::default().idle,
        /// The whole call: waits, all attempts, and the response's body.
        total: Option<Duration> = Timeouts::default().total,
    }
}

impl Rules for Timeout {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        let Some(total) = self.total else { return };
        let bounded = [
            ("connect", &mut self.connect),
            ("tls", &mut self.tls),
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
            let default = if section.given(&["total"]) { "" } else { " (the default)" };
            let problem = format!(
                "{} is above the total of {}{default}",
                section.shown(&[key], Span(allowed)),
                section.shown(&["total"], Span(total)),
            );
            let fault = section.fault(&[key], problem).expecting("at most the total, or a longer total");
            section.push(fault);
        }
    }
}

impl Shape for Timeouts {
    fn expected() -> Cow<'static, str> {
        Option::<Timeout>::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let written = Option::<Timeout>::read(node, reader)?;
        Some(written.map_or(Self::NONE, |Timeout { connect, tls, first_byte, attempt, idle, total }| Self {
            connect,
            tls,
            first_byte,
            attempt,
            idle,
            total,
        }))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Option::<Timeout>::schema(schemas)
    }

    /// Always key by key, even if each is "off": so a patch that sets one leaves the others off.
    fn write(&self) -> Value {
        let Self { connect, tls, first_byte, attempt, idle, total } = *self;
        Timeout { connect, tls, first_byte, attempt, idle, total }.write()
    }
}
