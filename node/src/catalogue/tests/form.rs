//! What a clerk's form accepts, and how it refuses.

use proptest::prelude::*;
use wuji_proto::v1::{self, value::Kind};

use super::{TODAY, catalogue, day, mediation, text, value, values};
use crate::catalogue::{CheckedRecord, RECORD_BYTES_MAX, Values, Violation};

fn check(ledger: &str, values: Values) -> Result<CheckedRecord, Vec<Violation>> {
    catalogue().ledger(ledger).unwrap().check(values, day(TODAY))
}

/// The one violation of a mediation with these changes.
fn refusal(changes: &[(&str, &str)]) -> (String, String) {
    let mut violations = check("mediation", mediation(changes)).unwrap_err();
    assert_eq!(violations.len(), 1, "{violations:?}");
    let violation = violations.remove(0);
    (violation.field, violation.description)
}

#[test]
fn a_case_is_read_and_told_apart_by_who_may_hold_it() {
    let record = check(
        "mediation",
        mediation(&[
            ("amount", "3.5万元"),
            ("parties", "张三/138 0013 8000/11010519491231002x/自然人；李四"),
            ("follow_ups", "2016-09-01/是/否"),
        ]),
    )
    .unwrap();
    assert_eq!(record.event_date, day("2016-08-03"));
    assert_eq!(record.public["accepted_on"], value(Kind::Date(day("2016-08-03"))));
    assert_eq!(record.public["amount"], value(Kind::Integer(3_500_000)));
    assert_eq!(record.public["people_count"], value(Kind::Integer(2)));
    assert_eq!(record.sealed.keys().collect::<Vec<_>>(), ["parties", "summary"], "class 2 and 3");
    assert!(record.public.contains_key("mediators"), "class 1");
    let Some(Kind::List(parties)) = &record.sealed["parties"].kind else { panic!("a list") };
    assert_eq!(parties.rows[0].values["id_no"], text("11010519491231002X"));
    assert_eq!(parties.rows[1].values.len(), 1);
    let Some(Kind::List(follow_ups)) = &record.public["follow_ups"].kind else { panic!("a list") };
    assert_eq!(follow_ups.rows[0].values["satisfied"], value(Kind::Flag(false)));
}

#[test]
fn facts_are_numbers_words_dates_and_flags_of_class_0() {
    let record = check("mediation", mediation(&[("amount", "1元")])).unwrap();
    let facts = catalogue().ledger("mediation").unwrap().facts(&record.public);
    let names: Vec<&String> = facts.keys().collect();
    assert_eq!(names, ["accepted_on", "amount", "difficulty", "dispute_type", "form", "people_count", "source"]);
}

#[test]
fn the_same_values_written_otherwise_have_the_same_bytes() {
    let bytes = |changes: &[(&str, &str)]| check("mediation", mediation(changes)).unwrap().canonical_bytes();
    assert_eq!(bytes(&[]), bytes(&[("accepted_on", "2016/8/3"), ("people_count", "２"), ("dispute_type", " 邻里 ")]));
    assert_eq!(bytes(&[("amount", "35000元")]), bytes(&[("amount", "3.5万元")]));
    assert_ne!(bytes(&[]), bytes(&[("summary", "宅基地滴水")]));
}

#[test]
fn unique_keys_hold_within_unit_and_year_whatever_the_width() {
    let key = |changes: &[(&str, &str)]| check("mediation", mediation(changes)).unwrap().unique;
    assert_eq!(key(&[]).len(), 1);
    assert_eq!(key(&[]), key(&[("case_no", "(2016) 莒调字第１２号"), ("accepted_on", "2016-01-01")]));
    assert_ne!(key(&[]), key(&[("accepted_on", "2015-08-03")]));
    assert_ne!(key(&[]), key(&[("case_no", "（2016）莒调字第13号")]));
    let catalogue = catalogue();
    let ledger = catalogue.ledger("mediation").unwrap();
    assert_eq!(ledger.unique_rule(&key(&[])[0]).unwrap().fields, ["case_no"]);
    assert!(ledger.unique_rule(b"staff\x1f\0").is_none());
}

#[test]
fn a_workroom_has_one_live_record() {
    let workroom = |name: &str| {
        let values = values(&[
            ("name", name),
            ("listed_on", "2016-01-01"),
            ("build_status", "未建"),
            ("covered_villages", "371122100201/2016-01-01"),
        ]);
        check("workroom", values).unwrap().unique
    };
    assert_eq!(workroom("甲"), workroom("乙"));
}

