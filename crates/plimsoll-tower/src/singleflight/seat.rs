use super::flights::{Flight, Flights};
use std::{
    sync::Arc,
    task::{Context, Poll},
};

/// A caller's place on a flight. Dropped, it is left as a caller that has gone leaves it.
pub(super) struct Seat<T> {
    flights: Arc<Flights<T>>,
    flight: Arc<Flight<T>>,
    role: Role,
}

#[derive(Clone, Copy)]
enum Role {
    Leader,
    Follower(u64),
    Landed,
}

impl<T> Seat<T> {
    pub(super) fn leader(flights: Arc<Flights<T>>, flight: Arc<Flight<T>>) -> Self {
        Self { flights, flight, role: Role::Leader }
    }

    pub(super) fn follower(flights: Arc<Flights<T>>, flight: Arc<Flight<T>>, number: u64) -> Self {
        Self { flights, flight, role: Role::Follower(number) }
    }

    pub(super) fn leads(&self) -> bool {
        matches!(self.role, Role::Leader)
    }

    /// The leader has the result.
    pub(super) fn land(&mut self, result: T) {
        self.role = Role::Landed;
        self.flights.land(&self.flight, result);
    }
}

impl<T: Clone> Seat<T> {
    /// A follower waits for the result, or (`None`) to lead.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Role::Follower(number) = self.role else { return Poll::Ready(None) };
        let mut state = self.flight.state();
        if let Some(result) = &state.result {
            let result = result.clone();
            state.followers -= 1;
            self.role = Role::Landed;
            return Poll::Ready(Some(result));
        }
        if !state.led {
            state.led = true;
            state.followers -= 1;
            state.wakers.retain(|(known, _)| *known != number);
            self.role = Role::Leader;
            return Poll::Ready(None);
        }
        match state.wakers.iter_mut().find(|(known, _)| *known == number) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => state.wakers.push((number, cx.waker().clone())),
        }
        Poll::Pending
    }
}

impl<T> Drop for Seat<T> {
    fn drop(&mut self) {
        match self.role {
            Role::Leader => self.flights.abandon(&self.flight),
            Role::Follower(number) => self.flights.leave(&self.flight, number),
            Role::Landed => {}
        }
    }
}
