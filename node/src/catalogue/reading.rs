//! Reads values as people write them, and prints them so that reading gives the same again.
//! Pure functions; nothing here knows a ledger.

use jiff::civil::Date;
use wuji_proto::period;
use wuji_proto::v1::{self, value::Kind};

use super::ledger::FieldKind;
use super::measuring::LAST_DAY;
use super::violation::Refusal;

/// The longest text that is read as a date, number, amount or flag, in bytes.
const SCALAR_BYTES_MAX: usize = 64;
/// The most digits of a number that is read.
const DIGITS_MAX: usize = 24;
/// Excel's day 0, 1899-12-30 (its 1900 is a leap year that never was), before 1900-01-01.
const EXCEL_DAY_OF_1900: i32 = 2;
/// Day serials are read where they have five digits: 1927-05-18 to 2173-10-13.
const EXCEL_SERIAL_DIGITS: usize = 5;

/// Money units and their 分, the longer names first.
const MONEY_UNITS: [(&str, i128); 8] = [
    ("千元", 100_000),
    ("万元", 1_000_000),
    ("亿元", 10_000_000_000),
    ("元", 100),
    ("圆", 100),
    ("分", 1),
    ("万", 1_000_000),
    ("亿", 10_000_000_000),
];

const YES: [&str; 10] = ["是", "有", "对", "√", "✓", "✔", "y", "yes", "true", "1"];
const NO: [&str; 12] = ["否", "无", "没有", "不是", "×", "✗", "✘", "x", "n", "no", "false", "0"];

/// Trims a text and turns full-width letters, digits, signs and spaces into plain ones.
pub fn fold_width(text: &str) -> String {
    let plain = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' | '\u{a0}' => ' ',
        '\u{ffe5}' => '¥',
        '\u{2212}' => '-',
        other => other,
    };
    text.chars().map(plain).collect::<String>().trim().to_owned()
}

/// Reads a date as days since 1900-01-01: `2026-03-05`, `2026/3/5`, `2026.3.5`,
/// `2026年3月5日`, `20260305`, an Excel day serial; a time of day behind it is dropped.
pub fn read_date(text: &str) -> Result<i32, Refusal> {
    let text = scalar(text).ok_or_else(Refusal::not_a_date)?;
    let date = civil(&text).ok_or_else(Refusal::not_a_date)?;
    period::check_date(date).map(period::days).map_err(|_| Refusal::year_out_of_range())
}

fn scalar(text: &str) -> Option<String> {
    if text.len() <= SCALAR_BYTES_MAX { Some(fold_width(text)) } else { None }
}

fn civil(text: &str) -> Option<Date> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if digits(whole) && fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        if whole.len() == EXCEL_SERIAL_DIGITS {
            return whole.parse::<i32>().ok().map(|serial| period::date(serial - EXCEL_DAY_OF_1900));
        }
        if whole.len() == 8 && text == whole {
            return ymd(text.get(..4)?, text.get(4..6)?, text.get(6..)?);
        }
    }
    let text = without_time(text)?;
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let plain = text.replace(['年', '月', '/', '.'], "-");
    let mut parts = plain.split('-');
    let date = ymd(parts.next()?, parts.next()?, parts.next()?);
    date.filter(|_| parts.next().is_none())
}

/// Cuts a time of day: behind 日, a space or T.
fn without_time(text: &str) -> Option<&str> {
    let (date, time) = if let Some((date, time)) = text.split_once(['日', '号']) {
        (date, time)
    } else if text.contains('年') {
        (text, "")
    } else {
        text.split_once([' ', 'T']).unwrap_or((text, ""))
    };
    let of_time = |c: char| c.is_ascii_digit() || c.is_whitespace() || ":.+-TZ时分秒点上下午AMPamp".contains(c);
    time.chars().all(of_time).then_some(date)
}

