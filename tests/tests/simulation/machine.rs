//! The machine of a unit: a disk that forgets, indexes that come back as they once were, and a
//! clock that somebody sets.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use wuji_node::env::double::{DoubleDisk, Faults, Seeded, Survive};
use wuji_node::env::{Clock, Env, Workers};
use wuji_node::feed::item::ItemValue;
use wuji_node::index::double::DoubleIndexes;
use wuji_node::index::keys::{self, Link};
use wuji_node::index::values::HeldItem;
use wuji_node::index::{Index, Writes};
use wuji_proto::DivisionCode;

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

    /// The index is lost, and every snapshot of it.
    pub fn lose_index_for_good(&self) {
        self.lose_index();
        wuji_node::env::Disk::remove(&self.disk, &Self::directory().join("snapshots")).unwrap();
    }

    /// One write behind the node's back.
    pub fn damage_index(&self, edit: impl FnOnce(&dyn Index) -> Option<Writes>) -> bool {
        let before = self.index_marks();
        self.indexes.damage(&Self::index_directory(), edit);
        self.index_marks() != before
    }
}

impl Machine {
    /// Flips a bit of a journal frame that later groups prove to be complete; false if there is none.
    pub fn flip_proven(&self, dice: &Dice) -> bool {
        let segments = Self::directory().join("segments");
        let names = wuji_node::env::Disk::list(&self.disk, &segments).unwrap();
        let Some(last) = names.last() else { return false };
        let path = segments.join(last);
        let bytes = self.disk.content(&path);
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let frames = frames(&bytes, used);
        // The last groups may be a torn tail as well.
        let proven = frames.len().saturating_sub(PROVING_FRAMES);
        if proven == 0 {
            return false;
        }
        let at = frames[dice.below(proven)] + CHECKED_AT + dice.below(CHECKED_BYTES);
        self.disk.flip(&path, at, 1 << dice.below(8));
        true
    }
}

/// So many frames at the end are not proven for sure.
const PROVING_FRAMES: usize = 40;

/// A segment's header, and where a frame's checked head is: see "The journal" in ARCHITECTURE.md.
const HEADER_BYTES: usize = 128;
const CHECKED_AT: usize = 8;
const CHECKED_BYTES: usize = 56;

/// Where the frames of a segment begin.
fn frames(bytes: &[u8], used: usize) -> Vec<usize> {
    let (mut frames, mut at) = (Vec::new(), HEADER_BYTES);
    while at + CHECKED_AT + CHECKED_BYTES < used {
        let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        if length == 0 {
            break;
        }
        frames.push(at);
        at = (at + 4 + length).next_multiple_of(8);
    }
    frames
}

/// More than any cell has: what the child has by now must not be just this.
const FALSE_AMOUNT: i64 = 1_000_000;

/// Another amount for one cell that is held of a child.
pub fn other_amount(index: &dyn Index, child: DivisionCode, roll: u64) -> Option<Writes> {
    let prefix = keys::held_by(Link::Unit(child));
    let mut held = Vec::new();
    let scanned = index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
        let item = HeldItem::from_bytes(value)?;
        if let (ItemValue::Amount(amount), false) = (item.value, item.aside) {
            let value = ItemValue::Amount(amount + FALSE_AMOUNT);
            held.push((key.to_vec(), HeldItem { aside: false, value }.to_bytes()));
        }
        Ok(std::ops::ControlFlow::Continue(()))
    });
    scanned.unwrap();
    let at = usize::try_from(roll).unwrap().checked_rem(held.len())?;
    let (key, value) = held.swap_remove(at);
    Some([(key, Some(value))].into())
}
