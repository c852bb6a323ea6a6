//! `wuji report monthly` and `wuji report workrooms`.

use clap::Args;
use wuji_proto::v1::MakeReportRequest;
use wuji_proto::{DivisionCode, Grain, ParseError, Period};

use super::{TargetArgs, checked};
use crate::args::Global;
use crate::client::request_within;
use crate::clock;
use crate::commands::stats::question::Consistency;
use crate::exit::UsageError;
use crate::within;

/// What `wuji report monthly` and `wuji report workrooms` take.
#[derive(Debug, Args)]
pub struct MakeArgs {
    /// The unit whose subtree is meant [default: the node's own]
    #[arg(long, value_name = "CODE")]
    pub scope: Option<DivisionCode>,
    /// A month, quarter, half-year or year, or two of them: 2016-01..2016-08 [default: last month]
    #[arg(long, value_name = "PERIOD", value_parser = parse_period)]
    pub period: Option<String>,
    /// Issue it: the node keeps it for ever, and later answers tell what has changed since
    #[arg(long)]
    pub issue: bool,
    /// Whose figures: those that this node holds, or confirmed ones [default: local]
    #[arg(long, value_enum)]
    pub consistency: Option<Consistency>,
    /// How long nodes below may take to confirm: 500ms, 10s, 2m [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = within::parse)]
    pub within: Option<u32>,
    /// In which forms, and where to.
    #[command(flatten)]
    pub target: TargetArgs,
}

fn parse_period(text: &str) -> Result<String, ParseError> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    for part in [first, last] {
        if !part.parse::<Period>()?.grain().is_of_months() {
            let advice = "a report is of whole months: write 2016-08, 2016-Q3, 2016 or 2016-01..2016-08";
            return Err(ParseError::new("report's period", text, advice));
        }
    }
    Ok(text.to_owned())
}

/// Makes, issues if asked to, and writes it.
pub async fn run(kind: &str, args: &MakeArgs, global: &Global) -> anyhow::Result<()> {
    args.target.check(global)?;
    let client = global.connect().await?;
    let confirmed = args.consistency == Some(Consistency::Confirmed);
    if args.within.is_some() && !confirmed {
        return Err(
            UsageError("--within is how long confirming may take: add --consistency confirmed".to_owned()).into()
        );
    }
    let within_ms = args.within.unwrap_or(0);
    let message = MakeReportRequest {
        kind: kind.to_owned(),
        scope: args.scope.map(|code| code.to_string()).unwrap_or_default(),
        period: args.period.clone().unwrap_or_else(last_month),
        issue: args.issue,
        confirmed,
        within_ms,
    };
    // Not sent again by itself: issued twice, it would be two reports.
    let made = client.reports().make(request_within(message, within_ms)).await;
    let operation = if args.issue { "issue the report" } else { "make the report" };
    let report = checked(&client, operation, made.map_err(|status| client.error(operation, status))?.into_inner())?;
    if !report.id.is_empty() {
        eprintln!("issued as {}: `wuji report show {}` shows it again", report.id, report.id);
    }
    args.target.write(global, &report, None)
}

fn last_month() -> String {
    Period::of(clock::today(), Grain::Month).previous().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_whole_months() {
        for text in ["2016-08", "2016-Q3", "2016", "2016-01..2016-08"] {
            assert_eq!(parse_period(text).unwrap(), text);
        }
        for text in ["2016-08-15", "2016-W33", "august", "2016-08..", ""] {
            assert!(parse_period(text).is_err(), "{text}");
        }
    }
}
