//! Issued reports: what the journal holds of them, whatever happens to the rest.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use wuji_node::catalogue::{Catalogue, Values};
use wuji_node::config::IndexKind;
use wuji_node::env::Env;
use wuji_node::report::{ReportError, Reports, adjustments};
use wuji_node::state::{NodeState, StateOptions};
use wuji_node::statistics::standing::Unlinked;
use wuji_node::telemetry::Metrics;
use wuji_proto::{RecordId, ReportId, period, v1};

const UNIT: &str = "371122101201";

/// Where zstd's output begins.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

struct Unit {
    directory: tempfile::TempDir,
    catalogue: Arc<Catalogue>,
}

impl Unit {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), catalogue: Arc::new(Catalogue::embedded().unwrap()) }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn open(&self) -> NodeState {
        let options = StateOptions {
            code: UNIT.parse().unwrap(),
            name: "招贤工作室".to_owned(),
            parent: None,
            directory: self.data(),
            segment_bytes: 1 << 20,
            index: IndexKind::Sled,
            cache_bytes: 1 << 20,
            checkpoint_every: Duration::from_hours(1),
            hold: Duration::ZERO,
            accept_loss: false,
        };
        NodeState::open(&Env::production(), &options, Arc::clone(&self.catalogue), &Metrics::new()).unwrap()
    }

    /// Every file of the journal, with its bytes.
    fn segments(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = std::fs::read_dir(self.data().join("segments")).unwrap();
        files.map(|file| file.unwrap().path()).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }
}

fn reports(state: &NodeState) -> Reports {
    let (store, ledgers, journal) = (Arc::clone(&state.store), state.ledgers.clone(), state.journal.clone());
    Reports::new(store, ledgers, journal, Env::production().entropy, Arc::new(Unlinked))
}

fn case(number: u8, amount: &str) -> Values {
    let text = |text: &str| v1::Value { kind: Some(v1::value::Kind::Text(text.to_owned())) };
    let mediator = v1::Row { values: [("name".to_owned(), text("王调解"))].into() };
    let mediators = v1::Value { kind: Some(v1::value::Kind::List(v1::List { rows: vec![mediator] })) };
    let case_no = format!("no {number}");
    [
        ("case_no", case_no.as_str()),
        ("accepted_on", "2016-08-15"),
        ("dispute_type", if number.is_multiple_of(2) { "其他" } else { "邻里" }),
        ("source", "主动调解"),
        ("difficulty", "简单"),
        ("form", "口头"),
        ("people_count", "2"),
        ("amount", amount),
        ("result", "成功"),
        ("mediated_on", "2016-08-16"),
        ("summary", "两家因宅基地起争执，经调解和好。"),
    ]
    .map(|(name, value)| (name.to_owned(), text(value)))
    .into_iter()
    .chain([("mediators".to_owned(), mediators)])
    .collect()
}

async fn submit(state: &NodeState, number: u8) -> RecordId {
    let id = RecordId::derived([number; 16]);
    let submission = state.ledgers.check("mediation", id, case(number, "100元")).unwrap();
    state.ledgers.submit(vec![submission], "test").await.pop().unwrap().unwrap();
    state.ledgers.settled().await;
    id
}

async fn issue(state: &NodeState) -> v1::Report {
    let reports = reports(state);
    let made = reports.make("monthly", "", "2016-08").unwrap();
    assert_eq!((made.id.as_str(), made.actor.as_str()), ("", ""));
    let issued = reports.issue(made, "371122101201.operator.wuji").await.unwrap();
    state.ledgers.settled().await;
    issued
}

/// Ends a node as a power cut does: the index stays behind the journal.
async fn crash(state: NodeState) {
    drop(state);
    tokio::time::sleep(Duration::from_millis(200)).await;
}

fn total(report: &v1::Report, column: &str) -> v1::Figure {
    let section = report.sections.iter().find(|section| section.id == "total").unwrap();
    let at = section.head.as_ref().unwrap().columns.iter().position(|it| it.id == column).unwrap();
    section.end.as_ref().unwrap().totals[at]
}

#[tokio::test]
async fn an_issued_report_is_the_same_bytes_after_a_crash_and_without_an_index() {
    let unit = Unit::new();
    let state = unit.open();
    for number in 1..=5 {
        submit(&state, number).await;
    }
    let issued = issue(&state).await;
    let id: ReportId = issued.id.parse().unwrap();
    assert_eq!(total(&issued, "mediation.success_rate"), v1::Figure::ratio(5, 5));
    assert_eq!(issued.positions[0].journal, state.store.applied() - 1, "the view was before its own entry");
    assert_eq!(issued.scope_name, "招贤工作室");
    assert!(issued.coverage.is_some() && issued.sections.iter().all(|it| it.end.as_ref().unwrap().coverage.is_none()));
    let second = issue(&state).await;
    crash(state).await;

    let state = unit.open();
    assert_eq!(reports(&state).show(id).unwrap().encode_to_vec(), issued.encode_to_vec());
    crash(state).await;
    std::fs::remove_dir_all(unit.data().join("index")).unwrap();
    let state = unit.open();
    assert_eq!(reports(&state).show(id).unwrap().encode_to_vec(), issued.encode_to_vec());
    let listed = reports(&state).list(10).unwrap();
    assert_eq!(listed.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), [&second.id, &issued.id]);
    assert_eq!((listed[1].scope_name.as_str(), listed[1].period.as_str()), ("招贤工作室", "2016-08"));
    assert_eq!(reports(&state).list(1).unwrap()[0].id, second.id, "the newest");
    state.stop().await.unwrap();
}

