//! Decisions about a child: taken in again, settled, released, ended.

use std::process::ExitCode;

use clap::Args;
use jiff::civil::Date;
use serde::Serialize;
use wuji_proto::v1::{AdoptChildRequest, ReleaseChildRequest, RetireChildRequest, SettleChildRequest};
use wuji_proto::{DivisionCode, period};

use crate::args::Global;
use crate::client::request;
use crate::clock;
use crate::exit::Exit;
use crate::output::json::serialize_date;
use crate::output::{Cell, Column, Sheet};
use crate::values;

/// What `wuji child adopt` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
A workroom whose machine was replaced comes back empty: --keep-history lets what it had sent
count on beside what it will send. A unit that has children sends what it has: --replace puts that
in the place of what is held. A unit that went back in time, from a backup or an old image of its
disk, is taken in by --replace too: what is held from beyond that point counts on, unsettled, until
`wuji child settle`. What is held is journalled in any case.

EXAMPLES
  wuji child adopt 371122102205 --keep-history -c 371122102
  wuji child adopt 371122102205 --replace -c 371122102")]
pub struct AdoptArgs {
    /// The child's division code
    pub code: DivisionCode,
    /// The decision.
    #[command(flatten)]
    pub decision: Decision,
}

/// One of the two.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Decision {
    /// It came back empty: its history counts on
    #[arg(long)]
    pub keep_history: bool,
    /// What it has replaces what is held
    #[arg(long)]
    pub replace: bool,
}

/// What `wuji child settle` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
What a child lost when it went back in time counts on, so that no figure falls in silence. Once its
clerk has entered it again (`wuji child unsettled` lists it), it would count twice: --re-entered
takes it out. What nobody can enter again is taken out by --given-up. The journal keeps both.

EXAMPLES
  wuji child settle 371122102205 --re-entered -c 371122102
  wuji child settle 371122102205 --given-up -c 371122102")]
pub struct SettleArgs {
    /// The child's division code
    pub code: DivisionCode,
    /// What became of it.
    #[command(flatten)]
    pub outcome: Outcome,
}

/// One of the two.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Outcome {
    /// What was lost has been entered again
    #[arg(long)]
    pub re_entered: bool,
    /// What was lost is given up
    #[arg(long)]
    pub given_up: bool,
}

/// What `wuji child release` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
After its index was rebuilt, a node tells its parent nothing before every child has sent again. One
that will not come back soon is released by name: the figures above then lack what it has, and say
so, until it connects.

EXAMPLES
  wuji child release 371122102205 -c 371122102")]
pub struct ReleaseArgs {
    /// The child's division code
    pub code: DivisionCode,
}

/// What `wuji child retire` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
A unit that has ended is expected no more from --from on, and is let in no more. What is held of it
is written to this node's journal and counts on. It must have sent everything, or be released first;
units below it are retired before it. `wuji child register` takes it in again.

EXAMPLES
  wuji child retire 371122102205 -c 371122102
  wuji child retire 371122102205 --from 2026-12-01 -c 371122102")]
pub struct RetireArgs {
    /// The child's division code
    pub code: DivisionCode,
    /// The first day on which it is not expected [default: today]
    #[arg(long, value_name = "DATE", value_parser = values::parse_day)]
    pub from: Option<Date>,
}

#[derive(Serialize)]
struct Adopted {
    code: DivisionCode,
    incarnation: String,
    kept_history: bool,
    journalled_cells: u64,
    unsettled: u64,
    unsettled_unknown: bool,
}

/// Runs `wuji child adopt`.
pub async fn adopt(args: &AdoptArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let message = AdoptChildRequest { code: args.code.to_string(), keep_history: args.decision.keep_history };
    let operation = format!("adopt the child {}", args.code);
    let reply = client.node().adopt_child(request(message)).await;
    let reply = reply.map_err(|status| client.error(&operation, status))?.into_inner();
    let adopted = Adopted {
        code: args.code,
        incarnation: reply.incarnation,
        kept_history: args.decision.keep_history,
        journalled_cells: reply.cells,
        unsettled: reply.unsettled,
        unsettled_unknown: reply.unknown,
    };
    let parent = &client.address().code;
    global.output().document(&adopted, adopted_sheet, |it, _| {
        let history = if it.kept_history { "its history counts on" } else { "what it has replaces what is held" };
        format!(
            "adopted {}: {history}; {} cells are in the journal; it connects again within a minute\n{}",
            it.code,
            it.journalled_cells,
            lost(it, parent.as_str())
        )
    })?;
    Ok(Exit::Done.into())
}

