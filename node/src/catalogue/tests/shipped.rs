//! The shipped catalogue.

use std::collections::BTreeSet;
use std::path::Path;

use wuji_proto::{Grain, MeasureId, Part, Period, period};

use super::{Catalogue, TODAY, catalogue, day, mediation, values};
use crate::catalogue::{Indicator, MeasureKind, Values};

#[test]
fn the_directory_and_the_program_hold_the_same_catalogue() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/catalogue");
    let loaded = Catalogue::load(&directory).unwrap();
    assert_eq!(loaded.hash(), catalogue().hash());
    assert_eq!(loaded.version(), "2026.1");
    let files = std::fs::read_dir(directory).unwrap().count();
    assert_eq!(files, crate::catalogue::EMBEDDED.len(), "each file is embedded");
}

#[test]
fn it_has_the_ledgers_duties_and_built_in_measures_of_the_design() {
    let catalogue = catalogue();
    let ledgers: Vec<&str> = catalogue.ledgers().iter().map(super::super::Ledger::id).collect();
    assert_eq!(
        ledgers,
        [
            "workroom",
            "staff",
            "mediation",
            "screening",
            "publicity",
            "service",
            "legal_aid",
            "special",
            "governance",
            "funding",
            "subsidy"
        ]
    );
    assert_eq!(catalogue.duties().len(), 6);
    let built_in: Vec<_> =
        catalogue.measures().iter().take(7).map(|measure| (measure.id(), measure.key().number)).collect();
    let names = ["entries", "reported", "expected", "received", "received.months", "adopted", "unsettled"];
    assert_eq!(built_in, names.into_iter().zip(1..).collect::<Vec<_>>());
    assert_eq!(catalogue.measure("expected").unwrap().kind(), MeasureKind::Stock);
    let stocks = ["mediation", "screening", "workroom", "staff", "subsidy"];
    assert!(stocks.iter().all(|ledger| catalogue.indicators().iter().any(|one| one.id().starts_with(ledger))));
    let rate = catalogue.indicator("mediation.performance_rate").unwrap();
    assert_eq!(Indicator::formula(rate.numerator()), "mediation.succeeded[performance=履行]");
    assert_eq!(Indicator::formula(rate.denominator()), "mediation.succeeded");
    let complete = catalogue.indicator("reporting.completeness").unwrap();
    assert_eq!(Indicator::formula(complete.numerator()), "received.months");
    assert_eq!(Indicator::formula(complete.denominator()), "expected[tier=workroom] each month");
    let timely = catalogue.indicator("reporting.timeliness").unwrap();
    assert_eq!(Indicator::formula(timely.numerator()), "received[timeliness=按时]");
    let rule = catalogue.reporting();
    assert!(rule.entries && rule.zero_reports && rule.connection, "{rule:?}");
    assert!(rule.is_on_time(100, 103) && !rule.is_on_time(100, 104), "{rule:?}");
}

#[test]
fn a_measure_is_found_by_id_revision_and_number_and_has_a_hash_of_its_own() {
    let catalogue = catalogue();
    let accepted = catalogue.measure("mediation.accepted").unwrap();
    assert_eq!(catalogue.measure("mediation.accepted@1").unwrap().key(), accepted.key());
    assert!(catalogue.measure("mediation.accepted@2").is_none());
    assert!(catalogue.measure("mediation.accepted@").is_none());
    assert_eq!(catalogue.measure_numbered(accepted.key()).unwrap().id(), "mediation.accepted");
    assert!(catalogue.measure_numbered(MeasureId { number: 999, revision: 1 }).is_none());
    let hashes: BTreeSet<_> = catalogue.measures().iter().map(super::super::Measure::hash).collect();
    assert_eq!(hashes.len(), catalogue.measures().len());
}

