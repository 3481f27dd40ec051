use std::num::NonZeroU32;

/// How the limit follows what is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Algorithm {
    /// Additive increase, multiplicative decrease: on drops alone.
    Aimd,
    /// TCP Vegas' queue estimate from the least round trip.
    Vegas,
    /// The ratio of a long to a short average of the round trip.
    #[default]
    Gradient2,
}

/// An adaptive limit on what is in flight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConcurrencySpec {
    /// How the limit moves.
    pub algorithm: Algorithm,
    /// Where it begins.
    pub initial: NonZeroU32,
    /// It never falls below.
    pub min: NonZeroU32,
    /// It never grows above. Below `min`, `min` holds.
    pub max: NonZeroU32,
}

impl Default for ConcurrencySpec {
    /// Gradient2 from 20, between 2 and 1000.
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Gradient2,
            initial: NonZeroU32::new(20).unwrap(),
            min: NonZeroU32::new(2).unwrap(),
            max: NonZeroU32::new(1000).unwrap(),
        }
    }
}
