//! What is wrong with a value, told to the person who wrote it: in Chinese, with the English
//! behind for whoever helps from afar.

use std::fmt;

use wuji_proto::period;
use wuji_proto::v1;

/// The longest part of a refused value that a message repeats, in characters.
const SHOWN_CHARACTERS_MAX: usize = 40;
/// The most words of a code set that a message lists.
const WORDS_SHOWN_MAX: usize = 20;

/// What is wrong with one field, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field's name; of a list `parties[2].name`, rows from 1. Of a file's header, the column's title.
    pub field: String,
    /// Names the field by its Chinese title, the value (never a personal one), the rule, and what to do.
    pub description: String,
}

impl From<Violation> for v1::Violation {
    fn from(violation: Violation) -> Self {
        Self { field: violation.field, description: violation.description }
    }
}

impl Violation {
    /// `shown` is the refused value, where it may be repeated.
    pub(super) fn new(field: &str, title: &str, shown: Option<&str>, refusal: &Refusal) -> Self {
        let description = match shown {
            Some(value) => format!("{title}“{}”{refusal}", cut(value)),
            None => format!("{title}：{refusal}"),
        };
        Self { field: field.to_owned(), description }
    }
}

fn cut(value: &str) -> String {
    let mut shown: String =
        value.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN_CHARACTERS_MAX).collect();
    if value.chars().nth(SHOWN_CHARACTERS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// A rule that a value breaks, in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    zh: String,
    en: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.zh, self.en)
    }
}

fn refusal(zh: impl Into<String>, en: impl Into<String>) -> Refusal {
    Refusal { zh: zh.into(), en: en.into() }
}

impl Refusal {
    pub(super) fn unknown_field(near: Option<&str>) -> Self {
        match near {
            Some(near) => refusal(
                format!("不是本台账的栏目，是不是“{near}”？"),
                format!("not a field of this ledger; did you mean {near}?"),
            ),
            None => refusal("不是本台账的栏目，请删去", "not a field of this ledger; leave it out"),
        }
    }

    pub(super) fn missing() -> Self {
        refusal("必填，请填写", "required; fill it in")
    }

    pub(super) fn missing_because(reasons: &str) -> Self {
        refusal(format!("在{reasons}时必填，请填写"), format!("required when {reasons}; fill it in"))
    }

    pub(super) fn wrong_type(wanted: &str) -> Self {
        refusal(format!("类型不对，应为 {wanted}"), format!("of the wrong type; send a value of type {wanted}"))
    }

    pub(super) fn not_a_date() -> Self {
        refusal("不是日期，请写成 2026-03-05", "not a date; write it like 2026-03-05")
    }

    pub(super) fn year_out_of_range() -> Self {
        refusal("年份应在 1900 至 2200 之间，请核对", "the year must lie between 1900 and 2200; check it")
    }

    pub(super) fn not_an_integer() -> Self {
        refusal("不是整数，请只写数字，如 12", "not a whole number; write digits only, like 12")
    }

    pub(super) fn not_money() -> Self {
        refusal(
            "不是金额，请写成 35000.00 元或 3.5 万元",
            "not an amount of money; write it like 35000.00元 or 3.5万元",
        )
    }

    pub(super) fn too_fine() -> Self {
        refusal("小数过多，金额最细到分", "finer than 分 (1/100 元); round it")
    }

    pub(super) fn not_a_flag() -> Self {
        refusal("请填“是”或“否”", "write 是 or 否 (yes or no)")
    }

    pub(super) fn not_a_word(near: Option<&str>, words: &[String]) -> Self {
        if let Some(near) = near {
            return refusal(format!("不在可选项中，是不是“{near}”？"), format!("not a choice; did you mean {near}?"));
        }
        let shown = words.iter().take(WORDS_SHOWN_MAX).map(String::as_str).collect::<Vec<_>>().join("、");
        let more = if words.len() > WORDS_SHOWN_MAX { "…" } else { "" };
        refusal(format!("不在可选项中，可选：{shown}{more}"), "not a choice; take one of these words")
    }

    pub(super) fn too_long(max: usize, is: usize) -> Self {
        refusal(
            format!("太长：{is} 字，最多 {max} 字，请缩短"),
            format!("{is} characters long, at most {max}; shorten it"),
        )
    }

    pub(super) fn too_small(min: &str) -> Self {
        refusal(format!("太小，不得小于 {min}"), format!("too small; at least {min}"))
    }

    pub(super) fn too_large(max: &str) -> Self {
        refusal(format!("太大，不得大于 {max}"), format!("too large; at most {max}"))
    }

    pub(super) fn future(today: i32) -> Self {
        let today = period::date(today);
        refusal(format!("晚于今天（{today}），请核对"), format!("later than today, {today}; check it"))
    }

    pub(super) fn before(other: &str, day: i32) -> Self {
        let day = period::date(day);
        refusal(format!("早于{other}（{day}），请核对"), format!("before {other}, {day}; check both"))
    }

    pub(super) fn other_year(other: &str, year: i16) -> Self {
        refusal(
            format!("与{other}的年份（{year}）不同，请核对"),
            format!("not the year of {other}, {year}; check both"),
        )
    }

    pub(super) fn unprintable() -> Self {
        refusal("含有无法显示的字符，请重新输入", "holds characters that cannot be shown; type it again")
    }

    pub(super) fn not_an_identity_number() -> Self {
        refusal(
            "不是有效的身份证号（18 位，末位校验），请核对",
            "not a valid identity number (18 characters, the last is a check); check it",
        )
    }

    pub(super) fn not_a_village_code() -> Self {
        refusal("不是 12 位区划代码，请核对", "not a division code of 12 digits; check it")
    }

    pub(super) fn too_many_rows(max: usize, is: usize) -> Self {
        refusal(format!("有 {is} 行，最多 {max} 行"), format!("{is} rows, at most {max}"))
    }

    pub(super) fn too_many_parts(columns: &str) -> Self {
        refusal(
            format!("的分项过多，每行应为 {columns}，各行以“；”分开"),
            format!("has too many parts; write each row as {columns}, rows apart with ；"),
        )
    }

    pub(super) fn too_many_values(max: usize) -> Self {
        refusal(format!("栏目过多，最多 {max} 个"), format!("too many fields, at most {max}"))
    }

    pub(super) fn record_too_large(max: usize, is: usize) -> Self {
        refusal(
            format!("内容过多：{is} 字节，最多 {max} 字节，请缩短文字"),
            format!("{is} bytes in all, at most {max}; shorten the texts"),
        )
    }

    pub(super) fn column_twice(field: &str) -> Self {
        refusal(format!("与另一列同为“{field}”，请删去一列"), format!("a second column for {field}; remove one"))
    }

    pub(super) fn column_missing() -> Self {
        refusal("缺少这一列，请补上", "the file has no such column; add it")
    }

    pub(super) fn column_near(near: &str) -> Self {
        refusal(
            format!("不是本台账的栏目，是不是“{near}”？请改列名或删去该列"),
            format!("not a field of this ledger; did you mean {near}? Rename or remove the column"),
        )
    }

    pub(super) fn unknown_money_unit() -> Self {
        refusal("的单位不认识，请用 元、千元、万元 或 亿元", "names an unknown unit; use 元, 千元, 万元 or 亿元")
    }

    pub(super) fn too_many_columns(max: usize, is: usize) -> Self {
        refusal(format!("有 {is} 列，最多 {max} 列"), format!("{is} columns, at most {max}"))
    }
}