#[test]
fn the_split_with_the_fewest_combinations_covers_a_query() {
    let catalogue = catalogue();
    let accepted = catalogue.measure("mediation.accepted").unwrap();
    let covering = |fields: &[&str]| {
        accepted.covering_split(fields).and_then(|at| accepted.split(at)).map(|s| s.fields().join("×"))
    };
    assert_eq!(covering(&["dispute_type"]).unwrap(), "dispute_type×result");
    assert_eq!(covering(&["result", "dispute_type"]).unwrap(), "dispute_type×result");
    assert_eq!(covering(&[]).unwrap(), "source");
    assert_eq!(covering(&["source", "form"]), None);
    let people = catalogue.measure("mediation.people").unwrap();
    assert_eq!((people.covering_split(&[]), people.covering_split(&["source"])), (Some(0), None));
    assert!(people.split(0).is_none());
}

#[test]
fn comments_and_order_do_not_change_the_hash_and_words_do() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/catalogue");
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let other = if path.ends_with("catalogue.toml") {
            format!("# a comment\n{}", text.replace("version = \"2026.1\"\nzh", "  version  =  '2026.1' # now\nzh"))
        } else {
            format!("\u{feff}{text}\n\n")
        };
        std::fs::write(copy.path().join(path.file_name().unwrap()), other).unwrap();
    }
    assert_eq!(Catalogue::load(copy.path()).unwrap().hash(), catalogue().hash());
    let head = copy.path().join("catalogue.toml");
    let shipped = std::fs::read_to_string(&head).unwrap();
    std::fs::write(&head, shipped.replace("days_allowed = 3", "days_allowed = 5")).unwrap();
    let stricter = Catalogue::load(copy.path()).unwrap();
    assert_ne!(stricter.hash(), catalogue().hash(), "the rule on reporting is part of the catalogue");
    assert_eq!(stricter.reporting().days_allowed, 5);
    std::fs::write(&head, shipped).unwrap();
    let file = copy.path().join("governance.toml");
    let changed = std::fs::read_to_string(&file).unwrap().replace("村规民约", "村规");
    std::fs::write(file, changed).unwrap();
    assert_ne!(Catalogue::load(copy.path()).unwrap().hash(), catalogue().hash());
}

#[test]
fn the_reply_carries_every_ledger_measure_and_indicator() {
    let catalogue = catalogue();
    let reply = catalogue.to_proto();
    assert_eq!(reply.hash.len(), 64);
    assert_eq!(
        (reply.ledgers.len(), reply.measures.len(), reply.indicators.len()),
        (catalogue.ledgers().len(), catalogue.measures().len(), catalogue.indicators().len())
    );
    let shown = |id: &str| reply.indicators.iter().find(|it| it.id == id).map(|it| it.show.as_str());
    assert_eq!(shown("mediation.success_rate"), Some("percent"));
    assert_eq!(shown("mediation.per_workroom"), Some("number"));
    assert_eq!(shown("subsidy.mean"), Some("money"));
    let mediation = reply.ledgers.iter().find(|ledger| ledger.id == "mediation").unwrap();
    let parties = mediation.fields.iter().find(|field| field.name == "parties").unwrap();
    assert_eq!((parties.class, parties.columns.len(), parties.ceiling.as_str()), (3, 4, "township"));
}

/// Ten cases with the proportions of a published monthly report: number, type, source,
/// difficulty, form, result, performance.
const CASES: &str = "
    1 邻里 主动调解 简单 口头 成功 履行
    2 邻里 主动调解 一般 书面 成功 履行
    3 邻里 当事人申请 简单 口头 成功 履行
    4 婚姻家庭 当事人申请 一般 书面 成功 履行
    5 婚姻家庭 主动调解 简单 口头 成功 履行
    6 损害赔偿 当事人申请 一般 书面 成功 司法确认
    7 房屋宅基地 主动调解 一般 书面 成功 履行
    8 合同 当事人申请 重大 书面 不成功
    9 医疗 其他部门移送 一般 书面 成功 司法确认
    10 其他 主动调解 简单 口头 继续";

