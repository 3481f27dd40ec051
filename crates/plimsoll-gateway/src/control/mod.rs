//! The control plane: everything around a gateway that carries no request.
//!
//! | file | what |
//! | --- | --- |
//! | `program` | the program: signals, file watching, reload, drain |
//! | `watch` | whether a file has changed |
//! | `sockets` | sockets that a service manager has opened |
//! | `systemd` | telling the service manager how things stand |
//!
//! [`run`] is the program `plimsoll run`. [`Control`] is the same without signals, for a program that has others of its
//! own.

mod program;
mod sockets;
mod systemd;
mod watch;

pub use crate::plane::ReloadError;
pub use program::{RunError, run};

use crate::{
    admin,
    gateway::{Gateway, StartError},
    health,
    plane::Plane,
    spec::GatewaySpec,
};
use plimsoll::{
    http::{dial::SystemResolver, observe},
    task::{
        drain::{Drain, Limits, Phase},
        supervise::{CancellationToken, Escalation, Restart, Supervised, Supervisor},
    },
};
use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::task::{AbortHandle, spawn, spawn_blocking};

/// The tasks beside the data plane, by name.
const CHECKS: &str = "health checks";
const API: &str = "admin API";

/// How often, and within what time, a task of the control plane may fall before it stays down. The data plane goes on.
const PATIENCE: (usize, Duration) = (20, Duration::from_secs(600));

/// A gateway with its admin API and its health checks. Dropped, all of it stops at once.
#[derive(Debug)]
pub struct Control {
    plane: Arc<Plane>,
    /// Cancelled when nothing is to be checked any more.
    checking: CancellationToken,
    tasks: AbortHandle,
}

impl Control {
    /// Starts the gateway, then what belongs to it, on the present runtime. `file` is where reloads come from.
    ///
    /// The admin API's address is bound first: a second gateway that is started by mistake takes no traffic.
    ///
    /// # Errors
    /// Where an address cannot be bound, the access log's file not be opened or a thread not be started; nothing is
    /// left running.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and time.
    ///
    /// # Cancel safety
    /// Dropped midway, nothing is left running.
    pub async fn start(spec: GatewaySpec, file: Option<PathBuf>) -> Result<Self, StartError> {
        Self::start_with(spec, file, Vec::new()).await
    }

    async fn start_with(
        spec: GatewaySpec,
        file: Option<PathBuf>,
        mut inherited: Vec<TcpListener>,
    ) -> Result<Self, StartError> {
        let listener = match &spec.admin {
            Some(admin) => Some(admin::bind(admin.listen, &mut inherited)?),
            None => None,
        };
        let admin = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let begun = move || {
            let gateway = Gateway::start_with(
                spec,
                &mut inherited,
                plimsoll::driver::Time::TOKIO,
                Arc::new(SystemResolver),
            )?;
            sockets::unclaimed(&inherited);
            Ok::<_, StartError>(gateway)
        };
        let gateway = match spawn_blocking(begun).await {
            Ok(begun) => begun?,
            Err(ended) => return Err(StartError::Thread(std::io::Error::other(ended))),
        };
        let plane = Arc::new(Plane::new(gateway, file, admin));
        let checking = CancellationToken::new();
        let supervisor = supervised(&plane, &checking, listener);
        observe::supervisor(plane.gateway().registry(), &supervisor.stats())?.keep();
        if let Some(logs) = plimsoll::telemetry::logs::current() {
            logs.metrics(plane.gateway().registry())?.keep();
        }
        let tasks = spawn(supervisor.run()).abort_handle();
        Ok(Self { plane, checking, tasks })
    }

    /// The gateway.
    pub fn gateway(&self) -> &Gateway {
        self.plane.gateway()
    }

    /// Where the admin API listens: the real port where 0 was asked for.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.plane.admin_address()
    }

    /// Reads the file again and takes it up, whole or not at all. Gives the number of the configuration.
    ///
    /// # Errors
    /// If there is no file, if it cannot be read or is wrong, or if what it says cannot be done: what was there before
    /// serves on.
    ///
    /// # Cancel safety
    /// A reload that has begun ends, whether somebody waits for it or not.
    pub async fn reload(&self) -> Result<u64, ReloadError> {
        let plane = Arc::clone(&self.plane);
        spawn_blocking(move || plane.reload("the program"))
            .await
            .unwrap_or(Err(ReloadError::Start(StartError::Draining)))
    }

    /// Is not ready any more, takes no more connections, lets what is under way finish within `limit`, and gives how many
    /// connections had to be cut off. The admin API serves until the end.
    ///
    /// # Cancel safety
    /// A drain that has begun goes on, whether somebody waits for it or not.
    pub async fn drain(&self, limit: Duration) -> usize {
        // The workers cut off what is left when their limit is over; they are given the time to say how many that were.
        let requests = limit.saturating_add(Duration::from_secs(1));
        let drain = Drain::new(Limits { requests, ..Limits::default() });
        let (plane, checking) = (Arc::clone(&self.plane), self.checking.clone());
        let cut = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&cut);
        let connections = async move {
            let cut = spawn_blocking(move || plane.gateway().drain(limit)).await.unwrap_or_default();
            counted.store(cut, Ordering::Relaxed);
        };
        // A fresh drain takes both.
        let _ = drain.hook(Phase::Requests, "connections", connections);
        let _ = drain.hook(Phase::Workers, CHECKS, async move { checking.cancel() });
        let _ = spawn(async move { drain.run().await }).await;
        cut.load(Ordering::Relaxed)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.tasks.abort();
    }
}

/// The tasks beside the data plane. One that falls is started again, and counted.
fn supervised(plane: &Arc<Plane>, checking: &CancellationToken, admin: Option<TcpListener>) -> Supervisor {
    let (count, within) = PATIENCE;
    let (shared, checking) = (Arc::clone(plane.gateway().shared()), checking.clone());
    let checks = Supervised::new(CHECKS, move |_| {
        let (shared, checking) = (Arc::clone(&shared), checking.clone());
        async move { checking.run_until_cancelled_owned(health::keep_checking(shared)).await.unwrap_or_default() }
    });
    let supervisor = Supervisor::new("control plane")
        .escalation(Escalation::Log)
        .with(checks.restart(Restart::new().give_up(count, within)));
    let Some(listener) = admin else { return supervisor };
    let plane = Arc::clone(plane);
    let api = Supervised::new(API, move |_| {
        // Its own descriptor, so that the address stays bound while it is started again.
        let (listener, plane) = (listener.try_clone(), Arc::clone(&plane));
        async move { admin::run(listener?, plane).await.map_err(std::io::Error::other) }
    });
    supervisor.with(api.restart(Restart::new().give_up(count, within)))
}
