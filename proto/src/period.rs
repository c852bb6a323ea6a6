use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::{Span, ToSpan};
use serde::{Deserialize, Serialize};

use crate::ParseError;

/// The first and the last year that a civil date of this system may have.
pub const YEARS: std::ops::RangeInclusive<i16> = 1900..=2200;

/// The last day that a civil date of this system may be.
pub const LAST_DAY: Date = Date::constant(2200, 12, 31);

/// [`LAST_DAY`] in days since 1900-01-01: keys are read by the million, and the calendar takes its time.
const LAST_DAY_NUMBER: i32 = 109_937;

/// Bytes of a period inside a stored key.
pub const PERIOD_KEY_BYTES: usize = 4;

/// Days in a week.
const DAYS_PER_WEEK: i32 = 7;

/// Day 0 of stored dates; a Monday, so weeks are whole sevens of days.
const EPOCH: Date = Date::constant(1900, 1, 1);

/// The length of a period, from the finest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grain {
    /// 日
    Day,
    /// 月
    Month,
    /// 季度
    Quarter,
    /// 半年
    HalfYear,
    /// 年
    Year,
    /// 周, from Monday: beside the others, since no month is made of whole weeks.
    Week,
}

impl Grain {
    /// All grains: from the finest, and the week.
    pub const ALL: [Self; 6] = [Self::Day, Self::Month, Self::Quarter, Self::HalfYear, Self::Year, Self::Week];

    /// The English word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::HalfYear => "half-year",
            Self::Year => "year",
            Self::Week => "week",
        }
    }

    /// Whether a period of this grain is made of whole months.
    pub const fn is_of_months(self) -> bool {
        self.months().is_some()
    }

    /// Days in a period of this grain at least.
    pub const fn days_min(self) -> i32 {
        match self {
            Self::Day => 1,
            Self::Week => DAYS_PER_WEEK,
            Self::Month => 28,
            Self::Quarter => 90,
            Self::HalfYear => 181,
            Self::Year => 365,
        }
    }

    /// Days in a period of this grain that is not made of months.
    const fn days(self) -> i32 {
        if matches!(self, Self::Week) { DAYS_PER_WEEK } else { 1 }
    }

    /// Months in a period of this grain; `None` for a day and a week.
    const fn months(self) -> Option<i32> {
        match self {
            Self::Day | Self::Week => None,
            Self::Month => Some(1),
            Self::Quarter => Some(3),
            Self::HalfYear => Some(6),
            Self::Year => Some(12),
        }
    }

    const fn tag(self) -> u32 {
        match self {
            Self::Day => 1,
            Self::Month => 2,
            Self::Quarter => 3,
            Self::HalfYear => 4,
            Self::Year => 5,
            Self::Week => 6,
        }
    }
}

impl fmt::Display for Grain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Grain {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|grain| grain.name() == text)
            .ok_or_else(|| ParseError::new("grain", text, "use day, week, month, quarter, half-year or year"))
    }
}

/// A civil day (UTC+8), week, month, quarter, half-year or year.
///
/// Written `2016-08-15`, `2016-W33` (ISO 8601), `2016-08`, `2016-Q3`, `2016-H2`, `2016`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    grain: Grain,
    /// Days or weeks since 1900-01-01, or periods of the grain since the year 0.
    number: i32,
}

impl Period {
    /// The period of `grain` that holds `date`.
    pub fn of(date: Date, grain: Grain) -> Self {
        let number = match grain.months() {
            None => days(date).div_euclid(grain.days()),
            Some(months) => (i32::from(date.year()) * 12 + i32::from(date.month()) - 1) / months,
        };
        Self { grain, number }
    }

    /// The day itself.
    pub fn day(date: Date) -> Self {
        Self::of(date, Grain::Day)
    }

    /// The grain.
    pub const fn grain(self) -> Grain {
        self.grain
    }

    /// The first day.
    pub fn first_day(self) -> Date {
        self.grain
            .months()
            .map_or_else(|| date(self.number * self.grain.days()), |months| month_start(self.number * months))
    }

    /// The last day.
    pub fn last_day(self) -> Date {
        self.grain.months().map_or_else(
            || date((self.number + 1) * self.grain.days() - 1),
            |months| {
                let next = month_start((self.number + 1) * months);
                next.checked_sub(1.day()).unwrap_or(next)
            },
        )
    }

    /// The period of a coarser or equal `grain` that this one lies in.
    #[must_use]
    pub fn within(self, grain: Grain) -> Self {
        Self::of(self.first_day(), grain)
    }

