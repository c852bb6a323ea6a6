//! Times of questions: periods as people write them, and the table of them in SQL, with what
//! they are compared with.

use super::random::Random;

/// A period as people write it: its grain, year, and number in the year (a day: of the month).
#[derive(Clone, Copy, Debug)]
pub struct Span {
    grain: &'static str,
    year: i64,
    number: i64,
    day: i64,
}

/// Grains, and those that a time may be written in to be made of whole ones.
const GRAINS: [(&str, &[&str]); 6] = [
    ("day", &["day", "day", "day", "week", "month"]),
    ("week", &["week"]),
    ("month", &["month", "month", "quarter", "half-year", "year"]),
    ("quarter", &["quarter", "quarter", "half-year", "year"]),
    ("half-year", &["half-year", "half-year", "year"]),
    ("year", &["year"]),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    None,
    YearAgo,
    Previous,
}

impl Shift {
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::YearAgo => "year-ago",
            Self::Previous => "previous",
        }
    }
}

/// From one period to another, in periods of a grain; an empty grain: the whole time.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    pub from: Span,
    pub to: Span,
    pub grain: &'static str,
}

impl Time {
    /// Any time, made of whole periods.
    pub fn random(random: &mut Random) -> Self {
        let grain = *random.pick(&["", "day", "week", "month", "month", "quarter", "half-year", "year"]);
        let written = match GRAINS.iter().find(|(name, _)| *name == grain) {
            Some((_, written)) => *random.pick(written),
            None => random.pick(&GRAINS).0,
        };
        let from = Span::random(random, written);
        let to = match (grain, written) {
            // Not too many days.
            ("day", "day") => Span { day: from.day.max(random.between(1, 28)), ..from },
            ("day", _) => from,
            _ if random.percent(60) => from.later(random),
            _ => from,
        };
        Self { from, to, grain }
    }

    /// Fills the table of periods, shifted so.
    pub fn periods_sql(self, shift: Shift) -> String {
        let (from, to) = (self.from.first_sql(), end(self.to.grain, &self.to.first_sql()));
        let name = shift.name();
        if self.grain.is_empty() {
            let (first, last) = whole(&from, &to, shift);
            let label = if shift == Shift::None { "''" } else { WHOLE };
            return format!(
                "WITH p (first, last) AS (SELECT {first}, {last}) INSERT INTO period SELECT 0, '{name}', {label}, first, last FROM p"
            );
        }
        let first = shifted(self.grain, shift);
        format!(
            "WITH RECURSIVE p (n, first) AS (SELECT 0, {from}
                UNION ALL SELECT n + 1, {} FROM p WHERE {} <= {to}),
             s (n, first) AS (SELECT n, {first} FROM p)
             INSERT INTO period SELECT n, '{name}', {}, first, {} FROM s",
            after(self.grain, "first"),
            after(self.grain, "first"),
            label(self.grain),
            end(self.grain, "first"),
        )
    }
}

/// The first day of the period of a grain that a day's comparison is with.
fn shifted(grain: &str, shift: Shift) -> String {
    match (shift, grain) {
        (Shift::None, _) => "first".to_owned(),
        // The same number in the year before, or its last week (28 December is always in it).
        (Shift::YearAgo, "week") => {
            let last = "strftime('%V', (strftime('%G', first) - 1) || '-12-28')";
            let week = format!("min(strftime('%V', first), {last})");
            monday("(strftime('%G', first) - 1)", &week)
        }
        (Shift::YearAgo, _) => "date(first, '-1 year', 'floor')".to_owned(),
        (Shift::Previous, _) => after(grain, "first").replace('+', "-"),
    }
}

/// The days that a whole time is compared with. Whole months with whole months: those of the
/// year before, or as many right before; otherwise the same dates a year before, or as many
/// days right before.
fn whole(first: &str, last: &str, shift: Shift) -> (String, String) {
    let next = format!("date({last}, '+1 day')");
    let of_months = format!("({first} = date({first}, 'start of month') AND {next} = date({next}, 'start of month'))");
    let a_year_before = |day: &str| format!("date({day}, '-1 year', 'floor')");
    match shift {
        Shift::None => (first.to_owned(), last.to_owned()),
        Shift::YearAgo => {
            let months = format!("date({next}, '-1 year', '-1 day')");
            (a_year_before(first), format!("iif({of_months}, {months}, {})", a_year_before(last)))
        }
        Shift::Previous => {
            let month = |day: &str| format!("(strftime('%Y', {day}) * 12 + strftime('%m', {day}))");
            let months = format!("({} - {} + 1)", month(last), month(first));
            let days = format!("(julianday({last}) - julianday({first}) + 1)");
            let before = format!(
                "iif({of_months}, date({first}, '-' || {months} || ' months'), date({first}, '-' || {days} || ' days'))"
            );
            (before, format!("date({first}, '-1 day')"))
        }
    }
}

