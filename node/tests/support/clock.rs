//! A clock that stands still until it is set.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use wuji_node::env::Clock;

pub struct SetClock(AtomicI64);

impl Default for SetClock {
    fn default() -> Self {
        let clock = Self(AtomicI64::new(0));
        clock.set("2026-11-20");
        clock
    }
}

impl SetClock {
    /// So many milliseconds later.
    pub fn forward_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }

    /// A day later.
    pub fn forward(&self) {
        self.0.fetch_add(86_400_000, Ordering::Relaxed);
    }

    /// 9 o'clock in China on a day.
    pub fn set(&self, day: &str) {
        let day: Date = day.parse().unwrap();
        let time = day.at(9, 0, 0, 0).to_zoned(TimeZone::fixed(Offset::constant(8))).unwrap();
        self.0.store(time.timestamp().as_millisecond(), Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}
