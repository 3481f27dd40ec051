//! A worker: one thread, one single-threaded runtime, its own sockets, pools and connections.
//!
//! Workers share nothing that is written often: policies by atomics, the configuration by one atomic load, counters by
//! a shard each.
//!
//! | file | what |
//! | --- | --- |
//! | `state` | what a worker has |
//! | `accept`, `accepted` | connections taken in |
//! | `connection` | a client's connection, from its first byte to its last |
//! | `http1`, `http2` | requests and responses on it |
//! | `exchange` | what requests of both protocols have in common |
//! | `counted_body` | a response's body, counted as it is sent |
//! | `tunnel` | both sides after a switch of protocols |
//! | `lag` | the delay of the run queue |
//! | `lingering` | idle connections that keep the state of busy ones for a moment |
//! | `unsent` | what is held for HTTP/2 clients, and who is closed where that is too much |

mod accept;
mod accepted;
mod connection;
mod counted_body;
mod exchange;
mod http1;
mod http2;
mod lag;
mod lingering;
mod state;
mod tunnel;
mod unsent;

use crate::{access_log, shared::Shared};
use state::Worker;
use std::{net::SocketAddr, rc::Rc, sync::Arc, time::Duration};
use tokio::{runtime::LocalOptions, sync::mpsc, task::AbortHandle};

/// A command to a worker.
#[derive(Debug)]
pub(crate) enum Command {
    /// Take connections from this socket of the listener with this address, which is bound to that one.
    Listen { listener: SocketAddr, bound: SocketAddr, socket: std::net::TcpListener },
    /// Take no more from it.
    Unlisten(SocketAddr),
    /// Finish what is under way, within this time, and end.
    Drain(Duration),
}

/// How many commands may wait for a worker.
pub(crate) const COMMANDS: usize = 64;

/// How often idle connections to endpoints are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// Runs one `of` so many workers on this thread until it is told to drain and has. Gives how many connections were cut off.
pub(crate) fn run(
    shared: Arc<Shared>,
    at: usize,
    of: usize,
    commands: mpsc::Receiver<Command>,
) -> std::io::Result<usize> {
    plimsoll::telemetry::shard::own();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    // Connections that are still open end with the runtime, their calls settled as cancelled.
    Ok(runtime.block_on(work(Worker::new(shared, at, of), commands)))
}

async fn work(worker: Rc<Worker>, mut commands: mpsc::Receiver<Command>) -> usize {
    let mut listeners: Vec<(SocketAddr, AbortHandle)> = Vec::new();
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut pulse = tokio::time::interval(lag::PULSE);
    pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let limit = loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Listen { listener, bound, socket }) => match tokio::net::TcpListener::from_std(socket) {
                    Ok(socket) => {
                        let task = tokio::task::spawn_local(accept::accept(Rc::clone(&worker), socket, listener));
                        listeners.push((bound, task.abort_handle()));
                    }
                    Err(error) => tracing::error!(address = %bound, %error, "cannot listen"),
                },
                Some(Command::Unlisten(address)) => listeners.retain(|(bound, task)| {
                    let stays = *bound != address;
                    if !stays {
                        task.abort();
                    }
                    stays
                }),
                Some(Command::Drain(limit)) => break limit,
                None => break Duration::ZERO,
            },
            _ = sweep.tick() => worker.sweep(),
            due = pulse.tick() => worker.felt_pulse(due.elapsed()),
        }
    };
    for (_, task) in &listeners {
        task.abort();
    }
    worker.drain.begin();
    let _ = tokio::time::timeout(limit, worker.emptied()).await;
    access_log::drain_is_over();
    worker.open_connections()
}
