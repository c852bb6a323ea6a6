//! Importing files as people have them.

use encoding_rs::GB18030;

use crate::harness::Dir;

const CASES: &str =
    "日期,主题,受众人数,备注\n2016/8/15,禁毒,１２０,x\n不明,\"交通,安全\",30,y\n2016/8/15,禁毒,１２０,x\n";

#[test]
fn good_rows_go_in_and_refused_rows_go_to_a_side_file() {
    let dir = Dir::new();
    dir.write("宣传.csv", CASES.as_bytes());
    let said = dir.wuji(&["ledger", "import", "publicity", "宣传.csv"]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert_eq!(
        said.out,
        "2 rows accepted, 0 already present, 1 refused\n  line 3: 日期: “不明”不是日期\n\
         the refused rows are in 宣传.csv.refused.csv\n\
         next: mend them there, then wuji ledger import publicity 宣传.csv.refused.csv\n"
    );
    assert!(said.err.contains("takes the column \"备注\""), "{}", said.err);
    let side = String::from_utf8(dir.read("宣传.csv.refused.csv")).unwrap();
    assert_eq!(side, "拒收原因,日期,主题,受众人数,备注\n日期: “不明”不是日期,不明,\"交通,安全\",30,y\n");
}

#[test]
fn the_mended_side_file_goes_in_and_nothing_is_doubled() {
    let dir = Dir::new();
    dir.write("a.csv", CASES.as_bytes());
    dir.wuji(&["ledger", "import", "publicity", "a.csv"]);
    let mended = String::from_utf8(dir.read("a.csv.refused.csv")).unwrap().replace(",不明,", ",2016/8/16,");
    dir.write("a.csv.refused.csv", mended.as_bytes());
    let said = dir.wuji(&["ledger", "import", "publicity", "a.csv.refused.csv", "--output", "json"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let summary: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&summary["accepted"], &summary["refused_file"]), (&1.into(), &serde_json::Value::Null));
    assert_eq!(dir.fake.0.lock().import_columns, ["日期", "主题", "受众人数", "备注"]);

    let again = dir.wuji(&["ledger", "import", "publicity", "a.csv", "--output", "csv"]);
    assert_eq!(
        again.out,
        "file,ledger,accepted,already_present,refused,refused_file\na.csv,publicity,0,2,1,a.csv.refused-2.csv\n"
    );
}

#[test]
fn every_encoding_and_delimiter_sends_the_same_cells_and_is_answered_in_kind() {
    let marked = |text: &str| [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let gb = |text: &str| GB18030.encode(text).0.into_owned();
    let tabs = CASES.replace("\"交通,安全\"", "交通;安全").replace(',', "\t").replace(';', ",");
    for (bytes, header) in [
        (CASES.as_bytes().to_vec(), "拒收原因,日期,主题,受众人数,备注\n".as_bytes().to_vec()),
        (marked(CASES), marked("拒收原因,日期,主题,受众人数,备注\n")),
        (gb(CASES), gb("拒收原因,日期,主题,受众人数,备注\n")),
        (gb(&tabs), gb("拒收原因\t日期\t主题\t受众人数\t备注\n")),
    ] {
        let dir = Dir::new();
        dir.write("a.csv", &bytes);
        assert_eq!(dir.wuji(&["ledger", "import", "publicity", "a.csv"]).code, 3);
        let rows = dir.fake.0.lock().import_rows.clone();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[1], (3, ["不明", "交通,安全", "30", "y"].map(str::to_owned).into()));
        assert!(dir.read("a.csv.refused.csv").starts_with(&header));
    }
}

#[test]
fn rows_with_too_many_cells_are_refused_here_and_the_rest_goes_in() {
    let dir = Dir::new();
    dir.write("a.csv", "日期;主题\n2016-08-15;a\n2016-08-15;b;c\n".as_bytes());
    let said = dir.wuji(&["ledger", "import", "publicity", "a.csv", "--refused", "bad.csv"]);
    assert_eq!(said.code, 3);
    assert!(said.out.contains("1 rows accepted, 0 already present, 1 refused"), "{}", said.out);
    assert_eq!(dir.fake.0.lock().import_rows.len(), 1);
    assert!(String::from_utf8(dir.read("bad.csv")).unwrap().ends_with(";2016-08-15;b;c\n"));
}

#[test]
fn many_rows_are_sent_in_several_messages() {
    let dir = Dir::new();
    let rows: Vec<String> = (0..2_500).map(|row| format!("2016-08-15,主题{row},{row}")).collect();
    dir.write("a.csv", format!("日期,主题,受众人数\n{}\n", rows.join("\n")).as_bytes());
    let said = dir.out(&["ledger", "import", "publicity", "a.csv"]);
    assert_eq!(said, "2,500 rows accepted, 0 already present, 0 refused\n");
    let sent = dir.fake.0.lock().import_rows.clone();
    assert_eq!((sent[0].0, sent[2_499].0), (2, 2_501));
}

#[test]
fn files_that_cannot_be_imported_are_told_what_to_do() {
    let dir = Dir::new();
    for (bytes, code, needle) in
        [(&b"PK\x03\x04"[..], 3, "save it as CSV"), (b"a,b\n\xff\xff\n", 3, "line 2"), (b"", 3, "no header")]
    {
        dir.write("a.csv", bytes);
        let said = dir.wuji(&["ledger", "import", "publicity", "a.csv"]);
        assert_eq!(said.code, code, "{}", said.err);
        assert!(said.err.contains(needle), "{}", said.err);
    }
    let said = dir.wuji(&["ledger", "import", "publicity", "none.csv"]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("cannot read none.csv"), "{}", said.err);
}
