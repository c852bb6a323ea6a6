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
mod dice;
mod entries;
mod host;
mod log;
mod machine;
mod net;
mod quiet;
mod tree;
mod truth;
mod world;

use std::sync::Arc;
use std::time::Duration;

use wuji_node::catalogue::Catalogue;
use wuji_proto::RecordId;

use clerk::Request;
use tree::Tree;
use world::{Broken, World};

fn play(seed: u64) -> Result<World, (Broken, World)> {
    let catalogue = Arc::new(Catalogue::embedded().unwrap());
    let mut world = World::new(seed, Tree::full(), &catalogue);
    match script(&mut world) {
        Ok(()) => Ok(world),
        Err(broken) => Err((broken, world)),
    }
}

fn script(world: &mut World) -> Result<(), Broken> {
    for unit in 1..world.units.len() {
        let (code, parent) = (world.units[unit].code, world.units[unit].parent.unwrap());
        world.send(parent, Request::Register(code), false);
    }
    let leaves = world.tree.leaves();
    for number in 0..200 {
        let leaf = *world.dice.pick(&leaves);
        let content = entries::content(&world.dice, number);
        let id = RecordId::derived(world.dice.number().to_le_bytes().repeat(2).try_into().unwrap());
        let twice = world.dice.percent(20);
        world.send(leaf, Request::Submit(id, content), twice);
        world.run(Duration::from_millis(world.dice.between(20, 200)))?;
    }
    world.quiet()?;
    world.check_recount()
}

#[test]
fn a_federation_of_five_tiers_adds_up() {
    let began = tokio::time::Instant::now();
    let mut world = play(1).map_err(|(broken, _)| broken).unwrap();
    eprintln!("{:?} virtual in {:?}", world.sim.elapsed(), began.elapsed());
    world.note("end");
}