    /// The period right after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { grain: self.grain, number: self.number + 1 }
    }

    /// The period right before (环比 compares with it).
    #[must_use]
    pub const fn previous(self) -> Self {
        Self { grain: self.grain, number: self.number - 1 }
    }

    /// The period of the same grain a year before (同比 compares with it): of a day the same
    /// date, or the last of February; of a week the one of the same number, or the year's last.
    #[must_use]
    pub fn year_before(self) -> Self {
        match self.grain.months() {
            Some(months) => Self { grain: self.grain, number: self.number - 12 / months },
            None if self.grain == Grain::Week => {
                let week = self.first_day().iso_week_date();
                let year = week.year() - 1;
                let there = ISOWeekDate::new(year, week.week(), Weekday::Monday)
                    .or_else(|_| ISOWeekDate::new(year, week.week() - 1, Weekday::Monday));
                there.map_or(self, |there| Self::of(there.date(), Grain::Week))
            }
            None => Self::day(self.first_day().saturating_sub(1.year())),
        }
    }

    /// Four bytes whose order is: days, months, … years, weeks; each by time.
    pub fn to_key(self) -> [u8; PERIOD_KEY_BYTES] {
        (self.grain.tag() << 28 | (self.number.unsigned_abs() & 0x0fff_ffff)).to_be_bytes()
    }

    /// The inverse of [`to_key`](Self::to_key); `None` for bytes that no period has.
    pub fn from_key(key: [u8; PERIOD_KEY_BYTES]) -> Option<Self> {
        let packed = u32::from_be_bytes(key);
        let grain = Grain::ALL.into_iter().find(|grain| grain.tag() == packed >> 28)?;
        let number = i32::try_from(packed & 0x0fff_ffff).ok()?;
        let per_year = match grain.months() {
            None => {
                let last = LAST_DAY_NUMBER.div_euclid(grain.days());
                return (number <= last).then_some(Self { grain, number });
            }
            Some(months) => 12 / months,
        };
        let year = i16::try_from(number / per_year).ok()?;
        YEARS.contains(&year).then_some(Self { grain, number })
    }
}

/// Days from 1900-01-01 to `date`; the stored form of a civil date.
pub fn days(date: Date) -> i32 {
    EPOCH.until(date).map_or(0, |span| span.get_days())
}

/// The civil date `days` after 1900-01-01; the inverse of [`days`]. Numbers that no calendar
/// has, which a hostile peer may send, give 1900-01-01.
pub fn date(days: i32) -> Date {
    Span::new().try_days(days).and_then(|span| EPOCH.checked_add(span)).unwrap_or(EPOCH)
}

/// Checks that a date lies in [`YEARS`].
pub fn check_date(date: Date) -> Result<Date, ParseError> {
    if YEARS.contains(&date.year()) {
        return Ok(date);
    }
    Err(ParseError::new("date", &date.to_string(), "the year must lie between 1900 and 2200"))
}

fn month_start(months: i32) -> Date {
    let year = i16::try_from(months.div_euclid(12)).unwrap_or(0);
    let month = i8::try_from(months.rem_euclid(12) + 1).unwrap_or(1);
    Date::new(year, month, 1).unwrap_or(EPOCH)
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.first_day();
        let (year, month) = (first.year(), first.month());
        f.pad(&match self.grain {
            Grain::Day => first.to_string(),
            Grain::Month => format!("{year:04}-{month:02}"),
            Grain::Quarter => format!("{year:04}-Q{}", (month - 1) / 3 + 1),
            Grain::HalfYear => format!("{year:04}-H{}", (month - 1) / 6 + 1),
            Grain::Year => format!("{year:04}"),
            Grain::Week => {
                let week = first.iso_week_date();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
        })
    }
}

impl FromStr for Period {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = || {
            ParseError::new(
                "period",
                text,
                "write 2016-08-15, 2016-W33, 2016-08, 2016-Q3, 2016-H2 or 2016 (years 1900 to 2200)",
            )
        };
        let (year, rest) = text.split_once('-').map_or((text, None), |(year, rest)| (year, Some(rest)));
        let year = if year.len() == 4 { year.parse::<i16>().map_err(|_| refuse())? } else { return Err(refuse()) };
        if let Some(week) = rest.and_then(|rest| rest.strip_prefix('W')) {
            return iso_week(year, week).ok_or_else(refuse);
        }
        let (grain, month, day) = match rest {
            None => (Grain::Year, 1, 1),
            Some(rest) => month_and_day(rest).ok_or_else(refuse)?,
        };
        let date = Date::new(year, month, day).map_err(|_| refuse())?;
        Ok(Self::of(check_date(date).map_err(|_| refuse())?, grain))
    }
}

