//! The node's own time: it never runs back, whatever the clock does.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};
use wuji_proto::period;

use crate::env::Clock;

/// No clock that shows less is right: this program was made later. Milliseconds since 1970.
const BUILT_AFTER_MS: i64 = 1_793_491_200_000; // 2026-11-01

/// China time.
const CIVIL: Offset = Offset::constant(8);

/// max(clock, build date, last journal time, last parent time). Order never depends on it.
#[derive(Clone)]
pub struct NodeTime {
    clock: Arc<dyn Clock>,
    floor: Arc<AtomicI64>,
}

impl NodeTime {
    /// Over a clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, floor: Arc::new(AtomicI64::new(BUILT_AFTER_MS)) }
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms().max(self.floor.load(Ordering::Relaxed))
    }

    /// What the clock says, right or wrong: skew is told from it.
    pub fn clock_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// A time that has passed: of the journal's last entry, or the parent's.
    pub fn observe(&self, time_ms: i64) {
        self.floor.fetch_max(time_ms, Ordering::Relaxed);
    }

    /// Today's civil date (UTC+8), days since 1900-01-01.
    pub fn today(&self) -> i32 {
        period::days(civil_date(self.now_ms()))
    }
}

/// The civil date (UTC+8) of a time in milliseconds since 1970.
pub fn civil_date(time_ms: i64) -> Date {
    jiff::Timestamp::from_millisecond(time_ms)
        .map(|time| time.to_zoned(TimeZone::fixed(CIVIL)).date())
        .unwrap_or_default()
}

/// When a civil day (UTC+8) begins, milliseconds since 1970.
pub fn begin_ms(day: Date) -> i64 {
    CIVIL.to_timestamp(day.to_datetime(Time::midnight())).map_or(0, jiff::Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(i64);

    impl Clock for Fixed {
        fn now_ms(&self) -> i64 {
            self.0
        }
    }

    #[test]
    fn a_clock_that_is_years_behind_does_not_carry_the_node_back() {
        let time = NodeTime::new(Arc::new(Fixed(0)));
        assert_eq!(time.now_ms(), BUILT_AFTER_MS);
        time.observe(BUILT_AFTER_MS + 5);
        time.observe(3);
        assert_eq!((time.now_ms(), time.clock_ms()), (BUILT_AFTER_MS + 5, 0));
    }

    #[test]
    fn the_day_turns_at_midnight_in_china() {
        assert_eq!(civil_date(1_470_758_399_999).to_string(), "2016-08-09");
        assert_eq!(civil_date(1_470_758_400_000).to_string(), "2016-08-10");
        assert_eq!(begin_ms(Date::constant(2016, 8, 10)), 1_470_758_400_000);
    }
}