/// The name of a time that is one period, else its first and last day.
const WHOLE: &str = "CASE
    WHEN first = last THEN first
    WHEN last = date(first, '+6 days') AND strftime('%u', first) = '1' THEN strftime('%G-W%V', first)
    WHEN first <> date(first, 'start of month') THEN first || '–' || last
    WHEN last = date(first, '+1 month', '-1 day') THEN strftime('%Y-%m', first)
    WHEN last = date(first, '+3 months', '-1 day') AND strftime('%m', first) % 3 = 1
        THEN strftime('%Y-Q', first) || ((strftime('%m', first) + 2) / 3)
    WHEN last = date(first, '+6 months', '-1 day') AND strftime('%m', first) % 6 = 1
        THEN strftime('%Y-H', first) || ((strftime('%m', first) + 5) / 6)
    WHEN last = date(first, '+1 year', '-1 day') AND strftime('%m', first) = '01' THEN strftime('%Y', first)
    ELSE first || '–' || last END";

fn label(grain: &str) -> &'static str {
    match grain {
        "week" => "strftime('%G-W%V', first)",
        "month" => "strftime('%Y-%m', first)",
        "quarter" => "strftime('%Y-Q', first) || ((strftime('%m', first) + 2) / 3)",
        "half-year" => "strftime('%Y-H', first) || ((strftime('%m', first) + 5) / 6)",
        "year" => "strftime('%Y', first)",
        _ => "first",
    }
}

/// The first day of the period after the one that begins with a day.
fn after(grain: &str, first: &str) -> String {
    let step = match grain {
        "day" => "+1 day",
        "week" => "+7 days",
        "month" => "+1 month",
        "quarter" => "+3 months",
        "half-year" => "+6 months",
        _ => "+1 year",
    };
    format!("date({first}, '{step}')")
}

/// Its last day.
fn end(grain: &str, first: &str) -> String {
    format!("date({}, '-1 day')", after(grain, first))
}

/// The Monday of an ISO week: the first week has 4 January.
fn monday(year: &str, week: &str) -> String {
    format!("date({year} || '-01-04', '-6 days', 'weekday 1', '+' || (({week} - 1) * 7) || ' days')")
}

impl Span {
    /// Whole months, of a year in which much happens.
    pub fn of_months(random: &mut Random) -> Self {
        let grain = *random.pick(&["month", "quarter", "half-year", "year", "year"]);
        Self { year: random.between(2015, 2017), ..Self::random(random, grain) }
    }

    pub const fn day(year: i64, month: i64, day: i64) -> Self {
        Self { grain: "day", year, number: month, day }
    }

    pub const fn year(year: i64) -> Self {
        Self { grain: "year", year, number: 1, day: 1 }
    }

    /// Any period of a grain in 2014 to 2019.
    fn random(random: &mut Random, grain: &'static str) -> Self {
        let most = match grain {
            "week" => 52,
            "day" | "month" => 12,
            "quarter" => 4,
            "half-year" => 2,
            _ => 1,
        };
        let mut span = Self {
            grain,
            year: random.between(2014, 2019),
            number: random.between(1, most),
            day: random.between(1, 28),
        };
        if grain == "day" && random.percent(30) {
            (span.year, span.number, span.day) =
                *random.pick(&[(2016, 2, 29), (2016, 12, 31), (2017, 1, 1), (2016, 3, 1)]);
        }
        if grain == "week" && random.percent(20) {
            (span.year, span.number) = *random.pick(&[(2015, 53), (2016, 1), (2016, 52), (2017, 1)]);
        }
        span
    }

    /// A later period of the same year, or of the next.
    fn later(self, random: &mut Random) -> Self {
        let mut later = Self::random(random, self.grain);
        later.year = self.year;
        if (later.number, later.day) < (self.number, self.day) || random.percent(10) {
            later.year += 1;
        }
        // Not every year has a 29 February and a 53rd week.
        later.day = later.day.min(if later.number == 2 && later.year % 4 != 0 { 28 } else { 31 });
        if self.grain == "week" {
            later.number = later.number.min(52).max(if later.year == self.year { self.number } else { 1 });
        }
        later
    }

    pub fn text(self) -> String {
        let Self { year, number, day, .. } = self;
        match self.grain {
            "day" => format!("{year}-{number:02}-{day:02}"),
            "week" => format!("{year}-W{number:02}"),
            "month" => format!("{year}-{number:02}"),
            "quarter" => format!("{year}-Q{number}"),
            "half-year" => format!("{year}-H{number}"),
            _ => year.to_string(),
        }
    }

    fn first_sql(self) -> String {
        let Self { year, number, day, .. } = self;
        let months = |each: i64| format!("date('{year}-01-01', '+{} months')", (number - 1) * each);
        match self.grain {
            "day" => format!("'{year}-{number:02}-{day:02}'"),
            "week" => monday(&format!("'{year}'"), &number.to_string()),
            "month" => months(1),
            "quarter" => months(3),
            "half-year" => months(6),
            _ => months(12),
        }
    }
}