#[test]
fn every_rule_names_field_value_and_what_to_do() {
    for (changes, field, parts) in [
        (&[("accepted_on", "")][..], "accepted_on", &["受理日期", "必填"][..]),
        (&[("accepted_on", "2016-13-01")], "accepted_on", &["受理日期“2016-13-01”", "请写成 2026-03-05"]),
        (&[("accepted_on", "2017-01-01")], "accepted_on", &["2017-01-01", "晚于今天（2016-12-31）"]),
        (&[("accepted_on", "1816-01-01")], "accepted_on", &["1900 至 2200"]),
        (&[("dispute_type", "邻里纠纷")], "dispute_type", &["纠纷类型“邻里纠纷”", "是不是“邻里”？"]),
        (&[("form", "电子")], "form", &["协议形式“电子”", "可选：口头、书面"]),
        (&[("people_count", "两")], "people_count", &["涉及人数“两”", "不是整数"]),
        (&[("people_count", "-1")], "people_count", &["不得小于 0"]),
        (&[("people_count", "100001")], "people_count", &["不得大于 100000"]),
        (&[("amount", "若干")], "amount", &["涉及金额“若干”", "3.5 万元"]),
        (&[("amount", "0.001元")], "amount", &["最细到分"]),
        (&[("result", "成功")], "mediated_on", &["调解日期", "在调解结果为“成功”时必填"]),
        (&[("mediated_on", "2016-08-02")], "mediated_on", &["早于受理日期（2016-08-03）"]),
        (&[("prevented", "自杀")], "prevented_people", &["防止激化", "必填"]),
        (&[("acepted", "x")], "acepted", &["不是本台账的栏目", "accepted_on"]),
        (&[("mediators", "")], "mediators", &["调解员", "必填"]),
        (&[("mediators", "王五/主任")], "mediators", &["分项过多", "姓名"]),
        (
            &[("case_no", "一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一")],
            "case_no",
            &["41 字，最多 40 字"],
        ),
        (&[("case_no", "1\u{7}")], "case_no", &["无法显示"]),
        (&[("follow_ups", "昨天/是")], "follow_ups[1].on", &["回访第1行回访日期“昨天”"]),
        (&[("parties", "张三；/138")], "parties[2].name", &["当事人第2行姓名", "必填"]),
    ] {
        let (named, description) = refusal(changes);
        assert_eq!(named, field, "{changes:?}");
        assert!(parts.iter().all(|part| description.contains(part)), "{changes:?}: {description}");
        assert!(description.ends_with(')') && !description.is_ascii(), "English stands behind: {description}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let violations = check("mediation", values(&[("accepted_on", "x"), ("amount", "y"), ("form", "z")])).unwrap_err();
    let fields: Vec<&str> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "accepted_on",
            "form",
            "amount",
            "case_no",
            "dispute_type",
            "source",
            "difficulty",
            "people_count",
            "summary",
            "mediators"
        ]
    );
}

#[test]
fn personal_values_are_never_repeated() {
    let secret = "绝密";
    let long = secret.repeat(400);
    let wrong_id = format!("{secret}///{secret}");
    let cases = [
        ("summary", long.as_str()),
        ("parties", &format!("甲/1/{secret}")),
        ("parties", &format!("甲/1//{secret}/{secret}")),
        ("parties", &format!("{secret}\u{7}")),
        ("parties", &wrong_id),
    ];
    for (field, written) in cases {
        let Err(violations) = check("mediation", mediation(&[(field, written)])) else { panic!("{field} {written}") };
        for violation in violations {
            let kind = violation.field.contains("].kind");
            assert!(kind || !violation.description.contains(secret), "{}", violation.description);
        }
    }
}

#[test]
fn values_of_a_wrong_type_are_refused() {
    for (field, wrong) in [
        ("accepted_on", Kind::Integer(42_585)),
        ("accepted_on", Kind::Date(-1)),
        ("people_count", Kind::Flag(true)),
        ("dispute_type", Kind::Integer(1)),
        ("mediators", Kind::Date(1)),
        ("case_no", Kind::Flag(true)),
        ("summary", Kind::List(v1::List::default())),
    ] {
        let mut case = mediation(&[]);
        case.insert(field.to_owned(), value(wrong));
        let violations = check("mediation", case).unwrap_err();
        assert_eq!((violations.len(), violations[0].field.as_str()), (1, field));
    }
}

