//! Indicators: exact ratios of sums of measures. Numerator and denominator travel apart;
//! rounding is for the screen.

use std::fmt;

use wuji_proto::Grain;

use super::ledger::Title;

/// A ratio of sums of measures.
#[derive(Clone, Debug)]
pub struct Indicator {
    pub(super) id: String,
    pub(super) title: Title,
    pub(super) numerator: Vec<IndicatorTerm>,
    pub(super) denominator: Vec<IndicatorTerm>,
    pub(super) show: Show,
}

/// How people are shown an indicator; what travels is always the exact ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// As a share: 96.9 %.
    Percent,
    /// As a number of two decimals: cases per workroom.
    Number,
    /// 分 for each of what is counted, as 元.
    Money,
}

impl Show {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Percent, Self::Number, Self::Money];

    /// The English word, as in catalogue files and replies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Percent => "percent",
            Self::Number => "number",
            Self::Money => "money",
        }
    }
}

/// A measure, or some parts of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndicatorTerm {
    /// The measure's id.
    pub measure: String,
    /// Only the parts whose fields have one of these words. One split of the measure has all
    /// of these fields.
    pub words: Vec<(String, Vec<String>)>,
    /// `None`: a flow over the period asked for, or a stock at its end. `Some`, of a stock and
    /// always [`Grain::Month`]: the sum, over the months of the period, of the stock's value at
    /// each month's end, such as unit-months expected. Months are the finest grain in which
    /// every tier holds every unit, so the term is exact everywhere; and unlike a stock it adds
    /// up over periods: a year's is the sum of its months'. Months that have not begun do not
    /// count: see [`each_month`](crate::statistics::each_month).
    pub each: Option<Grain>,
}

impl Indicator {
    /// The name in requests, such as `mediation.success_rate`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name on screen.
    pub const fn title(&self) -> &Title {
        &self.title
    }

    /// How people are shown it.
    pub const fn show(&self) -> Show {
        self.show
    }

    /// What is divided: the sum of these.
    pub fn numerator(&self) -> &[IndicatorTerm] {
        &self.numerator
    }

    /// What it is divided by: the sum of these.
    pub fn denominator(&self) -> &[IndicatorTerm] {
        &self.denominator
    }

    /// A sum of terms as people read it: `mediation.succeeded[performance=履行]`.
    pub fn formula(terms: &[IndicatorTerm]) -> String {
        terms.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ")
    }
}

impl fmt::Display for IndicatorTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.measure)?;
        if !self.words.is_empty() {
            let parts: Vec<String> =
                self.words.iter().map(|(field, words)| format!("{field}={}", words.join("/"))).collect();
            write!(f, "[{}]", parts.join(", "))?;
        }
        self.each.map_or(Ok(()), |grain| write!(f, " each {grain}"))
    }
}
