//! The cache of names.

use super::{
    addresses::Addresses,
    resolve::{Resolve, Resolved},
};
use parking_lot::{Mutex, MutexGuard};
use plimsoll_driver::classify::ResolveError;
use std::{collections::HashMap, fmt, io, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

/// The most names that are kept.
pub const MOST_NAMES: usize = 1024;
/// The most addresses of one name that are used.
pub const MOST_ADDRESSES: usize = 32;

/// The shortest time for which an answer, good or bad, is kept.
const LEAST: Duration = Duration::from_secs(1);
/// How long addresses are used after lookups of their name fail.
const STALE: Duration = Duration::from_secs(3600);
/// The time limit of a lookup.
const PATIENCE: Duration = Duration::from_secs(30);

/// Names and their addresses. Names may come from outside, and are hashed with a secret.
pub(super) struct Names {
    resolver: Arc<dyn Resolve>,
    state: Mutex<State>,
}

struct State {
    names: HashMap<Box<str>, Name, ahash::RandomState>,
    keep_for: Duration,
}

/// A name.
struct Name {
    /// The last good answer, and until when it may be used.
    known: Option<(Arc<Addresses>, Instant)>,
    /// The error of the last lookup, if it failed.
    failed: Option<(io::ErrorKind, Box<str>)>,
    /// When the next lookup is due.
    due: Instant,
    /// The lookup in progress, if there is one.
    looking: Option<watch::Receiver<()>>,
    used: Instant,
}

impl Name {
    fn new(now: Instant) -> Self {
        Self { known: None, failed: None, due: now, looking: None, used: now }
    }

    fn addresses(&self, now: Instant) -> Option<&Arc<Addresses>> {
        self.known.as_ref().filter(|(_, until)| now < *until).map(|(addresses, _)| addresses)
    }

    fn error(&self) -> ResolveError {
        let error = match &self.failed {
            Some((kind, text)) => io::Error::new(*kind, &**text),
            None => io::ErrorKind::NotFound.into(),
        };
        ResolveError::from(error)
    }
}

impl Names {
    pub(super) fn new(resolver: Arc<dyn Resolve>, keep_for: Duration) -> Self {
        Self { resolver, state: Mutex::new(State { names: HashMap::default(), keep_for }) }
    }

    pub(super) fn keep_for(&self, time: Duration) {
        self.lock().keep_for = time;
    }

    /// Returns the addresses of this name, after a lookup if they are unknown or due.
    ///
    /// Cancel safe: a lookup that has begun goes on.
    pub(super) async fn addresses(self: &Arc<Self>, host: &str) -> Result<Arc<Addresses>, ResolveError> {
        loop {
            let (mut looked_up, lookup) = {
                let (mut state, now) = (self.lock(), Instant::now());
                let name = state.name(host, now);
                name.used = now;
                if now < name.due {
                    return name.addresses(now).map(Arc::clone).ok_or_else(|| name.error());
                }
                self.look_up(host, name)
            };
            if let Some(lookup) = lookup {
                lookup.begin();
            }
            // The end of the sender reports it.
            let _ended = looked_up.changed().await;
        }
    }

    /// Returns the known addresses of this name, and starts a lookup if one is due.
    pub(super) fn known(self: &Arc<Self>, host: &str) -> Option<Arc<Addresses>> {
        let (known, lookup) = {
            let (mut state, now) = (self.lock(), Instant::now());
            let name = state.names.get_mut(host)?;
            name.used = now;
            let lookup = (now >= name.due).then(|| self.look_up(host, name).1).flatten();
            (name.addresses(now).map(Arc::clone), lookup)
        };
        if let Some(lookup) = lookup {
            lookup.begin();
        }
        known
    }

    /// Returns the lookup in progress, or a new one, to be started after the lock is released.
    fn look_up(self: &Arc<Self>, host: &str, name: &mut Name) -> (watch::Receiver<()>, Option<Lookup>) {
        if let Some(looking) = &name.looking {
            return (looking.clone(), None);
        }
        let (ended, looking) = watch::channel(());
        name.looking = Some(looking.clone());
        let lookup = Lookup { names: Arc::clone(self), host: host.into(), found: None, _ended: ended };
        (looking, Some(lookup))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    fn name(&mut self, host: &str, now: Instant) -> &mut Name {
        if !self.names.contains_key(host) && self.names.len() >= MOST_NAMES {
            let oldest = self.names.iter().min_by_key(|(_, name)| name.used).map(|(host, _)| host.clone());
            oldest.and_then(|oldest| self.names.remove(&oldest));
        }
        self.names.entry(host.into()).or_insert_with(|| Name::new(now))
    }

    fn learn(&mut self, host: &str, found: io::Result<Resolved>) {
        let keep_for = self.keep_for;
        // It may have been forgotten meanwhile.
        let Some(name) = self.names.get_mut(host) else { return };
        let now = Instant::now();
        name.looking = None;
        name.due = now + LEAST;
        match found {
            Ok(Resolved { addresses, ttl }) => {
                let before = name.known.as_ref().map(|(addresses, _)| &**addresses);
                match Addresses::new(addresses, before) {
                    Some(addresses) => {
                        name.due = now + ttl.unwrap_or(keep_for).max(LEAST);
                        name.known = Some((Arc::new(addresses), name.due + STALE));
                        name.failed = None;
                    }
                    None => name.failed = Some((io::ErrorKind::NotFound, "the name has no address".into())),
                }
            }
            Err(error) => name.failed = Some((error.kind(), error.to_string().into())),
        }
    }
}

/// A lookup in progress. However it ends, its waiters are notified.
struct Lookup {
    names: Arc<Names>,
    host: Box<str>,
    found: Option<io::Result<Resolved>>,
    _ended: watch::Sender<()>,
}

impl Lookup {
    /// Runs it in a separate task, since it outlives its caller.
    fn begin(mut self) {
        tokio::spawn(async move { self.ask().await });
    }

    async fn ask(&mut self) {
        let found = async { self.names.resolver.resolve(&self.host).await };
        let found = timeout(PATIENCE, found).await;
        let late = || Err(io::Error::new(io::ErrorKind::TimedOut, "the resolver does not respond"));
        self.found = Some(found.unwrap_or_else(|_| late()));
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        let given_up = || Err(io::Error::other("the lookup was given up"));
        let found = self.found.take().unwrap_or_else(given_up);
        self.names.lock().learn(&self.host, found);
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("resolver", &self.resolver).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::resolve::Resolving, *};
    use std::{
        net::IpAddr,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
    };
    use tokio::{task::yield_now, time::advance};

    const KEEP: Duration = Duration::from_secs(30);

    /// A resolver that returns the result set last, after 10 ms.
    #[derive(Debug)]
    struct ScriptedResolver {
        answer: Mutex<Result<Resolved, &'static str>>,
        asked: AtomicUsize,
    }

    impl Resolve for Arc<ScriptedResolver> {
        fn resolve(&self, _: &str) -> Resolving {
            self.asked.fetch_add(1, Relaxed);
            let this = Arc::clone(self);
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                this.answer.lock().clone().map_err(io::Error::other)
            })
        }
    }

    fn resolved(last: u8, ttl: Option<Duration>) -> Resolved {
        Resolved { addresses: vec![IpAddr::from([192, 0, 2, last])], ttl }
    }

    fn names() -> (Arc<ScriptedResolver>, Arc<Names>) {
        let told = Arc::new(ScriptedResolver {
            answer: Mutex::new(Ok(resolved(1, None))),
            asked: AtomicUsize::new(0),
        });
        (Arc::clone(&told), Arc::new(Names::new(Arc::new(told), KEEP)))
    }

    async fn last(names: &Arc<Names>) -> Result<u8, String> {
        let found = names.addresses("a").await.map_err(|error| {
            std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
        })?;
        match found.all().next().unwrap() {
            IpAddr::V4(ip) => Ok(ip.octets()[3]),
            IpAddr::V6(_) => unreachable!("none was given"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_looked_up_again_when_its_time_is_over() {
        let (told, names) = names();
        assert_eq!(last(&names).await, Ok(1));
        *told.answer.lock() = Ok(resolved(2, Some(Duration::from_secs(5))));
        advance(Duration::from_secs(29)).await;
        assert_eq!((last(&names).await, told.asked.load(Relaxed)), (Ok(1), 1));
        advance(Duration::from_secs(1)).await;
        assert_eq!((last(&names).await, told.asked.load(Relaxed)), (Ok(2), 2));
        // This response says itself how long it holds.
        *told.answer.lock() = Ok(resolved(3, Some(Duration::ZERO)));
        advance(Duration::from_secs(5)).await;
        assert_eq!(last(&names).await, Ok(3));
        // Nothing holds for less than a second.
        assert_eq!((last(&names).await, told.asked.load(Relaxed)), (Ok(3), 3));
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_share_one_lookup_even_if_the_first_has_left() {
        let (told, names) = names();
        assert!(timeout(Duration::from_millis(1), names.addresses("a")).await.is_err());
        let (one, two) = tokio::join!(last(&names), last(&names));
        assert_eq!((one, two, told.asked.load(Relaxed)), (Ok(1), Ok(1), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn last_addresses_are_used_on_while_the_resolver_is_away() {
        let (told, names) = names();
        assert_eq!(last(&names).await, Ok(1));
        *told.answer.lock() = Err("SERVFAIL");
        advance(KEEP).await;
        assert_eq!(last(&names).await, Ok(1));
        advance(STALE).await;
        assert_eq!(last(&names).await, Err("SERVFAIL".into()));
        // A failure is kept for a second, so that a stream of requests is not one of lookups.
        let asked = told.asked.load(Relaxed);
        assert!(last(&names).await.is_err() && told.asked.load(Relaxed) == asked);
        *told.answer.lock() = Ok(resolved(2, None));
        advance(LEAST).await;
        assert_eq!(last(&names).await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn who_only_looks_waits_for_nothing_and_has_it_looked_up_again() {
        let (told, names) = names();
        assert!(names.known("a").is_none(), "nobody has dialled it");
        last(&names).await.unwrap();
        *told.answer.lock() = Ok(resolved(2, None));
        advance(KEEP).await;
        let known = || names.known("a").unwrap().all().collect::<Vec<_>>();
        assert_eq!(known(), [IpAddr::from([192, 0, 2, 1])]);
        yield_now().await;
        advance(Duration::from_millis(10)).await;
        yield_now().await;
        assert_eq!(known(), [IpAddr::from([192, 0, 2, 2])]);
    }

    #[derive(Debug)]
    struct Panics;

    impl Resolve for Panics {
        fn resolve(&self, _: &str) -> Resolving {
            Box::pin(async { panic!("a resolver with a fault") })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_resolver_that_panics_or_hangs_is_a_failed_lookup() {
        let names = Arc::new(Names::new(Arc::new(Panics), KEEP));
        assert_eq!(last(&names).await, Err("the lookup was given up".into()));

        #[derive(Debug)]
        struct Hangs;
        impl Resolve for Hangs {
            fn resolve(&self, _: &str) -> Resolving {
                Box::pin(std::future::pending())
            }
        }
        let names = Arc::new(Names::new(Arc::new(Hangs), KEEP));
        assert_eq!(last(&names).await, Err("the resolver does not respond".into()));
    }

    #[tokio::test(start_paused = true)]
    async fn names_are_bounded_and_the_one_left_alone_makes_room() {
        let (_, names) = names();
        for name in 0..MOST_NAMES {
            names.addresses(&name.to_string()).await.unwrap();
            advance(Duration::from_millis(1)).await;
        }
        names.addresses("0").await.unwrap();
        names.addresses("one more").await.unwrap();
        assert_eq!(names.lock().names.len(), MOST_NAMES);
        assert!(names.known("0").is_some() && names.known("1").is_none());
    }
}
