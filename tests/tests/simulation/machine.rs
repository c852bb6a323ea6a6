//! The machine of a unit: a disk that forgets, indexes that come back as they once were, and a
//! clock that somebody sets.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use wuji_node::env::double::{DoubleDisk, Faults, Seeded, Survive};
use wuji_node::env::{Clock, Env, Workers};
use wuji_node::index::double::DoubleIndexes;

use crate::dice::Dice;

/// When a simulation begins: 2026-11-20, 9 o'clock in China.
const BEGIN_MS: i64 = 1_795_136_400_000;

/// Virtual time, the same for all machines; milliseconds since the beginning.
#[derive(Clone, Default)]
pub struct Time(Arc<AtomicI64>);

impl Time {
    pub fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::Relaxed);
    }

    pub fn ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct SkewedClock {
    time: Time,
    skew_ms: Arc<AtomicI64>,
}

impl Clock for SkewedClock {
    fn now_ms(&self) -> i64 {
        BEGIN_MS + self.time.ms() + self.skew_ms.load(Ordering::Relaxed)
    }
}

/// A machine. It outlives the node that runs on it.
pub struct Machine {
    disk: DoubleDisk,
    indexes: DoubleIndexes,
    time: Time,
    skew_ms: Arc<AtomicI64>,
}

/// What is on a machine's disk at one moment.
pub struct Image {
    disk: DoubleDisk,
    indexes: DoubleIndexes,
}

impl Machine {
    pub fn new(time: &Time) -> Self {
        let disk = DoubleDisk::default();
        let indexes = DoubleIndexes::new(&disk);
        Self { disk, indexes, time: time.clone(), skew_ms: Arc::default() }
    }

    /// Where a node keeps its data on every machine.
    pub fn directory() -> PathBuf {
        PathBuf::from("data")
    }

    fn index_directory() -> PathBuf {
        Self::directory().join("index")
    }

    /// For one life of a node.
    pub fn env(&self, seed: u64) -> Env {
        Env {
            clock: Arc::new(SkewedClock { time: self.time.clone(), skew_ms: Arc::clone(&self.skew_ms) }),
            entropy: Arc::new(Seeded::new(seed)),
            disk: Arc::new(self.disk.clone()),
            indexes: Arc::new(self.indexes.clone()),
            workers: Workers::Tasks,
        }
    }

    pub fn skew(&self, ms: i64) {
        self.skew_ms.store(ms, Ordering::Relaxed);
    }

    pub fn faults(&self, change: impl FnOnce(&mut Faults)) {
        self.disk.faults(change);
    }

    /// The program was killed: what it wrote is there, its locks are free.
    pub fn kill(&mut self) {
        self.put(self.disk.kill());
    }

    /// Power was cut: of what was not synced some blocks are there, or the first bytes, or nothing.
    pub fn cut_power(&mut self, dice: &Dice) {
        let disk = match dice.below(3) {
            0 => self.disk.cut_power(Survive::Nothing),
            1 => self.disk.cut_power(Survive::First(dice.below(4_096))),
            _ => {
                let mut keep = |_: &Path, _: usize| dice.percent(50);
                self.disk.cut_power(Survive::Blocks(&mut keep))
            }
        };
        self.put(disk);
    }

    fn put(&mut self, disk: DoubleDisk) {
        self.indexes = self.indexes.copy(&disk);
        self.disk = disk;
    }

    pub fn image(&self) -> Image {
        let disk = self.disk.kill();
        let indexes = self.indexes.copy(&disk);
        Image { disk, indexes }
    }

    /// Brings a disk image back.
    pub fn put_back(&mut self, image: &Image) {
        self.disk = image.disk.kill();
        self.indexes = image.indexes.copy(&self.disk);
    }

    /// An empty disk.
    pub fn replace(&mut self) {
        self.disk = DoubleDisk::default();
        self.indexes = DoubleIndexes::new(&self.disk);
    }

    /// Batches of the index, and how many a checkpoint covers.
    pub fn index_marks(&self) -> (usize, usize) {
        self.indexes.marks(&Self::index_directory())
    }

    pub fn index_falls_back(&self, batches: usize) {
        self.indexes.fall_back(&Self::index_directory(), batches);
    }

    pub fn lose_index(&self) {
        self.indexes.lose(&Self::index_directory());
    }

    /// One write behind the node's back.
    pub fn damage_index(
        &self,
        edit: impl FnOnce(&dyn wuji_node::index::Index) -> Option<wuji_node::index::Writes>,
    ) -> bool {
        let before = self.index_marks();
        self.indexes.damage(&Self::index_directory(), edit);
        self.index_marks() != before
    }
}
