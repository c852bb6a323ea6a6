//! Writing entries: what is sent, what comes of refusals and lost answers.

use std::collections::BTreeMap;

use wuji_proto::v1::value::Kind;
use wuji_proto::v1::{List, Row};

use crate::fake::{ledger_record, text, value};
use crate::harness::Dir;

const ID: &str = "01568ac0-0000-7000-8000-000000000001";

#[test]
fn an_entry_is_sent_as_it_was_typed_under_field_names() {
    let dir = Dir::new();
    let said =
        dir.out(&["ledger", "add", "法治宣传", "日期=2016年8月15日", "topic=禁毒=平安", "audience=１２０", "--id", ID]);
    assert_eq!(said, format!("written: publicity {ID} revision 1\n"));
    let sent = dir.fake.0.lock().submits[0].clone();
    assert_eq!((sent.ledger.as_str(), sent.id.as_str()), ("publicity", ID));
    let expected = [("on", "2016年8月15日"), ("topic", "禁毒=平安"), ("audience", "１２０")];
    assert_eq!(sent.values, expected.map(|(field, typed)| (field.to_owned(), text(typed))).into());
}

#[test]
fn a_json_record_keeps_its_types_and_arguments_go_before_it() {
    let dir = Dir::new();
    let record = r#"{"case_no": "7", "people_count": 3, "amount": 1200050, "paid": true, "dispute_type": null,
                     "mediators": ["王五"], "parties": [{"姓名": "张三"}]}"#;
    let said = dir.wuji_with(&["ledger", "add", "mediation", "--file", "-", "case_no=8", "amount="], record.as_bytes());
    assert_eq!(said.code, 0, "{}", said.err);
    let sent = dir.fake.0.lock().submits[0].values.clone();
    let list = |name: &str| {
        value(Kind::List(List { rows: vec![Row { values: BTreeMap::from([("name".to_owned(), text(name))]) }] }))
    };
    let expected = [
        ("case_no", text("8")),
        ("people_count", value(Kind::Integer(3))),
        ("paid", value(Kind::Flag(true))),
        ("mediators", list("王五")),
        ("parties", list("张三")),
    ];
    assert_eq!(sent, expected.map(|(field, value)| (field.to_owned(), value)).into());
}

#[test]
fn what_show_prints_can_be_added_again() {
    let dir = Dir::new();
    let record = ledger_record(1);
    dir.fake.0.lock().records.insert(record.id.clone(), record.clone());
    let json = dir.out(&["ledger", "show", &record.id, "--output", "json"]);
    let said = dir.wuji_with(&["ledger", "add", "mediation", "--file", "-"], json.as_bytes());
    assert_eq!(said.code, 0, "{}", said.err);
    let sent = dir.fake.0.lock().submits[0].values.clone();
    let mut expected = record.values;
    expected.insert("accepted_on".to_owned(), text("2016-08-15"));
    assert_eq!(sent, expected);
}

