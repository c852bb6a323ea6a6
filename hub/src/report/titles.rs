//! Chinese titles: of kinds, periods and published categories.

use wuji_proto::{Grain, Period};

/// The report's words for sources of disputes, and the ledger's.
pub const SOURCES: [(&str, &[&str]); 3] = [
    ("主动调解", &["主动调解"]),
    ("申请调解", &["当事人申请"]),
    ("接受委托移送", &["法院", "检察院", "公安", "信访", "其他部门移送"]),
];

/// The ledger's words for what was prevented, and the report's.
const PREVENTED: [(&str, &str); 4] = [
    ("转刑事", "防止民间纠纷转化为刑事案件"),
    ("群体上访", "防止群体性上访"),
    ("自杀", "防止民间纠纷引起自杀"),
    ("械斗", "防止群体性械斗"),
];

/// Shown for the empty word: the record's field was not filled in.
const NOT_FILLED_IN: &str = "（未填）";

/// A word of a code set as it is shown.
pub fn word(word: &str) -> &str {
    if word.is_empty() { NOT_FILLED_IN } else { word }
}

/// What was prevented, as it is published.
pub fn prevented(of: &str) -> &str {
    PREVENTED.iter().find(|(known, _)| *known == of).map_or_else(|| word(of), |(_, published)| published)
}

/// A report's time: `2016年8月`, `2016年1月至2016年8月`; what is no period is left as it is.
pub fn period(text: &str) -> String {
    match text.split_once("..") {
        Some((first, last)) => format!("{}至{}", period(first), period(last)),
        None => text.parse().map_or_else(|_| text.to_owned(), one_period),
    }
}

fn one_period(period: Period) -> String {
    let (first, year) = (period.first_day(), period.first_day().year());
    match period.grain() {
        Grain::Year => format!("{year}年"),
        Grain::HalfYear => format!("{year}年{}半年", if first.month() == 1 { "上" } else { "下" }),
        Grain::Quarter => {
            let number = ["一", "二", "三", "四"].get(usize::from(first.month().unsigned_abs() / 3)).unwrap_or(&"");
            format!("{year}年第{number}季度")
        }
        Grain::Month => format!("{year}年{}月", first.month()),
        Grain::Day | Grain::Week => period.to_string(),
    }
}

/// The title of a report.
pub fn report(kind: &str, scope_name: &str, time: &str) -> String {
    let is_month = time.parse::<Period>().is_ok_and(|period| period.grain() == Grain::Month);
    let what = match kind {
        "monthly" if is_month => "人民调解工作月报",
        "monthly" => "人民调解工作报表",
        "workrooms" => "司法行政工作室履职情况表",
        other => other,
    };
    format!("{scope_name}{}{what}", period(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_chinese_names() {
        for (text, name) in [
            ("2016-08", "2016年8月"),
            ("2016-Q1", "2016年第一季度"),
            ("2016-Q3", "2016年第三季度"),
            ("2016-H1", "2016年上半年"),
            ("2016-H2", "2016年下半年"),
            ("2016", "2016年"),
            ("2016-01..2016-08", "2016年1月至2016年8月"),
            ("soon", "soon"),
        ] {
            assert_eq!(period(text), name);
        }
        assert_eq!(report("monthly", "黄石市", "2016-08"), "黄石市2016年8月人民调解工作月报");
        assert_eq!(report("monthly", "黄石市", "2016-Q3"), "黄石市2016年第三季度人民调解工作报表");
    }
}
