//! A workbook: real numbers, a frozen and repeated header, set up for A4. The same document
//! gives the same bytes.

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};
use unicode_width::UnicodeWidthStr;
use wuji_proto::v1::Report;

use super::document::{Column, Document, Row, Style, Table};
use super::value::Value;

const A4: u8 = 9;

/// Column widths, in characters of half width.
const WIDTH_MIN: usize = 8;
const WIDTH_MAX: usize = 44;

/// A sheet that is wider is printed across, in characters of half width.
const PORTRAIT_WIDTH_MAX: usize = 100;

/// The longest header of a printed page, in characters.
const PAGE_HEADER_CHARACTERS_MAX: usize = 120;

/// Rows above a sheet's headings: the title, and the line below it.
const TITLE_ROWS: u32 = 2;

/// Sections of a number format: more, less, nothing.
const COUNT: &str = "#,##0";
const MONEY: &str = "#,##0.00";
const SHARE: &str = "0.0%";
const GROWTH: &str = "+0.0%;-0.0%;0.0%";
const POINTS: &str = "+0.0\"个百分点\";-0.0\"个百分点\";0.0\"个百分点\"";

/// 分 in a 元.
const FEN_PER_YUAN: f64 = 100.0;

/// The workbook's bytes.
pub fn render(document: &Document, report: &Report) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    workbook.set_properties(&properties(document, report)?);
    for table in &document.tables {
        sheet(workbook.add_worksheet(), document, table)?;
    }
    facts(workbook.add_worksheet(), document)?;
    workbook.save_to_buffer()
}

/// The time is the report's: a workbook that is written again is the same.
fn properties(document: &Document, report: &Report) -> Result<DocProperties, XlsxError> {
    const SECOND_MS: i64 = 1_000;
    let id = if report.id.is_empty() { "draft" } else { &report.id };
    Ok(DocProperties::new()
        .set_title(&document.title)
        .set_subject(&document.subtitle)
        .set_author(&report.actor)
        .set_company(&report.scope_name)
        .set_category(&report.kind)
        .set_keywords(id)
        .set_comment(format!("wuji {} · {id}", report.version))
        .set_creation_datetime(&ExcelDateTime::from_timestamp(report.made_at_ms / SECOND_MS)?))
}

fn sheet(sheet: &mut Worksheet, document: &Document, table: &Table) -> Result<(), XlsxError> {
    sheet.set_name(table.sheet)?;
    let last = u16::try_from(table.columns.len().saturating_sub(1)).unwrap_or(u16::MAX);
    banner(sheet, 0, last, &format!("{}　{}", document.title, table.title), &bold().set_font_size(14))?;
    banner(sheet, 1, last, &document.subtitle, &Format::new())?;
    let first = headings(sheet, &table.columns)?;
    for (row, at) in table.rows.iter().zip(first..) {
        for ((cell, column), place) in row.cells.iter().zip(&table.columns).zip(0..) {
            write(sheet, at, place, cell, row, column)?;
        }
    }
    let widths: Vec<usize> = (0..table.columns.len()).map(|at| width(table, at)).collect();
    for (width, at) in widths.iter().zip(0..) {
        #[expect(clippy::cast_precision_loss, reason = "at most WIDTH_MAX")]
        sheet.set_column_width(at, *width as f64)?;
    }
    let keys = u16::try_from(table.key_columns).unwrap_or(0).min(last);
    sheet.set_freeze_panes(first, keys)?;
    sheet.set_repeat_rows(0, first - 1)?;
    pages(sheet, document, widths.iter().sum::<usize>() > PORTRAIT_WIDTH_MAX);
    Ok(())
}

/// A line over all columns.
fn banner(sheet: &mut Worksheet, row: u32, last: u16, text: &str, format: &Format) -> Result<(), XlsxError> {
    if last == 0 {
        sheet.write_string_with_format(row, 0, text, format)?;
    } else {
        sheet.merge_range(row, 0, row, last, text, format)?;
    }
    Ok(())
}

