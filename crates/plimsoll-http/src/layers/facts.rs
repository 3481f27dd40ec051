use crate::{Problem, headers::grpc_timeout, idempotency::is_idempotent};
use http::{Extensions, HeaderName, HeaderValue, Request, header::HOST};
use plimsoll_policy::{Cohort, Priority, call::Facts};
use plimsoll_task::Deadline;
use plimsoll_tower::{
    Describe, Key,
    driver::{from_tokio, now},
};
use std::{
    cell::Cell,
    net::{IpAddr, SocketAddr},
    sync::Once,
};

/// The key of a request, for machines that count by key.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum KeyBy {
    /// The host of the target, else of the `Host` header; in lower case, without a port or a final dot, so that all
    /// spellings of a host are one key.
    #[default]
    Host,
    /// The [`IpAddr`] in the request's extensions, put there by
    /// [`ClientLayer`](crate::inbound::ClientLayer), else axum's `ConnectInfo<SocketAddr>`; IPv6 by /64.
    ///
    /// `serve` puts it there. Under plain `axum::serve`, serve the app by
    /// `into_make_service_with_connect_info::<SocketAddr>()`. Without an address a layer in
    /// [`RejectAsResponse`](crate::inbound::RejectAsResponse) or [`InFlightLayer`](crate::inbound::InFlightLayer)
    /// responds to every request with 500 `client-unknown`, since one limit by client would be one limit for all; under
    /// a bare layer all clients share one. One line of the log names the fix. It cannot be known when the app starts:
    /// axum's router does not show which listener it will be served by.
    Client,
    /// The value of this header. Requests with several different ones are counted together, with those that have none:
    /// one value more is no way around the limit of another.
    Header(HeaderName),
}

/// Reads the facts that the machines need from an HTTP request.
///
/// - Safe to repeat: the idempotent methods, and a request with one `Idempotency-Key` ([`is_idempotent`]).
/// - Deadline: the earliest of the task's own ([`Deadline::current`]), of a [`Deadline`] in the extensions, and of
///   gRPC's `grpc-timeout` from now on.
/// - [`Priority`] and [`Cohort`]: from the extensions.
/// - Key: as [`KeyBy`] says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HttpFacts {
    /// The key under which requests are counted.
    pub key: KeyBy,
}

impl HttpFacts {
    /// Sets the key under which requests are counted.
    pub const fn by(key: KeyBy) -> Self {
        Self { key }
    }
}

impl<B> Describe<Request<B>> for HttpFacts {
    fn describe(&self, request: &Request<B>) -> Facts {
        let mut facts =
            Facts { idempotent: is_idempotent(request.method(), request.headers()), ..Facts::default() };
        if let Some(wait) = grpc_timeout(request.headers()) {
            facts.deadline = now() + wait;
        }
        let extensions = request.extensions();
        let mut deadline = Deadline::current();
        if !extensions.is_empty() {
            deadline = deadline.earliest(extensions.get().copied().unwrap_or_default());
            facts.priority = extensions.get::<Priority>().copied().unwrap_or_default();
            facts.cohort = extensions.get::<Cohort>().copied().unwrap_or_default();
        }
        if let Some(deadline) = deadline.instant() {
            facts.deadline = facts.deadline.earliest(from_tokio(deadline));
        }
        facts
    }

    fn key<'r>(&self, request: &'r Request<B>) -> Option<Key<'r>> {
        match &self.key {
            KeyBy::Host => {
                let named = || request.headers().get(HOST).map(HeaderValue::as_bytes);
                request.uri().host().map(str::as_bytes).or_else(named).map(host_key)
            }
            KeyBy::Client => client_key(request.extensions()).inspect_err(|_| UNKNOWN.set(true)).ok(),
            KeyBy::Header(name) => {
                let mut values = request.headers().get_all(name).iter();
                let first = values.next()?;
                values.all(|value| value == first).then(|| first.as_bytes().into())
            }
        }
    }
}

/// Returns the canonical form of a host. Copies nothing if it already has that form, as it nearly always does.
fn host_key(host: &[u8]) -> Key<'_> {
    let port = |at: usize| host[at + 1..].iter().all(u8::is_ascii_digit);
    // Of `[::1]:80` the last colon, of `[::1]` none.
    let name = match host.iter().rposition(|byte| *byte == b':') {
        Some(at) if port(at) && (!host[..at].contains(&b':') || host[..at].ends_with(b"]")) => &host[..at],
        _ => host,
    };
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.iter().any(u8::is_ascii_uppercase) { name.to_ascii_lowercase().into() } else { name.into() }
}

/// Returns the client's address, as an outer layer or axum's listener found it.
fn client_of(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<IpAddr>().copied().or_else(|| connected(extensions).map(|peer| peer.ip()))
}

/// Returns the key of a request by its client.
pub(crate) fn client_key(extensions: &Extensions) -> Result<Key<'static>, UnknownClientError> {
    client_of(extensions).map(Key::from).ok_or_else(|| {
        warn_of_unknown();
        UnknownClientError
    })
}

/// Returns the peer's address, if axum has stored it.
#[cfg(feature = "server")]
pub(crate) fn connected(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get::<axum::extract::ConnectInfo<SocketAddr>>().map(|connected| connected.0)
}

#[cfg(not(feature = "server"))]
pub(crate) fn connected(_: &Extensions) -> Option<SocketAddr> {
    None
}

thread_local! {
    /// Whether the running layer needed a client that is unknown; the key function cannot return an error.
    static UNKNOWN: Cell<bool> = const { Cell::new(false) };
}

