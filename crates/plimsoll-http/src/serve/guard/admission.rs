use super::super::stack::Guards;
use crate::{
    Problem,
    layers::{HttpFacts, client_key},
};
use http::Request;
use plimsoll_policy::{Ask, Cohort, Instant, Priority, rate::RateLimiter, shed::Shedder};
use plimsoll_tower::{
    BulkheadLayer,
    bulkhead::{QueuedBulkhead, Reservation},
    driver::{draw, now},
    keyed::{MachineRef, One, Registry},
};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::time::Sleep;

/// The machines that admit a request, in their order.
#[derive(Debug)]
pub(super) struct Gates {
    lag: Option<Arc<Shedder>>,
    line: Option<Arc<Shedder>>,
    rate: Option<Arc<RateLimiter>>,
    own: Option<Arc<Registry<QueuedBulkhead>>>,
    places: Option<BulkheadLayer<One<QueuedBulkhead>, HttpFacts>>,
}

impl Gates {
    pub(super) fn new(guards: &Guards) -> Self {
        let Guards { lag, line, rate, own, places } = guards;
        Self {
            lag: lag.as_ref().map(|shed| Arc::clone(shed.shedder())),
            line: line.as_ref().map(|shed| Arc::clone(shed.shedder())),
            rate: rate.as_ref().map(|rate| Arc::clone(rate.limiter())),
            own: own.clone(),
            places: places.clone(),
        }
    }

    /// Admits a request now, or to the line before the places, or refuses it.
    pub(super) fn admit<B>(
        &self,
        request: &Request<B>,
        now: Instant,
        deadline: Instant,
    ) -> Result<Places, Problem> {
        for shedder in [&self.lag, &self.line].into_iter().flatten().filter(|shedder| !shedder.admits_all()) {
            let said = request.extensions();
            let ask = Ask {
                permits: 1,
                priority: said.get::<Priority>().copied().unwrap_or_default(),
                cohort: said.get::<Cohort>().copied().unwrap_or_default(),
                deadline,
            };
            shedder.admit(now, ask, draw())?;
        }
        let mut places = Places::default();
        if self.rate.is_some() || self.own.is_some() {
            let client = client_key(request.extensions())?;
            let client = client.as_bytes();
            if let Some(rate) = &self.rate {
                rate.admit(now, rate.hash(client))?;
            }
            if let Some(own) = &self.own {
                places.own = Some(Reservation::begin(own.get(client, now), None, now, deadline)?);
            }
        }
        if let Some(all) = &self.places {
            places.all = Some(all.reserve(now, deadline)?);
        }
        Ok(places)
    }
}

/// The places of a request: free again when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Places {
    all: Option<Reservation<Arc<QueuedBulkhead>>>,
    own: Option<Reservation<MachineRef<QueuedBulkhead>>>,
}

impl Places {
    /// Whether nothing is waited for.
    #[inline]
    pub(super) fn are_taken(&self) -> bool {
        self.all.as_ref().is_none_or(Reservation::has_permit)
    }

    /// Waits for the place among all. There is no line before a client's own.
    pub(super) fn poll(
        &mut self,
        timer: &mut Option<Pin<Box<Sleep>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Problem>> {
        let Some(all) = &mut self.all else { return Poll::Ready(Ok(())) };
        Poll::Ready(ready!(all.poll_permit(timer, cx)).map_err(Problem::from))
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        if self.all.is_none() && self.own.is_none() {
            return;
        }
        // One look at the clock for both. What still waits leaves the line by its own drop.
        let now = now();
        if let Some(all) = self.all.as_mut().filter(|all| all.has_permit()) {
            all.end(now);
        }
        if let Some(own) = self.own.as_mut().filter(|own| own.has_permit()) {
            own.end(now);
        }
    }
}
