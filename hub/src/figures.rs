//! Figures as people and programs read them: a measure's amount in its unit, an indicator's
//! ratio as its catalogue wants it shown, and changes against another period.

use serde_json::{Value, json};
use wuji_proto::v1::figure::Kind as Wire;
use wuji_proto::v1::{self, CatalogueReply, Figure};
use wuji_proto::{AMOUNT_MAX, Grain, Period};

use crate::output::{Cell, Column, Kind, Show, harmless, number};

/// How the figures of one column look.
#[derive(Clone, Debug)]
pub struct Look {
    /// The measure's or indicator's id.
    pub id: String,
    /// The title with its unit.
    pub title: String,
    kind: Kind,
    show: Show,
}

impl Look {
    /// Of an answer's column.
    pub fn new(column: &v1::Column, catalogue: &CatalogueReply) -> Self {
        let title = harmless(if column.title_zh.is_empty() { &column.id } else { &column.title_zh });
        let indicator = catalogue.indicators.iter().find(|indicator| indicator.id == column.id);
        let show = indicator.map_or(Show::Percent, |indicator| Show::of(&indicator.show));
        let (kind, title) = match (column.kind.as_str(), column.unit.as_str()) {
            ("indicator", _) | (_, "ratio") if show == Show::Money => (Kind::Ratio, format!("{title}(元)")),
            ("indicator", _) | (_, "ratio") => (Kind::Ratio, title),
            (_, "分") => (Kind::Money, title),
            (_, "") => (Kind::Number, title),
            (_, unit) => (Kind::Number, harmless(&format!("{title}({unit})"))),
        };
        Self { id: column.id.clone(), title, kind, show }
    }

    /// The column of a sheet.
    pub fn column(&self) -> Column {
        Column::new(&self.id, &self.title, self.kind)
    }

    /// A figure of it.
    pub const fn cell(&self, figure: &Figure) -> Cell {
        match &figure.kind {
            None => Cell::Empty,
            Some(Wire::Ratio(ratio)) => Cell::Ratio(ratio.numerator, ratio.denominator, self.show),
            Some(Wire::Amount(fen)) if matches!(self.kind, Kind::Money) => Cell::Fen(*fen),
            Some(Wire::Amount(amount)) => Cell::Integer(*amount as i128),
        }
    }

    /// A figure as people read it; a ratio with what it is made of.
    pub fn in_full(&self, figure: &Figure) -> String {
        let shown = self.cell(figure).shown();
        match (figure.denominator(), self.show) {
            (None, _) => shown,
            (Some(count), Show::Money) => {
                format!("{shown} ({} / {})", number::yuan_grouped(figure.numerator()), number::grouped(count.into()))
            }
            (Some(below), _) => {
                let above = number::grouped(figure.numerator().into());
                format!("{shown} ({above} / {})", number::grouped(below.into()))
            }
        }
    }

    /// The change from `then` to `now`: of amounts in percent, of shares in percentage points.
    pub fn change(&self, now: &Figure, then: &Figure) -> String {
        let (Some(below_now), Some(below_then)) = (now.denominator(), then.denominator()) else {
            return number::change(now.numerator(), then.numerator());
        };
        let (now, then) = ((now.numerator(), below_now), (then.numerator(), below_then));
        if self.show == Show::Percent { number::points(now, then) } else { number::quotient_change(now, then) }
    }

    /// The unit of a change: `%` or `pp`, percentage points.
    pub fn change_unit(&self) -> &'static str {
        if self.kind == Kind::Ratio && self.show == Show::Percent { "pp" } else { "%" }
    }

    /// Refuses a figure that is none of this column.
    pub fn check(&self, figure: &Figure) -> Result<(), String> {
        let wrong = |what| Err(format!("a figure of {} {what}", self.id));
        let within = |amount: i64| amount.unsigned_abs() <= AMOUNT_MAX.unsigned_abs();
        match (&figure.kind, self.kind) {
            (None, _) => wrong("is missing"),
            (Some(Wire::Amount(_)), Kind::Ratio) => wrong("has no denominator"),
            (Some(Wire::Ratio(_)), Kind::Text | Kind::Number | Kind::Money) => wrong("is a ratio"),
            (Some(Wire::Amount(amount)), _) if within(*amount) => Ok(()),
            (Some(Wire::Ratio(ratio)), _) if within(ratio.numerator) && within(ratio.denominator) => Ok(()),
            _ => wrong("is beyond ±2^53"),
        }
    }
}

/// The time of an answer as people write it: `2016-08` where it is just that month, otherwise
/// its first and last month or day.
pub fn span(from: &str, to: &str) -> String {
    let (Ok(first), Ok(last)) = (from.parse::<Period>(), to.parse::<Period>()) else {
        return if from == to { from.to_owned() } else { format!("{from} – {to}") };
    };
    let (first, last) = (first.first_day(), last.last_day());
    let both = |grain| (Period::of(first, grain), Period::of(last, grain));
    let whole = |grain: Grain| {
        let (begins, ends) = both(grain);
        begins.first_day() == first && ends.last_day() == last
    };
    let one = [Grain::Day, Grain::Week, Grain::Month, Grain::Quarter, Grain::HalfYear, Grain::Year];
    if let Some(grain) = one.into_iter().find(|grain| whole(*grain) && both(*grain).0 == both(*grain).1) {
        return both(grain).0.to_string();
    }
    let (begins, ends) = both(if whole(Grain::Month) { Grain::Month } else { Grain::Day });
    format!("{begins} – {ends}")
}

/// A figure, exact: an integer, or `{"numerator", "denominator"}`.
pub fn json(figure: &Figure) -> Value {
    match &figure.kind {
        None => Value::Null,
        Some(Wire::Amount(amount)) => json!(amount),
        Some(Wire::Ratio(ratio)) => json!({"numerator": ratio.numerator, "denominator": ratio.denominator}),
    }
}

/// Figures by the ids of their columns.
pub fn json_by_id(columns: &[v1::Column], figures: &[Figure]) -> Value {
    columns.iter().zip(figures).map(|(column, figure)| (column.id.clone(), json(figure))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_the_period_that_they_are() {
        for (from, to, shown) in [
            ("2016-08-01", "2016-08-31", "2016-08"),
            ("2016-08", "2016-08", "2016-08"),
            ("2016-08-15", "2016-08-15", "2016-08-15"),
            ("2016-08-15", "2016-08-21", "2016-W33"),
            ("2016-07-01", "2016-09-30", "2016-Q3"),
            ("2016-01-01", "2016-12-31", "2016"),
            ("2016-01-01", "2016-08-31", "2016-01 – 2016-08"),
            ("2016-08-15", "2016-09-30", "2016-08-15 – 2016-09-30"),
            ("then", "now", "then – now"),
        ] {
            assert_eq!(span(from, to), shown);
        }
    }
}