/// The error that the request has no client address, so that a limit by client cannot be applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "a limit by client (KeyBy::Client) needs the client's address, and the request has none: serve the app by \
     into_make_service_with_connect_info::<SocketAddr>()"
)]
pub struct UnknownClientError;

/// 500 with the code `client-unknown`.
impl From<UnknownClientError> for Problem {
    fn from(error: UnknownClientError) -> Self {
        Self::internal(error).code("client-unknown")
    }
}

/// Calls a layer. Returns an error if it counts by client and the request has no client.
pub(crate) fn with_client<T>(call: impl FnOnce() -> T) -> Result<T, UnknownClientError> {
    // Layers inside this one are called within: each has a mark of its own.
    let outer = UNKNOWN.replace(false);
    let called = call();
    if UNKNOWN.replace(outer) { Err(UnknownClientError) } else { Ok(called) }
}

/// Logs one line for the whole process: the cause is how the app is assembled, and the same for every request.
#[cold]
fn warn_of_unknown() {
    static LOGGED: Once = Once::new();
    LOGGED.call_once(|| {
        tracing::error!(
            "requests have no client address, so a limit by client cannot be kept: serve the app by plimsoll's serve, or \
             by into_make_service_with_connect_info::<SocketAddr>(), or put the client's IpAddr into the request's \
             extensions"
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_policy::Instant;
    use std::time::Duration;
    use tokio::time::Instant as TokioInstant;

    fn request(headers: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        request
    }

    #[test]
    fn methods_and_keys_make_it_safe() {
        let facts = HttpFacts::default();
        assert!(facts.describe(&request(&[])).idempotent);
        let mut post = request(&[]);
        *post.method_mut() = http::Method::POST;
        assert!(!facts.describe(&post).idempotent);
        post.headers_mut().insert("idempotency-key", "7".parse().unwrap());
        assert!(facts.describe(&post).idempotent);
    }

    #[test]
    fn the_earlier_deadline_counts() {
        let deadline = |request: &Request<()>| HttpFacts::default().describe(request).deadline;
        assert_eq!(deadline(&request(&[])), Instant::FAR);
        let before = now();
        let mut grpc = request(&[("grpc-timeout", "90S")]);
        assert!(deadline(&grpc).since(before) >= Duration::from_secs(90));
        let earlier = TokioInstant::now();
        grpc.extensions_mut().insert(Deadline::at(earlier));
        assert_eq!(deadline(&grpc), from_tokio(earlier));
        for wrong in ["S", "", "1x", "123456789S", "-1S", "1.5S"] {
            assert_eq!(deadline(&request(&[("grpc-timeout", wrong)])), Instant::FAR, "{wrong:?}");
        }
    }

    #[test]
    fn what_the_task_is_given_counts_too() {
        let given = Deadline::after(Duration::from_secs(5));
        let seen = given.sync_scope(|| HttpFacts::default().describe(&request(&[])).deadline);
        assert_eq!(Some(seen), given.instant().map(from_tokio));
        let mut shorter = request(&[]);
        shorter.extensions_mut().insert(Deadline::after(Duration::ZERO));
        assert!(given.sync_scope(|| HttpFacts::default().describe(&shorter).deadline) < seen);
    }

    #[test]
    fn extensions_say_how_much_it_matters() {
        let mut critical = request(&[]);
        critical.extensions_mut().insert(Priority::CRITICAL);
        let facts = HttpFacts::default().describe(&critical);
        assert_eq!((facts.priority, facts.cohort), (Priority::CRITICAL, Cohort::default()));
    }

    #[test]
    fn keys_are_found_where_they_are() {
        let key = |by: KeyBy, request: &Request<()>| {
            let facts = HttpFacts::by(by);
            facts.key(request).map(|key| key.as_bytes().to_vec())
        };
        let mut named = request(&[("host", "a.example"), ("x-tenant", "t1")]);
        assert_eq!(key(KeyBy::Host, &named).unwrap(), b"a.example");
        *named.uri_mut() = "http://b.example/".parse().unwrap();
        assert_eq!(key(KeyBy::Host, &named).unwrap(), b"b.example");
        assert_eq!(key(KeyBy::Header(HeaderName::from_static("x-tenant")), &named).unwrap(), b"t1");
        named.headers_mut().append("x-tenant", "t1".parse().unwrap());
        assert_eq!(key(KeyBy::Header(HeaderName::from_static("x-tenant")), &named).unwrap(), b"t1");
        named.headers_mut().append("x-tenant", "t2".parse().unwrap());
        assert_eq!(key(KeyBy::Header(HeaderName::from_static("x-tenant")), &named), None);
        for (host, counted) in [
            ("API.Example", "api.example"),
            ("api.example:8080", "api.example"),
            ("api.example.", "api.example"),
            ("Api.Example.:443", "api.example"),
            ("[2001:DB8::1]:80", "[2001:db8::1]"),
            ("[::1]", "[::1]"),
            ("::1", "::1"),
        ] {
            assert_eq!(key(KeyBy::Host, &request(&[("host", host)])).unwrap(), counted.as_bytes(), "{host}");
        }
        assert_eq!(key(KeyBy::Client, &named), None);
        #[cfg(feature = "server")]
        {
            let peer: SocketAddr = "198.51.100.9:4711".parse().unwrap();
            let mut plain = request(&[]);
            plain.extensions_mut().insert(axum::extract::ConnectInfo(peer));
            assert_eq!(key(KeyBy::Client, &plain).unwrap(), [198, 51, 100, 9]);
        }
        named.extensions_mut().insert(IpAddr::from([192, 0, 2, 7]));
        assert_eq!(key(KeyBy::Client, &named).unwrap(), [192, 0, 2, 7]);
    }
}
