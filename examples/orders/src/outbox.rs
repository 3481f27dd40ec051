//! The worker that tells others what has happened, from the table in which it was written down with it.
//!
//! At least once: an event is told before that is noted, so whoever dies in between tells it again. The event's number
//! goes along, and whoever must not hear of a thing twice passes over a number that it knows.

use crate::{
    config::OutboxConfig,
    store::{self, Event, Store, StoreError},
};
use plimsoll::{
    Client,
    task::{
        drain::CancellationToken,
        window::{Window, jobs},
    },
};
use serde::Serialize;
use std::{convert::Infallible, time::Duration};

/// Events that are on their way at once.
const AT_ONCE: usize = 8;

/// Tells what is in the outbox.
#[derive(Clone, Debug)]
pub struct Outbox {
    store: Store,
    notifications: Client,
    config: OutboxConfig,
}

/// The outcome of a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Round {
    /// Events that were taken.
    pub taken: usize,
    /// Some were not sent: our own policy refuses calls for this long.
    pub refused: Option<Duration>,
}

/// The outcome of one event.
enum SendOutcome {
    Received(i64),
    /// Not sent: to be given back, due after this.
    Refused(i64, Duration),
    Failed,
}

#[derive(Serialize)]
struct Notification<'a> {
    id: i64,
    order: String,
    kind: &'a str,
}

impl Outbox {
    /// A worker that reads from this database and sends to that client.
    pub const fn new(store: Store, notifications: Client, config: OutboxConfig) -> Self {
        Self { store, notifications, config }
    }

    /// Sends due events, round after round, until `stop` is cancelled; a round under way is finished.
    ///
    /// # Errors
    /// The database's error; the supervisor then restarts this worker.
    ///
    /// # Cancel safety
    /// Cancel safe: events that were taken and not sent are due again after a while.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            let pause = match self.round().await? {
                // The policy refuses calls for now: taking more events would only delay more of them.
                Round { refused: Some(wait), .. } => wait,
                Round { taken: 0, .. } => self.config.poll,
                Round { .. } => continue,
            };
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
        Ok(())
    }

    /// Takes the events that are due, sends them and records those received. Events that our own policy refused to send are given
    /// back untried.
    ///
    /// # Errors
    /// The database's error.
    ///
    /// # Cancel safety
    /// As [`Outbox::run`].
    pub async fn round(&self) -> Result<Round, StoreError> {
        let events = {
            let mut connection = self.store.connection().await?;
            store::claim(&mut connection, self.config.batch, self.config.hold).await?
        };
        let taken = events.len();
        // No connection is held during calls to other services.
        let sends = jobs(events, |event| async move { Ok::<_, Infallible>(self.tell(event).await) });
        let outcomes = Window::new(AT_ONCE).collect(sends).await;
        let (mut received, mut back, mut refused) = (Vec::new(), Vec::new(), None);
        for outcome in outcomes {
            match outcome {
                Ok(SendOutcome::Received(id)) => received.push(id),
                Ok(SendOutcome::Refused(id, wait)) => {
                    back.push(id);
                    refused = refused.max(Some(wait));
                }
                Ok(SendOutcome::Failed) => {}
                // The others of the round are recorded; this one is due again after a while.
                Err(panicked) => tracing::error!(%panicked, "sending an event panicked"),
            }
        }
        if !received.is_empty() || !back.is_empty() {
            let mut connection = self.store.connection().await?;
            store::delivered(&mut connection, &received).await?;
            store::give_back(&mut connection, &back, refused.unwrap_or_default()).await?;
        }
        Ok(Round { taken, refused })
    }

    async fn tell(&self, event: Event) -> SendOutcome {
        let notification =
            Notification { id: event.id, order: format!("o-{}", event.order_id), kind: &event.kind };
        let sent = self
            .notifications
            .post("/events")
            .header("idempotency-key", format!("\"event-{}\"", event.id))
            .json(&notification)
            .send()
            .await
            .and_then(plimsoll::client::Response::success);
        match sent {
            Ok(_heard) => SendOutcome::Received(event.id),
            Err(error) if let Some(wait) = error.leave_alone_for() => SendOutcome::Refused(event.id, wait),
            Err(error) => {
                tracing::debug!(event = event.id, attempts = event.attempts, %error, "an event was not delivered");
                SendOutcome::Failed
            }
        }
    }
}
