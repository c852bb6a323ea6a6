//! Reports in every form. Workbooks are read again by another library, cell by cell.

use std::fmt::Write;
use std::io::{Cursor, Read};

use calamine::{Data, Reader, Xlsx};
use insta::assert_snapshot;
use wuji_proto::v1::{Figure, Report};

use crate::fake::ISSUED_ID;
use crate::harness::Dir;

/// What a hostile node does to a report, and what is said of it.
type Spoil = (fn(&mut Report), &'static str);

/// Every cell of every sheet: place, value, and the format of numbers.
fn cells(bytes: &[u8]) -> String {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes.to_vec())).unwrap();
    let mut text = String::new();
    for name in book.sheet_names() {
        let (range, styles) = (book.worksheet_range(&name).unwrap(), book.worksheet_style(&name).unwrap());
        let (top, left) = range.start().unwrap();
        let _ = writeln!(text, "== {name}");
        for (row, column, value) in range.used_cells() {
            let (row, column) = (u32::try_from(row).unwrap() + top, u32::try_from(column).unwrap() + left);
            let place = format!("{}{}", char::from(b'A' + u8::try_from(column).unwrap()), row + 1);
            let format = styles.get((row, column)).and_then(|style| style.number_format.as_ref());
            let _ = match value {
                Data::String(value) if value.is_empty() => Ok(()),
                Data::String(value) => writeln!(text, "{place} {value}"),
                Data::Float(value) => writeln!(text, "{place} {value} [{}]", format.unwrap().format_code),
                other => writeln!(text, "{place} {other:?}"),
            };
        }
    }
    text
}

/// A file inside a workbook.
fn inside(bytes: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_published_month_is_printed_in_each_form() {
    let dir = Dir::new();
    let command = ["report", "monthly", "--scope", "4202", "--period", "2016-08"];
    assert_snapshot!("report_monthly_markdown", dir.out(&command));
    assert_snapshot!("report_monthly_csv", dir.out(&[&command[..], &["--format", "csv"]].concat()));
    assert_snapshot!("report_monthly_json", dir.out(&[&command[..], &["--output", "json"]].concat()));
    let said = dir.wuji(&[&command[..], &["--format", "xlsx"]].concat());
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
    assert!(said.err.contains("wrote monthly-4202-2016-08.xlsx"), "{}", said.err);
    let workbook = dir.read("monthly-4202-2016-08.xlsx");
    assert_snapshot!("report_monthly_xlsx", cells(&workbook));
    let asked = dir.fake.0.lock().reports[0].clone();
    assert_eq!((asked.kind.as_str(), asked.scope.as_str(), asked.period.as_str()), ("monthly", "4202", "2016-08"));
    assert!(!asked.issue && !asked.confirmed);
}

#[test]
fn every_published_figure_is_in_the_workbook_as_a_number() {
    let dir = Dir::new();
    dir.out(&["report", "monthly", "--period", "2016-08", "--to", "a.xlsx"]);
    let cells = cells(&dir.read("a.xlsx"));
    for line in include_str!("../../../config/samples/huangshi-2016-08.csv").lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let value: f64 = fields[2].parse().unwrap();
        let after = cells.split_once(&format!(" {}\n", fields[1])).unwrap_or_else(|| panic!("{line}: {cells}")).1;
        // The figures of its row: those before the next row's name.
        let place = after.lines().take(6).find(|cell| cell.contains(&format!(" {value} [#,##0")));
        assert!(place.is_some(), "{line} is not in the workbook:\n{cells}");
    }
    let rate = format!(" {} [0.0%]", 842.0 / 869.0);
    assert!(cells.contains(&rate), "{cells}");
    assert!(cells.contains(" 28738000 [#,##0.00]"), "{cells}");
}

#[test]
fn workrooms_are_printed_with_their_duties_and_zeros_apart_from_silence() {
    let dir = Dir::new();
    let command = ["report", "workrooms", "--period", "2016-08"];
    assert_snapshot!("report_workrooms_markdown", dir.out(&command));
    dir.out(&[&command[..], &["--to", "w.xlsx"]].concat());
    assert_snapshot!("report_workrooms_xlsx", cells(&dir.read("w.xlsx")));
}

#[test]
fn an_issued_report_says_who_issued_it_and_what_has_changed_since() {
    let dir = Dir::new();
    let said = dir.wuji(&["report", "monthly", "--period", "2016-08", "--issue"]);
    assert!(said.err.contains(&format!("issued as {ISSUED_ID}")), "{}", said.err);
    assert!(said.out.contains(ISSUED_ID) && said.out.contains("4202.operator.wuji") && said.out.contains("已发布"));
    assert_eq!(dir.out(&["report", "show", ISSUED_ID]), said.out, "to the digit");
    let now = dir.out(&["report", "show", ISSUED_ID, "--now"]);
    let since = now.split_once("## 调整").unwrap().1.split_once("## 附").unwrap().0;
    assert_snapshot!("report_changes", since.trim());
    let json: serde_json::Value =
        serde_json::from_str(&dir.out(&["report", "show", ISSUED_ID, "--now", "--format", "json"])).unwrap();
    assert_eq!(json["changes"].as_array().unwrap().len(), 4);
    assert_eq!(json["changes"][2]["issued"], 2_873_800_000_i64);
    assert_eq!(json["now"]["issued"], false);
    let list = dir.out(&["report", "list"]);
    assert!(list.contains(ISSUED_ID) && list.contains("黄石市"), "{list}");
}