/// One row of headings, or two where columns are grouped; the first row below them.
fn headings(sheet: &mut Worksheet, columns: &[Column]) -> Result<u32, XlsxError> {
    let format = bold().set_align(FormatAlign::Center).set_align(FormatAlign::VerticalCenter);
    let format = format.set_text_wrap().set_border(FormatBorder::Thin).set_background_color("#DDE6F0");
    let grouped = columns.iter().any(|column| !column.group.is_empty());
    let titles = TITLE_ROWS + u32::from(grouped);
    let mut at: u16 = 0;
    for same in columns.chunk_by(|a, b| !a.group.is_empty() && a.group == b.group) {
        let count = u16::try_from(same.len()).unwrap_or(1);
        let (group, title) = same.first().map_or(("", ""), |first| (first.group.as_str(), first.title.as_str()));
        match (grouped, group.is_empty()) {
            (false, _) => {}
            (true, true) => drop(sheet.merge_range(TITLE_ROWS, at, titles, at, title, &format)?),
            (true, false) if count == 1 => drop(sheet.write_string_with_format(TITLE_ROWS, at, group, &format)?),
            (true, false) => drop(sheet.merge_range(TITLE_ROWS, at, TITLE_ROWS, at + count - 1, group, &format)?),
        }
        for (column, place) in same.iter().zip(at..) {
            if !grouped || !group.is_empty() {
                sheet.write_string_with_format(titles, place, &column.title, &format)?;
            }
        }
        at += count;
    }
    Ok(titles + 1)
}

fn write(
    sheet: &mut Worksheet,
    at: u32,
    place: u16,
    value: &Value,
    row: &Row,
    column: &Column,
) -> Result<(), XlsxError> {
    let (number, shape) = number(value);
    let mut format = if row.style == Style::Total { bold() } else { Format::new() };
    format = format.set_border(FormatBorder::Thin);
    if let Some(number) = number {
        sheet.write_number_with_format(at, place, number, &format.set_num_format(shape))?;
        return Ok(());
    }
    if row.style == Style::Detail && place == 0 {
        format = format.set_indent(1);
    } else if column.numeric {
        format = format.set_align(FormatAlign::Right);
    }
    sheet.write_string_with_format(at, place, value.shown(), &format)?;
    Ok(())
}

/// A value as a number with its format; `None` for text, and for what has no value.
#[expect(clippy::cast_precision_loss, reason = "figures are within 2^53; 元 have 2 decimals, of which 15 digits hold")]
fn number(value: &Value) -> (Option<f64>, &'static str) {
    match value {
        Value::Count(count) => (Some(*count as f64), COUNT),
        Value::Fen(fen) => (Some(*fen as f64 / FEN_PER_YUAN), MONEY),
        Value::Share(fraction) => (fraction.number(), SHARE),
        Value::Growth(fraction) => (fraction.number(), GROWTH),
        Value::Points(fraction) => (fraction.number().map(|points| points * 100.0), POINTS),
        Value::Empty | Value::Text(_) => (None, ""),
    }
}

/// As wide as the widest cell; a heading over it may be folded once.
fn width(table: &Table, at: usize) -> usize {
    let cells = table.rows.iter().filter_map(|row| row.cells.get(at)).map(|cell| cell.shown().width());
    let title = table.columns.get(at).map_or(0, |column| column.title.width().div_ceil(2));
    // Characters of full width take a little more than two of half width.
    let widest = cells.chain([title]).max().unwrap_or(0);
    (widest + widest / 8 + 2).clamp(WIDTH_MIN, WIDTH_MAX)
}

/// What the report includes, in a sheet of names and values.
fn facts(sheet: &mut Worksheet, document: &Document) -> Result<(), XlsxError> {
    const NAME_WIDTH: f64 = 20.0;
    const VALUE_WIDTH: f64 = 72.0;
    sheet.set_name("说明")?;
    banner(sheet, 0, 1, &document.title, &bold().set_font_size(14))?;
    banner(sheet, 1, 1, &document.subtitle, &Format::new())?;
    let format = Format::new().set_border(FormatBorder::Thin).set_align(FormatAlign::Top);
    for ((name, value), at) in document.facts.iter().zip(TITLE_ROWS..) {
        sheet.write_string_with_format(at, 0, *name, &format.clone().set_bold())?;
        sheet.write_string_with_format(at, 1, value, &format.clone().set_text_wrap())?;
    }
    sheet.set_column_width(0, NAME_WIDTH)?.set_column_width(1, VALUE_WIDTH)?;
    sheet.set_freeze_panes(TITLE_ROWS, 0)?;
    sheet.set_repeat_rows(0, TITLE_ROWS - 1)?;
    pages(sheet, document, false);
    Ok(())
}

fn pages(sheet: &mut Worksheet, document: &Document, wide: bool) {
    // `&` begins a command in a page's header.
    let title: String = document.title.chars().take(PAGE_HEADER_CHARACTERS_MAX).collect();
    let title = title.replace('&', "&&");
    if wide {
        sheet.set_landscape();
    }
    sheet
        .set_paper_size(A4)
        .set_print_fit_to_pages(1, 0)
        .set_print_center_horizontally(true)
        .set_header(format!("&L{title}&R&A"))
        .set_footer("&C第 &P 页 共 &N 页");
}

fn bold() -> Format {
    Format::new().set_bold()
}
