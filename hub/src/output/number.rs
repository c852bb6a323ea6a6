//! Numbers as people read them. Money and counts are exact; ratios are rounded here and nowhere
//! else, half away from zero.

/// 分 in a 元.
const FEN_PER_YUAN: u64 = 100;

/// `28738000` as `28,738,000`.
pub fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// 分 as 元 with two decimals: `2873800000` as `28738000.00`.
pub fn yuan(fen: i64) -> String {
    let (sign, yuan, rest) = split(fen);
    format!("{sign}{yuan}.{rest:02}")
}

/// 分 as 元 with two decimals and separators: `2873800000` as `28,738,000.00`.
pub fn yuan_grouped(fen: i64) -> String {
    let (sign, yuan, rest) = split(fen);
    format!("{sign}{}.{rest:02}", grouped(yuan.into()))
}

/// Shown for what has no value: something divided by nothing.
pub const NO_VALUE: &str = "–";

/// A ratio as a percentage rounded half away from zero to 0.1 %; `–` where the
/// denominator is 0.
pub fn percent(numerator: i64, denominator: i64) -> String {
    shown(scaled(numerator.into(), denominator.into(), 1_000), |tenths| format!("{} %", decimals(tenths, 1)))
}

/// A ratio as a number with two decimals; `–` where the denominator is 0.
pub fn quotient(numerator: i64, denominator: i64) -> String {
    shown(scaled(numerator.into(), denominator.into(), 100), |hundredths| decimals(hundredths, 2))
}

/// 分 for each of `count`, in 元 rounded to a 分; `–` where there is none.
pub fn mean_yuan(fen: i64, count: i64) -> String {
    shown(scaled(fen.into(), count.into(), 1), |fen| decimals(fen, 2))
}

/// The change from `then` to `now` in percent of `then`: `+12.3 %`; `–` where `then` is 0.
pub fn change(now: i64, then: i64) -> String {
    let (now, then) = (i128::from(now), i128::from(then));
    shown(scaled(now - then, then.abs(), 1_000), |tenths| format!("{} %", signed(tenths)))
}

/// The change between two ratios in percentage points: `+1.2 pp`; `–` where one has no value.
pub fn points(now: (i64, i64), then: (i64, i64)) -> String {
    shown(difference(now, then, then.1.into(), 1_000), |tenths| format!("{} pp", signed(tenths)))
}

/// The change between two ratios in percent of the former one; `–` where one has no value or
/// the former is 0.
pub fn quotient_change(now: (i64, i64), then: (i64, i64)) -> String {
    let below = i128::from(then.0).abs() * i128::from(then.1.signum());
    shown(difference(now, then, below, 1_000), |tenths| format!("{} %", signed(tenths)))
}

/// `scale` × (a/b − c/d) ÷ (`below`/d), rounded: with `below` = d the plain difference.
fn difference((a, b): (i64, i64), (c, d): (i64, i64), below: i128, scale: i128) -> Option<i128> {
    let (a, b, c, d) = (i128::from(a), i128::from(b), i128::from(c), i128::from(d));
    let above = a.checked_mul(d)?.checked_sub(c.checked_mul(b)?)?;
    scaled(above, b.checked_mul(below)?, scale)
}

/// `scale` × above ÷ below, rounded half away from zero; `None` where `below` is 0, and for
/// numbers far beyond those of the contract.
fn scaled(above: i128, below: i128, scale: i128) -> Option<i128> {
    let above = above.checked_mul(scale)?;
    let (whole, rest) = (above.checked_div(below)?, above.checked_rem(below)?.unsigned_abs());
    let away = if (above < 0) == (below < 0) { 1 } else { -1 };
    Some(if rest >= below.unsigned_abs() - rest { whole + away } else { whole })
}

fn shown(value: Option<i128>, show: impl Fn(i128) -> String) -> String {
    value.map_or_else(|| NO_VALUE.to_owned(), show)
}

/// A whole number of tenths or hundredths as a decimal.
fn decimals(value: i128, places: usize) -> String {
    let scale = if places == 1 { 10 } else { 100 };
    let (whole, rest) = (value.unsigned_abs() / scale, value.unsigned_abs() % scale);
    let whole = grouped(i128::try_from(whole).unwrap_or(i128::MAX));
    format!("{}{whole}.{rest:0places$}", if value < 0 { "-" } else { "" })
}

fn signed(tenths: i128) -> String {
    format!("{}{}", if tenths > 0 { "+" } else { "" }, decimals(tenths, 1))
}

