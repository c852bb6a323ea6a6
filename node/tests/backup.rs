//! Backups of a working node, and a node restored from one.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/records.rs"]
mod records;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use records::values;
use tokio::sync::mpsc;
use wuji_node::backup::BackupError;
use wuji_node::backup::read::{Nowhere, Whole, read};
use wuji_node::backup::restore::{RestoreOptions, Restored, restore, verify};
use wuji_node::catalogue::Catalogue;
use wuji_node::config::IndexKind;
use wuji_node::env::Env;
use wuji_node::state::{NodeState, StateOptions};
use wuji_node::telemetry::Metrics;
use wuji_proto::stored::entry::Event;
use wuji_proto::{RecordId, stored};

const UNIT: &str = "371122101201";

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self, name: &str) -> NodeState {
        let options = StateOptions {
            code: UNIT.parse().unwrap(),
            name: "招贤工作室".to_owned(),
            parent: None,
            directory: self.path(name),
            segment_bytes: 8 << 10,
            index: IndexKind::Sled,
            cache_bytes: 1 << 20,
            checkpoint_every: Duration::from_hours(1),
            hold: Duration::ZERO,
            accept_loss: false,
        };
        let catalogue = Arc::new(Catalogue::embedded().unwrap());
        NodeState::open(&Env::production(), &options, catalogue, &Metrics::new()).unwrap()
    }

    /// Restores the file `backup` into a directory.
    fn restore(&self, name: &str, key: Option<PathBuf>) -> Result<Restored, BackupError> {
        let (file, directory) = (self.path("backup"), self.path(name));
        restore(&Env::production(), &RestoreOptions { file, directory, key, code: UNIT.parse().ok() })
    }
}

async fn submit(state: &NodeState, number: u8) {
    let id = RecordId::derived([number; 16]);
    let submission = state.ledgers.check("mediation", id, values(number, number)).unwrap();
    state.ledgers.submit(vec![submission], "test").await.pop().unwrap().unwrap();
    state.ledgers.settled().await;
}

/// The bytes of a backup.
async fn backup(state: &NodeState, without_key: bool) -> Vec<u8> {
    let (parts, mut out) = mpsc::channel(4);
    let backups = Arc::clone(&state.backups);
    let making = tokio::spawn(async move { backups.make(without_key, &parts).await });
    let mut bytes = Vec::new();
    while let Some(part) = out.recv().await {
        bytes.extend(part.unwrap().data);
    }
    making.await.unwrap().unwrap();
    bytes
}

fn check(bytes: &[u8]) -> Result<Whole, BackupError> {
    read(bytes, Path::new("backup"), &mut Nowhere, &mut |_, _| ())
}

/// A node with records, closed again, and its backup in the file `backup`.
async fn backed_up(without_key: bool) -> (Home, Vec<u8>) {
    let home = Home::new();
    let state = home.open("data");
    for number in 1..=30 {
        submit(&state, number).await;
    }
    let bytes = backup(&state, without_key).await;
    std::fs::write(home.path("backup"), &bytes).unwrap();
    state.stop().await.unwrap();
    (home, bytes)
}