/// A month's entries of the other ledgers.
const OTHERS: &str = "
    workroom name=店子集社区 listed_on=2016-08-01 build_status=已建 build_class=在建 started_on=2016-08-02 \
        built_on=2016-08-20 covered_villages=371122100201 hall_on=2016-08-20
    staff name=王五 role=主任 full_time=专 source=村居委成员 from=2016-08-05
    staff name=李四 role=调解员 full_time=兼 source=人民调解员 from=2016-08-05
    staff name=张三 role=调解员 full_time=兼 source=律师 from=2016-08-06
    screening on=2016-08-04 found=0
    screening on=2016-08-11 found=2 risk=黄
    publicity on=2016-08-06 topic=宪法 form=宣讲 audience=80 materials=100
    publicity on=2016-08-16 topic=反诈 form=资料 audience=40 materials=40
    service on=2016-08-07 kind=咨询 channel=现场 minutes=30
    service on=2016-08-17 kind=代书 channel=电话
    legal_aid on=2016-08-08 channel=来访 matter=民事 handling=转援助 decision=给予
    special on=2016-08-09 kind=安置帮教 event=走访 person_ref=A-17
    special on=2016-08-19 kind=社区矫正协助 event=帮教 person_ref=B-3
    governance on=2016-08-10 kind=民主议事
    funding on=2016-08-12 year=2016 channel=社区工作 budget=3万元 received=2万元 spent=500元
    subsidy on=2016-08-22 case_id=1 grade=一般 rate_table=2016 state=审定 amount=200元";

/// A workroom's month: its cases, the workroom and its staff entered, each other ledger used.
fn month() -> Vec<(&'static str, Values)> {
    let names = ["case_no", "dispute_type", "source", "difficulty", "form", "result", "performance"];
    let cases = CASES.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let mut case = mediation(&names.into_iter().zip(line.split_whitespace()).collect::<Vec<_>>());
        case.extend(values(&[("amount", "1,200元"), ("prevented", "无")]));
        if line.contains("合同") {
            case.extend(values(&[("prevented", "群体上访"), ("prevented_people", "5")]));
        }
        if !line.contains("继续") {
            case.extend(values(&[("mediated_on", "2016-08-20")]));
        }
        ("mediation", case)
    });
    let others = OTHERS.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let mut words = line.split_whitespace();
        let ledger = words.next().unwrap();
        (ledger, values(&words.map(|pair| pair.split_once('=').unwrap()).collect::<Vec<_>>()))
    });
    cases.chain(others).collect()
}

#[test]
fn a_month_of_a_real_workroom_makes_under_a_hundred_cells() {
    let catalogue = catalogue();
    let mut cells: BTreeSet<(MeasureId, Part, Period)> = BTreeSet::new();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let month_of = |day: i32| Period::of(period::date(day), Grain::Month);
    let mut records = Vec::new();
    for (name, values) in month() {
        let ledger = catalogue.ledger(name).unwrap();
        let record = ledger.check(values, day(TODAY)).unwrap_or_else(|violations| panic!("{name}: {violations:?}"));
        let facts = ledger.facts(&record.public);
        catalogue.contributions(name, &facts, record.event_date, &mut |one| {
            cells.insert((one.measure, one.part, month_of(one.day)));
        });
        used.insert(name);
        records.push((name, facts, record.event_date));
    }
    assert_eq!(used.len(), catalogue.ledgers().len());
    let records: Vec<_> = records.iter().map(|(ledger, facts, day)| (*ledger, facts, *day)).collect();
    for ((measure, on), _) in catalogue.conditions(&records) {
        cells.insert((measure, Part::default(), month_of(on)));
    }
    assert!(cells.len() > 50, "the month is a real one: {}", cells.len());
    assert!(cells.len() < 100, "{} cells", cells.len());
}
