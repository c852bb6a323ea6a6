//! Lengths of time as people type them: `500ms`, `10s`, `2m`.

use wuji_proto::ParseError;

/// The shortest time that a question may be given to be answered, in milliseconds.
pub const WITHIN_MIN_MS: u32 = 100;

/// The longest, in milliseconds.
pub const WITHIN_MAX_MS: u32 = 600_000;

/// For clap: a length of time in milliseconds, within [`WITHIN_MIN_MS`] and [`WITHIN_MAX_MS`].
pub fn parse(text: &str) -> Result<u32, ParseError> {
    let refuse = || {
        ParseError::new("length of time", text, "write a whole number with its unit, from 100ms to 10m: 500ms, 10s, 2m")
    };
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
    let (number, unit) = text.split_at_checked(unit_at).ok_or_else(refuse)?;
    let unit_ms = match unit.trim() {
        "ms" | "毫秒" => 1,
        "s" | "秒" => 1_000,
        "m" | "min" | "分钟" => 60_000,
        _ => return Err(refuse()),
    };
    let ms = number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit_ms)).ok_or_else(refuse)?;
    if (WITHIN_MIN_MS..=WITHIN_MAX_MS).contains(&ms) { Ok(ms) } else { Err(refuse()) }
}

/// A length of time as it is typed: `10s`.
pub fn shown(ms: u32) -> String {
    if ms < 1_000 || !ms.is_multiple_of(100) {
        return format!("{ms}ms");
    }
    let (seconds, tenths) = (ms / 1_000, ms % 1_000 / 100);
    if tenths == 0 { format!("{seconds}s") } else { format!("{seconds}.{tenths}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_with_their_unit() {
        for (text, ms) in [
            ("500ms", 500),
            ("100ms", 100),
            ("10s", 10_000),
            ("10 s", 10_000),
            ("2m", 120_000),
            ("10min", 600_000),
            ("30秒", 30_000),
        ] {
            assert_eq!(parse(text).unwrap(), ms, "{text}");
        }
    }

    #[test]
    fn lengths_of_time_without_a_unit_or_out_of_bounds_are_refused() {
        for text in ["", "10", "s", "1.5s", "-1s", "99ms", "601s", "11m", "1h", "4294967296ms", "99999999m", "１０s"]
        {
            let told = parse(text).unwrap_err().to_string();
            assert!(told.contains("500ms, 10s, 2m"), "{told}");
        }
    }

    #[test]
    fn lengths_of_time_are_shown_as_they_are_typed() {
        for (ms, text) in [(0, "0ms"), (37, "37ms"), (1_200, "1.2s"), (1_234, "1234ms"), (10_000, "10s")] {
            assert_eq!(shown(ms), text);
        }
    }
}
