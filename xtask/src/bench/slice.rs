//! One slice of load on one server, and rounds of slices in turn.

use super::{
    contenders::Contender,
    figures::Spread,
    load::Load,
    usage::{self, Cpu},
};
use anyhow::{Context, Result};
use std::time::Instant;

/// The cost of one slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    requests: u64,
    cpu: Cpu,
    seconds: f64,
}

impl Slice {
    /// Puts `load` on the server for about `seconds`.
    pub(crate) fn take(contender: &Contender, load: Load, seconds: u32) -> Result<Self> {
        let port = if load == Load::Http2 { contender.http2 } else { contender.http1 };
        let group = contender.process.group();
        let (before, begun) = (usage::cpu(group)?, Instant::now());
        let requests =
            load.run(port, seconds).with_context(|| format!("{} under {}", contender.name, load.title()))?;
        Ok(Self { requests, cpu: usage::cpu(group)? - before, seconds: begun.elapsed().as_secs_f64() })
    }

    /// CPU microseconds a request.
    pub(crate) fn cost(&self) -> f64 {
        self.cpu.total().as_secs_f64() * 1e6 / self.requests as f64
    }

    /// The part of [`cost`](Self::cost) outside the kernel.
    pub(crate) fn user_cost(&self) -> f64 {
        self.cpu.user.as_secs_f64() * 1e6 / self.requests as f64
    }

    /// Requests a second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// The slices of one server under one load.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) slices: Vec<Slice>,
    /// Resident bytes after the last slice.
    pub(crate) resident: u64,
}

impl Series {
    /// Takes `rounds` rounds, every server in turn in each, after one slice each that does not count.
    pub(crate) fn take(
        contenders: &[&Contender],
        load: Load,
        rounds: u32,
        seconds: u32,
    ) -> Result<Vec<Self>> {
        let mut all: Vec<Self> = Vec::new();
        for contender in contenders {
            Slice::take(contender, load, 1)?;
            all.push(Self { name: contender.name, slices: Vec::new(), resident: 0 });
        }
        for _ in 0..rounds {
            for (contender, series) in contenders.iter().zip(&mut all) {
                series.slices.push(Slice::take(contender, load, seconds)?);
            }
        }
        for (contender, series) in contenders.iter().zip(&mut all) {
            series.resident = usage::resident(contender.process.group())?;
        }
        Ok(all)
    }

    /// The median over the slices of one figure.
    pub(crate) fn median(&self, figure: impl Fn(&Slice) -> f64) -> f64 {
        Spread::of(self.slices.iter().map(figure)).map_or(0.0, |spread| spread.median)
    }

    /// This server's cost divided by `other`'s, round by round.
    pub(crate) fn against(&self, other: &Self) -> Option<Spread> {
        Spread::of(self.slices.iter().zip(&other.slices).map(|(ours, theirs)| ours.cost() / theirs.cost()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn series(name: &'static str, costs: &[u64]) -> Series {
        let slice = |micros: &u64| Slice {
            requests: 1000,
            cpu: Cpu { user: Duration::from_millis(*micros), system: Duration::ZERO },
            seconds: 1.0,
        };
        Series { name, slices: costs.iter().map(slice).collect(), resident: 0 }
    }

    #[test]
    fn ratios_are_paired_and_not_of_medians() {
        let (ours, theirs) = (series("a", &[10, 40, 30]), series("b", &[10, 20, 60]));
        let ratio = ours.against(&theirs).unwrap();
        assert_eq!((ratio.median, ratio.least, ratio.greatest), (1.0, 0.5, 2.0));
        assert!((ours.median(Slice::cost) - 30.0).abs() < 1e-9);
    }
}
