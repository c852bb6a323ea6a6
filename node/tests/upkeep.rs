//! A node verified, its journal read by an auditor, its index compacted while it works.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/records.rs"]
mod records;

use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use records::values;
use tokio::sync::mpsc;
use wuji_node::catalogue::Catalogue;
use wuji_node::compact::Compactor;
use wuji_node::config::IndexKind;
use wuji_node::env::Env;
use wuji_node::index::keys;
use wuji_node::state::{NodeState, StateOptions};
use wuji_node::telemetry::Metrics;
use wuji_node::trail::Trail;
use wuji_node::verify::online::Verifier;
use wuji_proto::stored::RecordHead;
use wuji_proto::v1::verify_reply::Part;
use wuji_proto::v1::{JournalLine, JournalRequest, VerifyCheck};
use wuji_proto::{RecordId, stored};

const UNIT: &str = "371122101201";

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn open(&self) -> NodeState {
        let options = StateOptions {
            code: UNIT.parse().unwrap(),
            name: "招贤工作室".to_owned(),
            parent: None,
            directory: self.data(),
            segment_bytes: 16 << 10,
            index: IndexKind::Sled,
            cache_bytes: 1 << 20,
            checkpoint_every: Duration::from_hours(1),
            hold: Duration::ZERO,
            accept_loss: false,
        };
        let catalogue = Arc::new(Catalogue::embedded().unwrap());
        NodeState::open(&Env::production(), &options, catalogue, &Metrics::new()).unwrap()
    }
}

async fn submit(state: &NodeState, number: u8) -> RecordId {
    let id = RecordId::derived([number; 16]);
    let submission = state.ledgers.check("mediation", id, values(number, number)).unwrap();
    state.ledgers.submit(vec![submission], "test").await.pop().unwrap().unwrap();
    state.ledgers.settled().await;
    id
}

async fn verify(state: &NodeState) -> Vec<VerifyCheck> {
    let verifier = Verifier {
        env: Env::production(),
        store: Arc::clone(&state.store),
        journal: state.journal.clone(),
        auditor: Arc::clone(&state.auditor),
        parent: Box::new(|| None),
    };
    let (out, mut parts) = mpsc::channel(64);
    verifier.run(&out).await.unwrap();
    drop(out);
    let mut checks = Vec::new();
    while let Some(part) = parts.recv().await {
        if let Some(Part::Check(check)) = part.unwrap().part {
            checks.push(check);
        }
    }
    checks
}

