//! The times of a question: its periods, and those that they are compared with.

use jiff::ToSpan;
use wuji_proto::{Grain, Period, period};

/// Days from a first to a last one, inclusive, in days since 1900-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first day.
    pub first: i32,
    /// The last day.
    pub last: i32,
}

/// What figures are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The same time a year before 同比.
    YearAgo,
    /// The time of the same length right before 环比.
    Previous,
}

impl Against {
    /// The word of requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::YearAgo => "year-ago",
            Self::Previous => "previous",
        }
    }

    /// Reads the word of a request.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::YearAgo, Self::Previous].into_iter().find(|against| against.name() == name)
    }
}

impl Span {
    /// The days of a period.
    pub fn of(period: Period) -> Self {
        Self { first: period::days(period.first_day()), last: period::days(period.last_day()) }
    }

    /// Whether it is made of whole months.
    pub fn is_of_months(self) -> bool {
        period::date(self.first).day() == 1 && period::date(self.last.saturating_add(1)).day() == 1
    }

    /// As periods of a grain; `None` if it is not made of whole ones.
    pub fn divided(self, grain: Grain) -> Option<Vec<Self>> {
        let first = Period::of(period::date(self.first), grain);
        let last = Period::of(period::date(self.last), grain);
        if Self::of(first).first != self.first || Self::of(last).last != self.last {
            return None;
        }
        let next = |period: &Period| (*period < last).then(|| period.next());
        Some(std::iter::successors(Some(first), next).map(Self::of).collect())
    }

    /// What this time is compared with. A time of whole months with whole months; otherwise
    /// with as many days before, or with the same dates a year before.
    #[must_use]
    pub fn compared(self, against: Against, grain: Option<Grain>) -> Self {
        if let Some(grain) = grain {
            let period = Period::of(period::date(self.first), grain);
            return Self::of(match against {
                Against::YearAgo => period.year_before(),
                Against::Previous => period.previous(),
            });
        }
        let months = self.is_of_months().then(|| self.months());
        match (against, months) {
            (Against::YearAgo, Some(_)) => self.months_before(12),
            (Against::Previous, Some(months)) => self.months_before(months),
            (Against::YearAgo, None) => {
                let before = |day| period::days(period::date(day).saturating_sub(1.year()));
                Self { first: before(self.first), last: before(self.last) }
            }
            (Against::Previous, None) => {
                let days = self.last - self.first + 1;
                Self { first: self.first - days, last: self.last - days }
            }
        }
    }

    /// How it is called: a period's name where it is one, else its first and last day.
    pub fn label(self) -> String {
        let first = period::date(self.first);
        let named = Grain::ALL.into_iter().map(|grain| Period::of(first, grain)).find(|it| Self::of(*it) == self);
        named.map_or_else(|| format!("{first}–{}", period::date(self.last)), |period| period.to_string())
    }

    /// Whole months in it.
    fn months(self) -> i32 {
        let number = |day| {
            let date = period::date(day);
            i32::from(date.year()) * 12 + i32::from(date.month())
        };
        number(self.last) - number(self.first) + 1
    }

    fn months_before(self, months: i32) -> Self {
        let before = |day| {
            let month = Period::of(period::date(day), Grain::Month);
            (0..months).fold(month, |month, _| month.previous())
        };
        Self { first: Self::of(before(self.first)).first, last: Self::of(before(self.last)).last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: &str, to: &str) -> Span {
        let period = |text: &str| Span::of(text.parse().unwrap());
        Span { first: period(from).first, last: period(to).last }
    }

    #[test]
    fn a_time_is_compared_with_one_of_its_own_kind() {
        use Against::{Previous, YearAgo};
        for (from, to, grain, against, wanted) in [
            ("2016-08", "2016-08", Some(Grain::Month), YearAgo, "2015-08"),
            ("2016-08", "2016-08", Some(Grain::Month), Previous, "2016-07"),
            ("2016-01", "2016-08", None, YearAgo, "2015-01-01–2015-08-31"),
            ("2016-01", "2016-03", None, Previous, "2015-Q4"),
            ("2016-02", "2016-02", None, YearAgo, "2015-02"),
            ("2015-02", "2015-02", None, Previous, "2015-01"),
            ("2016", "2016", None, Previous, "2015"),
            ("2016-02-29", "2016-02-29", None, YearAgo, "2015-02-28"),
            ("2016-03-01", "2016-03-10", None, Previous, "2016-02-20–2016-02-29"),
            ("2015-W53", "2015-W53", Some(Grain::Week), YearAgo, "2014-W52"),
            ("2016-W01", "2016-W01", Some(Grain::Week), Previous, "2015-W53"),
        ] {
            assert_eq!(span(from, to).compared(against, grain).label(), wanted, "{from} {to} {against:?}");
        }
    }

    #[test]
    fn a_time_is_divided_into_whole_periods_only() {
        assert_eq!(span("2016-01", "2016-12").divided(Grain::Quarter).unwrap().len(), 4);
        assert_eq!(span("2016-02-29", "2016-03-06").divided(Grain::Week).unwrap().len(), 1);
        assert!(span("2016-02", "2016-04").divided(Grain::Quarter).is_none());
        assert!(span("2016-01", "2016-01").divided(Grain::Week).is_none());
    }
}
