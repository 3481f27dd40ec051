//! The books of a run: what clients have framed beside what origins have read.

use crate::{
    mutate::shown,
    reading::{Message, canonical},
};
use std::collections::HashMap;

/// Fields that the gateway writes itself, or makes one spelling of.
const OWN: &[&str] = &[
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "traceparent",
    "x-request-id",
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    // Spelled anew, and counted down.
    "te",
    "max-forwards",
    // Many of HTTP/2 are one of HTTP/1.1.
    "cookie",
];

/// Method and target, in one spelling.
type RequestLine = (Vec<u8>, Vec<u8>);

/// Requests that may still be read, of one request line.
#[derive(Debug, Default)]
struct Framed {
    requests: Vec<Message>,
    /// Bodies of whole ones, and how many requests with that body have not been read yet.
    left: HashMap<Vec<u8>, i64>,
}

/// Requests that clients have framed, this batch and the one before: what an origin reads late is still known.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    batches: [HashMap<RequestLine, Framed>; 2],
}

fn line(message: &Message) -> RequestLine {
    (message.start[0].clone(), canonical(&message.start[1]))
}

impl Ledger {
    /// Begins a batch.
    pub(crate) fn turn(&mut self) {
        self.batches.swap(0, 1);
        self.batches[0].clear();
    }

    /// A client has framed this, whole or not.
    pub(crate) fn framed(&mut self, message: &Message) {
        let framed = self.batches[0].entry(line(message)).or_default();
        if message.whole {
            *framed.left.entry(message.body.clone()).or_default() += 1;
        }
        framed.requests.push(message.clone());
    }

    /// An origin has read this.
    ///
    /// # Errors
    /// If no client has framed it, not so often, or not with these fields.
    pub(crate) fn read(&mut self, message: &Message) -> Result<(), String> {
        let line = line(message);
        let said = || {
            let [method, target, _] = &message.start;
            let fields = message.fields.iter().map(|(name, value)| format!("\n  {name}: {}", shown(value)));
            let fields: String = fields.collect();
            format!("{} {}{fields}\n  body: {}", shown(method), shown(target), shown(&message.body))
        };
        let of_line: Vec<&Framed> = self.batches.iter().filter_map(|batch| batch.get(&line)).collect();
        let requests = || of_line.iter().flat_map(|framed| &framed.requests);
        if !requests().any(|framed| framed.body.starts_with(&message.body)) {
            return Err(format!("no client has framed this request:\n{}", said()));
        }
        let strange = message.fields.iter().find(|field| {
            !OWN.contains(&field.0.as_str()) && !requests().any(|framed| framed.fields.contains(field))
        });
        if let Some((name, value)) = strange {
            return Err(format!("no client has sent the field {name}: {}:\n{}", shown(value), said()));
        }
        if !message.whole {
            return Ok(());
        }
        let mut left = self.batches.iter_mut().filter_map(|batch| batch.get_mut(&line));
        let taken = left.any(|framed| {
            framed.left.get_mut(&message.body).filter(|left| **left > 0).map(|left| *left -= 1).is_some()
        });
        if taken {
            Ok(())
        } else {
            Err(format!("no client has framed this request whole, or so often:\n{}", said()))
        }
    }
}
