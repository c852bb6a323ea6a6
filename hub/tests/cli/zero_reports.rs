//! `wuji ledger zero-report`, and the entries of another unit.

use wuji_proto::period;
use wuji_proto::v1::ZeroReportRequest;

use crate::harness::Dir;

#[test]
fn a_zero_report_says_how_many_days_are_new() {
    let dir = Dir::new();
    let month = ["ledger", "zero-report", "--from", "2016-08-01", "--to", "2016-08-31"];
    assert_eq!(dir.out(&month), "31 days are now reported from 2016-08-01 to 2016-08-31\n");
    let again = dir.out(&month);
    assert!(again.starts_with("nothing was new from 2016-08-01 to 2016-08-31"), "{again}");
    let json = dir.out(&["ledger", "zero-report", "--on", "2016-08-15", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json, serde_json::json!({"from": "2016-08-15", "to": "2016-08-15", "days": 1, "sequence": 58}));
    let csv = dir.out(&[&month[..], &["--output", "csv"]].concat());
    assert_eq!(csv, "from,to,days,sequence\n2016-08-01,2016-08-31,0,\n");
    let sent = dir.fake.0.lock().zero_reports[0];
    let day = |text: &str| period::days(text.parse().unwrap());
    assert_eq!(sent, ZeroReportRequest { from: day("2016-08-01"), to: day("2016-08-31") });
}

#[test]
fn a_zero_report_is_for_today_unless_days_are_given() {
    let dir = Dir::new();
    let said = dir.out(&["ledger", "zero-report"]);
    assert!(said.starts_with("1 day is now reported on "), "{said}");
    for (args, says) in [
        (&["--on", "2016-08"][..], "2016-08-15"),
        (&["--from", "2016-08-02", "--to", "2016-08-01"], "swap them"),
        (&["--from", "2016-08-02"], "--to"),
        (&["--on", "2016-08-02", "--to", "2016-08-03"], "--to"),
        (&["--from", "2015-01-01", "--to", "2016-08-01"], "at most 366"),
    ] {
        let said = dir.wuji(&[&["ledger", "zero-report"][..], args].concat());
        assert_eq!(said.code, 2, "{args:?}: {}", said.err);
        assert!(said.err.contains(says), "{args:?}: {}", said.err);
    }
    assert_eq!(dir.fake.0.lock().zero_reports.len(), 1);
}

#[test]
fn another_units_entries_are_asked_of_it() {
    let dir = Dir::new();
    dir.out(&["ledger", "list", "mediation", "--unit", "371122102205", "--within", "20s"]);
    dir.out(&["ledger", "list", "mediation"]);
    let lists = dir.fake.0.lock().lists.clone();
    assert_eq!((lists[0].unit.as_str(), lists[0].within_ms), ("371122102205", 20_000));
    assert_eq!((lists[1].unit.as_str(), lists[1].within_ms), ("", 0));
    let said = dir.wuji(&["ledger", "list", "mediation", "--within", "20s"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("--unit"), "{}", said.err);
}
