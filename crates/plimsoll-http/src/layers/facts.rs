use crate::{headers::grpc_timeout, idempotency::is_idempotent};
use http::{HeaderName, Request, header::HOST};
use plimsoll_policy::{Cohort, Priority, call::Facts};
use plimsoll_task::Deadline;
use plimsoll_tower::{
    Describe, Key,
    driver::{from_tokio, now},
};
use std::net::IpAddr;

/// What requests are counted under, where machines count keys apart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum KeyBy {
    /// The host that is asked: of the target, else of the `Host` header.
    #[default]
    Host,
    /// The [`IpAddr`] in the request's extensions, put there by whoever knows the client; IPv6 by /64.
    Client,
    /// The value of this header. Requests with several different ones are counted together, with those that have none: one
    /// value more is no way around the limit of another.
    Header(HeaderName),
}

/// Reads off an HTTP request what the machines want to know.
///
/// - Safe to repeat: the idempotent methods, and a request with one `Idempotency-Key` ([`is_idempotent`]).
/// - Deadline: the earliest of the task's own ([`Deadline::current`]), of a [`Deadline`] in the extensions, and of gRPC's
///   `grpc-timeout` from now on.
/// - [`Priority`] and [`Cohort`]: from the extensions.
/// - Key: as [`KeyBy`] says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HttpFacts {
    /// What requests are counted under.
    pub key: KeyBy,
}

impl HttpFacts {
    /// Counted under this.
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
                let named = || request.headers().get(HOST).map(|host| host.as_bytes().into());
                request.uri().host().map(Key::from).or_else(named)
            }
            KeyBy::Client => request.extensions().get::<IpAddr>().map(|client| (*client).into()),
            KeyBy::Header(name) => {
                let mut values = request.headers().get_all(name).iter();
                let first = values.next()?;
                values.all(|value| value == first).then(|| first.as_bytes().into())
            }
        }
    }
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
        assert_eq!(key(KeyBy::Client, &named), None);
        named.extensions_mut().insert(IpAddr::from([192, 0, 2, 7]));
        assert_eq!(key(KeyBy::Client, &named).unwrap(), [192, 0, 2, 7]);
    }
}
