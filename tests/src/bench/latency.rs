//! Times of repeated calls, and their percentiles.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// No question is repeated for longer than this, however often it was to be asked.
const TIME_MAX: Duration = Duration::from_secs(20);

/// At least so often, however long it takes.
const REPETITIONS_MIN: usize = 3;

const PER_MILLISECOND: f64 = 1_000.0;

/// Percentiles of times, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// How many times were taken.
    pub repetitions: usize,
    /// Half are not above this.
    pub p50_ms: f64,
    /// 95 of 100 are not above this.
    pub p95_ms: f64,
    /// 99 of 100 are not above this.
    pub p99_ms: f64,
    /// None is above this.
    pub max_ms: f64,
}

impl Latency {
    /// Of times in any order.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        // The smallest time that at least so many of 100 do not exceed.
        let at = |percent: usize| {
            let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
            times.get(place).copied().map_or(0.0, milliseconds)
        };
        Self { repetitions: times.len(), p50_ms: at(50), p95_ms: at(95), p99_ms: at(99), max_ms: at(100) }
    }
}

/// To the microsecond.
pub fn milliseconds(time: Duration) -> f64 {
    let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    f64::from(micros) / PER_MILLISECOND
}

/// Makes a call again and again, one after the other.
pub async fn repeat(repetitions: usize, mut call: impl AsyncFnMut() -> anyhow::Result<()>) -> anyhow::Result<Latency> {
    let began = Instant::now();
    let mut times = Vec::with_capacity(repetitions);
    while times.len() < repetitions && (times.len() < REPETITIONS_MIN || began.elapsed() < TIME_MAX) {
        let before = Instant::now();
        call().await?;
        times.push(before.elapsed());
    }
    Ok(Latency::of(times))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_taken() {
        let taken = |count: u64| Latency::of((1..=count).rev().map(Duration::from_millis).collect());
        let shown = |of: Latency| format!("{} {} {} {}", of.p50_ms, of.p95_ms, of.p99_ms, of.max_ms);
        assert_eq!(shown(taken(200)), "100 190 198 200");
        assert_eq!(shown(taken(1)), "1 1 1 1");
        assert_eq!(shown(taken(0)), "0 0 0 0");
    }
}