fn differences(checks: &[VerifyCheck]) -> Vec<String> {
    checks.iter().flat_map(|check| check.differences.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_node_is_compared_as_a_whole_and_shows_no_difference() {
    let home = Home::new();
    let state = home.open();
    for number in 1..=25 {
        submit(&state, number).await;
    }
    let id = RecordId::derived([3; 16]);
    state.ledgers.void("mediation", id, 1, "entered twice", "test").await.unwrap();
    state.ledgers.settled().await;
    let checks = verify(&state).await;
    assert_eq!(differences(&checks), Vec::<String>::new());
    let compared = |name: &str| checks.iter().find(|check| check.name == name).unwrap().compared;
    // 25 records, and the numbers of the 24 that are live.
    assert_eq!((compared("journal"), compared("records")), (state.journal.tail().sequence, 25 + 24));
    assert!(compared("figures") > 10);
    assert!(!checks.last().unwrap().not_compared.is_empty(), "no parent: that is said");
    state.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_in_index_or_journal_is_named_with_its_place() {
    let home = Home::new();
    let state = home.open();
    let ids = [submit(&state, 1).await, submit(&state, 2).await, submit(&state, 3).await];
    let head = |id| {
        let bytes = state.store.index().get(&keys::record("mediation", id)).unwrap().unwrap();
        RecordHead::decode(bytes.as_slice()).unwrap()
    };
    // One record is gone from the index, one is said to be where another is, one is of a later revision.
    let (moved, newer) = (head(ids[0]), RecordHead { revision: 2, ..head(ids[2]) });
    let writes = [
        (keys::record("mediation", ids[0]), None),
        (
            keys::record("mediation", ids[1]),
            Some(RecordHead { segment: moved.segment, offset: moved.offset, ..head(ids[1]) }.encode_to_vec()),
        ),
        (keys::record("mediation", ids[2]), Some(newer.encode_to_vec())),
    ];
    state.store.index().apply(&writes.into()).unwrap();
    let found = differences(&verify(&state).await);
    for id in ids {
        let says = "another than the journal makes";
        assert!(found.iter().any(|it| it.contains(&id.to_string()) && it.contains(says)), "{id}: {found:?}");
    }
    assert!(found.iter().any(|it| it.contains("counted from the records")), "{found:?}");
    state.stop().await.unwrap();

    let home = Home::new();
    let state = home.open();
    submit(&state, 1).await;
    let file = std::fs::OpenOptions::new().write(true).open(home.data().join("segments/00000001.wal")).unwrap();
    file.write_all_at(&[0x55], 200).unwrap();
    let found = differences(&verify(&state).await);
    assert!(found.iter().any(|it| it.contains("00000001.wal") && it.contains("at byte")), "{found:?}");
}

fn lines(state: &NodeState, asked: JournalRequest) -> (Vec<JournalLine>, Vec<Vec<u8>>) {
    let mut trail = Trail::begin(&state.journal, asked).unwrap();
    let (mut lines, mut before) = (Vec::new(), Vec::new());
    while let Some(page) = trail.page().unwrap() {
        lines.extend(page.lines);
        before.push(page.previous_hash);
    }
    (lines, before)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_can_check_the_chain_and_sees_no_sealed_value() {
    let home = Home::new();
    let state = home.open();
    for number in 1..=12 {
        submit(&state, number).await;
    }
    let (all, before) = lines(&state, JournalRequest { with_public: true, ..JournalRequest::default() });
    assert_eq!(all.len() as u64, state.journal.tail().sequence);
    let mut previous = before[0].clone();
    assert_eq!(previous, [0; 32]);
    for line in &all {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&previous).update(&line.public).update(&line.sealed_digest);
        assert_eq!(*hasher.finalize().as_bytes(), line.chain_hash[..], "entry {}", line.sequence);
        assert!(stored::Entry::decode(line.public.as_slice()).is_ok());
        let sealed = "宅基地".as_bytes();
        assert!(!line.public.windows(sealed.len()).any(|part| part == sealed), "a sealed value is shown");
        previous.clone_from(&line.chain_hash);
    }
    assert_eq!(previous, state.journal.tail().hash);
    assert_eq!(all.iter().filter(|line| line.sealed).count(), 12);

    let (some, before) = lines(&state, JournalRequest { from: 4, to: 6, ..JournalRequest::default() });
    assert_eq!(some.iter().map(|line| line.sequence).collect::<Vec<_>>(), [4, 5, 6]);
    assert_eq!(before[0], all[2].chain_hash);
    assert!(some.iter().all(|line| line.public.is_empty()));
    let (of_a_kind, _) = lines(&state, JournalRequest { kinds: vec!["submitted".into()], ..JournalRequest::default() });
    assert_eq!(of_a_kind.len(), 12);
    assert!(of_a_kind.iter().all(|line| line.ledger == "mediation" && line.id.parse::<RecordId>().is_ok()));
    assert!(
        Trail::begin(&state.journal, JournalRequest { kinds: vec!["sent".into()], ..JournalRequest::default() })
            .is_err()
    );
    state.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_compacted_while_entries_are_written() {
    let home = Home::new();
    let state = home.open();
    for number in 1..=40 {
        submit(&state, number).await;
    }
    let compactor = Compactor::new(Env::production(), Arc::clone(&state.store));
    let (compacted, ()) = tokio::join!(compactor.compact(), async {
        for number in 41..=60 {
            submit(&state, number).await;
        }
    });
    let compacted = compacted.unwrap();
    drop(compactor);
    assert!(compacted.keys > 40 && compacted.bytes_after > 0, "{compacted:?}");
    submit(&state, 61).await;
    let count = |state: &NodeState| {
        let (view, mut count) = (state.store.view(), 0);
        let prefix = keys::all_records();
        let mut visit = |_: &[u8], _: &[u8]| {
            count += 1;
            Ok(ControlFlow::Continue(()))
        };
        view.index.scan(&prefix, keys::after(&prefix).as_deref(), &mut visit).unwrap();
        count
    };
    assert_eq!(count(&state), 61);
    assert_eq!(differences(&verify(&state).await), Vec::<String>::new());
    state.stop().await.unwrap();
    let state = home.open();
    assert_eq!((state.report.rebuilt.as_str(), count(&state)), ("", 61), "the new files are those that are opened");
    state.stop().await.unwrap();
}
