//! Bad files of rows.

use crate::case::{Held, case, check_all, check_said};
use crate::harness::Place;

const HEADER: &str = "宣传日期,宣传主题,宣传形式,受众人数\n";

#[test]
fn each_bad_file_is_refused_with_its_line_or_column_and_nothing_of_it_goes_in() {
    let place = Place::new();
    let _node = place.county();
    let held = Held::new(&place);
    let files: [(&str, Vec<u8>, i32, &[&str]); 14] = [
        ("empty.csv", Vec::new(), 3, &["no header", "first line names the columns"]),
        ("blank.csv", b"\n\n  \n".to_vec(), 3, &["header"]),
        (
            "undecodable.csv",
            [HEADER.as_bytes(), b"2026-03-05,\xff\xff,a,1\n"].concat(),
            3,
            &["line 2", "save it as CSV UTF-8"],
        ),
        ("workbook.csv", b"PK\x03\x04\x14\x00".to_vec(), 3, &["Excel workbook", "save it as CSV"]),
        ("lacking.csv", "宣传日期,宣传主题,宣传形式\n2026-03-05,禁毒,宣讲\n".into(), 3, &["audience", "缺少这一列"]),
        (
            "near.csv",
            "宣传日期,宣传主提,宣传形式,受众人数\n2026-03-05,禁毒,宣讲,1\n".into(),
            3,
            &["宣传主提", "是不是“宣传主题”"],
        ),
        (
            "twice.csv",
            "宣传日期,宣传主题,topic,宣传形式,受众人数\n2026-03-05,a,b,宣讲,1\n".into(),
            3,
            &["topic", "请删去一列"],
        ),
        ("wide.csv", format!("{}x\n", "x,".repeat(300)).into(), 3, &["301 columns", "delimiter"]),
        ("cells.csv", format!("{HEADER}2026-03-05,交通,安全,宣讲,1\n").into(), 3, &["line 2", "本行有 5 列", "引号"]),
        ("nul.csv", format!("{HEADER}2026-03-05,禁\0毒,宣讲,1\n").into(), 3, &["line 2", "无法显示"]),
        (
            "huge.csv",
            format!("{HEADER}2026-03-05,{},宣讲,1\n", "大".repeat(40_000)).into(),
            3,
            &["line 2", "65536", "引号"],
        ),
        ("open.csv", format!("{HEADER}2026-03-05,\"禁毒,宣讲,1\n2026-03-05,禁毒,宣讲,1\n").into(), 3, &["line 2"]),
        ("binary.csv", (0..=255_u8).cycle().take(4_096).collect(), 3, &["line", "save it as CSV UTF-8"]),
        (
            "id.csv",
            format!("#id,{HEADER}17,2026-03-05,禁毒,宣讲,1\n").into(),
            3,
            &["line 2", "#id", "UUID of version 7"],
        ),
    ];
    for (name, bytes, code, says) in files {
        place.write(name, bytes);
        check_said(name, &place.wuji(&["ledger", "import", "publicity", name]), code, says);
        held.check(&place, name);
    }
    place.write("good.csv", HEADER);
    place.write("taken.csv", "mended by hand");
    place.write("bad.csv", format!("{HEADER}不明,禁毒,宣讲,1\n"));
    let import = ["ledger", "import", "publicity"];
    check_all(
        &place,
        &held,
        &[
            case("no such file", &[&import[..], &["none.csv"]].concat(), 2, &["cannot read none.csv"]),
            case("a directory", &[&import[..], &["certificates"]].concat(), 2, &["cannot read certificates"]),
            case("a ledger near one", &["ledger", "import", "publicty", "good.csv"], 2, &["did you mean publicity"]),
            case(
                "a side file that is there",
                &[&import[..], &["bad.csv", "--refused", "taken.csv"]].concat(),
                1,
                &["taken.csv", "name another file with --refused"],
            ),
        ],
    );
    assert_eq!(place.read("taken.csv"), "mended by hand");
}

#[test]
fn a_header_without_rows_is_no_error_and_brings_nothing() {
    let place = Place::new();
    let _node = place.county();
    let held = Held::new(&place);
    place.write("header.csv", HEADER);
    let said = place.wuji(&["ledger", "import", "publicity", "header.csv"]).done();
    assert_eq!(said, "0 rows accepted, 0 already present, 0 refused\n");
    held.check(&place, "a header alone");
}
