/// How an endpoint is chosen.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Balance {
    /// Of two drawn, the one with the lower latency estimate times load.
    #[default]
    PeakEwma,
    /// One after the other.
    RoundRobin,
    /// The one with the fewest calls in flight, of all.
    LeastInFlight,
    /// The same endpoint for the same value of this request header (name in lower case), within bounded load.
    HashHeader(Box<str>),
}