#[tokio::test]
async fn rows_have_the_order_of_the_code_set() {
    let unit = Unit::new();
    let state = unit.open();
    for number in 1..=2 {
        submit(&state, number).await;
    }
    let made = reports(&state).make("monthly", UNIT, "2016-08").unwrap();
    let types = made.sections.iter().find(|section| section.id == "types").unwrap();
    // By code points 其他 would come first.
    assert_eq!(types.rows.iter().map(|row| row.words[0].as_str()).collect::<Vec<_>>(), ["邻里", "其他"]);
    state.stop().await.unwrap();
}

#[tokio::test]
async fn what_changed_since_is_an_adjustment_and_the_report_stays() {
    let unit = Unit::new();
    let state = unit.open();
    let id = submit(&state, 1).await;
    let issued = issue(&state).await;
    let amended = state.ledgers.check("mediation", id, case(1, "250元")).unwrap();
    state.ledgers.amend(amended, 1, "test").await.unwrap();
    state.ledgers.settled().await;

    let reports = reports(&state);
    let shown = reports.show(issued.id.parse().unwrap()).unwrap();
    assert_eq!(total(&shown, "mediation.amount"), v1::Figure::amount(10_000));
    let now = reports.again(&shown).unwrap();
    assert_eq!(total(&now, "mediation.amount"), v1::Figure::amount(25_000));

    let head = now.sections[0].head.clone().unwrap();
    let own = now.sections[0].end.clone().unwrap().totals;
    let days = |from: &str, to: &str| {
        let day = |text: &str| period::days(text.parse::<wuji_proto::Period>().unwrap().first_day());
        (day(from), day(to))
    };
    let told = |scope: &str, days| {
        let view = state.store.view();
        adjustments(view.index, scope.parse().unwrap(), days, &head.columns, &own).unwrap()
    };
    let wanted = v1::Adjustment {
        report: issued.id.clone(),
        issued_at_ms: reports.list(1).unwrap()[0].issued_at_ms,
        column: "mediation.amount".to_owned(),
        issued: Some(v1::Figure::amount(10_000)),
        now: Some(v1::Figure::amount(25_000)),
    };
    assert_eq!(told(UNIT, days("2016-08-01", "2016-08-31")), std::slice::from_ref(&wanted));
    assert_eq!(now.sections[0].end.as_ref().unwrap().adjustments, [wanted], "later answers tell it");
    for (scope, days) in [(UNIT, days("2016-08-01", "2016-08-30")), ("371122101202", days("2016-08-01", "2016-08-31"))]
    {
        assert_eq!(told(scope, days), [], "of another scope or time");
    }
    state.stop().await.unwrap();
}

#[tokio::test]
async fn a_report_beyond_the_limit_is_refused_and_nothing_is_written() {
    let unit = Unit::new();
    let state = unit.open();
    submit(&state, 1).await;
    let mut made = reports(&state).make("monthly", "", "2016-08").unwrap();
    // What does not compress: names of random bytes.
    let entropy = Env::production().entropy;
    made.positions = (0..60_000)
        .map(|_| v1::FeedPosition {
            code: format!("{:x}{:x}", entropy.number(), entropy.number()),
            ..Default::default()
        })
        .collect();
    let before = state.journal.tail();
    let refused = reports(&state).issue(made, "test").await.unwrap_err();
    assert!(matches!(refused, ReportError::TooLarge { .. }), "{refused}");
    assert!(refused.to_string().contains("each unit below"), "{refused}");
    assert_eq!(state.journal.tail(), before);
    state.stop().await.unwrap();
}

#[tokio::test]
async fn a_damaged_body_and_an_unknown_id_are_told_apart() {
    let unit = Unit::new();
    let state = unit.open();
    submit(&state, 1).await;
    let id: ReportId = issue(&state).await.id.parse().unwrap();
    let unknown = ReportId::new(0, &[7; ReportId::RANDOM_BYTES]);
    assert!(matches!(reports(&state).show(unknown), Err(ReportError::Unknown(_))));
    let (path, at) = unit
        .segments()
        .into_iter()
        .find_map(|(path, bytes)| Some((path, bytes.windows(ZSTD.len()).position(|it| it == ZSTD)?)))
        .unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[0x5a; 8], at as u64 + 20).unwrap();
    let damaged = reports(&state).show(id).unwrap_err();
    assert!(matches!(damaged, ReportError::Damaged { .. }), "{damaged}");
    assert!(damaged.to_string().contains("backup"), "{damaged}");
    state.stop().await.unwrap();
}
