use std::{fmt, io, net::IpAddr, pin::Pin, time::Duration};

/// Looks names up. The system's resolver is [`SystemResolver`]; another one knows how long its responses hold.
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// The addresses of this name, those to try first first.
    ///
    /// Is asked once at a time for a name, in a task that outlives whoever asked. It may take 30 s.
    fn resolve(&self, host: &str) -> Resolving;
}

/// A lookup under way.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Resolved>> + Send>>;

/// The addresses of a name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Resolved {
    /// Of both families, in the order in which they are to be tried.
    pub addresses: Vec<IpAddr>,
    /// How long that holds, where the resolver knows; taken as at least a second.
    pub ttl: Option<Duration>,
}

/// The system's resolver (`getaddrinfo`): hosts file, DNS and whatever else the machine is set up for. It does not tell how
/// long its responses hold.
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
