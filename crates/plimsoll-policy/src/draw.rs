//! Randomness as an argument: one draw, or one seed for a whole call.

/// One uniform draw of 64 bits, given by the driver: a thread-local generator live, a seeded stream in simulation.
///
/// A machine that needs several independent choices from one draw derives them with [`Draw::split`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Draw(u64);

impl Draw {
    /// A draw of these bits.
    pub const fn new(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits drawn.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Returns a uniform number in `[0, 1)`, with 53 bits.
    pub fn unit(self) -> f64 {
        (self.0 >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in `0..bound`; 0 where `bound` is 0. The bias is below `bound / 2⁶⁴` (Lemire's multiply-shift).
    pub const fn below(self, bound: u64) -> u64 {
        ((self.0 as u128 * bound as u128) >> 64) as u64
    }

    /// A second draw that does not repeat this one: one step of SplitMix64 (Steele, Lea, Flood 2014).
    #[must_use]
    pub const fn split(self) -> Self {
        let mut z = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self(z ^ (z >> 31))
    }
}

/// The randomness of one call: every choice in it derives from this, its [purpose](Purpose) and the attempt it is made
/// for. How often a driver asks the call what to do, or in which order two choices fall, changes none of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seed(u64);

impl Seed {
    /// A seed of these bits. They are mixed, so that neighbouring numbers make independent calls.
    pub const fn new(bits: u64) -> Self {
        Self(Draw(bits).split().0)
    }

    /// The draw for this purpose in this attempt (0 for the first, counting up). The same arguments give the same draw;
    /// any other give one that is independent of it.
    #[inline]
    pub const fn draw(self, purpose: Purpose, attempt: u8) -> Draw {
        // The seed is mixed already; the index goes through the mixer with it.
        Draw(self.0 ^ ((purpose as u64) << 8 | attempt as u64)).split()
    }
}

/// A draw is uniform, so it is a seed as it stands.
impl From<Draw> for Seed {
    fn from(draw: Draw) -> Self {
        Self(draw.0)
    }
}

/// The purpose of a draw.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Purpose {
    /// Whether shedding takes this call.
    Shed,
    /// Whether client-side throttling takes this attempt.
    Throttle,
    /// The jitter of the wait before a retry.
    Backoff,
    /// The jitter of a breaker's open time, if this attempt opens it.
    Breaker,
    /// Which endpoint is asked.
    Endpoint,
    /// The jitter of an ejection, if this attempt brings it about.
    Ejection,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_at_the_ends() {
        assert!(Draw::new(0).unit() >= 0.0);
        assert!(Draw::new(u64::MAX).unit() < 1.0);
        assert_eq!(Draw::new(u64::MAX).below(10), 9);
        assert_eq!(Draw::new(0).below(10), 0);
        assert_eq!(Draw::new(7).below(0), 0);
    }

    #[test]
    fn a_choice_depends_on_seed_purpose_and_attempt_alone() {
        let mut seen = std::collections::HashSet::new();
        for seed in 0..100 {
            for purpose in [Purpose::Shed, Purpose::Backoff, Purpose::Endpoint] {
                for attempt in 0..11 {
                    let draw = Seed::new(seed).draw(purpose, attempt);
                    assert_eq!(draw, Seed::new(seed).draw(purpose, attempt));
                    assert!(seen.insert(draw.bits()), "{seed} {purpose:?} {attempt}");
                }
            }
        }
        let mean = seen.iter().map(|bits| Draw::new(*bits).unit()).sum::<f64>() / seen.len() as f64;
        assert!((0.48..0.52).contains(&mean), "{mean}");
    }

    #[test]
    fn splitting_spreads_even_equal_steps() {
        let (mut draw, mut low) = (Draw::new(1), 0);
        for _ in 0..1000 {
            draw = draw.split();
            low += usize::from(draw.unit() < 0.5);
        }
        assert!((400..600).contains(&low), "{low}");
    }
}
