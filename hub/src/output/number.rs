//! Numbers as people read them. Every function is exact except [`percent`].

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

/// A ratio as a percentage rounded half away from zero to 0.1 %; `–` where the
/// denominator is 0.
pub fn percent(numerator: i64, denominator: i64) -> String {
    if denominator == 0 {
        return "–".to_owned();
    }
    let (above, below) = (i128::from(numerator).abs() * 2_000, i128::from(denominator).abs() * 2);
    let tenths = (above + below / 2) / below;
    let sign = if tenths != 0 && (numerator < 0) != (denominator < 0) { "-" } else { "" };
    format!("{sign}{}.{} %", grouped(tenths / 10), tenths % 10)
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
    fn bytes_are_shown_in_their_largest_unit() {
        for (count, text) in [(0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (134_217_728, "128.0 MiB")] {
            assert_eq!(bytes(count), text);
        }
    }
}
