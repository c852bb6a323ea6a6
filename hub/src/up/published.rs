//! The province's figures beside the published report, figure by figure.

use std::fmt;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use wuji_proto::Period;

use super::connect::Connection;
use super::recount::{Answer, Question, ask};
use crate::sample::mix::{PREVENTED, SOURCES};
use crate::sample::published::{FEN_PER_YUAN, Published};

/// A published figure and the federation's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// As published.
    name: String,
    unit: Unit,
    published: i64,
    province: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Cases,
    People,
    Fen,
}

impl Unit {
    fn write(self, amount: i64) -> String {
        match self {
            Self::Cases => format!("{} 件", grouped(amount)),
            Self::People => format!("{} 人", grouped(amount)),
            Self::Fen => {
                let fen = i64::try_from(FEN_PER_YUAN).unwrap_or(100);
                format!("{}.{:02} 元", grouped(amount / fen), (amount % fen).abs())
            }
        }
    }
}

/// 28738000 as 28,738,000.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (digit, left) in digits.chars().zip((0..digits.len()).rev()) {
        text.push(digit);
        if left > 0 && left % 3 == 0 {
            text.push(',');
        }
    }
    text
}

/// What the province answered for the report's month.
#[derive(Clone, Debug, Default)]
struct Answers {
    sources: Answer,
    types: Answer,
    succeeded: Answer,
    amount: Answer,
    prevented_cases: Answer,
    prevented_people: Answer,
}

/// Asks the province and puts its figures beside the published ones.
pub async fn compare(province: &Connection, published: &Published, month: Period) -> anyhow::Result<Vec<Figure>> {
    let month = month.to_string();
    let ask = async |measure, by| ask(province, Question { measure, by, grain: "" }, &month, &month).await;
    let answers = Answers {
        sources: ask("mediation.accepted", &["source"]).await?,
        types: ask("mediation.accepted", &["dispute_type"]).await?,
        succeeded: ask("mediation.succeeded", &[]).await?,
        amount: ask("mediation.amount", &[]).await?,
        prevented_cases: ask("mediation.prevented", &["prevented"]).await?,
        prevented_people: ask("mediation.prevented_people", &["prevented"]).await?,
    };
    Ok(figures(published, &answers))
}

fn figures(published: &Published, answers: &Answers) -> Vec<Figure> {
    let total = |answer: &Answer| answer.values().sum::<i64>();
    let word = |answer: &Answer, word: &str| answer.get(&vec![word.to_owned()]).copied().unwrap_or(0);
    let mut figures = Vec::new();
    let mut add = |name: String, unit, published: u64, province| {
        figures.push(Figure { name, unit, published: i64::try_from(published).unwrap_or(i64::MAX), province });
    };
    add("受理纠纷".into(), Unit::Cases, published.accepted, total(&answers.types));
    add("调解成功".into(), Unit::Cases, published.succeeded, total(&answers.succeeded));
    add("协议涉及金额".into(), Unit::Fen, published.amount_fen, total(&answers.amount));
    for (name, count) in &published.sources {
        let words = SOURCES.iter().find(|(known, _)| known == name).map_or(&[][..], |(_, words)| words);
        let sum = words.iter().map(|source| word(&answers.sources, source)).sum();
        let joined = words.join("＋");
        let title = if joined == *name { format!("来源：{name}") } else { format!("来源：{name}（{joined}）") };
        add(title, Unit::Cases, *count, sum);
    }
    for (name, count) in &published.types {
        add(format!("类型：{name}"), Unit::Cases, *count, word(&answers.types, name));
    }
    for prevented in &published.prevented {
        let known = PREVENTED.iter().find(|(name, _)| *name == prevented.name).map_or("", |(_, word)| word);
        let (cases, people) = (word(&answers.prevented_cases, known), word(&answers.prevented_people, known));
        add(prevented.name.clone(), Unit::Cases, prevented.cases, cases);
        add(prevented.name.clone(), Unit::People, prevented.people, people);
    }
    figures
}

/// Whether all figures agree.
pub fn agree(figures: &[Figure]) -> bool {
    figures.iter().all(|figure| figure.published == figure.province)
}

/// The figures as a table.
pub struct Comparison<'a>(pub &'a [Figure]);

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header(["指标", "公布 published", "全省 province", ""]);
        for figure in self.0 {
            let (published, province) = (figure.unit.write(figure.published), figure.unit.write(figure.province));
            let mark = if figure.published == figure.province { "✓" } else { "✗" };
            table.add_row([figure.name.as_str(), &published, &province, mark]);
        }
        for column in table.column_iter_mut().skip(1).take(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        write!(f, "{table}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(published: &Published) -> Answers {
        let one = |amount: u64| Answer::from([(vec![], amount.try_into().unwrap())]);
        let words = |parts: Vec<(&str, u64)>| {
            parts.into_iter().map(|(word, n)| (vec![word.to_owned()], n.try_into().unwrap())).collect::<Answer>()
        };
        Answers {
            sources: words(vec![("主动调解", 455), ("当事人申请", 378), ("法院", 30), ("公安", 6)]),
            types: words(published.types.iter().map(|(word, n)| (word.as_str(), *n)).collect()),
            succeeded: one(842),
            amount: one(2_873_800_000),
            prevented_cases: words(vec![("转刑事", 1), ("群体上访", 3)]),
            prevented_people: words(vec![("转刑事", 4), ("群体上访", 15)]),
        }
    }

    #[test]
    fn equal_figures_agree_and_are_shown_beside_the_published_ones() {
        let published = Published::huangshi().unwrap();
        let figures = figures(&published, &answers(&published));
        assert_eq!(figures.len(), 3 + 3 + 15 + 4);
        assert!(agree(&figures));
        let text = Comparison(&figures).to_string();
        assert!(text.contains("28,738,000.00 元") && text.contains("869 件") && text.contains("15 人"), "{text}");
        assert!(!text.contains('✗') && text.matches('✓').count() == figures.len());
    }

    #[test]
    fn one_figure_off_by_one_does_not_agree() {
        let published = Published::huangshi().unwrap();
        let exact = answers(&published);
        let changes: [fn(&mut Answers); 6] = [
            |a| *a.sources.values_mut().next().unwrap() += 1,
            |a| *a.types.values_mut().next().unwrap() -= 1,
            |a| *a.succeeded.values_mut().next().unwrap() += 1,
            |a| *a.amount.values_mut().next().unwrap() += 1,
            |a| a.prevented_cases.clear(),
            |a| *a.prevented_people.values_mut().next().unwrap() += 1,
        ];
        for change in changes {
            let mut wrong = exact.clone();
            change(&mut wrong);
            let figures = figures(&published, &wrong);
            assert!(!agree(&figures));
            assert!(Comparison(&figures).to_string().contains('✗'));
        }
    }

    #[test]
    fn amounts_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (28_738_000, "28,738,000"), (-1_234, "-1,234")]
        {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(Unit::Fen.write(123_405), "1,234.05 元");
    }
}
