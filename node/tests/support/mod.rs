//! A small federation of node states: one county, two townships, three workrooms.

pub mod audits;
mod check;
mod clock;
mod coming_back;
mod driver;
mod entries;
mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub use audits::Harm;
use clock::SetClock;
use driver::Driver;
use prost::Message;
pub use records::values;
use wuji_node::backup::restore::{RestoreOptions, restore};
use wuji_node::catalogue::Catalogue;
use wuji_node::config::IndexKind;
use wuji_node::env::{Clock, Env, Workers};
use wuji_node::feed::exchange::ChildOpening;
use wuji_node::index::sled::SledIndex;
use wuji_node::index::{Index, keys};
use wuji_node::state::{NodeState, StateOptions};
use wuji_node::telemetry::Metrics;
use wuji_proto::{CellKey, DivisionCode, Incarnation, RecordId, period, stored};

/// The tree: code and the place of the parent. Leaves are 3, 4 and 5.
const TREE: [(&str, Option<usize>); 6] = [
    ("371122", None),
    ("371122101", Some(0)),
    ("371122102", Some(0)),
    ("371122101201", Some(1)),
    ("371122101202", Some(1)),
    ("371122102201", Some(2)),
];
const FIRST_LEAF: usize = 3;

/// What may happen to it.
#[derive(Clone, Debug)]
pub enum Act {
    Submit {
        leaf: usize,
        seed: u8,
    },
    Amend {
        leaf: usize,
        which: u8,
        seed: u8,
    },
    Void {
        leaf: usize,
        which: u8,
    },
    /// The newest submission of a leaf once more, as after a lost answer.
    Retry {
        leaf: usize,
    },
    /// A zero report of a leaf.
    Zero {
        leaf: usize,
        seed: u8,
    },
    /// Lets a node's link carry some frames.
    Push {
        node: usize,
        frames: usize,
    },
    /// The day ends, for everybody.
    NextDay,
    /// Cuts a node's link upward.
    Cut {
        node: usize,
    },
    /// A clean stop and start.
    Restart {
        node: usize,
    },
    /// No clean stop.
    Crash {
        node: usize,
    },
    /// Keeps a copy of the index.
    KeepIndex {
        node: usize,
    },
    /// Comes back with the copy.
    OlderIndex {
        node: usize,
    },
    /// Comes back with no index.
    LoseIndex {
        node: usize,
    },
    /// Makes a snapshot of the index, from which a lost one begins.
    Snapshot {
        node: usize,
    },
    /// A clean stop, and a program that keeps its index in another format.
    OtherFormat {
        node: usize,
    },
    /// The index loses one thing that it holds of a child, and nobody notices at once.
    Decay {
        node: usize,
        which: u8,
    },
    /// Something in the index of a running node is not what the writer wrote.
    Damage {
        node: usize,
        which: u8,
        harm: Harm,
    },
    /// Keeps an image of the disk.
    KeepDisk {
        node: usize,
    },
    /// The disk comes back as that image.
    RollBack {
        node: usize,
    },
    /// A node audits itself, and puts right what it finds.
    Audit {
        node: usize,
    },
    /// A node's parent asks it for one unit's keys again; it sends so many frames of the answer.
    Resend {
        node: usize,
        which: u8,
        frames: usize,
    },
}

/// Runs a test on a runtime of one thread: the order of steps is the same every time.
pub fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

struct Unit {
    options: StateOptions,
    catalogue: Arc<Catalogue>,
    clock: Arc<SetClock>,
    state: Option<NodeState>,
    driver: Driver,
}

pub struct Federation {
    directory: tempfile::TempDir,
    catalogue: Arc<Catalogue>,
    units: Vec<Unit>,
    records: BTreeMap<usize, Vec<(RecordId, u32)>>,
    next_record: u8,
    /// Each leaf's newest submission.
    newest: BTreeMap<usize, (RecordId, u8, u8)>,
    /// Each leaf's days with a zero report.
    zeros: BTreeMap<usize, BTreeSet<i32>>,
    /// Days that a leaf has ever reported, in whichever life.
    ever: BTreeMap<usize, BTreeSet<i32>>,
    /// What a node's records were when an image of its disk was kept.
    images: BTreeMap<usize, coming_back::Written>,
    /// Nodes whose links upward are down.
    silent: BTreeSet<usize>,
}

