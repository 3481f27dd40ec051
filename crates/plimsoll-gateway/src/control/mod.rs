//! The control plane: everything around a gateway that carries no request.
//!
//! | file | what |
//! | --- | --- |
//! | `plane` | the gateway with its source, its age and its last reload; the changes that can be made to it |
//! | `program` | the program: signals, file watching, reload, drain |
//! | `watch` | whether a file has changed |
//! | `sockets` | sockets that a service manager has opened |
//! | `systemd` | telling the service manager how things stand |
//!
//! [`run`] is the program `plimsoll run`. [`Control`] is the same without signals, for a program that has others of its
//! own.

mod plane;
mod program;
mod sockets;
mod systemd;
mod watch;

pub use plane::ReloadError;
pub(crate) use plane::{PatchError, Plane, Reload, policy_of};
pub use program::{RunError, run};

use crate::{Gateway, StartError, admin, health, spec::GatewaySpec};
use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::task::{AbortHandle, spawn, spawn_blocking};

/// A gateway with its admin API and its health checks. Dropped, all of it stops at once.
#[derive(Debug)]
pub struct Control {
    plane: Arc<Plane>,
    tasks: Vec<AbortHandle>,
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
            let gateway = Gateway::start_with(spec, &mut inherited)?;
            sockets::unclaimed(&inherited);
            Ok::<_, StartError>(gateway)
        };
        let gateway = match spawn_blocking(begun).await {
            Ok(begun) => begun?,
            Err(ended) => return Err(StartError::Thread(std::io::Error::other(ended))),
        };
        let plane = Arc::new(Plane::new(gateway, file, admin));
        let checks = spawn(health::keep_checking(Arc::clone(plane.gateway().shared())));
        let mut tasks = vec![checks.abort_handle()];
        if let Some(listener) = listener {
            tasks.push(spawn(admin::answer(listener, Arc::clone(&plane))).abort_handle());
        }
        Ok(Self { plane, tasks })
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
        spawn_blocking(move || plane.reload()).await.unwrap_or(Err(ReloadError::Start(StartError::Draining)))
    }

    /// Is not ready any more, takes no more connections, lets what is under way finish within `limit`, and gives how many
    /// connections had to be cut off. The admin API answers until the end.
    ///
    /// # Cancel safety
    /// A drain that has begun goes on, whether somebody waits for it or not.
    pub async fn drain(&self, limit: Duration) -> usize {
        let plane = Arc::clone(&self.plane);
        spawn_blocking(move || plane.gateway().drain(limit)).await.unwrap_or_default()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}
