use plimsoll::http::{KeepAlive, dial::DialSettings};
use std::time::Duration;

/// How connections are made and watched over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NetworkSpec {
    /// How long the addresses of an endpoint's name are used before it is looked up again. Default 30 s.
    pub name_time: Duration,
    /// How long one of them may take to answer before the next one is tried beside it. Default 250 ms.
    pub attempt_delay: Duration,
    /// Probes on silent connections, to clients and endpoints; `None`: none. Default after 30 s, six of them 10 s apart.
    pub keep_alive: Option<KeepAlive>,
}

impl NetworkSpec {
    pub(crate) const fn dialling(&self) -> DialSettings {
        let Self { name_time, attempt_delay, keep_alive } = *self;
        DialSettings { name_time, attempt_delay, keep_alive }
    }
}

impl Default for NetworkSpec {
    fn default() -> Self {
        let DialSettings { name_time, attempt_delay, keep_alive } = DialSettings::default();
        Self { name_time, attempt_delay, keep_alive }
    }
}

/// Limits of connections that have switched protocols, WebSocket's for example. Beside it they are in
/// [`LimitsSpec::connections`](super::LimitsSpec::connections), in the bulkhead of their route's policy, and under
/// [`LimitsSpec::write_time`](super::LimitsSpec::write_time), either way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TunnelsSpec {
    /// How long a tunnel may carry nothing, in both directions, before it is closed; `None`: for ever. Default 5 min.
    pub idle_time: Option<Duration>,
    /// How long tunnels go on once the gateway drains, within [`GatewaySpec::drain`](super::GatewaySpec::drain). Default
    /// 10 s.
    pub drain_time: Duration,
}

impl Default for TunnelsSpec {
    fn default() -> Self {
        Self { idle_time: Some(Duration::from_secs(300)), drain_time: Duration::from_secs(10) }
    }
}