impl Federation {
    pub async fn start() -> Self {
        Self::start_with(Arc::new(Catalogue::embedded().unwrap())).await
    }

    pub async fn start_with(catalogue: Arc<Catalogue>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut units = Vec::new();
        for (code, parent) in TREE {
            let options = StateOptions {
                code: code.parse().unwrap(),
                name: format!("unit {code}"),
                parent: parent.map(|parent| TREE[parent].0.parse().unwrap()),
                directory: directory.path().join(code),
                segment_bytes: 1 << 20,
                index: IndexKind::Sled,
                cache_bytes: 1 << 20,
                checkpoint_every: Duration::from_hours(1),
                hold: Duration::from_hours(1),
                accept_loss: false,
            };
            let (catalogue, clock) = (Arc::clone(&catalogue), Arc::default());
            units.push(Unit { options, catalogue, clock, state: None, driver: Driver::default() });
        }
        let (records, newest, zeros, ever) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (images, silent, next_record) = (BTreeMap::new(), BTreeSet::new(), 0);
        let mut federation =
            Self { directory, catalogue, units, records, next_record, newest, zeros, ever, images, silent };
        for node in 0..TREE.len() {
            federation.open(node);
        }
        for (node, (code, parent)) in TREE.iter().enumerate() {
            if let Some(parent) = parent {
                let ledgers = federation.state(*parent).ledgers.clone();
                let day = period::days("2016-01-01".parse().unwrap());
                ledgers.register_child(code.parse().unwrap(), format!("unit {node}"), day, "test").await.unwrap();
            }
        }
        federation
    }

    fn open(&mut self, node: usize) {
        let Unit { options, catalogue, clock, .. } = &self.units[node];
        let clock = Arc::clone(clock) as Arc<dyn Clock>;
        let env = Env { workers: Workers::Tasks, clock, ..Env::production() };
        let state = NodeState::open(&env, options, Arc::clone(catalogue), &Metrics::new()).unwrap();
        self.units[node].state = Some(state);
    }

    /// What a node's clock shows from now on: 9 o'clock on a day such as 2026-11-20.
    pub fn set_clock(&self, node: usize, day: &str) {
        self.units[node].clock.set(day);
    }

    pub fn code(&self, node: usize) -> DivisionCode {
        self.units[node].options.code
    }

    /// A clean stop, and a start with another catalogue.
    pub async fn restart_with(&mut self, node: usize, catalogue: &Arc<Catalogue>) {
        self.close(node, true).await;
        self.units[node].catalogue = Arc::clone(catalogue);
        self.open(node);
    }

    pub fn state(&self, node: usize) -> &NodeState {
        self.units[node].state.as_ref().unwrap()
    }

    /// Ends a node; `clean` or not, its links are gone.
    async fn close(&mut self, node: usize, clean: bool) {
        for (other, (_, parent)) in TREE.iter().enumerate() {
            if other == node || *parent == Some(node) {
                self.units[other].driver = self.units[other].driver.cut();
            }
        }
        let state = self.units[node].state.take().unwrap();
        if clean {
            state.stop().await.unwrap();
        } else {
            drop(state);
        }
        // The workers end once nobody can ask them any more, and let go of lock and files.
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }

