use crate::units::Ratio;
use std::{num::NonZeroU32, time::Duration};

/// Over what a breaker counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// The calls that ended in the last so long.
    Time(Duration),
    /// The last so many calls; above [`BreakerSpec::MAX_CALLS`], that many.
    Calls(NonZeroU32),
}

/// When a slow call counts against the peer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Slow {
    /// From this long on a call is slow.
    pub call: Duration,
    /// At this part of slow calls the breaker opens.
    pub ratio: Ratio,
}

/// A circuit breaker. Any one of the three conditions opens it; a condition that is `None` is not looked at.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BreakerSpec {
    /// Over what is counted.
    pub window: Window,
    /// Ratios say nothing before so many calls are in the window. Above a window by count, the window's size holds.
    pub minimum_calls: NonZeroU32,
    /// Opens at this part of failures.
    pub failure_ratio: Option<Ratio>,
    /// Opens at a part of slow calls.
    pub slow: Option<Slow>,
    /// Opens at so many failures in a row.
    pub consecutive_failures: Option<NonZeroU32>,
    /// How long it stays open the first time; doubled each time a probe fails.
    pub open: Duration,
    /// The longest that doubling may reach. Below `open`, `open` holds.
    pub max_open: Duration,
    /// Each open time is lengthened by up to this part of itself, so that many clients do not probe at once.
    pub jitter: Ratio,
    /// How many probes pass while half-open, and how many must go well to close.
    pub probes: NonZeroU32,
    /// The time after which probes without an outcome are given up, and a new set is admitted.
    pub half_open: Duration,
}

impl BreakerSpec {
    /// The longest window by count. Above it, it holds.
    pub const MAX_CALLS: u32 = 4096;
    /// The most probes. Above it, it holds.
    pub const MAX_PROBES: u32 = (1 << 14) - 1;
}

impl Default for BreakerSpec {
    /// 10 s window, 20 calls, 50 % failures; open 5 s to 60 s with 10 % jitter, 3 probes, half-open at most 10 s.
    fn default() -> Self {
        Self {
            window: Window::Time(Duration::from_secs(10)),
            minimum_calls: NonZeroU32::new(20).unwrap(),
            failure_ratio: Some(Ratio::percent(50)),
            slow: None,
            consecutive_failures: None,
            open: Duration::from_secs(5),
            max_open: Duration::from_secs(60),
            jitter: Ratio::percent(10),
            probes: NonZeroU32::new(3).unwrap(),
            half_open: Duration::from_secs(10),
        }
    }
}
