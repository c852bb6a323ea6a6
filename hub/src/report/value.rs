//! What stands in a cell of a printed report: exact until it is shown.

use wuji_proto::v1::{Column, Figure};

use crate::output::{Cell, number};

/// Shown where a denominator is 0.
const NO_VALUE: &str = "–";

/// Parts of a whole in a percent with one decimal.
const TENTHS_OF_PERCENT: i128 = 1_000;

/// An exact fraction; a denominator of 0 has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fraction {
    /// Above the line.
    pub numerator: i128,
    /// Below it.
    pub denominator: i128,
}

impl Fraction {
    /// Of two sums.
    pub fn new(numerator: impl Into<i128>, denominator: impl Into<i128>) -> Self {
        Self { numerator: numerator.into(), denominator: denominator.into() }
    }

    /// Tenths of a percent, rounded half away from zero; `None`: it has no value.
    fn tenths(self) -> Option<i128> {
        let scaled = self.numerator.unsigned_abs().checked_mul(TENTHS_OF_PERCENT.unsigned_abs() * 2)?;
        let below = self.denominator.unsigned_abs();
        let tenths = (scaled.checked_add(below)?).checked_div(below.checked_mul(2)?)?;
        let tenths = i128::try_from(tenths).ok()?;
        Some(if (self.numerator < 0) == (self.denominator < 0) { tenths } else { -tenths })
    }

    /// The nearest number that a workbook can hold; `None`: it has no value.
    #[expect(clippy::cast_precision_loss, reason = "a workbook holds numbers of 53 bits; the exact ones are in CSV")]
    pub fn number(self) -> Option<f64> {
        (self.denominator != 0).then(|| self.numerator as f64 / self.denominator as f64)
    }

    fn shown(self, signed: bool, unit: &str) -> String {
        let Some(tenths) = self.tenths() else { return NO_VALUE.to_owned() };
        let sign = match tenths.signum() {
            -1 => "-",
            1 if signed => "+",
            _ => "",
        };
        let tenths = tenths.abs();
        format!("{sign}{}.{}{unit}", number::grouped(tenths / 10), tenths % 10)
    }
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Empty,
    /// Text.
    Text(String),
    /// A whole number.
    Count(i64),
    /// Money in 分, shown in 元.
    Fen(i64),
    /// A part of a whole, in percent.
    Share(Fraction),
    /// How much more or less than before, in percent.
    Growth(Fraction),
    /// The difference of two shares, in percentage points 百分点.
    Points(Fraction),
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A count of units.
    pub fn count(count: u64) -> Self {
        Self::Count(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// A column's figure.
    pub fn of(column: &Column, figure: &Figure) -> Self {
        match figure.denominator() {
            Some(denominator) => Self::Share(Fraction::new(figure.numerator(), denominator)),
            None if column.unit == "分" => Self::Fen(figure.numerator()),
            None => Self::Count(figure.numerator()),
        }
    }

    /// How much a figure has changed: amounts by their growth, shares by the difference.
    pub fn change(now: &Figure, then: &Figure) -> Self {
        let (a, c) = (i128::from(now.numerator()), i128::from(then.numerator()));
        match (now.denominator().map(i128::from), then.denominator().map(i128::from)) {
            (None, None) => Self::Growth(Fraction { numerator: a - c, denominator: c }),
            (b, d) => {
                let (b, d) = (b.unwrap_or(0), d.unwrap_or(0));
                // Products of two figures of 53 bits each fit; of others there is no value.
                let numerator = a.checked_mul(d).zip(c.checked_mul(b)).and_then(|(ad, cb)| ad.checked_sub(cb));
                let fraction = numerator.zip(b.checked_mul(d));
                let (numerator, denominator) = fraction.unwrap_or_default();
                Self::Points(Fraction { numerator, denominator })
            }
        }
    }

    /// As people read it.
    pub fn shown(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => Cell::text(text).shown(),
            Self::Count(count) => number::grouped((*count).into()),
            Self::Fen(fen) => number::yuan_grouped(*fen),
            Self::Share(fraction) => fraction.shown(false, " %"),
            Self::Growth(fraction) => fraction.shown(true, " %"),
            Self::Points(fraction) => fraction.shown(true, " 个百分点"),
        }
    }
}

/// What a measure counts, as it is shown: money is held in 分 and shown in 元.
pub fn unit(column: &Column) -> &str {
    match column.unit.as_str() {
        "分" => "元",
        "ratio" => "%",
        unit => unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_round_half_away_from_zero_only_where_they_are_shown() {
        for (numerator, denominator, share, growth) in [
            (842, 869, "96.9 %", "+96.9 %"),
            (1, 2_000, "0.1 %", "+0.1 %"),
            (-1, 2_000, "-0.1 %", "-0.1 %"),
            (1, -2_000, "-0.1 %", "-0.1 %"),
            (-1, 3_000, "0.0 %", "0.0 %"),
            (0, 7, "0.0 %", "0.0 %"),
            (25, 1, "2,500.0 %", "+2,500.0 %"),
            (0, 0, "–", "–"),
            (5, 0, "–", "–"),
        ] {
            let fraction = Fraction::new(numerator, denominator);
            let shown = (Value::Share(fraction).shown(), Value::Growth(fraction).shown());
            assert_eq!(shown, (share.to_owned(), growth.to_owned()), "{numerator}/{denominator}");
        }
        assert_eq!(Value::Share(Fraction::new(i128::MAX, 3)).shown(), "–", "what cannot be computed is not invented");
    }

    #[test]
    fn amounts_change_by_growth_and_shares_by_points() {
        let (amount, ratio) = (Figure::amount, Figure::ratio);
        for (now, then, text) in [
            (amount(110), amount(100), "+10.0 %"),
            (amount(90), amount(100), "-10.0 %"),
            (amount(5), amount(0), "–"),
            (ratio(842, 869), ratio(90, 100), "+6.9 个百分点"),
            (ratio(1, 2), ratio(2, 4), "0.0 个百分点"),
            (ratio(1, 2), ratio(0, 0), "–"),
            (ratio(i64::MAX, i64::MAX), ratio(i64::MAX, i64::MAX), "0.0 个百分点"),
            (ratio(i64::MAX, 1), ratio(1, i64::MAX), "–"),
        ] {
            assert_eq!(Value::change(&now, &then).shown(), text, "{now:?} {then:?}");
        }
    }
}
