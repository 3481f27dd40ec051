use super::{
    Inner,
    stand::{admitted, begin, caught, is_ready, poll},
};
use crate::{BrokenError, Step};
use std::fmt::Debug;
use tower_service::Service;

/// How much a layer lets through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Capacity {
    /// Any number.
    Unlimited,
    /// This number at once.
    InFlight(usize),
    /// So many altogether, for as long as the probe runs.
    InAll(usize),
}

/// A layer under test. Each probe panics with the rule that is broken.
///
/// `F` makes the layer anew: state and all. What it gives applies the layer to an inner service, so that one layer can be
/// applied several times: `|| { let layer = MyLayer::new(); move |inner| layer.layer(inner) }`.
#[derive(Clone, Copy, Debug)]
pub struct Contract<F, X = ()> {
    make: F,
    capacity: Capacity,
    inner_error: X,
}

impl<F> Contract<F> {
    /// A layer that lets everything through.
    pub const fn new(make: F) -> Self {
        Self { make, capacity: Capacity::Unlimited, inner_error: () }
    }

    /// It lets so many calls be under way at once (at least 1); further ones wait or are refused.
    pub fn in_flight(self, calls: usize) -> Self {
        Self { capacity: Capacity::InFlight(calls), ..self }
    }

    /// It lets so many calls begin (at least 1) while the clock stands.
    pub fn in_all(self, calls: usize) -> Self {
        Self { capacity: Capacity::InAll(calls), ..self }
    }

    /// How the inner service's error is found in the layer's own, if it is one.
    pub fn errors<X>(self, inner_error: X) -> Contract<F, X> {
        Contract { make: self.make, capacity: self.capacity, inner_error }
    }
}

