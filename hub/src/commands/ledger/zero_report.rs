//! `wuji ledger zero-report`.

use std::process::ExitCode;

use clap::Args;
use jiff::civil::Date;
use serde::Serialize;
use wuji_proto::period;
use wuji_proto::v1::ZeroReportRequest;

use crate::args::Global;
use crate::client::request;
use crate::clock;
use crate::exit::{Exit, UsageError};
use crate::output::json::serialize_date;
use crate::output::{Cell, Column, Sheet};
use crate::values;

/// Days of one zero report at most.
const DAYS_MAX: i32 = 366;

/// What `wuji ledger zero-report` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
A zero report 零报告 is a report: without one, a day without entries may count as not reported.
Days that have entries, or have been reported, are left as they are.

EXAMPLES
  wuji ledger zero-report -c 371122102205                          nothing to enter today
  wuji ledger zero-report --on 2016-08-15
  wuji ledger zero-report --from 2016-08-01 --to 2016-08-31")]
pub struct ZeroReportArgs {
    /// The day [default: today]
    #[arg(long, value_name = "DATE", value_parser = values::parse_day, conflicts_with_all = ["from", "to"])]
    pub on: Option<Date>,
    /// The first day
    #[arg(long, value_name = "DATE", value_parser = values::parse_day, requires = "to")]
    pub from: Option<Date>,
    /// The last day, inclusive
    #[arg(long, value_name = "DATE", value_parser = values::parse_day, requires = "from")]
    pub to: Option<Date>,
}

#[derive(Serialize)]
struct Document {
    #[serde(serialize_with = "serialize_date")]
    from: Date,
    #[serde(serialize_with = "serialize_date")]
    to: Date,
    /// Days that are reported now and were not before.
    days: u32,
    /// Null: nothing was written.
    sequence: Option<u64>,
}

/// Reports that there was nothing to enter.
pub async fn run(args: ZeroReportArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let from = args.on.or(args.from).unwrap_or_else(clock::today);
    let to = args.to.unwrap_or(from);
    let days = period::days(to) - period::days(from) + 1;
    if days < 1 {
        return Err(UsageError(format!("--to {to} lies before --from {from}: swap them")).into());
    }
    if days > DAYS_MAX {
        return Err(UsageError(format!("{days} days are too many for one report: at most {DAYS_MAX}")).into());
    }
    let client = global.connect().await?;
    let message = ZeroReportRequest { from: period::days(from), to: period::days(to) };
    let ledger = client.ledger();
    let reply = client.call("report that there was nothing to enter", || {
        let mut ledger = ledger.clone();
        async move { ledger.zero_report(request(message)).await }
    });
    let reply = reply.await?;
    let sequence = Some(reply.sequence).filter(|sequence| *sequence > 0);
    let document = Document { from, to, days: reply.days, sequence };
    global.output().document(&document, sheet, |it, _| said(it))?;
    Ok(Exit::Done.into())
}

fn said(it: &Document) -> String {
    let time = if it.from == it.to { format!("on {}", it.from) } else { format!("from {} to {}", it.from, it.to) };
    match it.days {
        0 => format!("nothing was new {time}: every day had entries or had been reported\n"),
        1 => format!("1 day is now reported {time}\n"),
        days => format!("{days} days are now reported {time}\n"),
    }
}

fn sheet(it: &Document) -> Sheet {
    Sheet {
        columns: ["from", "to", "days", "sequence"].map(Column::text).into(),
        rows: vec![vec![
            Cell::Date(it.from),
            Cell::Date(it.to),
            Cell::Text(it.days.to_string()),
            Cell::text(&it.sequence.map(|sequence| sequence.to_string()).unwrap_or_default()),
        ]],
        totals: None,
    }
}
