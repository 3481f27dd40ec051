use super::Endpoints;
use crate::{
    Draw, Instant, KeyHash,
    balance::Eligible,
    endpoints::{Pick, availability::Mode},
};
use std::time::Duration;

/// Distinguishes the coin of slow start from every other use of the same draw or key.
const COIN: u64 = 0x736c_6f77_7374_6172;

impl Endpoints {
    /// Chooses an endpoint and counts one more attempt in flight there; `None` if no endpoint is usable.
    ///
    /// One of `avoid` (the endpoints that have failed in this call) is chosen only if no other is usable. One of
    /// `exclude` never is: the endpoint of the attempt that is hedged, or one whose `Retry-After` is not over. `key`
    /// decides if the balance is by [hash](Self::hash); without one it is drawn.
    #[inline]
    pub fn pick(
        &self,
        now: Instant,
        draw: Draw,
        key: Option<KeyHash>,
        avoid: &[u32],
        exclude: &[u32],
    ) -> Option<Pick> {
        let mode = self.availability.mode(now, || self.count(now));
        let usable = |endpoint: u32| self.is_usable(endpoint, mode, now, exclude);
        let endpoint = match self.slow_start(now) {
            None => self.choose(now, draw, key, avoid, usable),
            Some(window) => self.choose_warm(now, draw, key, avoid, usable, window),
        }?;
        self.balancer.start(endpoint);
        Some(Pick { endpoint })
    }

    /// Returns whether [`Self::pick`] would find an endpoint that is none of `exclude`.
    pub fn can_pick(&self, now: Instant, exclude: &[u32]) -> bool {
        let mode = self.availability.mode(now, || self.count(now));
        (0..self.balancer.len()).any(|endpoint| self.is_usable(endpoint, mode, now, exclude))
    }

    #[inline]
    fn is_usable(&self, endpoint: u32, mode: Mode, now: Instant, exclude: &[u32]) -> bool {
        !exclude.contains(&endpoint)
            && match mode {
                Mode::Normal => {
                    self.states[endpoint as usize].is_healthy() && !self.is_ejected(endpoint, now)
                }
                Mode::HealthAlone => self.states[endpoint as usize].is_healthy(),
                Mode::Panic => true,
            }
    }

    #[inline]
    fn choose(
        &self,
        now: Instant,
        draw: Draw,
        key: Option<KeyHash>,
        avoid: &[u32],
        usable: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let all = Eligible { total: self.balancer.len(), avoid: &[], usable };
        if avoid.is_empty() {
            return self.balancer.choose(now, draw, key, &all);
        }
        let others = Eligible { total: all.total, avoid, usable: &all.usable };
        self.balancer.choose(now, draw, key, &others).or_else(|| self.balancer.choose(now, draw, key, &all))
    }

    /// Chooses while an endpoint may be in slow start: each takes part with the probability of its share.
    #[cold]
    fn choose_warm(
        &self,
        now: Instant,
        draw: Draw,
        key: Option<KeyHash>,
        avoid: &[u32],
        usable: impl Fn(u32) -> bool,
        window: Duration,
    ) -> Option<u32> {
        let salt = key.filter(|_| self.spec.balance.is_hash()).map_or(draw.bits(), |key| key.0);
        let takes_part = |endpoint: u32| {
            let share = self.share(endpoint, now, window);
            // One coin for each pick (or key) and endpoint, however often it is used.
            let coin =
                || Draw::new(salt ^ self.balancer.seed(endpoint).rotate_left(32) ^ COIN).split().unit();
            usable(endpoint) && (share >= 1.0 || coin() < share)
        };
        let warm = Eligible { total: self.balancer.len(), avoid, usable: takes_part };
        let chosen = self.balancer.choose(now, draw, key, &warm);
        chosen.or_else(|| self.choose(now, draw, key, avoid, usable))
    }

    /// Returns the window of slow start, if an endpoint may be in it.
    #[inline]
    fn slow_start(&self, now: Instant) -> Option<Duration> {
        let window = self.spec.slow_start?;
        (now < self.availability.changes().latest_return() + window).then_some(window)
    }

    pub(super) fn share(&self, endpoint: u32, now: Instant, window: Duration) -> f64 {
        let returned = self.ejector.as_ref().and_then(|ejector| ejector.returns(endpoint));
        self.states[endpoint as usize].share(now, returned, window)
    }

    /// Returns the rule by which endpoints are excluded, and the latest instant until which it holds.
    pub(super) fn count(&self, now: Instant) -> (Mode, Instant) {
        let (mut healthy, mut usable, mut until) = (0u64, 0u64, Instant::FAR);
        for (endpoint, state) in (0..).zip(&self.states) {
            let well = state.is_healthy();
            let out = self.is_ejected(endpoint, now);
            healthy += u64::from(well);
            usable += u64::from(well && !out);
            if out && let Some(back) = self.ejector.as_ref().and_then(|ejector| ejector.returns(endpoint)) {
                until = until.earliest(back);
            }
        }
        let (all, threshold) = (self.states.len() as u64, self.spec.panic_threshold);
        let mode = if all > 0 && !threshold.reached(usable, all) {
            Mode::Panic
        } else if usable == 0 && healthy > 0 {
            Mode::HealthAlone
        } else {
            Mode::Normal
        };
        (mode, until)
    }
}
