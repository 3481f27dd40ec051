use plimsoll::telemetry::{Counter, UpDown};

/// Why a tunnel ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TunnelEnd {
    /// Both sides were done.
    Closed,
    /// A connection broke.
    Broken,
    /// Nothing moved, either way, for too long.
    Idle,
    /// A side took nothing of what was there for it for too long.
    Stalled,
    /// The gateway drains, and the tunnel's time was over.
    Drained,
}

impl TunnelEnd {
    pub(crate) const ALL: [Self; 5] = [Self::Closed, Self::Broken, Self::Idle, Self::Stalled, Self::Drained];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Broken => "broken",
            Self::Idle => "idle",
            Self::Stalled => "stalled",
            Self::Drained => "drained",
        }
    }
}

/// The metrics of the tunnels of a route.
#[derive(Debug)]
pub(crate) struct TunnelMetrics {
    pub(crate) open: UpDown,
    pub(crate) to_client: Counter,
    pub(crate) to_endpoint: Counter,
    pub(super) ends: [Counter; TunnelEnd::ALL.len()],
}

impl TunnelMetrics {
    /// A tunnel has ended so.
    pub(crate) fn ended(&self, end: TunnelEnd) {
        self.ends[end as usize].inc();
    }
}