#[test]
fn empty_values_are_as_good_as_none() {
    let mut case = mediation(&[("amount", "　"), ("performance", "")]);
    case.insert("result".to_owned(), v1::Value { kind: None });
    case.insert("parties".to_owned(), value(Kind::List(v1::List { rows: vec![v1::Row::default()] })));
    let record = check("mediation", case).unwrap();
    assert_eq!(record, check("mediation", mediation(&[])).unwrap());
}

#[test]
fn a_record_that_is_too_large_is_refused() {
    let row = |n: usize| format!("{}{n}/138/11010519491231002X/自然人", "长".repeat(90));
    let parties = (0..50).map(row).collect::<Vec<_>>().join("；");
    assert!(check("mediation", mediation(&[("parties", &parties)])).is_ok());
    let violations = check("mediation", mediation(&[("parties", &format!("{parties}；甲"))])).unwrap_err();
    assert!(violations[0].description.contains("51 行，最多 50 行"), "{violations:?}");
    let many: Values = (0..100).map(|n| (format!("field{n}"), text("x"))).collect();
    assert!(check("mediation", many).unwrap_err()[0].description.contains("最多 64 个"));
    const { assert!(RECORD_BYTES_MAX >= 64 * 1_024) };
}

#[test]
fn funding_belongs_to_the_year_of_its_date() {
    let funding = |year| check("funding", values(&[("on", "2016-02-03"), ("year", year), ("channel", "社区工作")]));
    assert!(funding("2016").is_ok());
    let violations = funding("2015").unwrap_err();
    assert!(violations[0].description.contains("年度“2015”与登记日期的年份（2016）不同"), "{violations:?}");
}

#[test]
fn identity_numbers_of_six_formats_are_one_and_wrong_ones_are_refused() {
    let staff = |id_no: &str| {
        check(
            "staff",
            values(&[
                ("name", "王五"),
                ("id_no", id_no),
                ("role", "主任"),
                ("full_time", "专"),
                ("source", "律师"),
                ("from", "2016-01-01"),
            ]),
        )
    };
    for written in [
        "11010519491231002X",
        "11010519491231002x",
        " 110105 19491231 002X ",
        "110105-19491231-002X",
        "１１０１０５１９４９１２３１００２Ｘ",
    ] {
        assert_eq!(staff(written).unwrap().sealed["id_no"], text("11010519491231002X"), "{written}");
    }
    assert!(staff("110105491231002").is_ok(), "the former kind");
    for written in
        ["110105194912310021", "11010519491231002", "1101054912310O2", "张三", "１１０１０５１９４９１２３１００２张"]
    {
        let violations = staff(written).unwrap_err();
        assert!(violations[0].description.contains("身份证号：不是有效的身份证号"), "{violations:?}");
    }
}

fn any_value() -> impl Strategy<Value = v1::Value> {
    let scalar = prop_oneof![
        r"\PC{0,12}".prop_map(Kind::Text),
        r"[0-9年月日/.,，；万元是否]{0,12}".prop_map(Kind::Text),
        any::<i64>().prop_map(Kind::Integer),
        any::<i32>().prop_map(Kind::Date),
        any::<bool>().prop_map(Kind::Flag),
    ]
    .prop_map(value);
    let row = prop::collection::btree_map("name|phone|id_no|kind|on", scalar.clone(), 0..4);
    let list = prop::collection::vec(row, 0..4).prop_map(|rows| {
        value(Kind::List(v1::List { rows: rows.into_iter().map(|values| v1::Row { values }).collect() }))
    });
    prop_oneof![4 => scalar, 1 => list, 1 => Just(v1::Value { kind: None })]
}

proptest! {
    #[test]
    fn no_values_make_the_form_panic_and_what_passes_passes_again(
        changes in prop::collection::btree_map(
            "case_no|accepted_on|amount|people_count|parties|mediators|summary|follow_ups|result|[a-z]{1,4}", any_value(), 0..5,
        ),
        ledger in 0..11_usize,
    ) {
        let catalogue = catalogue();
        for ledger in [catalogue.ledger("mediation").unwrap(), &catalogue.ledgers()[ledger]] {
            let mut values = mediation(&[]);
            values.extend(changes.clone());
            match ledger.check(values, day(TODAY)) {
                Err(violations) => prop_assert!(!violations.is_empty()),
                Ok(record) => {
                    let again: Values = record.public.clone().into_iter().chain(record.sealed.clone()).collect();
                    prop_assert_eq!(ledger.check(again, day(TODAY)), Ok(record));
                }
            }
        }
    }
}
