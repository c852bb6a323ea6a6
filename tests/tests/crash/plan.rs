//! What a run of rounds does, as its seed says: whom it kills, when, and for how long.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use wuji::sample::random::Random;
use wuji_tests::TIERS;

/// Rounds of a run that asks for no more: of CI.
const ROUNDS: u64 = 6;
/// Rounds between two looks at everything: at most so many looks, and at least so many rounds.
const LOOKS_MAX: u64 = 30;
const ROUNDS_PER_LOOK_MIN: u64 = 6;
/// At most so many nodes are killed in a round.
const KILLED_MAX: u64 = 3;
/// The longest of the waits in milliseconds: until a node is killed, until its start is cut off, and
/// until it is started to stay.
const INSTANT_MS_MAX: u64 = 400;
const START_MS_MAX: u64 = 250;
const DOWN_MS_MAX: u64 = 150;
/// Seeds are below this, so that they can be typed.
const SEEDS: u128 = 1_000_000;

/// A run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    pub rounds: u64,
}

impl Plan {
    /// As the environment says; the seed is another one each time unless it is given.
    pub fn from_environment() -> Result<Self> {
        let anew = u64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_nanos() % SEEDS)?;
        Ok(Self {
            seed: asked("WUJI_CRASH_SEED")?.unwrap_or(anew),
            rounds: asked("WUJI_CRASH_ROUNDS")?.unwrap_or(ROUNDS),
        })
    }

    /// The line that runs it again. Instants on a real machine differ from run to run, so a failure may
    /// need a few.
    pub fn replay(self) -> String {
        let Self { seed, rounds } = self;
        format!("WUJI_CRASH_SEED={seed} WUJI_CRASH_ROUNDS={rounds} cargo test -p wuji-tests --test crash rounds")
    }

    /// Rounds between two looks.
    pub fn rounds_per_look(self) -> u64 {
        self.rounds.div_ceil(LOOKS_MAX).max(ROUNDS_PER_LOOK_MIN)
    }
}

/// A number in the environment.
pub fn asked<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(name: &str) -> Result<Option<T>> {
    let Ok(text) = std::env::var(name) else { return Ok(None) };
    text.parse().map(Some).with_context(|| format!("{name}={text:?} is not a number"))
}

/// One node's fate in a round.
#[derive(Clone, Copy, Debug)]
pub struct Blow {
    pub node: &'static str,
    /// It is killed so long after the round began.
    pub after: Duration,
    /// Its next start is cut off after so long.
    pub start_cut_off: Option<Duration>,
    /// Then it is down for so long.
    pub down: Duration,
}

/// One to three nodes of any tier.
pub fn blows(random: &mut Random) -> Vec<Blow> {
    let mut nodes = TIERS;
    random.shuffle(&mut nodes);
    let killed = usize::try_from(1 + random.below(KILLED_MAX)).unwrap_or(1);
    let blow = |node| Blow {
        node,
        after: wait(random, INSTANT_MS_MAX),
        start_cut_off: (random.below(3) == 0).then(|| wait(random, START_MS_MAX)),
        down: wait(random, DOWN_MS_MAX),
    };
    nodes.into_iter().take(killed).map(blow).collect()
}

fn wait(random: &mut Random, ms_max: u64) -> Duration {
    Duration::from_micros(random.below(ms_max * 1_000))
}
