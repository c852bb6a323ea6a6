//! When a day of a workroom is reported, and until when that is in time: the catalogue's rule
//! for what the first node above states, once for each day.

/// The most days after a day's end that a catalogue may allow.
pub const DAYS_ALLOWED_MAX: u16 = 366;

/// The word of the split field `via`: it has entries, or a zero report.
pub const VIA_REPORT: &str = "报送";
/// The word of the split field `via`: it was connected and complete after the day's end.
pub const VIA_CONNECTION: &str = "在线";
/// The word of the split field `timeliness`: within the days allowed.
pub const ON_TIME: &str = "按时";
/// The word of the split field `timeliness`: after the days allowed.
pub const LATE: &str = "迟报";

/// The table `[reporting]` of a catalogue; without one, [`Reporting::default`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reporting {
    /// A day with entries is reported.
    pub entries: bool,
    /// A day with a zero report and no entries is reported.
    pub zero_reports: bool,
    /// A day after whose end the unit was connected, with nothing left to send, is reported.
    pub connection: bool,
    /// Days after a day's end (civil days, UTC+8) within which a report of it is in time.
    pub days_allowed: u16,
}

impl Default for Reporting {
    fn default() -> Self {
        Self { entries: true, zero_reports: true, connection: true, days_allowed: 3 }
    }
}

impl Reporting {
    /// Whether a report of `day` that is received on the civil day `on` is in time; both in
    /// days since 1900-01-01.
    pub fn is_on_time(self, day: i32, on: i32) -> bool {
        on.saturating_sub(day) <= i32::from(self.days_allowed)
    }

    /// The words of a part of `received`.
    pub fn words(by_report: bool, on_time: bool) -> Vec<String> {
        let via = if by_report { VIA_REPORT } else { VIA_CONNECTION };
        let timeliness = if on_time { ON_TIME } else { LATE };
        vec![via.to_owned(), timeliness.to_owned()]
    }
}
