use crate::{
    Cause,
    units::{BackoffRange, Ratio, ValueError},
};
use std::time::Duration;

/// The most attempts of a call, including the first: 1 to 10.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Attempts(u8);

impl Attempts {
    /// The largest value.
    pub const MAX: u8 = 10;

    /// Returns the number, including the first attempt.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u32> for Attempts {
    type Error = ValueError;

    fn try_from(value: u32) -> Result<Self, ValueError> {
        u8::try_from(value)
            .ok()
            .filter(|count| (1..=Self::MAX).contains(count))
            .map(Self)
            .ok_or_else(|| ValueError::new("from 1 to 10 attempts, the first included", value))
    }
}

/// The jitter of a wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Jitter {
    /// Uniform from zero to the backoff.
    #[default]
    Full,
    /// Half the backoff, plus a uniform part of the other half.
    Equal,
    /// Uniform from the base to three times the last wait.
    Decorrelated,
}

/// The causes that are retried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetryOn {
    /// The connection could not be established.
    pub connect: bool,
    /// The connection broke before a response.
    pub reset: bool,
    /// The attempt exceeded a timeout.
    pub timeout: bool,
    /// Bit `n` stands for status `400 + n`.
    statuses: [u64; 4],
}

impl RetryOn {
    /// Returns a set without causes.
    pub const NONE: Self = Self { connect: false, reset: false, timeout: false, statuses: [0; 4] };

    /// Adds this status, from 400 to 599.
    ///
    /// # Errors
    /// Any other status.
    pub fn with_status(mut self, status: u16) -> Result<Self, ValueError> {
        let bit = status
            .checked_sub(400)
            .filter(|bit| *bit < 200)
            .ok_or_else(|| ValueError::new("a status from 400 to 599", status))?;
        self.statuses[usize::from(bit / 64)] |= 1 << (bit % 64);
        Ok(self)
    }

    /// Returns the statuses, in ascending order.
    pub fn statuses(&self) -> impl Iterator<Item = u16> + '_ {
        (400..600).filter(|status| self.contains(Cause::Status(*status)))
    }

    /// Returns whether an attempt with this cause may be retried. [`Cause::Other`] always may: the user or the peer
    /// requested it.
    #[inline]
    pub const fn contains(&self, cause: Cause) -> bool {
        match cause {
            Cause::Connect => self.connect,
            Cause::Reset => self.reset,
            Cause::Timeout => self.timeout,
            Cause::Other => true,
            Cause::Status(status) if status >= 400 && status < 600 => {
                let bit = status - 400;
                self.statuses[(bit / 64) as usize] >> (bit % 64) & 1 == 1
            }
            Cause::Status(_) => false,
        }
    }
}

impl Default for RetryOn {
    /// connect, reset, timeout, 502, 503, 504.
    fn default() -> Self {
        let mut on = Self { connect: true, reset: true, timeout: true, ..Self::NONE };
        on.statuses[1] = 0b111 << (502 - 400 - 64);
        on
    }
}

/// The settings of retries.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RetrySpec {
    /// The most attempts, including the first.
    pub attempts: Attempts,
    /// The shortest and the longest wait.
    pub backoff: BackoffRange,
    /// The jitter of the wait.
    pub jitter: Jitter,
    /// The largest share of retries and hedges together in all calls, beyond the reserve.
    pub budget: Ratio,
    /// The retries a second that are always allowed, so that a service with few calls can retry at all.
    pub reserve: u32,
    /// The causes that are retried.
    pub on: RetryOn,
    /// The time after the call's first attempt from which on no retry begins; `None`: only the deadline bounds it.
    pub window: Option<Duration>,
}

impl Default for RetrySpec {
    /// 3 attempts, 10 ms to 200 ms with full jitter, 20 % and 10 a second, the default causes.
    fn default() -> Self {
        Self {
            attempts: Attempts(3),
            backoff: BackoffRange::new(Duration::from_millis(10), Duration::from_millis(200))
                .expect("10 ms is above zero and below 200 ms"),
            jitter: Jitter::Full,
            budget: Ratio::percent(20),
            reserve: 10,
            on: RetryOn::default(),
            window: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_retries_what_it_says() {
        let on = RetryOn::default();
        assert_eq!(on.statuses().collect::<Vec<_>>(), [502, 503, 504]);
        assert!(on.contains(Cause::Connect) && on.contains(Cause::Reset) && on.contains(Cause::Timeout));
        assert!(!on.contains(Cause::Status(500)) && !on.contains(Cause::Status(999)));
    }

    #[test]
    fn any_error_status_can_be_added() {
        for status in 400..600 {
            assert_eq!(RetryOn::NONE.with_status(status).unwrap().statuses().collect::<Vec<_>>(), [status]);
        }
        assert!(RetryOn::NONE.with_status(399).is_err() && RetryOn::NONE.with_status(600).is_err());
    }
}
