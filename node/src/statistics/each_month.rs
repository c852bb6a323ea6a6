//! The value of a stock in each month of a time, added up: unit-months rather than units.

use wuji_proto::{Grain, Period, period};

use super::series;
use super::spans::Span;

/// The sum, over the months that a time touches, of a stock's value at each month's end.
/// `series` has the stock's changes by day, or by a month's first day.
///
/// A month that the time cuts short counts with the value on the time's last day. A month that
/// begins after `today` does not count: nobody is late in it yet. One that has begun counts
/// whole, so that a tier that holds days and one that holds months say the same. Days are days
/// since 1900-01-01. Over whole months the sum of a longer time is that of its parts.
pub fn figure(series: &[(i32, i64)], span: Span, today: i32) -> i64 {
    let mut month = Period::of(period::date(span.first), Grain::Month);
    let mut sum = 0_i64;
    while period::days(month.first_day()) <= span.last.min(today) {
        let end = period::days(month.last_day()).min(span.last);
        sum = sum.saturating_add(series::figure(series, true, Span { first: end, last: end }));
        month = month.next();
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> i32 {
        period::days(text.parse().unwrap())
    }

    fn span(text: &str) -> Span {
        Span::of(text.parse().unwrap())
    }

    #[test]
    fn a_unit_counts_in_each_month_at_whose_end_it_is_expected() {
        let changes = [("2026-01-15", 2), ("2026-03-31", 1), ("2026-05-01", -1)].map(|(on, change)| (day(on), change));
        let far = day("2030-01-01");
        for (asked, months) in [("2025-12", 0), ("2026-01", 2), ("2026-03", 3), ("2026-Q1", 7), ("2026-H1", 14)] {
            assert_eq!(figure(&changes, span(asked), far), months, "{asked}");
        }
        assert_eq!(figure(&changes, span("2026"), day("2026-04-10")), 10, "May has not begun");
        assert_eq!(figure(&changes, span("2026-03"), day("2026-03-01")), 3, "March has begun, and counts whole");
        assert_eq!(figure(&changes, span("2026-05"), day("2026-04-30")), 0);
        assert_eq!(
            figure(&changes, Span { first: day("2026-01-20"), last: day("2026-02-03") }, far),
            4,
            "the value on the last day"
        );
    }

    proptest! {
        #[test]
        fn a_year_is_the_sum_of_its_months_however_finely_the_changes_are_held(
            changes in prop::collection::btree_map(45_000..46_500_i32, -3..9_i64, 0..12),
            today in 45_500..46_500_i32,
        ) {
            let mut by_month = BTreeMap::new();
            for (on, change) in &changes {
                let first = period::days(Period::of(period::date(*on), Grain::Month).first_day());
                *by_month.entry(first).or_insert(0) += change;
            }
            let (changes, by_month) = (changes.into_iter().collect::<Vec<_>>(), by_month.into_iter().collect::<Vec<_>>());
            let year = figure(&changes, span("2025"), today);
            let months: i64 = (1..=12).map(|month| figure(&changes, span(&format!("2025-{month:02}")), today)).sum();
            prop_assert_eq!(year, months);
            prop_assert_eq!(figure(&by_month, span("2025"), today), year);
        }
    }
}
