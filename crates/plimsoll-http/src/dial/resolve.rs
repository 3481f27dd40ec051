use std::{fmt, io, net::IpAddr, pin::Pin, time::Duration};

/// A resolver of names. [`SystemResolver`] is the system's; another one may return how long its answers are valid.
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// Looks up the addresses of this name, in the order in which to try them.
    ///
    /// There is one call at a time for a name, in a task that outlives its caller. It may take 30 s.
    fn resolve(&self, host: &str) -> Resolving;
}

/// A lookup in progress.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Resolved>> + Send>>;

/// The addresses of a name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Resolved {
    /// The addresses of both families, in the order in which to try them.
    pub addresses: Vec<IpAddr>,
    /// How long they are valid, if the resolver knows; at least a second.
    pub ttl: Option<Duration>,
}

/// The system's resolver (`getaddrinfo`): hosts file, DNS and whatever else the machine is set up for. It does not return how
/// long its answers are valid.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> Resolving {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(Resolved { addresses: found.map(|address| address.ip()).collect(), ttl: None })
        })
    }
}
