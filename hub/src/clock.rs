//! The time as people read it: China time, UTC+8, without daylight saving.

use jiff::civil::Date;
use jiff::tz::{self, TimeZone};
use jiff::{SpanRound, Timestamp, ToSpan, Unit};

/// Hours that China is ahead of UTC.
const CHINA_OFFSET_HOURS: i8 = 8;

/// Milliseconds since 1970-01-01 UTC, now.
#[expect(clippy::disallowed_methods, reason = "the one place of the command line that reads the clock")]
pub fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Today in China.
pub fn today() -> Date {
    china(now_ms()).map_or(Date::constant(1970, 1, 1), |now| now.date())
}

/// A time as `2016-08-15T09:30:00+08:00`, to the second or, where it has them, milliseconds;
/// `None` for 0, which the contract uses for "never", and for times no calendar has.
pub fn rfc3339(ms: i64) -> Option<String> {
    let now = china(ms)?;
    Some(now.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string())
}

/// A time for people: `2016-08-15 09:30:00`; `–` for never.
pub fn shown(ms: i64) -> String {
    china(ms).map_or_else(|| "–".to_owned(), |now| now.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// A length of time for people, in its two largest units: `3h 12m`.
pub fn elapsed(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    let (largest, smallest) = match seconds {
        0..3_600 => (Unit::Minute, Unit::Second),
        3_600..86_400 => (Unit::Hour, Unit::Minute),
        _ => (Unit::Day, Unit::Hour),
    };
    let round = SpanRound::new().largest(largest).smallest(smallest).mode(jiff::RoundMode::Trunc).days_are_24_hours();
    seconds.seconds().round(round).map_or_else(|_| format!("{seconds}s"), |span| format!("{span:#}"))
}

fn china(ms: i64) -> Option<jiff::Zoned> {
    let zone = TimeZone::fixed(tz::offset(CHINA_OFFSET_HOURS));
    (ms != 0).then(|| Timestamp::from_millisecond(ms).ok()).flatten().map(|time| time.to_zoned(zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_china_time() {
        assert_eq!(rfc3339(1_471_224_600_000).as_deref(), Some("2016-08-15T09:30:00+08:00"));
        assert_eq!(rfc3339(1_471_224_600_250).as_deref(), Some("2016-08-15T09:30:00.25+08:00"));
        assert_eq!(shown(1_471_224_600_000), "2016-08-15 09:30:00");
        assert_eq!((rfc3339(0), shown(0)), (None, "–".to_owned()));
    }

    #[test]
    fn lengths_of_time_show_their_two_largest_units() {
        for (ms, text) in [
            (900, "0s"),
            (59_000, "59s"),
            (61_000, "1m 1s"),
            (3_600_000 * 3 + 61_000, "3h 1m"),
            (86_400_000 * 2 + 3_600_000, "2d 1h"),
        ] {
            assert_eq!(elapsed(ms), text, "{ms}");
        }
    }
}
