//! Randomness as an argument.

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

    /// Uniform in `[0, 1)`, with 53 bits.
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
    fn splitting_spreads_even_equal_steps() {
        let (mut draw, mut low) = (Draw::new(1), 0);
        for _ in 0..1000 {
            draw = draw.split();
            low += usize::from(draw.unit() < 0.5);
        }
        assert!((400..600).contains(&low), "{low}");
    }
}
