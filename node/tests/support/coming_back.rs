//! Disks that go back in time, and what operators decide about the units that they belong to.

use std::collections::BTreeSet;

use wuji_node::feed::child::Child;
use wuji_node::index::draft::Draft;
use wuji_node::ledger::{Adoption, LedgerError};
use wuji_proto::{RecordId, period};

use super::{Federation, TREE, copy_directory};

/// Rounds in which a federation with rolled-back nodes must come to rest.
const ROUNDS_MAX: usize = 20;

/// What a test knows of a node's records.
#[derive(Clone, Default)]
pub struct Written {
    records: Vec<(RecordId, u32)>,
    newest: Option<(RecordId, u8, u8)>,
    zeros: BTreeSet<i32>,
}

impl Federation {
    fn image(&self, node: usize) -> std::path::PathBuf {
        self.directory.path().join(format!("image-{node}"))
    }

    pub(super) async fn keep_disk(&mut self, node: usize) {
        self.close(node, true).await;
        let image = self.image(node);
        let _ = std::fs::remove_dir_all(&image);
        copy_directory(&self.units[node].options.directory, &image);
        let written = Written {
            records: self.records.get(&node).cloned().unwrap_or_default(),
            newest: self.newest.get(&node).copied(),
            zeros: self.zeros.get(&node).cloned().unwrap_or_default(),
        };
        self.images.insert(node, written);
        self.open(node);
    }

    pub(super) async fn roll_back(&mut self, node: usize) {
        let Some(Written { records, newest, zeros }) = self.images.get(&node).cloned() else { return };
        self.close(node, false).await;
        let directory = self.units[node].options.directory.clone();
        std::fs::remove_dir_all(&directory).unwrap();
        copy_directory(&self.image(node), &directory);
        // It was on that disk too.
        let _ = std::fs::remove_dir_all(self.copy(node));
        self.records.insert(node, records);
        self.newest.remove(&node);
        self.newest.extend(newest.map(|newest| (node, newest)));
        self.zeros.insert(node, zeros);
        self.open(node);
    }

    /// The operator of a rolled-back node has no newer image: it begins a new life.
    pub async fn accept_loss(&mut self, node: usize) {
        self.close(node, true).await;
        self.units[node].options.accept_loss = true;
        self.open(node);
        self.units[node].options.accept_loss = false;
    }

    /// What a node's parent knows of it.
    pub fn child(&self, node: usize) -> Child {
        let view = self.state(TREE[node].1.unwrap()).store.view();
        Child::read(&Draft::new(view.index), self.code(node)).unwrap().unwrap()
    }

    pub async fn take_back(&self, node: usize) -> Result<Adoption, LedgerError> {
        let ledgers = self.state(TREE[node].1.unwrap()).ledgers.clone();
        ledgers.adopt_child(self.code(node), false, "test").await
    }

    pub async fn settle_child(&self, node: usize) -> Result<u64, LedgerError> {
        let ledgers = self.state(TREE[node].1.unwrap()).ledgers.clone();
        ledgers.settle_child(self.code(node), false, "test").await
    }

    pub async fn release(&self, node: usize) -> Result<(), LedgerError> {
        let ledgers = self.state(TREE[node].1.unwrap()).ledgers.clone();
        ledgers.release_child(self.code(node), "test").await
    }

    pub async fn retire(&self, node: usize, from: i32) -> Result<(bool, u64), LedgerError> {
        let ledgers = self.state(TREE[node].1.unwrap()).ledgers.clone();
        ledgers.retire_child(self.code(node), from, "test").await
    }

    /// Plans a node again at its parent.
    pub async fn register(&self, node: usize) {
        let ledgers = self.state(TREE[node].1.unwrap()).ledgers.clone();
        let day = period::days("2016-01-01".parse().unwrap());
        ledgers.register_child(self.code(node), format!("unit {node}"), day, "test").await.unwrap();
    }

    /// A node's link upward is down, and stays so.
    pub fn silence(&mut self, node: usize) {
        self.units[node].driver = self.units[node].driver.cut();
        self.silent.insert(node);
    }

    pub fn unsilence(&mut self, node: usize) {
        self.silent.remove(&node);
    }

    /// Operators do what statuses tell them, until nobody is held and nothing is unsettled.
    pub async fn put_right(&mut self) {
        for _ in 0..ROUNDS_MAX {
            self.settle().await;
            let mut busy = false;
            for node in 1..TREE.len() {
                if self.units[node].driver.went_back.is_some() {
                    self.accept_loss(node).await;
                    busy = true;
                } else if self.units[node].driver.held.is_some() {
                    if self.child(node).waiting.is_some() {
                        self.take_back(node).await.unwrap();
                    }
                    self.units[node].driver = self.units[node].driver.cut();
                    busy = true;
                } else if self.child(node).unsettled.is_some() {
                    self.settle_child(node).await.unwrap();
                    busy = true;
                }
            }
            if !busy {
                return;
            }
        }
        panic!("operators do not come to an end");
    }
}
