//! `plimsoll run`: a gateway from a file, until a signal ends it.

use super::{
    Control, sockets, systemd,
    watch::{EVERY, FileWatcher, Stamp},
};
use crate::{
    file,
    gateway::StartError,
    plane::{Plane, warn_of},
};
use parking_lot::Mutex;
use std::{io, path::Path, sync::Arc, time::Duration};
use tokio::{
    runtime::Builder,
    select,
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
    task::{spawn, spawn_blocking},
    time::{MissedTickBehavior, interval},
};

/// Why a gateway did not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Its file cannot be read or is wrong.
    #[error(transparent)]
    File(#[from] file::LoadError),
    /// The configuration cannot be applied here, for example because a port is in use.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The system does not let a runtime or signal handlers be set up.
    #[error("cannot set up the program: {0}")]
    System(#[source] io::Error),
}

/// Runs the gateway that this file describes until SIGTERM or SIGINT, then lets what is under way finish (within `drain`
/// of the file; a second signal ends it at once).
///
/// SIGHUP, `POST /api/v1/reload` and, with `watch = true`, a change of the file take the file up anew; SIGUSR1 opens the
/// access log's file anew. Sockets that a service manager hands over are used for the listeners with their addresses. To
/// be called early, while the process has a single thread.
///
/// # Errors
/// If the file is wrong or what it says cannot be done; nothing is left running.
pub fn run(path: &Path) -> Result<(), RunError> {
    let inherited = sockets::inherited();
    let seen = Stamp::of(path).ok();
    let loaded = file::load(path, &|name| std::env::var(name).ok())?;
    warn_of(&loaded.warnings);
    let runtime = Builder::new_current_thread().enable_all().build().map_err(RunError::System)?;
    let result = runtime.block_on(async {
        let mut signals = Signals::new().map_err(RunError::System)?;
        let control = Control::start_with(loaded.spec, Some(path.to_owned()), inherited).await?;
        let listeners = control.gateway().addresses();
        let admin = control.admin_address().map(tracing::field::display);
        tracing::info!(?listeners, admin, "serving");
        systemd::notify(systemd::READY);
        let told = steer(&control, &mut signals, FileWatcher::new(seen)).await;
        systemd::notify(systemd::STOPPING);
        drain(&control, &mut signals, told).await;
        Ok(())
    });
    // A drain that a second signal has cut short still blocks a thread.
    runtime.shutdown_background();
    result
}

/// The signals that mean something to a gateway.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    reopen: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            reopen: signal(SignalKind::user_defined1())?,
        })
    }

    /// The next signal to end.
    async fn end(&mut self) -> &'static str {
        select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Obeys signals and watches the file until told to end, and says by which signal.
async fn steer(control: &Control, signals: &mut Signals, mut watch: FileWatcher) -> &'static str {
    let asked = Arc::<Asked>::default();
    let reloads = spawn(reload_when_asked(Arc::clone(&control.plane), Arc::clone(&asked)));
    let mut looks = interval(EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let told = loop {
        select! {
            _ = signals.hangup.recv() => {
                asked.ask("SIGHUP");
            }
            _ = signals.reopen.recv() => {
                tracing::info!("opening the access log anew");
                control.gateway().reopen_logs();
            }
            _ = looks.tick() => if control.gateway().spec().watch && look(control, &mut watch).await {
                asked.ask("a change of the file");
            },
            _ = signals.terminate.recv() => break "SIGTERM",
            _ = signals.interrupt.recv() => break "SIGINT",
        }
    };
    reloads.abort();
    told
}

/// A reload that was asked for and has not begun.
#[derive(Debug, Default)]
struct Asked {
    /// By whom, last.
    by: Mutex<&'static str>,
    notify: Notify,
}

impl Asked {
    fn ask(&self, by: &'static str) {
        *self.by.lock() = by;
        self.notify.notify_one();
    }

    async fn wait(&self) -> &'static str {
        self.notify.notified().await;
        *self.by.lock()
    }
}

/// Reloads, one after the other; what is asked for meanwhile is one more.
async fn reload_when_asked(plane: Arc<Plane>, asked: Arc<Asked>) {
    loop {
        let by = asked.wait().await;
        let plane = Arc::clone(&plane);
        // How it went is logged, counted and shown by the admin API.
        let _ = spawn_blocking(move || plane.reload(by)).await;
    }
}

async fn look(control: &Control, watch: &mut FileWatcher) -> bool {
    let Some(path) = control.plane.file().map(Path::to_owned) else { return false };
    let stamp = spawn_blocking(move || Stamp::of(&path).ok()).await;
    watch.look(stamp.ok().flatten())
}

async fn drain(control: &Control, signals: &mut Signals, by: &str) {
    let limit: Duration = control.gateway().spec().drain;
    tracing::info!(?limit, by, "draining");
    select! {
        cut = control.drain(limit) => match cut {
            0 => tracing::info!("drained"),
            cut => tracing::warn!(connections = cut, ?limit, "drained; connections were cut off"),
        },
        signal = signals.end() => tracing::warn!(signal, "told again to end: ending at once"),
    }
}
