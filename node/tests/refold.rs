//! A catalogue with other measures: what is counted in the end depends on the records and
//! the catalogue alone, not on the way there.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wuji_node::catalogue::{Catalogue, Values};
use wuji_node::config::IndexKind;
use wuji_node::env::Env;
use wuji_node::feed::item::ItemValue;
use wuji_node::index::sled::SledIndex;
use wuji_node::index::values::OwnItem;
use wuji_node::index::{Index, keys};
use wuji_node::state::{NodeState, StateOptions};
use wuji_node::telemetry::Metrics;
use wuji_proto::{CellKey, ItemKey, MeasureId, RecordId, v1};

/// Numbers of a measure and of a condition that the lean catalogue lacks.
const ABSENT: [u16; 2] = [32, 23];

struct Unit {
    directory: tempfile::TempDir,
    full: Arc<Catalogue>,
    lean: Arc<Catalogue>,
}

impl Unit {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/catalogue");
        let lean = directory.path().join("lean");
        std::fs::create_dir(&lean).unwrap();
        for file in std::fs::read_dir(&shipped).unwrap() {
            let file = file.unwrap();
            let text = std::fs::read_to_string(file.path()).unwrap();
            let text = without(&text, "[[measure]]\nid = \"mediation.people\"");
            let text = without(&text, "[[condition]]\nid = \"staff.at_least_3\"");
            let text = without(&text, "[[indicator]]\nid = \"staff.sufficiency\"");
            std::fs::write(lean.join(file.file_name()), text).unwrap();
        }
        let load = |directory: &Path| Arc::new(Catalogue::load(directory).unwrap());
        Self { full: load(&shipped), lean: load(&lean), directory }
    }

    fn open(&self, catalogue: &Arc<Catalogue>) -> NodeState {
        let options = StateOptions {
            code: "371122101201".parse().unwrap(),
            name: "workroom".to_owned(),
            parent: None,
            directory: self.directory.path().join("data"),
            segment_bytes: 1 << 20,
            index: IndexKind::Sled,
            cache_bytes: 1 << 20,
            checkpoint_every: Duration::from_hours(1),
            hold: Duration::ZERO,
            accept_loss: false,
        };
        NodeState::open(&Env::production(), &options, Arc::clone(catalogue), &Metrics::new()).unwrap()
    }

    fn index(&self) -> std::path::PathBuf {
        self.directory.path().join("data/index")
    }

    /// Opens the unit with a catalogue and closes it; the cells it has then.
    async fn counted_by(&self, catalogue: &Arc<Catalogue>) -> BTreeMap<CellKey, i64> {
        let state = self.open(catalogue);
        let cells = cells(&state);
        state.stop().await.unwrap();
        cells
    }

    /// Three of staff and a case.
    async fn write(&self, catalogue: &Arc<Catalogue>) {
        let state = self.open(catalogue);
        let mut id = 0;
        for (ledger, record) in [("staff", staff()), ("staff", staff()), ("staff", staff()), ("mediation", case())] {
            id += 1;
            let submission = state.ledgers.check(ledger, RecordId::derived([id; 16]), record).unwrap();
            state.ledgers.submit(vec![submission], "test").await.pop().unwrap().unwrap();
        }
        state.stop().await.unwrap();
    }

    /// What the measures noted as folded are, or are to be.
    fn noted(&self, put: Option<Vec<u8>>) -> Vec<u8> {
        let index = SledIndex::open(&self.index(), 1 << 20).unwrap();
        if put.is_some() {
            index.apply(&[(keys::measures(), put)].into()).unwrap();
            index.checkpoint().unwrap();
        }
        index.get(&keys::measures()).unwrap().unwrap()
    }
}

/// A text without the block that begins so.
fn without(text: &str, block: &str) -> String {
    let Some((before, rest)) = text.split_once(block) else { return text.to_owned() };
    format!("{before}{}", rest.find("\n[[").map_or("", |at| &rest[at..]))
}

fn texts(pairs: &[(&str, &str)]) -> Values {
    let text = |text: &str| v1::Value { kind: Some(v1::value::Kind::Text(text.to_owned())) };
    pairs.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect()
}

fn staff() -> Values {
    texts(&[("name", "王五"), ("role", "调解员"), ("full_time", "专"), ("source", "社工"), ("from", "2016-03-01")])
}

fn case() -> Values {
    texts(&[
        ("case_no", "第12号"),
        ("accepted_on", "2016-08-03"),
        ("dispute_type", "邻里"),
        ("source", "主动调解"),
        ("difficulty", "一般"),
        ("form", "书面"),
        ("people_count", "2"),
        ("summary", "宅基地滴水纠纷"),
        ("mediators", "王五"),
    ])
}

fn cells(state: &NodeState) -> BTreeMap<CellKey, i64> {
    let mut cells = BTreeMap::new();
    let prefix = keys::items();
    let read = state.store.view().index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
        let item = ItemKey::from_bytes(keys::parse_item(key).unwrap()).unwrap();
        if let (ItemKey::Cell(cell), ItemValue::Amount(amount)) = (item, OwnItem::from_bytes(value)?.value)
            && amount != 0
        {
            cells.insert(cell, amount);
        }
        Ok(std::ops::ControlFlow::Continue(()))
    });
    read.unwrap();
    cells
}

fn absent(cell: &CellKey) -> bool {
    let MeasureId { number, .. } = cell.measure;
    ABSENT.contains(&number)
}

#[tokio::test]
async fn measures_that_go_are_taken_back_and_counted_anew_when_they_return() {
    let unit = Unit::new();
    unit.write(&unit.full).await;
    let mut wanted = unit.counted_by(&unit.full).await;
    assert!(ABSENT.iter().all(|number| wanted.keys().any(|cell| cell.measure.number == *number)), "{wanted:?}");
    let full = wanted.clone();
    wanted.retain(|cell, _| !absent(cell));
    assert_eq!(unit.counted_by(&unit.lean).await, wanted);
    assert_eq!(unit.counted_by(&unit.full).await, full);
}

#[tokio::test]
async fn a_refold_that_was_cut_off_counts_nothing_twice() {
    let unit = Unit::new();
    unit.write(&unit.lean).await;
    let before = unit.noted(None);
    let full = unit.counted_by(&unit.full).await;
    // As if the power had gone before the last batch: counted, but not noted.
    assert_ne!(unit.noted(None), before);
    unit.noted(Some(before));
    assert_eq!(unit.counted_by(&unit.full).await, full);
}
