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

/// Events that are on their way at once.
const AT_ONCE: usize = 8;

/// Tells what is in the outbox.
#[derive(Clone, Debug)]
pub struct Outbox {
    store: Store,
    notifications: Client,
    config: OutboxConfig,
}

#[derive(Serialize)]
struct Told<'a> {
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
            if self.round().await? == 0 {
                stop.run_until_cancelled(tokio::time::sleep(self.config.poll)).await;
            }
        }
        Ok(())
    }

    /// Takes what is due, tells it, and notes what was heard of; how many it took.
    ///
    /// # Errors
    /// What the database said.
    ///
    /// # Cancel safety
    /// As [`Outbox::run`].
    pub async fn round(&self) -> Result<usize, StoreError> {
        let events = {
            let mut connection = self.store.connection().await?;
            store::claim(&mut connection, self.config.batch, self.config.hold).await?
        };
        let taken = events.len();
        // No connection is held while others are asked.
        let heard: Vec<i64> = stream::iter(events)
            .map(|event| self.tell(event))
            .buffer_unordered(AT_ONCE)
            .filter_map(async |id| id)
            .collect()
            .await;
        if !heard.is_empty() {
            let mut connection = self.store.connection().await?;
            store::delivered(&mut connection, &heard).await?;
        }
        Ok(taken)
    }

    /// The event's number, if it was heard of.
    async fn tell(&self, event: Event) -> Option<i64> {
        let told = Told { id: event.id, order: format!("o-{}", event.order_id), kind: &event.kind };
        let sent = self
            .notifications
            .post("/events")
            .header("idempotency-key", format!("\"event-{}\"", event.id))
            .json(&told)
            .send()
            .await
            .and_then(plimsoll::client::Response::success);
        match sent {
            Ok(_heard) => Some(event.id),
            Err(error) => {
                tracing::debug!(event = event.id, attempts = event.attempts, %error, "an event was not heard of");
                None
            }
        }
    }
}
