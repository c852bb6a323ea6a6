//! The time that a report is about: whole months.

use std::str::FromStr;

use wuji_proto::{Period, period};

use super::ReportError;

/// Between the first and the last period of a report over several.
const BETWEEN: &str = "..";

/// From the first day of one period to the last of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// As it was written.
    pub text: String,
    /// The first period.
    pub first: Period,
    /// The last; often the first.
    pub last: Period,
}

impl Span {
    /// The first and the last day, in days since 1900-01-01.
    pub fn days(&self) -> (i32, i32) {
        (period::days(self.first.first_day()), period::days(self.last.last_day()))
    }
}

impl FromStr for Span {
    type Err = ReportError;

    fn from_str(text: &str) -> Result<Self, ReportError> {
        let read = |part: &str| {
            let read = part.parse::<Period>().map_err(|error| ReportError::Question(format!("period: {error}")))?;
            if read.grain().is_of_months() {
                return Ok(read);
            }
            Err(ReportError::Question(format!(
                "a report is of whole months, which {part} is not: write 2016-08, 2016-Q3, 2016-H2, 2016 or 2016-01..2016-08"
            )))
        };
        let (first, last) = text.split_once(BETWEEN).unwrap_or((text, text));
        let span = Self { text: text.to_owned(), first: read(first)?, last: read(last)? };
        let (from, to) = span.days();
        if from > to {
            return Err(ReportError::Question(format!("the time {text} is empty: swap its ends")));
        }
        Ok(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_whole_months() {
        let days = |text: &str| {
            let (from, to) = text.parse::<Span>().unwrap().days();
            format!("{} {}", period::date(from), period::date(to))
        };
        for (text, wanted) in [
            ("2016-08", "2016-08-01 2016-08-31"),
            ("2016-Q3", "2016-07-01 2016-09-30"),
            ("2016", "2016-01-01 2016-12-31"),
            ("2016-01..2016-08", "2016-01-01 2016-08-31"),
        ] {
            assert_eq!(days(text), wanted);
        }
        for (text, wanted) in [
            ("2016-08-15", "whole months"),
            ("2016-W33", "whole months"),
            ("2016-08..2016-01", "swap"),
            ("", "period"),
            ("august", "period"),
        ] {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
