//! One simulation from its seed to its end.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use wuji_node::catalogue::Catalogue;
use wuji_node::mistake::{Mistake, make};

use crate::dice::Dice;
use crate::faults::Fault;
use crate::tree::Tree;
use crate::world::{Broken, World};

/// The catalogue that the program carries, and one with a measure less.
static CATALOGUES: LazyLock<[Arc<Catalogue>; 2]> = LazyLock::new(|| {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/catalogue");
    let lean = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(&shipped).unwrap() {
        let file = file.unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let (before, after) = text.split_once(DROPPED).unwrap_or((text.as_str(), ""));
        let after = if before.len() == text.len() { "" } else { after.find("\n[[").map_or("", |at| &after[at..]) };
        std::fs::write(lean.path().join(file.file_name()), format!("{before}{after}")).unwrap();
    }
    [Catalogue::embedded(), Catalogue::load(lean.path())].map(|catalogue| Arc::new(catalogue.unwrap()))
});

/// What the lean catalogue lacks.
const DROPPED: &str = "[[measure]]\nid = \"mediation.people\"";

/// Times of faults, each with quiet behind it.
const ROUNDS: usize = 2;

/// The longest time between two faults.
const BETWEEN_FAULTS_MAX_MS: u64 = 1_200;

/// What a seed stands for.
pub struct Plan {
    pub seed: u64,
    /// A rule of the product that is left out.
    pub mistake: Option<Mistake>,
    pub small: bool,
    pub faults: Vec<Fault>,
    pub round: Duration,
}

/// A simulation that has ended.
pub struct Played {
    pub world: World,
    pub outcome: Result<(), Broken>,
}

impl Plan {
    /// A seed chooses the size, the kinds of faults and how long they strike.
    pub fn of(seed: u64) -> Self {
        let dice = Dice::new(seed ^ 0x5eed);
        let small = !seed.is_multiple_of(4);
        let faults = Fault::ALL.into_iter().filter(|_| dice.percent(60)).collect();
        Self { seed, mistake: None, small, faults, round: Duration::from_millis(dice.between(6_000, 16_000)) }
    }
}

impl Plan {
    /// A small federation in which one rule is left out, and just these faults strike.
    pub fn with(seed: u64, mistake: Option<Mistake>, faults: &[Fault]) -> Self {
        Self { mistake, small: true, faults: faults.to_vec(), ..Self::of(seed) }
    }
}

/// Plays a plan.
pub fn play(plan: &Plan) -> Played {
    let tree = if plan.small { Tree::small() } else { Tree::full() };
    let mut world = World::new(plan.seed, tree, &CATALOGUES);
    make(plan.mistake);
    let outcome = script(&mut world, plan);
    make(None);
    Played { world, outcome }
}

fn script(world: &mut World, plan: &Plan) -> Result<(), Broken> {
    world.assemble()?;
    for _ in 0..ROUNDS {
        let end = world.sim.elapsed() + plan.round;
        while world.sim.elapsed() < end {
            let pause = Duration::from_millis(world.dice.between(20, BETWEEN_FAULTS_MAX_MS));
            world.live(pause)?;
            world.strike(&plan.faults)?;
        }
        world.end_all();
        world.quiet()?;
        world.check()?;
    }
    Ok(())
}
