//! The commands of development: `cargo xtask test`, `cargo xtask ci`, `cargo xtask bench …` and so on.

mod api;
mod bench;
mod chaos;
mod ci;
mod fuzz;
mod openapi;
mod setup;
mod smoke;
mod spellings;
mod steps;
mod test;
mod tools;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The commands of development")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the tests
    #[command(long_about = test::LONG_ABOUT)]
    Test(test::Options),
    /// Run the tests and every other check of a change
    #[command(long_about = ci::LONG_ABOUT)]
    Ci(ci::Options),
    /// Measure: every figure that the project claims
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Show what the public interface has gained and lost since it was last agreed to
    #[command(long_about = api::LONG_ABOUT)]
    Api(api::Options),
    /// Kill everything around the example service under load, and compare the books afterwards
    Chaos(chaos::Options),
    /// Mutated messages, for as long as you like
    #[command(subcommand)]
    Fuzz(fuzz::Fuzz),
    /// The same spellings of paths and hosts through the gateway, nginx and Envoy
    #[command(long_about = spellings::LONG_ABOUT)]
    Spellings(spellings::Options),
    /// Hold the admin API to its own description
    #[command(long_about = openapi::LONG_ABOUT)]
    Openapi(openapi::Options),
    /// The README's service in a crate of its own: built, run, asked
    #[command(long_about = smoke::LONG_ABOUT)]
    Smoke(smoke::Options),
    /// Install the programs that the checks and the benches drive
    Setup,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test(options) => test::run(&options),
        Command::Ci(options) => ci::run(&options),
        Command::Bench(bench) => bench::run(&bench),
        Command::Api(options) => api::run(&options),
        Command::Chaos(options) => chaos::run(&options),
        Command::Fuzz(fuzz) => fuzz::run(&fuzz),
        Command::Spellings(options) => spellings::run(&options),
        Command::Openapi(options) => openapi::run(&options),
        Command::Smoke(options) => smoke::run(&options),
        Command::Setup => setup::run().map(|()| ExitCode::SUCCESS),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
