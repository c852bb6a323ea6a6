//! The published month of Huangshi, entered at a real node, reported, issued, and shown again
//! after the node was killed and its index lost.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use serde_json::Value as Json;
use wuji::output::number;
use wuji::sample::{Sample, SampleName};
use wuji_proto::v1::value::Kind;
use wuji_proto::{period, v1};

use crate::harness::{COUNTY, Place};

const PUBLISHED: &str = include_str!("../../../config/samples/huangshi-2016-08.csv");

const FIELDS: [&str; 13] = [
    "accepted_on",
    "mediated_on",
    "agreed_on",
    "dispute_type",
    "source",
    "difficulty",
    "form",
    "result",
    "people_count",
    "amount",
    "prevented",
    "prevented_people",
    "summary",
];

/// The sample's entries as a file of one unit.
fn cases() -> String {
    let mut text = format!("case_no,{},mediators\n", FIELDS.join(","));
    let sample = Sample::new(SampleName::Huangshi, "2016-08".parse().unwrap()).unwrap();
    for (entry, case_no) in sample.entries().iter().zip(1..) {
        let fields = FIELDS.map(|field| entry.values.get(field).map(|value| shown(field, value)).unwrap_or_default());
        let _ = writeln!(text, "{case_no},{},王某", fields.join(","));
    }
    text
}

fn shown(field: &str, value: &v1::Value) -> String {
    match value.kind.as_ref().unwrap() {
        Kind::Integer(fen) if field == "amount" => number::yuan(*fen),
        Kind::Integer(number) => number.to_string(),
        Kind::Date(day) => period::date(*day).to_string(),
        Kind::Text(text) => text.clone(),
        other => panic!("{field}: {other:?}"),
    }
}

/// Numbers of a workbook's sheet by the text that begins their row.
fn rows(workbook: &[u8], sheet: &str) -> BTreeMap<String, Vec<f64>> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(workbook.to_vec())).unwrap();
    let mut rows = BTreeMap::new();
    for row in book.worksheet_range(sheet).unwrap().rows() {
        if let Some(Data::String(name)) = row.first() {
            let numbers =
                row.iter().filter_map(|cell| if let Data::Float(number) = cell { Some(*number) } else { None });
            rows.insert(name.trim().to_owned(), numbers.collect());
        }
    }
    rows
}

/// Every published figure is where the report has it.
#[expect(clippy::float_cmp, reason = "whole numbers, and quotients of the same two")]
fn check_published(workbook: &[u8]) {
    let totals = rows(workbook, "总体情况");
    assert_eq!(totals["调解成功率"][0], 842.0 / 869.0);
    for line in PUBLISHED.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let value: f64 = fields[2].parse().unwrap();
        let (sheet, at) = match (fields[0], fields[3]) {
            ("total", _) => ("总体情况", 0),
            ("source", _) => ("纠纷来源", 0),
            ("type", _) => ("纠纷类型", 0),
            ("prevented", "件") => ("防止激化", 0),
            ("prevented", "人") => ("防止激化", 1),
            other => panic!("{other:?}"),
        };
        let found = &rows(workbook, sheet)[fields[1]];
        assert_eq!(found[at], value, "{line}: {found:?}");
        if matches!(fields[0], "source" | "type") {
            assert_eq!(found[1], value / 869.0, "the share of {line}");
        }
    }
}

fn json(place: &Place, args: &[&str]) -> Json {
    place.wuji(args).json()
}

#[test]
fn the_published_month_is_reported_issued_and_shown_again_to_the_byte_whatever_happens() {
    let place = Place::new();
    let node = place.county();
    place.write("cases.csv", cases());
    let imported = json(&place, &["ledger", "import", "mediation", "cases.csv", "--output", "json"]);
    assert_eq!(imported["accepted"], 869, "{imported}");

    let made = place.wuji(&["report", "monthly", "--period", "2016-08", "--issue", "--to", "issued.xlsx"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let id = made.err.split_once("issued as ").unwrap().1.split(':').next().unwrap().to_owned();
    let issued = std::fs::read(place.at("issued.xlsx")).unwrap();
    check_published(&issued);
    let show = |file: &str| {
        place.wuji(&["report", "show", &id, "--to", file]).done();
        std::fs::read(place.at(file)).unwrap()
    };
    assert!(show("shown.xlsx") == issued);

    drop(node); // SIGKILL
    std::fs::remove_dir_all(place.at(&format!("data-{COUNTY}/index"))).unwrap();
    let node = place.start("county.toml");
    place.contexts("contexts.toml", &node.address, COUNTY);
    assert!(show("after.xlsx") == issued, "what the journal holds is what was issued");

    let records = json(&place, &["ledger", "list", "mediation", "--all", "--output", "json"])["records"].take();
    let one = records.as_array().unwrap().iter().find(|it| it["values"]["amount"].is_i64()).unwrap();
    let amount = one["values"]["amount"].as_i64().unwrap();
    let more = format!("amount={}元", number::yuan(amount + 12_345));
    place.wuji(&["ledger", "amend", "mediation", one["id"].as_str().unwrap(), &more]).done();
    assert!(show("still.xlsx") == issued, "a report stays as it was");
    let now = json(&place, &["report", "show", &id, "--now", "--format", "json"]);
    let change = serde_json::json!([{
        "section": "total", "period": null, "unit": null, "unit_name": null, "words": [],
        "column": "mediation.amount", "issued": 2_873_800_000_i64, "now": 2_873_812_345_i64,
    }]);
    assert_eq!(now["changes"], change);
    assert_eq!(now["issued"], true);
    let asked = ["stats", "--measure", "mediation.amount", "--from", "2016-08", "--output", "json"];
    let stats = json(&place, &asked);
    assert_eq!(stats["adjustments"][0]["report"], id.as_str(), "{stats}");
    assert_eq!(stats["adjustments"][0]["issued"], 2_873_800_000_i64);
    assert_eq!(stats["adjustments"][0]["now"], 2_873_812_345_i64);
    for other in [["--from", "2016"], ["--where", "result=成功"]] {
        let asked = if other[0] == "--from" {
            vec!["--measure", "mediation.amount"]
        } else {
            vec!["--measure", "mediation.accepted", "--from", "2016-08"]
        };
        let stats = json(&place, &[&["stats"], asked.as_slice(), &other, &["--output", "json"]].concat());
        assert_eq!(stats["adjustments"], serde_json::json!([]), "of another time, or of a part: {stats}");
    }
    node.stop();
}
