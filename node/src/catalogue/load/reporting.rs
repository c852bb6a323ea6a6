//! Reads the rule on reporting.

use super::super::document::Section;
use super::super::reporting::{DAYS_ALLOWED_MAX, Reporting};

/// Reads the table `[reporting]`.
pub(super) fn read(head: &Section<'_>) -> Reporting {
    let Some(section) = head.get("reporting").and_then(|node| node.section()) else { return Reporting::default() };
    let need = |key| section.need(key).and_then(|node| node.flag()).unwrap_or(false);
    let rule = Reporting {
        entries: need("entries"),
        zero_reports: need("zero_reports"),
        connection: need("connection"),
        days_allowed: read_days(&section),
    };
    if !(rule.entries || rule.zero_reports || rule.connection) {
        section.wrong("nothing makes a day a reported one", "set entries, zero_reports or connection to true");
    }
    section.finish();
    rule
}

fn read_days(section: &Section<'_>) -> u16 {
    let Some(node) = section.need("days_allowed") else { return 0 };
    let days = node.integer().unwrap_or(0);
    let fits = u16::try_from(days).ok().filter(|days| *days <= DAYS_ALLOWED_MAX);
    if fits.is_none() {
        section.report.add(&node.at, format!("`days_allowed` is {days}"), format!("use 0 to {DAYS_ALLOWED_MAX}"));
    }
    fits.unwrap_or(0)
}
