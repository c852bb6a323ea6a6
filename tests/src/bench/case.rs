//! What the scenarios of speed write: mediation cases of one month, always the same for the
//! same number, as long as those of the comparison with other stores; and what they come to.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::Context;
use wuji::sample::random::Random;
use wuji_proto::v1::{QueryRequest, SubmitRequest};
use wuji_proto::{RecordId, v1};

use super::query::ask::{Reader, ask, parts_of};
use super::report::Check;
use crate::client::Client;
use crate::records::text;

/// Bytes of text in a case: those of its cells in a file.
pub const TEXT_BYTES: usize = 273;

/// The ledger.
pub const LEDGER: &str = "mediation";

/// The month of all cases.
pub const MONTH: &str = "2025-03";
const DAYS: u64 = 30;

/// The columns of a file of cases, by the fields' names.
pub const COLUMNS: [&str; 12] = [
    "case_no",
    "accepted_on",
    "mediated_on",
    "dispute_type",
    "source",
    "difficulty",
    "form",
    "result",
    "people_count",
    "amount",
    "mediators",
    "summary",
];

const DISPUTES: [&str; 17] = [
    "婚姻家庭",
    "邻里",
    "房屋宅基地",
    "合同",
    "生产经营",
    "损害赔偿",
    "山林土地",
    "征地拆迁",
    "环境污染",
    "劳动争议",
    "旅游",
    "电子商务",
    "消费",
    "医疗",
    "道路交通事故",
    "物业",
    "其他",
];
const SOURCES: [&str; 7] = ["当事人申请", "主动调解", "法院", "检察院", "公安", "信访", "其他部门移送"];
const DIFFICULTIES: [&str; 4] = ["简单", "一般", "重大", "疑难"];
const FORMS: [&str; 2] = ["口头", "书面"];
/// Empty: the case is open.
const RESULTS: [&str; 3] = ["", "成功", "不成功"];

/// What the summary says as often as fits.
const SUMMARY: &str = "双方因宅基地边界起争执，经调解达成协议。";
/// Fills the bytes in which no character of [`SUMMARY`] fits.
const PADDING: &str = ".";

/// One case, by its number.
#[derive(Clone, Debug)]
pub struct Case {
    number: u64,
    day: u64,
    words: [&'static str; 5],
    people: u64,
    yuan: u64,
}

impl Case {
    /// The case with this number.
    pub fn new(number: u64) -> Self {
        let mut random = Random::new(number);
        let words = [
            random.pick(&DISPUTES),
            random.pick(&SOURCES),
            random.pick(&DIFFICULTIES),
            random.pick(&FORMS),
            random.pick(&RESULTS),
        ];
        Self { number, day: random.below(DAYS) + 1, words, people: random.below(6) + 2, yuan: random.below(10_000) }
    }

    /// Its cells in a file, in the order of [`COLUMNS`].
    pub fn cells(&self) -> Vec<String> {
        let [dispute, source, difficulty, form, result] = self.words.map(str::to_owned);
        let day = format!("{MONTH}-{:02}", self.day);
        let mediated = if result.is_empty() { String::new() } else { day.clone() };
        let case_no = format!("2025-{:07}", self.number);
        let (people, amount) = (self.people.to_string(), format!("{}元", self.yuan));
        let mediator = "王建国".to_owned();
        let mut cells =
            vec![case_no, day, mediated, dispute, source, difficulty, form, result, people, amount, mediator];
        cells.push(summary(TEXT_BYTES.saturating_sub(cells.iter().map(String::len).sum())));
        cells
    }

    /// Its values, all of them as text, by the fields' names.
    pub fn values(&self) -> BTreeMap<String, v1::Value> {
        let filled = COLUMNS.iter().zip(self.cells()).filter(|(_, cell)| !cell.is_empty());
        filled.map(|(column, cell)| ((*column).to_owned(), text(cell))).collect()
    }

