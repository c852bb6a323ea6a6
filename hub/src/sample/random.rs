//! Random numbers that stay the same for ever, on every machine and with every version of
//! every library: ids of sample entries depend on them, and a changed id would load an entry
//! a second time.

/// `SplitMix64` (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 if `end` is 0. The bias of the remainder is below 2⁻⁴⁰ here.
    pub const fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next() % end }
    }

    /// A number from `from` to `to`, both included.
    pub fn between(&mut self, from: i32, to: i32) -> i32 {
        let width = u64::from(to.abs_diff(from)) + 1;
        from.saturating_add(i32::try_from(self.below(width)).unwrap_or(0))
    }

    /// One of `items`.
    pub fn pick<T: Copy + Default>(&mut self, items: &[T]) -> T {
        let at = usize::try_from(self.below(items.len() as u64)).unwrap_or(0);
        items.get(at).copied().unwrap_or_default()
    }

    /// Puts `items` in random order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let other = usize::try_from(self.below(end as u64 + 1)).unwrap_or(0);
            items.swap(end, other);
        }
    }
}

/// Divides `total` by `weights` to the unit, by largest remainders: the parts sum to the
/// total exactly. All zero if the weights are.
pub fn apportion(weights: &[u64], total: u64) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let share = |weight: u64| u128::from(weight) * u128::from(total);
    let mut parts: Vec<u64> = weights.iter().map(|w| u64::try_from(share(*w) / sum).unwrap_or(0)).collect();
    let mut order: Vec<(u128, usize)> = weights.iter().zip(0..).map(|(w, at)| (share(*w) % sum, at)).collect();
    order.sort_by_key(|(remainder, at)| (std::cmp::Reverse(*remainder), *at));
    let missing = total - parts.iter().sum::<u64>();
    for (_, at) in order.into_iter().take(usize::try_from(missing).unwrap_or(0)) {
        if let Some(part) = parts.get_mut(at) {
            *part += 1;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_algorithm() {
        let mut random = Random::new(1_234_567);
        let numbers = [random.next(), random.next(), random.next()];
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn parts_sum_to_the_total_and_follow_the_weights() {
        for (weights, total, parts) in [
            (&[160, 278, 431][..], 869, &[160, 278, 431][..]),
            (&[1, 1, 1], 100, &[34, 33, 33]),
            (&[0, 5], 7, &[0, 7]),
            (&[0, 0], 7, &[0, 0]),
            (&[], 7, &[]),
        ] {
            assert_eq!(apportion(weights, total), parts);
        }
    }
}