fn number(text: &str) -> Option<i8> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn iso_week(year: i16, week: &str) -> Option<Period> {
    let monday = ISOWeekDate::new(year, number(week)?, Weekday::Monday).ok()?.date();
    // A week counts to the year that has most of it; its Monday may lie in the year before.
    YEARS.contains(&year).then(|| Period::of(monday, Grain::Week)).filter(|week| week.first_day() >= EPOCH)
}

fn month_and_day(rest: &str) -> Option<(Grain, i8, i8)> {
    if let Some(quarter) = rest.strip_prefix('Q') {
        return number(quarter).filter(|q| (1..=4).contains(q)).map(|q| (Grain::Quarter, q * 3 - 2, 1));
    }
    if let Some(half) = rest.strip_prefix('H') {
        return number(half).filter(|h| (1..=2).contains(h)).map(|h| (Grain::HalfYear, h * 6 - 5, 1));
    }
    match rest.split_once('-') {
        None => number(rest).map(|month| (Grain::Month, month, 1)),
        Some((month, day)) => Some((Grain::Day, number(month)?, number(day)?)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_period() -> impl Strategy<Value = Period> {
        (0..days(Date::constant(2200, 12, 31)), 0..Grain::ALL.len())
            .prop_map(|(day, grain)| Period::of(date(day), Grain::ALL[grain]))
    }

    proptest! {
        #[test]
        fn periods_survive_text_and_key(period in any_period()) {
            prop_assert_eq!(period.to_string().parse::<Period>().unwrap(), period);
            prop_assert_eq!(Period::from_key(period.to_key()), Some(period));
        }

        #[test]
        fn keys_order_as_periods_do(a in any_period(), b in any_period()) {
            prop_assert_eq!(a.to_key().cmp(&b.to_key()), a.cmp(&b));
        }

        #[test]
        fn a_period_holds_its_days_and_touches_the_next(period in any_period()) {
            prop_assert_eq!(Period::of(period.first_day(), period.grain()), period);
            prop_assert_eq!(Period::of(period.last_day(), period.grain()), period);
            prop_assert_eq!(period.last_day().tomorrow().unwrap(), period.next().first_day());
            prop_assert_eq!(period.next().previous(), period);
        }

        #[test]
        fn no_text_key_or_number_makes_it_panic(text in ".{0,12}", key: [u8; 4], number: i32) {
            let _ = date(number);
            let _ = text.parse::<Period>();
            if let Some(period) = Period::from_key(key) {
                prop_assert_eq!(period.to_key(), key);
            }
        }
    }

    #[test]
    fn the_last_day_has_its_number() {
        assert_eq!(days(LAST_DAY), LAST_DAY_NUMBER);
    }

    #[test]
    fn every_form_reads_as_its_grain() {
        for (text, grain, first, last) in [
            ("2016-02-29", Grain::Day, "2016-02-29", "2016-02-29"),
            ("2016-02", Grain::Month, "2016-02-01", "2016-02-29"),
            ("2016-Q3", Grain::Quarter, "2016-07-01", "2016-09-30"),
            ("2016-H2", Grain::HalfYear, "2016-07-01", "2016-12-31"),
            ("2016", Grain::Year, "2016-01-01", "2016-12-31"),
            ("2016-W33", Grain::Week, "2016-08-15", "2016-08-21"),
            ("2015-W53", Grain::Week, "2015-12-28", "2016-01-03"),
        ] {
            let period: Period = text.parse().unwrap();
            assert_eq!(
                (period.grain(), period.first_day().to_string(), period.last_day().to_string()),
                (grain, first.into(), last.into())
            );
        }
    }

    #[test]
    fn a_year_before_is_the_same_place_in_the_calendar() {
        for (text, before) in [
            ("2016-02-29", "2015-02-28"),
            ("2016-08-15", "2015-08-15"),
            ("2016-W33", "2015-W33"),
            ("2015-W53", "2014-W52"),
            ("2016-08", "2015-08"),
            ("2016-Q1", "2015-Q1"),
            ("2016-H2", "2015-H2"),
            ("2016", "2015"),
        ] {
            assert_eq!(text.parse::<Period>().unwrap().year_before().to_string(), before, "{text}");
        }
    }

    #[test]
    fn impossible_periods_are_refused() {
        for text in [
            "",
            "16",
            "2016-13",
            "2015-02-29",
            "2016-Q5",
            "2016-H0",
            "2016-Q",
            "1899",
            "2201",
            "2016-+1",
            "20160815",
            "2016-W53",
            "2016-W0",
            "2016-W",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }
}
