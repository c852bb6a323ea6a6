//! Headers of files.

use proptest::prelude::*;

use super::{TODAY, catalogue, day, text};
use crate::catalogue::{COLUMNS_MAX, Columns, Ledger};

fn owned(titles: &[&str]) -> Vec<String> {
    titles.iter().map(|title| (*title).to_owned()).collect()
}

fn read(ledger: &str, titles: &[&str]) -> Result<Columns, Vec<String>> {
    Columns::read(catalogue().ledger(ledger).unwrap(), &owned(titles))
        .map_err(|violations| violations.into_iter().map(|one| format!("{}: {}", one.field, one.description)).collect())
}

const REQUIRED: [&str; 4] = ["宣传日期", "宣传主题", "宣传形式", "受众人数"];

#[test]
fn titles_are_understood_in_chinese_english_and_as_field_names() {
    for titles in [
        ["宣传日期", "宣传主题", "宣传形式", "受众人数"],
        ["on", "topic", "form", "audience"],
        ["Date", "TOPIC", " Form ", "Audience"],
        ["宣传 日期", "宣传主题 *", "宣传形式：", "受众人数（人）"],
    ] {
        let columns = read("publicity", &titles).unwrap();
        assert_eq!(columns.fields(), ["on", "topic", "form", "audience"], "{titles:?}");
        assert_eq!((columns.len(), columns.is_empty()), (4, false));
    }
}

#[test]
fn columns_like_no_field_are_left_out() {
    let columns =
        read("publicity", &["序号", "宣传日期", "宣传主题", "宣传形式", "受众人数", "", "备注", "#on"]).unwrap();
    assert_eq!(columns.fields(), ["", "on", "topic", "form", "audience", "", "", ""]);
    assert_eq!(columns.record_id(&owned(&["1"])), None);
    let row = columns.values(&owned(&["1", "2016/8/3", "宪法", "宣讲", " ", "x", "y", "z", "beyond"]));
    assert_eq!(row.keys().collect::<Vec<_>>(), ["form", "on", "topic"], "empty cells are left out too");
}

#[test]
fn the_id_of_an_exported_entry_is_told_and_no_field_takes_it() {
    let columns = read("publicity", &["#ID", "#state", "on", "topic", "form", "audience"]).unwrap();
    assert_eq!(columns.fields(), ["", "", "on", "topic", "form", "audience"]);
    assert_eq!(columns.record_id(&owned(&[" 0192f3aa "])), Some("0192f3aa"));
    assert_eq!(columns.record_id(&owned(&[" ", "live"])), None, "a row that was added to an export");
    assert_eq!(columns.record_id(&[]), None);
    assert!(columns.is_voided(&owned(&["", "voided "])) && !columns.is_voided(&owned(&["", "live"])));
}

#[test]
fn misspelt_doubled_and_missing_columns_are_refused_all_at_once() {
    let problems = read("publicity", &["宣传日期 (Date)", "宣传主提", "on", "宣传形式"]).unwrap_err();
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems[0].contains("列“宣传主提”") && problems[0].contains("是不是“宣传主题”？"), "{problems:#?}");
    assert!(problems[1].contains("列“on”与另一列同为“on”"), "{problems:#?}");
    assert!(problems[2].starts_with("audience: 受众人数：缺少这一列"), "{problems:#?}");
}

#[test]
fn the_unit_of_a_heading_holds_for_cells_that_name_none() {
    for (title, cell, fen) in [
        ("涉及金额(万元)", "3.5", "3500000"),
        ("涉及金额（万元）", "3.5", "3500000"),
        ("涉及金额(元)", "35,000", "3500000"),
        ("涉及金额", "35000", "3500000"),
        ("涉及金额(万元)", "35000元", "3500000"),
        ("amount (亿元)", "0.5", "5000000000"),
    ] {
        let titles = [
            "案号",
            "受理日期",
            "纠纷类型",
            "纠纷来源",
            "难易程度",
            "协议形式",
            "涉及人数",
            "纠纷简述",
            "调解员",
            title,
        ];
        let cells = ["1", "2016-08-03", "邻里", "公安", "一般", "书面", "2", "简述", "王五；赵六", cell];
        let columns = read("mediation", &titles).unwrap();
        let catalogue = catalogue();
        let record = catalogue.ledger("mediation").unwrap().check(columns.values(&owned(&cells)), day(TODAY)).unwrap();
        let amount = record.public["amount"].clone();
        assert_eq!(crate::catalogue::reading::print(&integer(), &amount), fen, "{title} {cell}");
    }
    let problems = read("funding", &["登记日期", "年度", "经费渠道", "预算金额(美元)"]).unwrap_err();
    assert!(problems[0].contains("单位不认识"), "{problems:?}");
}

fn integer() -> crate::catalogue::FieldKind {
    crate::catalogue::FieldKind::Integer { min: 0, max: i64::MAX }
}

#[test]
fn too_many_columns_are_refused() {
    let titles = vec!["x"; COLUMNS_MAX + 1];
    assert!(read("publicity", &titles).unwrap_err()[0].contains("最多 256 列"));
}

#[test]
fn every_ledger_understands_its_own_titles() {
    for ledger in catalogue().ledgers() {
        let fields: Vec<String> = ledger.fields().iter().map(|field| field.name().to_owned()).collect();
        let titled = |title: fn(&Ledger) -> Vec<String>| Columns::read(ledger, &title(ledger)).unwrap().fields();
        assert_eq!(titled(|ledger| ledger.fields().iter().map(|field| field.title().zh.clone()).collect()), fields);
        assert_eq!(titled(|ledger| ledger.fields().iter().map(|field| field.title().en.clone()).collect()), fields);
        assert_eq!(titled(|ledger| ledger.fields().iter().map(|field| field.name().to_owned()).collect()), fields);
    }
}

proptest! {
    #[test]
    fn no_header_or_row_makes_it_panic(
        extra in prop::collection::vec(r"[宣传日期金额()（）万元a-z_*: ]{0,8}", 0..6),
        cells in prop::collection::vec(r"\PC{0,8}", 0..12),
    ) {
        let titles: Vec<String> = REQUIRED.iter().map(|title| (*title).to_owned()).chain(extra).collect();
        if let Ok(columns) = Columns::read(catalogue().ledger("publicity").unwrap(), &titles) {
            let values = columns.values(&cells);
            prop_assert!(values.values().all(|value| *value != text("")));
        }
    }
}