impl<F, X, A, S> Contract<F, X>
where
    F: Fn() -> A,
    A: Fn(Inner) -> S,
    S: Service<u32, Response = u32> + Clone,
    S::Error: Debug,
    X: Fn(&S::Error) -> Option<BrokenError>,
{
    /// Every probe, one after the other.
    ///
    /// # Panics
    /// With the first rule that is broken.
    pub async fn hold(&self) {
        self.readiness_carries_no_permit();
        self.readiness_is_the_inner_ones();
        self.clones_share();
        self.the_ready_instance_is_called();
        self.cancelled_anywhere();
        self.outlives_its_service().await;
        self.panics_settle();
        self.errors_pass_typed().await;
    }

    /// Polling for readiness takes no permit, and a readied service may be dropped or kept without being called.
    ///
    /// # Panics
    /// Where it does.
    pub fn readiness_carries_no_permit(&self) {
        let inner = Inner::always(Step::Held(Ok(1)));
        let mut service = (self.make)()(inner.clone());
        for _ in 0..100 {
            assert!(is_ready(&mut service) && is_ready(&mut service.clone()), "ready once, ready again");
        }
        let mut kept = service.clone();
        assert!(is_ready(&mut kept));
        self.assert_intact(&mut service, &inner, "a permit was taken by polling for readiness");
    }

    /// A service is ready when the inner one is.
    ///
    /// # Panics
    /// Where it is ready without it.
    pub fn readiness_is_the_inner_ones(&self) {
        let inner = Inner::always(Step::Held(Ok(1)));
        let mut service = (self.make)()(inner.clone());
        inner.set_ready(false);
        assert!(!is_ready(&mut service), "ready though the inner service is not");
        inner.set_ready(true);
        assert!(is_ready(&mut service), "not ready though the inner service is");
    }

    /// Clones, and services made by applying the layer again, share permits: none is lost or doubled.
    ///
    /// # Panics
    /// Where more or fewer calls are let through by several than by one.
    pub fn clones_share(&self) {
        let (Capacity::InFlight(most) | Capacity::InAll(most)) = self.capacity else { return };
        let inner = Inner::always(Step::Held(Ok(1)));
        let apply = (self.make)();
        let service = apply(inner.clone());
        let mut services = [service.clone(), apply(inner.clone()), service.clone().clone(), service];
        let mut calls = Vec::new();
        let count = services.len();
        for at in 0..most + count {
            calls.extend(admitted(&mut services[at % count], &inner, 1).1);
        }
        assert_eq!(inner.record().calls, most, "clones do not share what the layer lets through");
        drop(calls);
        if let Capacity::InFlight(_) = self.capacity {
            self.assert_intact(&mut services[0], &inner, "clones lost or doubled a permit");
        }
    }

    /// The instance that was polled for readiness is the one that is called.
    ///
    /// # Panics
    /// Where another one is.
    pub fn the_ready_instance_is_called(&self) {
        let inner = Inner::always(Step::Now(Ok(1)));
        let mut service = (self.make)()(inner.clone());
        for _ in 0..3 {
            let mut clone = service.clone();
            let (mut one, mut two) = (begin(&mut service), begin(&mut clone));
            // In this order: where only one may be under way, the second waits for the first.
            let _ended = (poll(one.as_mut()), poll(two.as_mut()));
        }
        let record = inner.record();
        assert!(record.calls >= 1, "no call went through");
        assert_eq!(record.unready_calls, 0, "an instance was called that had not been readied");
    }

    /// A call that is dropped, after any number of polls or before the first, holds nothing any more.
    ///
    /// # Panics
    /// Where a permit is lost, or the inner call goes on.
    pub fn cancelled_anywhere(&self) {
        let inner = Inner::always(Step::Held(Ok(1)));
        let mut service = (self.make)()(inner.clone());
        for polls in 0..4 {
            for calls in 1..4 {
                let mut flying: Vec<_> = (0..calls).map(|_| begin(&mut service)).collect();
                for call in &mut flying {
                    // Those that are refused end with their first poll, and are not polled again.
                    let _pending = (0..polls).all(|_| poll(call.as_mut()).is_pending());
                }
                // From the front: the next waiter is handed the permit, and is dropped with it.
                flying.drain(..).for_each(drop);
                assert_eq!(inner.record().in_flight, 0, "a dropped call goes on within");
            }
        }
        if !matches!(self.capacity, Capacity::InAll(_)) {
            self.assert_intact(&mut service, &inner, "a dropped call kept its permit");
        }
    }

    /// Calls under way end well when the service and its clones are dropped.
    ///
    /// # Panics
    /// Where one does not.
    pub async fn outlives_its_service(&self) {
        let inner = Inner::always(Step::Held(Ok(7)));
        let mut service = (self.make)()(inner.clone());
        let mut call = begin(&mut service);
        assert!(poll(call.as_mut()).is_pending(), "a held call ended");
        drop(service);
        inner.release();
        assert_eq!(call.await.expect("the inner service responded"), 7);
        assert_eq!(inner.record().in_flight, 0);
    }

    /// A panic of the inner service leaves no permit behind.
    ///
    /// # Panics
    /// Where it does.
    pub fn panics_settle(&self) {
        if matches!(self.capacity, Capacity::InAll(_)) {
            return;
        }
        let inner = Inner::new(|at, _| match at {
            0 => Step::PanicInCall,
            1 => Step::PanicInPoll,
            _ => Step::Held(Ok(1)),
        });
        let mut service = (self.make)()(inner.clone());
        assert!(caught(|| drop(begin(&mut service))), "a panic in call was swallowed");
        let mut call = begin(&mut service);
        assert!(caught(|| drop(poll(call.as_mut()))), "a panic in poll was swallowed");
        drop(call);
        self.assert_intact(&mut service, &inner, "a panic kept its permit");
    }

    /// The inner service's error comes through as what it is.
    ///
    /// # Panics
    /// Where it does not.
    pub async fn errors_pass_typed(&self) {
        let inner = Inner::always(Step::Now(Err(BrokenError(7))));
        let mut service = (self.make)()(inner.clone());
        let error = begin(&mut service).await.expect_err("the inner service failed");
        assert_eq!(
            (self.inner_error)(&error),
            Some(BrokenError(7)),
            "{error:?} does not carry the inner error"
        );
    }

    /// As many are let through as a new layer lets through.
    fn assert_intact(&self, service: &mut S, inner: &Inner, rule: &str) {
        let (most, tries) = match self.capacity {
            Capacity::Unlimited => (8, 8),
            Capacity::InFlight(most) | Capacity::InAll(most) => (most, most + 3),
        };
        let (count, calls) = admitted(service, inner, tries);
        assert_eq!(count, most, "{rule}");
        drop(calls);
    }
}

#[cfg(test)]
mod tests;
