use std::time::Duration;

/// Load shedding on queue delay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShedSpec {
    /// A queue whose least delay stays above this for an interval is standing.
    pub target: Duration,
    /// For how long it must stay so.
    pub interval: Duration,
}

impl Default for ShedSpec {
    /// 5 ms over 100 ms.
    fn default() -> Self {
        Self { target: Duration::from_millis(5), interval: Duration::from_millis(100) }
    }
}
