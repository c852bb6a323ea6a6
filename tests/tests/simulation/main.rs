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
mod seeds;
mod setup;
mod tree;
mod truth;
mod workload;
mod world;

use play::{Plan, play};

/// Seeds from 1 on that are played at every run.
const FIXED_SEEDS: u64 = 24;

/// A number in the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Plays seeds to their ends. A broken promise is told at once, with the line that plays its seed
/// again; all of them are told at the end.
fn hold(seeds: impl IntoIterator<Item = u64>) {
    let mut broken = Vec::new();
    for seed in seeds {
        let played = play(&Plan::of(seed));
        if let Err(promise) = &played.outcome {
            let last = played.world.log.lines();
            println!("{}", last[last.len().saturating_sub(20)..].join("\n"));
            let again = format!("WUJI_SIM_SEED={seed} cargo test -p wuji-tests --test simulation every_promise");
            println!("seed {seed}: {promise}\n{again}");
            broken.push(again);
        }
    }
    assert!(broken.is_empty(), "{} seeds broke a promise (see above):\n{}", broken.len(), broken.join("\n"));
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
    let one = number("WUJI_SIM_SEED");
    let first = one.or(number("WUJI_SIM_FIRST")).unwrap_or(1);
    let count = one.map_or_else(|| number("WUJI_SIM_SEEDS").unwrap_or(FIXED_SEEDS), |_| 1);
    hold(first..first + count);
}

#[test]
fn seeds_that_once_failed_hold() {
    hold(seeds::KEPT.iter().map(|(seed, _)| *seed));
}

#[test]
fn a_seed_repeats_itself_line_by_line() {
    for seed in [3, 4] {
        let [first, second] = [(), ()].map(|()| play(&Plan::of(seed)).world.log.lines().to_vec());
        assert!(first.len() > 50, "{first:?}");
        assert_eq!(first, second, "seed {seed}");
    }
}