fn adopted_sheet(done: &Adopted) -> Sheet {
    Sheet {
        columns: ["code", "incarnation", "kept_history", "journalled_cells", "unsettled", "unsettled_unknown"]
            .map(Column::text)
            .into(),
        rows: vec![vec![
            Cell::text(done.code.as_str()),
            Cell::text(&done.incarnation),
            Cell::text(yes_or_no(done.kept_history)),
            Cell::Text(done.journalled_cells.to_string()),
            Cell::Text(done.unsettled.to_string()),
            Cell::text(yes_or_no(done.unsettled_unknown)),
        ]],
        totals: None,
    }
}

fn lost(it: &Adopted, parent: &str) -> String {
    match (it.unsettled, it.unsettled_unknown) {
        (0, false) => String::new(),
        (_, true) => format!(
            "it may have lost entries, and this node cannot tell which: compare with its books, then\n\
             wuji child settle {} --given-up -c {parent}\n",
            it.code
        ),
        (count, false) => {
            format!("{count} amounts that it lost count on, unsettled: wuji child unsettled {} -c {parent}\n", it.code)
        }
    }
}

const fn yes_or_no(it: bool) -> &'static str {
    if it { "true" } else { "false" }
}

#[derive(Serialize)]
struct Settled {
    code: DivisionCode,
    outcome: &'static str,
    amounts: u64,
}

/// Runs `wuji child settle`.
pub async fn settle(args: &SettleArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let re_entered = args.outcome.re_entered;
    let message = SettleChildRequest { code: args.code.to_string(), re_entered };
    let operation = format!("settle what the child {} lost", args.code);
    let reply = client.node().settle_child(request(message)).await;
    let amounts = reply.map_err(|status| client.error(&operation, status))?.into_inner().amounts;
    let outcome = if re_entered { "re-entered" } else { "given-up" };
    let settled = Settled { code: args.code, outcome, amounts };
    let sheet = |it: &Settled| {
        let row = [Cell::text(it.code.as_str()), Cell::text(it.outcome), Cell::Text(it.amounts.to_string())];
        one_row(["code", "outcome", "amounts"], row)
    };
    global.output().document(&settled, sheet, |it, _| {
        format!("settled {}: {} amounts were {} and count no more\n", it.code, it.amounts, it.outcome)
    })?;
    Ok(Exit::Done.into())
}

#[derive(Serialize)]
struct Released {
    code: DivisionCode,
}

/// Runs `wuji child release`.
pub async fn release(args: &ReleaseArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let operation = format!("release the child {}", args.code);
    let reply = client.node().release_child(request(ReleaseChildRequest { code: args.code.to_string() })).await;
    reply.map_err(|status| client.error(&operation, status))?;
    let sheet = |it: &Released| one_row(["code"], [Cell::text(it.code.as_str())]);
    global.output().document(&Released { code: args.code }, sheet, |it, _| {
        format!("released {}: nobody waits for it; figures may lack what it has until it connects\n", it.code)
    })?;
    Ok(Exit::Done.into())
}

#[derive(Serialize)]
struct Retired {
    code: DivisionCode,
    #[serde(serialize_with = "serialize_date")]
    from: Date,
    #[serde(rename = "already_retired")]
    repeated: bool,
    journalled_cells: u64,
}

/// Runs `wuji child retire`.
pub async fn retire(args: &RetireArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let from = args.from.unwrap_or_else(clock::today);
    let message = RetireChildRequest { code: args.code.to_string(), from: period::days(from) };
    let operation = format!("retire the child {}", args.code);
    let reply = client.node().retire_child(request(message)).await;
    let reply = reply.map_err(|status| client.error(&operation, status))?.into_inner();
    let retired = Retired { code: args.code, from, repeated: reply.repeated, journalled_cells: reply.cells };
    let sheet = |it: &Retired| {
        let cells = Cell::Text(it.journalled_cells.to_string());
        let row = [Cell::text(it.code.as_str()), Cell::Date(it.from), Cell::text(yes_or_no(it.repeated)), cells];
        one_row(["code", "from", "already_retired", "journalled_cells"], row)
    };
    global.output().document(&retired, sheet, |it, _| {
        let verb = if it.repeated { "was retired already" } else { "is retired" };
        format!(
            "{} {verb}, from {} on; its figures stay, {} cells are in the journal\n",
            it.code, it.from, it.journalled_cells
        )
    })?;
    Ok(Exit::Done.into())
}

fn one_row<const N: usize>(columns: [&str; N], row: [Cell; N]) -> Sheet {
    Sheet { columns: columns.map(Column::text).into(), rows: vec![row.into()], totals: None }
}