    pub async fn act(&mut self, act: Act) {
        match act {
            Act::Submit { leaf, seed } => self.submit(leaf + FIRST_LEAF, seed).await,
            Act::Amend { leaf, which, seed } => self.amend(leaf + FIRST_LEAF, which, seed).await,
            Act::Void { leaf, which } => self.void(leaf + FIRST_LEAF, which).await,
            Act::Retry { leaf } => self.retry(leaf + FIRST_LEAF).await,
            Act::Zero { leaf, seed } => self.zero(leaf + FIRST_LEAF, seed).await,
            Act::NextDay => self.units.iter().for_each(|unit| unit.clock.forward()),
            Act::Push { node, frames } => {
                self.push(node, frames).await;
            }
            Act::Cut { node } => self.units[node].driver = self.units[node].driver.cut(),
            Act::Restart { node } => {
                self.close(node, true).await;
                self.open(node);
            }
            Act::Crash { node } => {
                self.close(node, false).await;
                self.open(node);
            }
            Act::KeepIndex { node } => {
                self.close(node, true).await;
                let (index, copy) = (self.index(node), self.copy(node));
                let _ = std::fs::remove_dir_all(&copy);
                copy_directory(&index, &copy);
                self.open(node);
            }
            Act::OlderIndex { node } => {
                self.close(node, false).await;
                let (index, copy) = (self.index(node), self.copy(node));
                if copy.exists() {
                    std::fs::remove_dir_all(&index).unwrap();
                    copy_directory(&copy, &index);
                }
                self.open(node);
            }
            Act::LoseIndex { node } => {
                self.close(node, false).await;
                std::fs::remove_dir_all(self.index(node)).unwrap();
                self.open(node);
            }
            Act::Snapshot { node } => {
                self.state(node).ledgers.settled().await;
                self.state(node).snapshots.make().await.unwrap();
            }
            Act::OtherFormat { node } => {
                self.close(node, true).await;
                self.edit_index(node, |index| {
                    let mut head =
                        stored::IndexHead::decode(index.get(&keys::head()).unwrap().unwrap().as_slice()).unwrap();
                    head.format += 1;
                    Some((keys::head(), Some(head.encode_to_vec())))
                });
                self.open(node);
            }
            Act::Damage { node, which, harm } => {
                self.damage(node, which, harm);
            }
            Act::KeepDisk { node } => self.keep_disk(node).await,
            Act::RollBack { node } => self.roll_back(node).await,
            Act::Audit { node } => drop(self.audit(node, true).await),
            Act::Resend { node, which, frames } => self.resend(node, which, frames).await,
            Act::Decay { node, which } => {
                self.close(node, false).await;
                self.edit_index(node, |index| decay(index, which));
                self.open(node);
            }
        }
    }

    /// Changes the index of a node that is not running.
    fn edit_index(&self, node: usize, edit: impl FnOnce(&dyn Index) -> Option<(Vec<u8>, Option<Vec<u8>>)>) {
        let index = SledIndex::open(&self.index(node), 1 << 20).unwrap();
        if let Some(write) = edit(&index) {
            index.apply(&[write].into()).unwrap();
            index.checkpoint().unwrap();
        }
    }

    /// Removes the snapshots of a node: a lost index begins with nothing.
    pub fn lose_snapshots(&self, node: usize) {
        let _ = std::fs::remove_dir_all(self.units[node].options.directory.join("snapshots"));
    }

    fn index(&self, node: usize) -> std::path::PathBuf {
        self.units[node].options.directory.join("index")
    }

    fn copy(&self, node: usize) -> std::path::PathBuf {
        self.directory.path().join(format!("copy-{node}"))
    }

    /// Carries frames on a node's link upward; how many there were.
    async fn push(&mut self, node: usize, frames: usize) -> usize {
        let Some(parent) = TREE[node].1.filter(|_| !self.silent.contains(&node)) else { return 0 };
        let jobs = self.state(parent).child_jobs();
        let feed = self.state(node).feed();
        self.state(node).ledgers.settled().await;
        let mut carried = self.units[node].driver.run(feed.as_ref(), &jobs, frames).await;
        if let Some(children) = self.units[node].driver.taken_in.take() {
            self.state(node).ledgers.taken_in(children).await;
            carried += self.units[node].driver.run(feed.as_ref(), &jobs, frames).await;
        }
        if let Some(anchor) = self.units[node].driver.went_back {
            self.state(node).ledgers.went_back(anchor);
        }
        carried
    }

    /// Lets all links carry what they have until nothing moves.
    pub async fn settle(&mut self) {
        for _ in 0..60 {
            let mut moved = 0;
            for node in (0..TREE.len()).rev() {
                moved += self.push(node, 500).await;
                self.stamp(node).await;
            }
            if moved == 0 {
                return;
            }
        }
        panic!("the federation does not settle");
    }

