//! `cargo xtask bench`: every figure that the project claims comes from one of these commands.

mod beside;
mod bodies;
mod boundary;
mod build;
mod callgrind;
mod claim;
pub(crate) mod contenders;
mod counting;
mod divan;
mod figures;
mod files;
pub(crate) mod gateway;
mod http;
mod idle;
pub(crate) mod instructions;
mod load;
mod memory;
mod peers;
mod policy;
pub(crate) mod process;
mod record;
pub(crate) mod serve;
mod slice;
mod slow_clients;
mod stuck_clients;
mod task;
mod usage;

use anyhow::Result;
use clap::Subcommand;
use std::process::ExitCode;

/// The bench to run.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// The gateway beside nginx, HAProxy and Envoy, in alternating slices of one run
    #[command(long_about = peers::LONG_ABOUT)]
    Peers(peers::Options),
    /// The library's own benches, and the claims that stand on them
    #[command(long_about = policy::LONG_ABOUT)]
    Policy(policy::Options),
    /// The cost of scopes, queues and locks, beside tokio's own
    #[command(long_about = task::LONG_ABOUT)]
    Task(task::Options),
    /// Instructions an operation takes, beside what is recorded
    #[command(long_about = instructions::LONG_ABOUT)]
    Instructions(instructions::Options),
    /// Bodies as JSON, MessagePack and Protobuf, in memory and end to end
    #[command(long_about = bodies::LONG_ABOUT)]
    Bodies(bodies::Options),
    /// Files beside tower-http's `ServeDir` and nginx
    #[command(long_about = files::LONG_ABOUT)]
    Files(files::Options),
    /// The memory that each optimisation saves, beside the plain way
    #[command(long_about = memory::LONG_ABOUT)]
    Memory(memory::Options),
    /// The outbound client beside hyper-util's and reqwest's
    #[command(long_about = http::LONG_ABOUT)]
    Http(http::Options),
    /// The server beside hyper alone, `axum::serve`, and axum under others' layers
    #[command(long_about = serve::LONG_ABOUT)]
    Serve(serve::Options),
    /// The cost of the error boundary for a successful call
    #[command(long_about = boundary::LONG_ABOUT)]
    Boundary(boundary::Options),
    /// Good requests beside clients with slow links, under default policies
    #[command(long_about = slow_clients::LONG_ABOUT)]
    SlowClients(beside::Options),
    /// Good requests beside HTTP/2 clients that take nothing, under default policies
    #[command(long_about = stuck_clients::LONG_ABOUT)]
    StuckClients(beside::Options),
    /// The gateway alone under several loads: the quick loop of development
    Gateway(gateway::Options),
}

/// Runs one bench. Exit 1 means that a figure was over its limit.
pub(crate) fn run(bench: &Bench) -> Result<ExitCode> {
    match bench {
        Bench::Peers(options) => peers::run(options),
        Bench::Policy(options) => policy::run(options),
        Bench::Task(options) => task::run(options),
        Bench::Instructions(options) => instructions::run(options),
        Bench::Bodies(options) => bodies::run(options),
        Bench::Files(options) => files::run(options),
        Bench::Memory(options) => memory::run(options),
        Bench::Http(options) => http::run(options),
        Bench::Serve(options) => serve::run(options),
        Bench::Boundary(options) => boundary::run(options),
        Bench::SlowClients(options) => slow_clients::run(options),
        Bench::StuckClients(options) => stuck_clients::run(options),
        Bench::Gateway(options) => gateway::run(options),
    }
}