fn ymd(year: &str, month: &str, day: &str) -> Option<Date> {
    let fits = year.len() == 4 && digits(year) && [month, day].iter().all(|part| digits(part) && part.len() <= 2);
    if !fits {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads a whole number: full-width digits, thousands separators, and the `.0` that
/// spreadsheets add are understood.
pub fn read_integer(text: &str) -> Result<i64, Refusal> {
    let decimal = scalar(text).as_deref().and_then(Decimal::read).ok_or_else(Refusal::not_an_integer)?;
    decimal.times(1).and_then(|number| i64::try_from(number).ok()).ok_or_else(Refusal::not_an_integer)
}

/// Reads an amount of money as 分: `35000`, `￥35,000.00`, `3.5万元`, `500元整`. Without a unit, 元 are meant.
pub fn read_money(text: &str) -> Result<i64, Refusal> {
    let text = scalar(text).ok_or_else(Refusal::not_money)?;
    let text = text.trim_start_matches(['¥']).trim_start_matches("人民币").trim_end_matches('整').trim();
    let (number, fen) = money_unit(text).unwrap_or((text, 100));
    let decimal = Decimal::read(number.trim()).ok_or_else(Refusal::not_money)?;
    let amount = decimal.times(fen).ok_or_else(Refusal::too_fine)?;
    i64::try_from(amount).map_err(|_| Refusal::not_money())
}

/// The number and how many 分 the unit behind it has.
fn money_unit(text: &str) -> Option<(&str, i128)> {
    MONEY_UNITS.iter().find_map(|(unit, fen)| text.strip_suffix(unit).map(|number| (number, *fen)))
}

/// Whether a text ends in a unit of money.
pub(super) fn names_money_unit(text: &str) -> bool {
    money_unit(fold_width(text).trim_end_matches('整')).is_some()
}

/// Whether a text is the name of a unit of money.
pub(super) fn is_money_unit(text: &str) -> bool {
    MONEY_UNITS.iter().any(|(unit, _)| *unit == text)
}

/// A decimal number as it was written, exact.
struct Decimal {
    negative: bool,
    whole: i128,
    fraction: String,
}

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
        if text.len() > DIGITS_MAX || fraction.is_some_and(|fraction| !digits(fraction)) {
            return None;
        }
        let whole = ungroup(whole)?.parse().ok()?;
        Some(Self { negative, whole, fraction: fraction.unwrap_or("").trim_end_matches('0').to_owned() })
    }

    /// `None` where the product is not whole.
    fn times(&self, factor: i128) -> Option<i128> {
        let mut scale = 1_i128;
        let mut number = self.whole;
        for digit in self.fraction.bytes() {
            scale = scale.checked_mul(10)?;
            number = number.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        let product = number.checked_mul(factor)?;
        let whole = (product % scale == 0).then_some(product / scale)?;
        Some(if self.negative { -whole } else { whole })
    }
}

/// Removes thousands separators; they must stand in threes: `1,5` may be a decimal comma.
fn ungroup(text: &str) -> Option<String> {
    let mut groups = text.split(',');
    let first = groups.next().filter(|first| digits(first))?;
    let grouped = text.contains(',');
    if grouped && first.len() > 3 {
        return None;
    }
    let mut plain = first.to_owned();
    for group in groups {
        if group.len() != 3 || !digits(group) {
            return None;
        }
        plain.push_str(group);
    }
    Some(plain)
}

/// Reads yes or no: 是/否, 有/无, √/×, yes/no, true/false, 1/0.
pub fn read_flag(text: &str) -> Result<bool, Refusal> {
    let text = scalar(text).map(|text| text.to_lowercase()).ok_or_else(Refusal::not_a_flag)?;
    if YES.contains(&text.as_str()) {
        return Ok(true);
    }
    if NO.contains(&text.as_str()) { Ok(false) } else { Err(Refusal::not_a_flag()) }
}

/// The word of a code set that a text means: spaces, width and case do not matter.
pub(super) fn read_word<'w>(text: &str, words: &'w [String]) -> Option<&'w String> {
    words.iter().find(|word| *word == text).or_else(|| {
        let same = |text: &str| fold_width(text).to_lowercase().replace(char::is_whitespace, "");
        let text = same(text);
        words.iter().find(|word| same(word) == text)
    })
}

const ROW_ENDS: [char; 3] = ['；', ';', '\n'];
/// These too where a list has one column: `王五、赵六` is two people.
const WORD_ENDS: [char; 3] = ['、', '，', ','];
const CELL_ENDS: [char; 2] = ['/', '／'];
const ESCAPE: char = '\\';

/// Reads rows of so many columns written into one cell: `张三/男；李四/女`, of one column also
/// `王五、赵六`. A backslash keeps a separator.
pub(super) fn read_rows(columns: usize, text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut escaped = false;
    for c in text.chars() {
        let ends_row = !escaped && ends_row(columns, c);
        let ends_cell = !escaped && CELL_ENDS.contains(&c);
        if ends_row {
            rows.push(vec![String::new()]);
        } else if let Some(row) = rows.last_mut() {
            if ends_cell {
                row.push(String::new());
            } else if escaped || c != ESCAPE {
                row.extend(row.is_empty().then(String::new));
                if let Some(cell) = row.last_mut() {
                    cell.push(c);
                }
            }
        }
        escaped = !escaped && c == ESCAPE;
    }
    rows.retain(|row| row.iter().any(|cell| !cell.trim().is_empty()));
    rows
}

fn ends_row(columns: usize, c: char) -> bool {
    ROW_ENDS.contains(&c) || (columns == 1 && WORD_ENDS.contains(&c))
}

/// Prints a value of a field so that reading it gives the value again: dates as
/// 2026-03-05, money in 元 with two decimals, flags as 是 and 否, lists as `read_rows` reads them.
pub fn print(kind: &FieldKind, value: &v1::Value) -> String {
    match (&value.kind, kind) {
        (None, _) => String::new(),
        (Some(Kind::Text(text)), _) => text.clone(),
        (Some(Kind::Integer(fen)), FieldKind::Money { .. }) => {
            let sign = if *fen < 0 { "-" } else { "" };
            let fen = fen.unsigned_abs();
            format!("{sign}{}.{:02}", fen / 100, fen % 100)
        }
        (Some(Kind::Integer(number)), _) => number.to_string(),
        (Some(Kind::Date(days)), _) if (0..=LAST_DAY).contains(days) => period::date(*days).to_string(),
        (Some(Kind::Date(days)), _) => days.to_string(),
        (Some(Kind::Flag(flag)), _) => (if *flag { "是" } else { "否" }).to_owned(),
        (Some(Kind::List(list)), kind) => {
            let columns = kind.columns().len();
            let row = |row: &v1::Row| {
                let cells = kind.columns().iter().map(|column| {
                    let text =
                        row.values.get(column.name()).map_or_else(String::new, |cell| print(column.kind(), cell));
                    escape(columns, &text)
                });
                cells.collect::<Vec<_>>().join("/")
            };
            list.rows.iter().map(row).collect::<Vec<_>>().join(if columns == 1 { "、" } else { "；" })
        }
    }
}

/// `text` in a cell of a list of so many columns, so that `read_rows` gives it again.
pub fn escape(columns: usize, text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c == ESCAPE || ends_row(columns, c) || CELL_ENDS.contains(&c) {
            escaped.push(ESCAPE);
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests;
