use super::{Exit, Outcome, Restart, Stats, run};
use crate::{drain::Drain, scope::Options};
use std::{fmt, pin::Pin, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

type Start = Arc<dyn Fn(CancellationToken) -> Pin<Box<dyn Future<Output = Exit> + Send>> + Send + Sync>;
type Hook = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// Which children fall with one that is to be restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// None: each stands alone.
    #[default]
    OneForOne,
    /// All: they cannot do without one another.
    OneForAll,
}

/// What follows when a child fell too often.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Escalation {
    /// An error in the log, and the child stays down.
    Log,
    /// All are stopped, and [`Supervisor::run`] ends with the error: somebody above decides.
    #[default]
    Stop,
    /// The drain is asked for ([`Drain::request`]): the service goes down in order.
    Drain(Drain),
    /// The process is aborted, after the log and the hook. What a writer of logs still has in its buffer is lost.
    Abort,
}

/// What follows an end of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// It, or with [`Strategy::OneForAll`] everyone, is started again after this.
    Restart(Duration),
    /// Nothing: it was the end.
    Ended,
    /// The escalation.
    GiveUp,
}

/// A child has ended, and was not told to.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The supervisor's name.
    pub supervisor: &'a str,
    /// The child's name.
    pub child: &'a str,
    /// How it ended.
    pub exit: &'a Exit,
    /// What follows.
    pub next: Next,
}

/// A child fell too often.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{supervisor}: gave up on {child} after {restarts} restarts: {exit}")]
#[non_exhaustive]
pub struct GaveUp {
    /// The supervisor's name.
    pub supervisor: Arc<str>,
    /// The child's name.
    pub child: Arc<str>,
    /// How it ended last.
    pub exit: Exit,
    /// How often it had been started again.
    pub restarts: u64,
}

/// Why a supervisor did not end in order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A child fell too often; the first one, if there were several.
    #[error(transparent)]
    GaveUp(#[from] GaveUp),
    /// The children were dropped before all of them could be stopped in order: the runtime shut down, or the scope
    /// around did not wait so long.
    #[error("the supervisor was cut off before its children could be stopped")]
    CutOff,
}

/// A child: its name, how to start it, and how it is treated.
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
    /// Restarted as in [`Restart::new`], with ten seconds to stop. A loop without an end returns a type that nothing can be
    /// implemented for: let it end when the token is cancelled, as it should.
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

    /// When, and how often, it is started again.
    pub const fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// How long it may take to stop, before it is dropped at its next await.
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

/// Children that are watched. See the [module](super).
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
    /// Without children. The name is for logs.
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

    /// Which children fall with one that is to be restarted.
    pub const fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// What follows when a child fell too often.
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

    /// Calls `hook` when a child has ended by itself, before what follows. It should be quick: nobody is watched meanwhile.
    /// A panic of it is logged.
    pub fn on_event(mut self, hook: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// One more child, with the defaults of [`Supervised::new`]. They are started in this order.
    pub fn child<F, Fut>(self, name: &str, start: F) -> Self
    where
        F: Fn(CancellationToken) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        self.with(Supervised::new(name, start))
    }

    /// One more child. They are started in this order.
    ///
    /// # Panics
    /// Beyond 1,024 children.
    pub fn with(mut self, child: Supervised) -> Self {
        assert!(self.children.len() < 1_024, "a supervisor has at most 1,024 children");
        self.stats.add(&child.name);
        self.children.push(child);
        self
    }

    /// What is told of the children, also while and after it runs.
    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }

    /// Cancelled, it stops the children in reverse order, and ends.
    pub const fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Starts the children and watches them, until all have ended or it is told to stop.
    ///
    /// Inside a scope it is one of its tasks like others: give that scope a grace if the children are to be stopped in
    /// order when it is cancelled. Cancel safe in the sense of [`crate::scope`]: dropped, it aborts all children.
    ///
    /// # Errors
    /// [`Error::GaveUp`] where a child fell too often, [`Error::CutOff`] where the children were dropped from outside.
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