    /// Lets a node journal the days of its children that it has received.
    async fn stamp(&self, node: usize) {
        for _ in 0..100 {
            if self.state(node).stamp().await == 0 {
                return;
            }
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        panic!("node {node} does not journal what it has received");
    }

    /// How a node would open its link with a journal of this life.
    pub fn opening(&self, node: usize, incarnation: Incarnation) -> ChildOpening {
        driver::opening(self.state(node).feed().as_ref(), incarnation)
    }

    /// Frames' items that a node has sent upward in all.
    pub fn items_sent(&self, node: usize) -> usize {
        self.units[node].driver.items_sent
    }

    /// A machine is replaced: the unit comes back with nothing.
    pub async fn replace_machine(&mut self, node: usize) {
        self.close(node, true).await;
        std::fs::remove_dir_all(&self.units[node].options.directory).unwrap();
        self.records.remove(&node);
        self.newest.remove(&node);
        self.zeros.remove(&node);
        self.open(node);
    }

    /// A backup of a node, in a file.
    pub async fn backup(&self, node: usize) -> std::path::PathBuf {
        let (parts, mut out) = tokio::sync::mpsc::channel(4);
        let backups = Arc::clone(&self.state(node).backups);
        let making = tokio::spawn(async move { backups.make(false, &parts).await });
        let mut bytes = Vec::new();
        while let Some(part) = out.recv().await {
            bytes.extend(part.unwrap().data);
        }
        making.await.unwrap().unwrap();
        let file = self.directory.path().join(format!("backup-{node}"));
        std::fs::write(&file, bytes).unwrap();
        file
    }

    /// A machine is lost, and the unit comes back from a backup.
    pub async fn restore(&mut self, node: usize, backup: &std::path::Path) {
        self.close(node, false).await;
        let directory = self.units[node].options.directory.clone();
        std::fs::remove_dir_all(&directory).unwrap();
        let options = RestoreOptions { file: backup.to_owned(), directory, key: None, code: None };
        restore(&Env::production(), &options).unwrap();
        self.open(node);
    }

    /// An operator of a node's parent decides about it.
    pub async fn adopt(&self, node: usize, keep_history: bool) -> Result<u64, wuji_node::ledger::LedgerError> {
        let ledgers = self.state(TREE[node].1.unwrap()).ledgers.clone();
        ledgers.adopt_child(self.units[node].options.code, keep_history, "test").await.map(|adopted| adopted.cells)
    }

    /// Why a node's parent holds it.
    pub fn held(&self, node: usize) -> Option<&str> {
        self.units[node].driver.held.as_deref()
    }

    /// A node's total of accepted cases in its own scope.
    pub fn total_of(&self, node: usize) -> i64 {
        let accepted = self.catalogue.measure("mediation.accepted").unwrap().key();
        let own = self.units[node].options.code;
        let of = |cell: &CellKey| cell.scope == own && cell.measure == accepted && cell.part.split == 1;
        self.items(node).iter().filter(|(cell, _)| of(cell)).map(|(_, amount)| amount).sum()
    }

    /// Items that changed since the parent last acknowledged.
    pub fn changed_since_acknowledged(&self, node: usize) -> usize {
        use wuji_node::feed::exchange::FeedSource;
        let feed = self.state(node).feed();
        let read = feed.read_since(self.units[node].driver.cursor().unwrap(), usize::MAX, usize::MAX).unwrap();
        read.unwrap().items.len()
    }

    /// The county's total of accepted cases.
    pub fn total(&self) -> i64 {
        let accepted = self.catalogue.measure("mediation.accepted").unwrap().key();
        let cells = self.items(0);
        let of = |cell: &CellKey| {
            cell.scope == self.units[0].options.code && cell.measure == accepted && cell.part.split == 1
        };
        cells.iter().filter(|(cell, _)| of(cell)).map(|(_, amount)| amount).sum()
    }
}

/// Any held item is gone, if there is one.
fn decay(index: &dyn Index, which: u8) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let mut held = Vec::new();
    let scan = index.scan(&[], None, &mut |key, _| {
        if keys::parse_held_by(key).is_some() {
            held.push(key.to_vec());
        }
        Ok(std::ops::ControlFlow::Continue(()))
    });
    scan.unwrap();
    let at = usize::from(which).checked_rem(held.len())?;
    Some((held.swap_remove(at), None))
}

fn copy_directory(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
