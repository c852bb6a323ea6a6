//! Figures: a measure's amount, or an indicator's two exact sums.

use crate::v1::figure::Kind;
use crate::v1::{Figure, Ratio};

impl Figure {
    /// A measure's amount.
    pub const fn amount(amount: i64) -> Self {
        Self { kind: Some(Kind::Amount(amount)) }
    }

    /// An indicator's sums; a denominator of 0 has no value.
    pub const fn ratio(numerator: i64, denominator: i64) -> Self {
        Self { kind: Some(Kind::Ratio(Ratio { numerator, denominator })) }
    }

    /// The amount, or the numerator.
    pub fn numerator(&self) -> i64 {
        match &self.kind {
            Some(Kind::Amount(amount)) => *amount,
            Some(Kind::Ratio(ratio)) => ratio.numerator,
            None => 0,
        }
    }

    /// The denominator; `None` of an amount.
    pub fn denominator(&self) -> Option<i64> {
        match &self.kind {
            Some(Kind::Ratio(ratio)) => Some(ratio.denominator),
            _ => None,
        }
    }

    /// Whether all its sums are 0.
    pub fn is_zero(&self) -> bool {
        self.numerator() == 0 && self.denominator().unwrap_or(0) == 0
    }

    /// The sum: amounts are added, ratios by numerators and denominators. Saturates.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.combine(other, i64::saturating_add)
    }

    /// The difference, in the same way.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.combine(other, i64::saturating_sub)
    }

    fn combine(&self, other: &Self, by: impl Fn(i64, i64) -> i64) -> Self {
        let numerator = by(self.numerator(), other.numerator());
        match (self.denominator(), other.denominator()) {
            (None, None) => Self::amount(numerator),
            (a, b) => Self::ratio(numerator, by(a.unwrap_or(0), b.unwrap_or(0))),
        }
    }
}