fn tree(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).map(|entries| entries.map(|entry| entry.unwrap().path()).collect());
    entries.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_cut_or_changed_anywhere_is_refused_with_the_place() {
    let (_, bytes) = backed_up(false).await;
    let whole = check(&bytes).unwrap();
    assert_eq!((whole.bytes, whole.manifest.sequence), (bytes.len() as u64, whole.anchor().sequence));
    assert!(whole.manifest.segments.len() > 1 && whole.snapshot_keys > 30);
    for cut in (0..bytes.len()).step_by(11) {
        let refused = check(&bytes[..cut]).err().unwrap_or_else(|| panic!("cut at {cut}")).to_string();
        assert!(refused.contains("at byte"), "cut at {cut}: {refused}");
    }
    for at in (0..bytes.len()).step_by(13) {
        let mut other = bytes.clone();
        other[at] ^= 4;
        let refused = check(&other).err().unwrap_or_else(|| panic!("changed at {at}")).to_string();
        assert!(refused.contains("at byte") || refused.contains("has format"), "changed at {at}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_holds_exactly_the_entries_up_to_its_mark() {
    let home = Home::new();
    let state = home.open("data");
    submit(&state, 1).await;
    let ledgers = state.ledgers.clone();
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let load = tokio::spawn(async move {
        for number in 0_u32.. {
            if *stopped.borrow_and_update() {
                return;
            }
            let mut id = [0; 16];
            id[..4].copy_from_slice(&number.to_be_bytes());
            id[5] = 1;
            let mut values = values(3, 7);
            let number = format!("load {number}");
            let text = wuji_proto::v1::value::Kind::Text(number);
            values.insert("case_no".to_owned(), wuji_proto::v1::Value { kind: Some(text) });
            let submission = ledgers.check("mediation", RecordId::derived(id), values).unwrap();
            ledgers.submit(vec![submission], "load").await.pop().unwrap().unwrap();
        }
    });
    let (mut marks, mut bytes) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        // Until the load has written more.
        let begun = state.journal.tail().sequence;
        while state.journal.tail().sequence < begun + 5 {
            tokio::task::yield_now().await;
        }
        let before = state.journal.tail().sequence;
        bytes = backup(&state, false).await;
        let mut entries = Vec::new();
        let whole = read(&bytes[..], Path::new("backup"), &mut Nowhere, &mut |_, entry| entries.push(entry)).unwrap();
        assert!(whole.manifest.sequence >= before, "what was acknowledged before is in it");
        assert!(whole.manifest.snapshot_sequence <= whole.manifest.sequence);
        let journal = state.journal.entries_from(1).map(|frame| frame.unwrap().entry);
        let journal: Vec<stored::Entry> = journal.take(entries.len()).collect();
        assert_eq!(entries.len() as u64, whole.manifest.sequence);
        assert!(entries == journal, "the entries are the journal's");
        marks.push(whole.manifest.sequence);
    }
    stop.send_replace(true);
    load.await.unwrap();
    assert!(marks.is_sorted_by(|one, next| one < next), "entries were written meanwhile: {marks:?}");
    std::fs::write(home.path("backup"), &bytes).unwrap();
    state.stop().await.unwrap();

    home.restore("restored", None).unwrap();
    let restored = home.open("restored");
    let event = restored.journal.entries_from(marks[2] + 1).next().unwrap().unwrap().entry.event;
    assert!(matches!(event, Some(Event::Restored(_))), "{event:?}");
    restored.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_node_has_its_records_and_begins_a_new_life_that_names_the_old() {
    let (home, bytes) = backed_up(false).await;
    let restored = home.restore("restored", None).unwrap();
    assert_eq!(restored.backup.hash, check(&bytes).unwrap().hash);
    let state = home.open("restored");
    assert!(state.report.rebuilt.contains("began with the snapshot"), "{}", state.report.rebuilt);
    assert_eq!(state.store.incarnation, restored.incarnation);
    assert_ne!(restored.incarnation, restored.backup.incarnation);
    let filter = wuji_node::ledger::read::Filter::default();
    let (records, _) = state.ledgers.page("mediation", &filter, None, 1_000).unwrap();
    assert_eq!(records.len(), 30);
    assert!(records.iter().all(|record| record.values.contains_key("mediators")), "sealed values are readable");

    let entry = state.journal.entries_from(restored.backup.manifest.sequence + 1).next().unwrap().unwrap();
    let Some(Event::Restored(event)) = entry.entry.event else { panic!("{entry:?}") };
    assert_eq!(event.former, restored.backup.incarnation.to_bytes());
    assert_eq!(event.incarnation, restored.incarnation.to_bytes());
    assert_eq!(event.backup_hash, restored.backup.hash);
    submit(&state, 31).await;
    state.stop().await.unwrap();
    // Its snapshots, of the life before, are of use in this one.
    std::fs::remove_dir_all(home.path("restored").join("index")).unwrap();
    let state = home.open("restored");
    assert!(state.report.rebuilt.contains("began with the snapshot"), "{}", state.report.rebuilt);
    assert_eq!(state.ledgers.page("mediation", &filter, None, 1_000).unwrap().0.len(), 31);
    state.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_touched_by_a_restore_that_is_refused() {
    let (home, bytes) = backed_up(false).await;
    let taken = tree(&home.path("data"));
    let refused = home.restore("data", None).err().unwrap().to_string();
    assert!(refused.contains("is not empty"), "{refused}");
    assert_eq!(tree(&home.path("data")), taken);

    let mut other = bytes.clone();
    let middle = bytes.len() / 2;
    other[middle] ^= 1;
    std::fs::write(home.path("backup"), &other).unwrap();
    assert!(home.restore("restored", None).is_err());
    assert!(!home.path("restored").exists(), "the backup is verified before the directory is made");

    std::fs::write(home.path("backup"), &bytes).unwrap();
    let options = RestoreOptions {
        file: home.path("backup"),
        directory: home.path("restored"),
        key: None,
        code: "371122101202".parse().ok(),
    };
    let refused = restore(&Env::production(), &options).err().unwrap().to_string();
    assert!(refused.contains("371122101202"), "{refused}");
    assert!(!home.path("restored").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_without_the_key_is_restored_with_the_right_key_only() {
    let (home, _) = backed_up(true).await;
    assert!(verify(Env::production().disk.as_ref(), &home.path("backup")).unwrap().key.is_none());
    let refused = home.restore("restored", None).err().unwrap().to_string();
    assert!(refused.contains("without the node key"), "{refused}");
    std::fs::write(home.path("other.key"), [7; 32]).unwrap();
    let refused = home.restore("restored", Some(home.path("other.key"))).err().unwrap().to_string();
    assert!(refused.contains("another node key"), "{refused}");
    assert!(!home.path("restored").exists());
    home.restore("restored", Some(home.path("data").join("node.key"))).unwrap();
    home.open("restored").stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_was_cut_off_leaves_a_directory_that_does_not_start() {
    let (home, _) = backed_up(false).await;
    home.restore("restored", None).unwrap();
    // The node key gets its name last.
    std::fs::remove_file(home.path("restored").join("node.key")).unwrap();
    let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| home.open("restored")));
    assert!(opened.is_err());
    assert!(home.restore("restored", None).err().unwrap().to_string().contains("is not empty"));
}
