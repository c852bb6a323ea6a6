//! Random choices from a seed.

use wuji_node::env::Entropy;
use wuji_node::env::double::Seeded;

/// Rolls in one fixed order for a seed.
pub struct Dice(Seeded);

impl Dice {
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds would begin with neighbouring numbers.
        Self(Seeded::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd1b5_4a32_d192_ed03))
    }

    pub fn number(&self) -> u64 {
        self.0.number()
    }

    /// 0 and up to, without, `end`.
    pub fn below(&self, end: usize) -> usize {
        usize::try_from(self.number() % end.max(1) as u64).unwrap()
    }

    /// From `low` up to and including `high`.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        low + self.number() % (high - low + 1)
    }

    /// True so many times in 100.
    pub fn percent(&self, percent: u64) -> bool {
        self.number() % 100 < percent
    }

    pub fn pick<'a, T>(&self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
