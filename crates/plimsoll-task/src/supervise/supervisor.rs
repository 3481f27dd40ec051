use super::{Exit, Outcome, Restart, Stats, run};
use crate::{drain::Drain, scope::Options};
use std::{fmt, pin::Pin, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

type Start = Arc<dyn Fn(CancellationToken) -> Pin<Box<dyn Future<Output = Exit> + Send>> + Send + Sync>;
type Hook = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// The children that are restarted together with one that ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Only that child.
    #[default]
    OneForOne,
    /// All children, because they depend on one another.
    OneForAll,
}

/// The reaction to a child that ended too often.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Escalation {
    /// An error is logged, and the child stays down.
    Log,
    /// All children are stopped, and [`Supervisor::run`] returns the error to its caller.
    #[default]
    Stop,
    /// The drain is requested ([`Drain::request`]): the service shuts down in order.
    Drain(Drain),
    /// The process is aborted, after the log and the hook. Lines in a log writer's buffer are lost.
    Abort,
}

/// The next step after a child has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// The child, or with [`Strategy::OneForAll`] every child, is restarted after this wait.
    Restart(Duration),
    /// Nothing: the child is finished.
    Ended,
    /// The escalation.
    GiveUp,
}

/// The end of a child that was not asked to stop.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The supervisor's name.
    pub supervisor: &'a str,
    /// The child's name.
    pub child: &'a str,
    /// The way it ended.
    pub exit: &'a Exit,
    /// The next step.
    pub next: Next,
}

/// A child that ended too often.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{supervisor}: gave up on {child} after {restarts} restarts: {exit}")]
#[non_exhaustive]
pub struct GaveUpError {
    /// The supervisor's name.
    pub supervisor: Arc<str>,
    /// The child's name.
    pub child: Arc<str>,
    /// Its last exit.
    pub exit: Exit,
    /// The number of its restarts.
    pub restarts: u64,
}

/// An error of a supervisor that did not end in order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A child ended too often; the first one, if there were several.
    #[error(transparent)]
    GaveUp(#[from] GaveUpError),
    /// The children were dropped before all of them could be stopped in order: the runtime shut down, or the scope
    /// around did not wait so long.
    #[error("the supervisor was cut off before its children could be stopped")]
    CutOff,
}

/// A child: its name, its start function, and its restart settings.
#[derive(Clone)]
#[must_use]
pub struct Supervised {
    pub(super) name: Arc<str>,
    pub(super) start: Start,
    pub(super) restart: Restart,
    pub(super) grace: Duration,
}

impl Supervised {
    /// `start` makes a future for the first start and for each restart. Its token is cancelled when it should stop.
    ///
    /// Restarted as in [`Restart::new`], with ten seconds to stop. A loop without an end returns a type that nothing
    /// can be implemented for: let it end when the token is cancelled, as it should.
    pub fn new<F, Fut>(name: &str, start: F) -> Self
    where
        F: Fn(CancellationToken) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        let start: Start = Arc::new(move |token| {
            let future = start(token);
            Box::pin(async move { future.await.exit() })
        });
        Self { name: name.into(), start, restart: Restart::new(), grace: Duration::from_secs(10) }
    }

    /// Sets when, and how often, the child is restarted.
    pub const fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Sets the time that the child has to stop before it is dropped at its next await.
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }
}

impl fmt::Debug for Supervised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervised")
            .field("name", &self.name)
            .field("restart", &self.restart)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

/// A supervisor of children. See the [module](super).
#[must_use = "nothing is started before it runs"]
pub struct Supervisor {
    pub(super) name: Arc<str>,
    pub(super) strategy: Strategy,
    pub(super) escalation: Escalation,
    pub(super) children: Vec<Supervised>,
    pub(super) stats: Stats,
    pub(super) hook: Option<Hook>,
    token: CancellationToken,
}

impl Supervisor {
    /// A supervisor without children. The name is for logs.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            strategy: Strategy::default(),
            escalation: Escalation::default(),
            children: Vec::new(),
            stats: Stats::new(),
            hook: None,
            token: CancellationToken::new(),
        }
    }

    /// Sets which children are restarted together with one that ended.
    pub const fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Sets the reaction to a child that ended too often.
    pub fn escalation(mut self, escalation: Escalation) -> Self {
        self.escalation = escalation;
        self
    }

    /// Stops when this is cancelled, instead of a token of its own; for instance a drain's, of
    /// [`Phase::Workers`](crate::drain::Phase::Workers).
    pub fn stopped_by(mut self, token: CancellationToken) -> Self {
        self.token = token;
        self
    }

    /// Calls `hook` when a child has ended by itself, before the next step. It should be quick: no child is watched
    /// meanwhile. A panic of it is logged.
    pub fn on_event(mut self, hook: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// Adds a child with the defaults of [`Supervised::new`]. Children are started in this order.
    pub fn child<F, Fut>(self, name: &str, start: F) -> Self
    where
        F: Fn(CancellationToken) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        self.with(Supervised::new(name, start))
    }

    /// Adds a child. Children are started in this order.
    ///
    /// # Panics
    /// Beyond 1,024 children.
    pub fn with(mut self, child: Supervised) -> Self {
        assert!(self.children.len() < 1_024, "a supervisor has at most 1,024 children");
        self.stats.add(&child.name);
        self.children.push(child);
        self
    }

    /// Returns the children's statistics, which are also valid while and after the supervisor runs.
    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }

    /// Returns the token that stops the supervisor: cancelled, it stops the children in reverse order, and ends.
    pub const fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Starts the children and watches them, until all have ended or the supervisor is asked to stop.
    ///
    /// Inside a scope it is one of its tasks like others: give that scope a grace if the children are to be stopped in
    /// order when it is cancelled. Cancel safe in the sense of [`crate::scope`]: dropped, it aborts all children.
    ///
    /// # Errors
    /// [`Error::GaveUp`] if a child ended too often, [`Error::CutOff`] if the children were dropped from outside.
    ///
    /// # Panics
    /// Outside a tokio runtime with its time driver.
    pub async fn run(self) -> Result<(), Error> {
        // Long enough for each to stop after the other; the order is kept by the body, not by the scope.
        let graces =
            self.children.iter().fold(Duration::from_secs(1), |sum, child| sum.saturating_add(child.grace));
        let options = Options::new().grace(graces).token(self.token.clone());
        match options.run_all(|scope| async { Ok(run::supervise(&self, scope).await) }).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(gave_up)) => Err(gave_up.into()),
            Err(_) => Err(Error::CutOff),
        }
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("name", &self.name)
            .field("strategy", &self.strategy)
            .field("escalation", &self.escalation)
            .field("children", &self.children)
            .finish_non_exhaustive()
    }
}
