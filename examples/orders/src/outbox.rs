//! The worker that tells others what has happened, from the table in which it was written down with it.
//!
//! At least once: an event is told before that is noted, so whoever dies in between tells it again. The event's number
//! goes along, and whoever must not hear of a thing twice passes over a number that it knows.

use crate::{
    config::OutboxConfig,
    store::{self, Event, Store, StoreError},
};
use futures_util::{StreamExt, stream};
use plimsoll::{Client, task::drain::CancellationToken};
use serde::Serialize;
use std::time::Duration;

/// Events that are on their way at once.
const AT_ONCE: usize = 8;

/// Tells what is in the outbox.
#[derive(Clone, Debug)]
pub struct Outbox {
    store: Store,
    notifications: Client,
    config: OutboxConfig,
}

/// What a round came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Round {
    /// Events that were taken.
    pub taken: usize,
    /// Some were not sent, since our own policy leaves the listener alone for so long.
    pub refused: Option<Duration>,
}

/// What came of one event.
enum Told {
    Heard(i64),
    /// Not sent: to be given back, and not before this.
    Refused(i64, Duration),
    Failed,
}

#[derive(Serialize)]
struct Telling<'a> {
    id: i64,
    order: String,
    kind: &'a str,
}

impl Outbox {
    /// From this database, to whoever that client leads to.
    pub const fn new(store: Store, notifications: Client, config: OutboxConfig) -> Self {
        Self { store, notifications, config }
    }

    /// Tells what is due, and looks again, until `stop` is cancelled; a round that has begun is ended.
    ///
    /// # Errors
    /// What the database said; whoever supervises this starts it again.
    ///
    /// # Cancel safety
    /// Cancel safe: what was taken and not told is due again after a while.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            let pause = match self.round().await? {
                // Whoever is asked is to be left alone: taking more would only put more of it off.
                Round { refused: Some(wait), .. } => wait,
                Round { taken: 0, .. } => self.config.poll,
                Round { .. } => continue,
            };
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
        Ok(())
    }

    /// Takes what is due, tells it, and notes what was heard of. What our own policy refused to send is given back untried.
    ///
    /// # Errors
    /// What the database said.
    ///
    /// # Cancel safety
    /// As [`Outbox::run`].
    pub async fn round(&self) -> Result<Round, StoreError> {
        let events = {
            let mut connection = self.store.connection().await?;
            store::claim(&mut connection, self.config.batch, self.config.hold).await?
        };
        let taken = events.len();
        // No connection is held while others are asked.
        let told: Vec<Told> =
            stream::iter(events).map(|event| self.tell(event)).buffer_unordered(AT_ONCE).collect().await;
        let (mut heard, mut back, mut refused) = (Vec::new(), Vec::new(), None);
        for one in told {
            match one {
                Told::Heard(id) => heard.push(id),
                Told::Refused(id, wait) => {
                    back.push(id);
                    refused = refused.max(Some(wait));
                }
                Told::Failed => {}
            }
        }
        if !heard.is_empty() || !back.is_empty() {
            let mut connection = self.store.connection().await?;
            store::delivered(&mut connection, &heard).await?;
            store::give_back(&mut connection, &back, refused.unwrap_or_default()).await?;
        }
        Ok(Round { taken, refused })
    }

    async fn tell(&self, event: Event) -> Told {
        let told = Telling { id: event.id, order: format!("o-{}", event.order_id), kind: &event.kind };
        let sent = self
            .notifications
            .post("/events")
            .header("idempotency-key", format!("\"event-{}\"", event.id))
            .json(&told)
            .send()
            .await
            .and_then(plimsoll::client::Response::success);
        match sent {
            Ok(_heard) => Told::Heard(event.id),
            Err(error) if let Some(wait) = error.leave_alone_for() => Told::Refused(event.id, wait),
            Err(error) => {
                tracing::debug!(event = event.id, attempts = event.attempts, %error, "an event was not heard of");
                Told::Failed
            }
        }
    }
}