#[test]
fn the_same_report_is_the_same_workbook_to_the_byte() {
    let dir = Dir::new();
    let read = |name: &str| {
        dir.out(&["report", "show", ISSUED_ID, "--to", name]);
        dir.read(name)
    };
    let first = read("first.xlsx");
    // Times in archives have two seconds.
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    assert!(first == read("second.xlsx"), "the workbook differs from one writing to the next");
    let core = inside(&first, "docProps/core.xml");
    assert!(core.contains("2016-09-10T01:00:00Z") && core.contains("4202.operator.wuji"), "{core}");
    let mut left = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.all(|name| !name.to_string_lossy().ends_with(".part")));
}

#[test]
fn sheets_are_frozen_and_set_up_for_paper() {
    let dir = Dir::new();
    dir.out(&["report", "workrooms", "--period", "2016-08", "--to", "w.xlsx"]);
    dir.out(&["report", "monthly", "--period", "2016-08", "--to", "m.xlsx"]);
    let wide = inside(&dir.read("w.xlsx"), "xl/worksheets/sheet1.xml");
    let narrow = inside(&dir.read("m.xlsx"), "xl/worksheets/sheet1.xml");
    for (sheet, pane) in [(&wide, "xSplit=\"2\" ySplit=\"4\""), (&narrow, "xSplit=\"1\" ySplit=\"3\"")] {
        for part in
            [pane, "state=\"frozen\"", "fitToPage=\"1\"", "paperSize=\"9\"", "第 &amp;P 页 共 &amp;N 页", "<cols>"]
        {
            assert!(sheet.contains(part), "{part}: {sheet}");
        }
    }
    assert!(narrow.contains("&amp;L黄石市2016年8月人民调解工作月报"), "{narrow}");
    let titles = inside(&dir.read("m.xlsx"), "xl/workbook.xml");
    assert!(titles.contains("_xlnm.Print_Titles") && titles.contains("$1:$3"), "{titles}");
}

#[test]
fn what_cannot_be_written_or_asked_is_told_before_anything_is_issued() {
    let dir = Dir::new();
    for (args, code, says) in [
        (&["report", "monthly", "--period", "2016-08-15"][..], 2, "whole months"),
        (&["report", "monthly", "--issue", "--to", "report.txt"], 2, ".xlsx"),
        (&["report", "monthly", "--issue", "--format", "csv,xlsx", "--to", "one.csv"], 2, "directory"),
        (&["report", "show", "7"], 2, "wuji report list"),
        (&["report", "show", "0156f1d4-5800-7000-8000-000000000002"], 5, "no report"),
        (&["report", "monthly", "--within", "soon"], 2, "10s"),
        (&["report", "monthly", "--within", "5s"], 2, "--consistency confirmed"),
    ] {
        let said = dir.wuji(args);
        assert_eq!(said.code, code, "{args:?}: {}", said.err);
        assert!(said.err.contains(says), "{args:?}: {}", said.err);
    }
    assert!(dir.fake.0.lock().reports.is_empty(), "nothing was asked");
    dir.out(&["report", "workrooms", "--consistency", "confirmed", "--within", "3s", "--period", "2016-01..2016-08"]);
    let asked = dir.fake.0.lock().reports[0].clone();
    assert!(asked.confirmed && asked.within_ms == 3_000 && asked.period == "2016-01..2016-08");
}

#[test]
fn a_report_that_breaks_the_contract_is_an_error_and_no_file() {
    let spoils: [Spoil; 6] = [
        (|report| report.sections.clear(), "no sections"),
        (|report| report.sections[1].head = None, "sources has no head"),
        (|report| report.sections[4].end = None, "units has no head or no end"),
        (|report| report.sections[0].rows[0].figures.truncate(2), "2 figures for 6 columns"),
        (|report| report.sections[2].rows[0].comparisons.clear(), "0 comparisons instead of 2"),
        (|report| report.sections[3].rows[0].figures[1] = Figure::default(), "figures for 2 columns"),
    ];
    let dir = Dir::new();
    for (spoil, says) in spoils {
        dir.fake.0.lock().spoil_report = Some(spoil);
        let said = dir.wuji(&["report", "monthly", "--period", "2016-08", "--to", "a.xlsx"]);
        assert_eq!(said.code, 1, "{says}: {}", said.err);
        assert!(said.err.contains(says) && said.err.contains("broke the contract"), "{says}: {}", said.err);
    }
    assert!(!dir.path().join("a.xlsx").exists());
}
