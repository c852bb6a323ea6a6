//! The deterministic simulation of whole federations.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test fails by panicking, and documents itself"
)]

mod clerk;
mod decisions;
mod dice;
mod entries;
mod faults;
mod host;
mod log;
mod machine;
mod machines;
mod mistakes;
mod net;
mod play;
mod quiet;
mod sampler;
mod tree;
mod truth;
mod workload;
mod world;

use play::{Plan, play};

/// Seeds that are played at every run.
const FIXED_SEEDS: u64 = 24;

/// A number in the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Plays a seed to its end; a broken promise is told with the line that plays it again.
fn hold(seed: u64) {
    let played = play(&Plan::of(seed));
    if let Err(broken) = &played.outcome {
        let last = played.world.log.lines();
        let last = last[last.len().saturating_sub(20)..].join("\n");
        panic!(
            "{last}\nseed {seed}: {broken}\nWUJI_SIM_SEED={seed} cargo test -p wuji-tests --test simulation every_promise"
        );
    }
}

/// Shows what nodes log, such as `WUJI_SIM_TRACE=wuji_node=debug`.
fn trace() {
    if let Ok(level) = std::env::var("WUJI_SIM_TRACE") {
        // Another test may have started it.
        let _ = wuji_node::telemetry::start_log(&wuji_node::config::LogConfig { level, ..Default::default() });
    }
}

#[test]
fn every_promise_holds_for_all_seeds() {
    trace();
    if let Some(seed) = number("WUJI_SIM_SEED") {
        return hold(seed);
    }
    let first = number("WUJI_SIM_FIRST").unwrap_or(1);
    for seed in first..first + number("WUJI_SIM_SEEDS").unwrap_or(FIXED_SEEDS) {
        hold(seed);
    }
}

#[test]
fn a_seed_repeats_itself_line_by_line() {
    for seed in [3, 4] {
        let [first, second] = [(), ()].map(|()| play(&Plan::of(seed)).world.log.lines().to_vec());
        assert!(first.len() > 50, "{first:?}");
        assert_eq!(first, second, "seed {seed}");
    }
}
