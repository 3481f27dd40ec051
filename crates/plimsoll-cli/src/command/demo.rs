//! `plimsoll demo`.

use crate::{
    demo::{self, Wanted},
    exit::Exit,
};
use clap::Args;
use plimsoll_gateway::plimsoll::policy::units::duration;
use std::time::Duration;

/// Demonstrate the policies' effect in half a minute
///
/// Runs three replicas of a small service, of which one fails and one becomes slow, and sends the same load through two
/// gateways: one with the policies of examples/gateway.toml, one without any. At the end it compares both. Everything
/// runs in this process, on loopback.
///
/// Exits with 0 only if all claims at the end hold. If it is stopped early (the key q, or Ctrl-C), it shows the figures
/// so far, checks no claim and exits with 1.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The length of the run, from 5s to 10m
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = length)]
    length: Duration,
    /// Print the summary as JSON on standard output; progress goes to standard error
    #[arg(long)]
    json: bool,
    /// Seed of the requests' times and durations; the same seed gives the same load
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

impl Demo {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        demo::run(Wanted { length: self.length, seed: self.seed, json: self.json })
    }
}

/// The shortest and longest run: a shorter one shows nothing, a longer one nothing new.
fn length(text: &str) -> Result<Duration, String> {
    let length = duration(text).map_err(|invalid| invalid.to_string())?;
    let bounds = Duration::from_secs(5)..=Duration::from_mins(10);
    if bounds.contains(&length) { Ok(length) } else { Err("expected from 5s to 10m".into()) }
}

#[cfg(test)]
mod tests {
    use super::length;
    use std::time::Duration;

    #[test]
    fn lengths_have_units_and_bounds() {
        assert_eq!(length("20s"), Ok(Duration::from_secs(20)));
        assert_eq!((length("5s").is_ok(), length("10m").is_ok()), (true, true));
        for wrong in ["20", "4s", "11m", "", "-1s", "soon"] {
            assert!(length(wrong).is_err(), "{wrong}");
        }
    }
}
