//! When to try again 重试: exponential intervals without an end, and full jitter from the
//! node's own generator. A village that was offline for a month still comes back, and
//! eighty thousand of them do not come back in the same second.

use std::sync::Arc;
use std::time::Duration;

use backoff::backoff::Backoff;
use backoff::{Clock, exponential::ExponentialBackoff};

use crate::env::Entropy;

/// How much longer each interval is than the one before.
const MULTIPLIER: f64 = 2.0;

/// The waits between attempts at one thing.
///
/// Each wait is drawn evenly from zero to an interval that doubles from `first` up to
/// `longest` (*full jitter*: it spreads a crowd of callers better than a little noise on a
/// long wait does). It never gives up.
pub struct Retry {
    intervals: ExponentialBackoff<TokioClock>,
    entropy: Arc<dyn Entropy>,
}

impl Retry {
    /// Waits of at most `first` at the beginning and never more than `longest`.
    pub fn new(first: Duration, longest: Duration, entropy: Arc<dyn Entropy>) -> Self {
        let intervals = ExponentialBackoff {
            current_interval: first.min(longest),
            initial_interval: first.min(longest),
            // The library draws from its own generator: its noise is switched off.
            randomization_factor: 0.0,
            multiplier: MULTIPLIER,
            max_interval: longest,
            start_time: TokioClock.now(),
            max_elapsed_time: None,
            clock: TokioClock,
        };
        Self { intervals, entropy }
    }

    /// How long to wait before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        let longest = self.intervals.max_interval;
        let interval = self.intervals.next_backoff().unwrap_or(longest).min(longest);
        let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        // The high half of a product spreads a random number evenly over 0..nanos.
        let drawn = (u128::from(self.entropy.number()) * u128::from(nanos)) >> u64::BITS;
        Duration::from_nanos(u64::try_from(drawn).unwrap_or(nanos))
    }

    /// After a success: the next wait is short again.
    pub fn reset(&mut self) {
        self.intervals.reset();
    }
}

/// The runtime's time, which a simulation replaces.
struct TokioClock;

impl Clock for TokioClock {
    fn now(&self) -> std::time::Instant {
        tokio::time::Instant::now().into_std()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Always the same number.
    struct Fixed(u64);

    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            for (to, from) in bytes.iter_mut().zip(self.0.to_le_bytes().into_iter().cycle()) {
                *to = from;
            }
        }
    }

    fn delays(first_ms: u64, longest_ms: u64, number: u64, count: usize) -> Vec<Duration> {
        let (first, longest) = (Duration::from_millis(first_ms), Duration::from_millis(longest_ms));
        let mut retry = Retry::new(first, longest, Arc::new(Fixed(number)));
        (0..count).map(|_| retry.next_delay()).collect()
    }

    proptest! {
        #[test]
        fn a_wait_never_exceeds_its_doubling_interval_nor_the_longest(
            first in 1_u64..5_000, longest in 1_u64..60_000, number: u64, count in 1_usize..80,
        ) {
            for (attempt, delay) in delays(first, longest, number, count).into_iter().enumerate() {
                let doubled = u128::from(first) << attempt.min(40);
                let bound = doubled.min(u128::from(longest)) * 1_000_000;
                prop_assert!(delay.as_nanos() <= bound, "attempt {attempt}: {delay:?}");
            }
        }

        #[test]
        fn a_success_makes_the_next_wait_short_again(number: u64, failures in 0_usize..40) {
            let first = Duration::from_millis(100);
            let mut retry = Retry::new(first, Duration::from_mins(1), Arc::new(Fixed(number)));
            for _ in 0..failures {
                retry.next_delay();
            }
            retry.reset();
            prop_assert!(retry.next_delay() <= first);
        }
    }

    #[test]
    fn the_largest_draws_follow_the_doubling_intervals_up_to_the_longest() {
        let rounded: Vec<u128> =
            delays(100, 1_000, u64::MAX, 6).iter().map(|delay| (delay.as_nanos() + 1) / 1_000_000).collect();
        assert_eq!(rounded, [100, 200, 400, 800, 1_000, 1_000]);
    }

    #[test]
    fn the_smallest_draws_do_not_wait() {
        assert_eq!(delays(100, 1_000, 0, 3), [Duration::ZERO; 3]);
    }
}