/// Bytes in the largest binary unit: `134217728` as `128.0 MiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut tenths, mut unit) = (u128::from(bytes) * 10, "B");
    for larger in UNITS {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1_024, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

const fn split(fen: i64) -> (&'static str, u64, u64) {
    let sign = if fen < 0 { "-" } else { "" };
    (sign, fen.unsigned_abs() / FEN_PER_YUAN, fen.unsigned_abs() % FEN_PER_YUAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_grouped_by_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (-28_738_000, "-28,738,000"),
            (i128::from(u64::MAX), "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn money_is_exact_to_the_fen() {
        for (fen, plain, shown) in [
            (2_873_800_000, "28738000.00", "28,738,000.00"),
            (5, "0.05", "0.05"),
            (-105, "-1.05", "-1.05"),
            (i64::MIN, "-92233720368547758.08", "-92,233,720,368,547,758.08"),
        ] {
            assert_eq!((yuan(fen).as_str(), yuan_grouped(fen).as_str()), (plain, shown));
        }
    }

    #[test]
    fn ratios_round_half_away_from_zero_and_nothing_divided_by_nothing_has_no_value() {
        for (numerator, denominator, text) in [
            (842, 869, "96.9 %"),
            (1, 3, "33.3 %"),
            (1, 2_000, "0.1 %"),
            (-1, 2_000, "-0.1 %"),
            (-1, 3_000, "0.0 %"),
            (0, 5, "0.0 %"),
            (5, 0, "–"),
            (0, 0, "–"),
            (25, 1, "2,500.0 %"),
            (i64::MAX, i64::MAX, "100.0 %"),
        ] {
            assert_eq!(percent(numerator, denominator), text, "{numerator}/{denominator}");
        }
    }

    #[test]
    fn numbers_and_means_have_two_decimals_and_no_value_without_a_denominator() {
        for (numerator, denominator, number, mean) in [
            (869, 6, "144.83", "1.45"),
            (1, 3, "0.33", "0.00"),
            (1, 200, "0.01", "0.00"),
            (-1, 200, "-0.01", "0.00"),
            (350_050, 2, "175,025.00", "1,750.25"),
            (1, 2, "0.50", "0.01"),
            (7, 0, "–", "–"),
        ] {
            assert_eq!(
                (quotient(numerator, denominator).as_str(), mean_yuan(numerator, denominator).as_str()),
                (number, mean),
                "{numerator}/{denominator}"
            );
        }
    }

    #[test]
    fn changes_are_told_of_the_former_amount_and_there_is_none_from_nothing() {
        for (now, then, text) in [
            (1_123, 1_000, "+12.3 %"),
            (869, 869, "0.0 %"),
            (0, 5, "-100.0 %"),
            (20_005, 20_000, "0.0 %"),
            (20_010, 20_000, "+0.1 %"),
            (19_990, 20_000, "-0.1 %"),
            (1, -2, "+150.0 %"),
            (5, 0, "–"),
            (0, 0, "–"),
            (i64::MAX, i64::MIN, "+200.0 %"),
        ] {
            assert_eq!(change(now, then), text, "{then} to {now}");
        }
    }

    #[test]
    fn shares_change_by_points_and_other_ratios_by_percent() {
        for (now, then, point, percent) in [
            ((842, 869), (800, 850), "+2.8 pp", "+2.9 %"),
            ((1, 3), (1, 2), "-16.7 pp", "-33.3 %"),
            ((1, 2), (2, 4), "0.0 pp", "0.0 %"),
            ((1, 2_000), (0, 7), "+0.1 pp", "–"),
            ((1, 0), (1, 2), "–", "–"),
            ((1, 2), (0, 0), "–", "–"),
            ((1, 2), (1, 0), "–", "–"),
            ((3, 1), (-2, 1), "+500.0 pp", "+250.0 %"),
            ((i64::MAX, i64::MIN), (i64::MIN, i64::MAX), "0.0 pp", "0.0 %"),
            ((i64::MAX, 1), (i64::MIN, i64::MAX), "–", "–"),
        ] {
            assert_eq!(
                (points(now, then).as_str(), quotient_change(now, then).as_str()),
                (point, percent),
                "{then:?} to {now:?}"
            );
        }
    }

    #[test]
    fn bytes_are_shown_in_their_largest_unit() {
        for (count, text) in [(0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (134_217_728, "128.0 MiB")] {
            assert_eq!(bytes(count), text);
        }
    }
}