#[test]
fn each_refused_field_gets_a_line() {
    let dir = Dir::new();
    let said = dir.wuji(&["ledger", "add", "publicity", "audience=many"]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert_eq!(
        said.err,
        "error: cannot write the entry into publicity: 2 fields are wrong\n  受众人数: “many”不是整数，请填写数字\n  主题: 必填\n"
    );
    assert_eq!(said.out, "");
}

#[test]
fn a_lost_answer_is_asked_for_again_under_the_same_id() {
    let dir = Dir::new();
    dir.fake.0.lock().lost_answers = 2;
    let said = dir.wuji(&["ledger", "add", "publicity", "topic=禁毒"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.starts_with("had been written before: publicity"), "{}", said.out);
    let ids: Vec<String> = dir.fake.0.lock().submits.iter().map(|it| it.id.clone()).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn an_entry_whose_answer_stays_lost_names_the_id_to_repeat_it_with() {
    let dir = Dir::new();
    dir.fake.0.lock().lost_answers = 100;
    let said = dir.wuji(&["ledger", "add", "publicity", "topic=禁毒", "--id", ID]);
    assert_eq!(said.code, 4, "{}", said.err);
    assert!(said.err.contains(&format!("repeat it with --id {ID}")), "{}", said.err);
}

#[test]
fn amending_keeps_the_fields_that_are_not_named() {
    let dir = Dir::new();
    let record = ledger_record(1);
    dir.fake.0.lock().records.insert(record.id.clone(), record.clone());
    dir.out(&["ledger", "amend", "mediation", ID, "--revision", "2", "dispute_type=物业", "amount="]);
    let sent = dir.fake.0.lock().amends[0].clone();
    let mut expected = record.values;
    expected.remove("amount");
    expected.insert("dispute_type".to_owned(), text("物业"));
    assert_eq!((sent.base_revision, sent.values), (2, expected));
}

#[test]
fn amending_another_revision_than_the_present_changes_nothing() {
    let dir = Dir::new();
    dir.fake.0.lock().records.insert(ID.to_owned(), ledger_record(1));
    let said = dir.wuji(&["ledger", "amend", "mediation", ID, "--revision", "1", "dispute_type=物业"]);
    assert_eq!(said.code, 6, "{}", said.err);
    assert!(said.err.contains("it has revision 2 now, not 1"), "{}", said.err);
    assert!(dir.fake.0.lock().amends.is_empty());
}

#[test]
fn voiding_needs_a_reason_and_uses_the_present_revision() {
    let dir = Dir::new();
    dir.fake.0.lock().records.insert(ID.to_owned(), ledger_record(1));
    assert_eq!(dir.wuji(&["ledger", "void", "mediation", ID]).code, 2);
    assert_eq!(
        dir.out(&["ledger", "void", "mediation", ID, "--reason", "重复"]),
        format!("voided: mediation {ID} revision 3\n")
    );
}

#[test]
fn mistyped_names_are_wrong_usage_and_get_the_nearest() {
    let dir = Dir::new();
    for (args, needle) in [
        (&["ledger", "add", "mediaton", "a=1"][..], "did you mean mediation?"),
        (&["ledger", "add", "mediation", "amout=1"], "did you mean amount"),
        (&["ledger", "add", "mediation", "amount"], "not of the form field=value"),
        (&["ledger", "add", "mediation"], "needs values"),
        (&["ledger", "list", "mediation", "--fields", "case_n"], "did you mean case_no"),
        (&["ledger", "list", "mediation", "--from", "2017", "--to", "2016"], "ends before"),
        (&["ledger", "list", "mediation", "--from", "2017-13"], "write 2016-08-15"),
        (&["ledger", "show", "1234"], "UUID"),
        (&["ledger", "export", "mediation", "--output", "table"], "wuji ledger list"),
        (&["stats", "-m", "mediation.acepted"], "did you mean mediation.accepted"),
        (&["stats", "-m", "mediation.accepted", "--by", "disputetype"], "did you mean dispute_type?"),
        (&["stats", "-m", "mediation.accepted", "--grain", "decade"], "half-year"),
        (&["stats"], "mediation.success_rate  调解成功率"),
        (&["child", "register", "37112", "--name", "x"], "2 digits name a province"),
    ] {
        let said = dir.wuji(args);
        assert_eq!(said.code, 2, "{args:?}: {}", said.err);
        assert!(said.err.contains(needle), "{args:?}: {}", said.err);
        assert_eq!(said.out, "", "{args:?}");
    }
}

#[test]
fn wrong_json_records_are_refused_input() {
    let dir = Dir::new();
    for (json, needle) in [
        ("[1]", "it is not an object"),
        ("{", "stdin is not a record"),
        (r#"{"amount": 1.5}"#, "money in 分"),
        (r#"{"parties": ["张三"]}"#, "write its rows as objects"),
        (r#"{"parties": [{"phone": "1"}]}"#, "no column \"phone\""),
    ] {
        let said = dir.wuji_with(&["ledger", "add", "mediation", "--file", "-"], json.as_bytes());
        assert_eq!(said.code, 3, "{json}: {}", said.err);
        assert!(said.err.contains(needle), "{json}: {}", said.err);
    }
}

#[test]
fn what_is_not_there_has_its_own_exit_code() {
    let dir = Dir::new();
    assert_eq!(dir.wuji(&["ledger", "show", ID]).code, 5);
    let said = dir.wuji(&["tree", "42"]);
    assert_eq!(said.code, 5);
    assert!(said.err.contains("42 is not below 371122"), "{}", said.err);
}