    /// As it is written by itself, with a new id.
    pub fn submission(&self) -> SubmitRequest {
        SubmitRequest { ledger: LEDGER.to_owned(), id: RecordId::now().to_string(), values: self.values() }
    }
}

/// So many bytes of text.
fn summary(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes);
    for character in SUMMARY.chars().cycle() {
        if text.len() + character.len_utf8() > bytes {
            break;
        }
        text.push(character);
    }
    text + &PADDING.repeat(bytes % SUMMARY.chars().next().map_or(1, char::len_utf8))
}

/// What some cases add up to, counted here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    cases: i64,
    settled: i64,
    people: i64,
    fen: i64,
}

impl Sums {
    /// Of the cases with these numbers.
    pub fn of(numbers: Range<u64>) -> Self {
        let mut sums = Self::default();
        for case in numbers.map(Case::new) {
            sums.cases += 1;
            sums.settled += i64::from(case.words.last() == Some(&"成功"));
            sums.people += i64::try_from(case.people).unwrap_or(0);
            sums.fen += i64::try_from(case.yuan * 100).unwrap_or(0);
        }
        sums
    }

    /// Of as many such sets.
    #[must_use]
    pub const fn times(self, sets: i64) -> Self {
        let Self { cases, settled, people, fen } = self;
        Self { cases: cases * sets, settled: settled * sets, people: people * sets, fen: fen * sets }
    }

    /// Compares them with a node's answers.
    pub async fn checks(self, client: &Client) -> anyhow::Result<Vec<Check>> {
        let mut checks = Vec::new();
        for (measure, wanted) in [
            (ACCEPTED, self.cases),
            ("mediation.succeeded", self.settled),
            ("mediation.people", self.people),
            ("mediation.amount", self.fen),
        ] {
            let (found, transit) = total(client, measure).await?;
            let name = |what: &str| format!("{}: {measure}{what}", client.code);
            checks.push(Check { name: name(""), wanted, found });
            checks.push(Check { name: name(", in transit"), wanted: 0, found: transit });
        }
        Ok(checks)
    }
}

/// Counts cases.
const ACCEPTED: &str = "mediation.accepted";

/// How many cases a node counts under it.
pub async fn accepted(client: &Client) -> anyhow::Result<u64> {
    Ok(u64::try_from(total(client, ACCEPTED).await?.0)?)
}

/// A measure's total, and what of it is in transit.
async fn total(client: &Client, measure: &str) -> anyhow::Result<(i64, i64)> {
    let request = QueryRequest {
        measures: vec![measure.to_owned()],
        from: MONTH.to_owned(),
        to: MONTH.to_owned(),
        ..QueryRequest::default()
    };
    let answer = ask(&client.channel(), request, Reader::Fast).await;
    let answer = answer.with_context(|| format!("asking {} for {measure}", client.code))?;
    let first = |figures: &[v1::Figure]| figures.first().map_or(0, |figure| parts_of(figure).0);
    Ok((first(&answer.end.totals), first(&answer.end.in_transit)))
}

#[cfg(test)]
mod tests {
    use wuji_node::catalogue::Catalogue;
    use wuji_proto::period;

    use super::*;

    #[test]
    fn a_case_has_the_bytes_of_the_comparison_and_the_catalogue_takes_it() {
        let catalogue = Catalogue::embedded().unwrap();
        let today = period::days("2026-01-01".parse::<wuji_proto::Period>().unwrap().first_day());
        for number in 0..200 {
            let case = Case::new(number);
            assert_eq!(case.cells().concat().len(), TEXT_BYTES, "{case:?}");
            catalogue.ledger(LEDGER).unwrap().check(case.values(), today).unwrap();
        }
    }

    #[test]
    fn sums_are_of_each_case_once() {
        let (first, second) = (Sums::of(0..40), Sums::of(40..100));
        let both = Sums::of(0..100);
        assert_eq!((both.cases, both.people), (100, first.people + second.people));
        assert!(both.settled > 10 && both.settled < 90 && both.fen > 0);
        assert_eq!(both.times(3).people, both.people * 3);
    }
}
