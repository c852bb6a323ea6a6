//! `wuji child`: which children a node expects. Nobody else is let in, and `expected` in
//! every coverage is folded from this registry.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde::Serialize;
use wuji_proto::v1::{AdoptChildRequest, ListChildrenRequest, PlannedChild, RegisterChildRequest};
use wuji_proto::{DivisionCode, period};

use crate::args::Global;
use crate::client::request;
use crate::clock;
use crate::exit::Exit;
use crate::output::json::serialize_date;
use crate::output::{Cell, Column, Sheet};
use crate::values;

/// The commands below `wuji child`.
#[derive(Debug, Subcommand)]
pub enum ChildCommand {
    /// Plan a child of this node; the same again changes nothing
    Register(RegisterArgs),
    /// Decide about a child that is held because it came back with another journal
    Adopt(AdoptArgs),
    /// List the planned children of this node
    #[command(after_help = "EXAMPLES\n  wuji child list -c 371122\n  wuji child list -c 371122 --output csv")]
    List,
}

/// What `wuji child register` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  wuji child register 371122102 --name 招贤镇 -c 371122
  wuji child register 371122102205 --name 大罗庄 --expected-from 2017-01-01 -c 371122102")]
pub struct RegisterArgs {
    /// The child's division code: 2, 4, 6, 9 or 12 digits
    pub code: DivisionCode,
    /// The child's name
    #[arg(long)]
    pub name: String,
    /// The day from which it is expected to report [default: today]
    #[arg(long, value_name = "DATE", value_parser = values::parse_day)]
    pub expected_from: Option<Date>,
}

/// What `wuji child adopt` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
A workroom whose machine was replaced comes back empty: --keep-history lets what it had sent
count on beside what it will send. A unit that was restored, or that has children, sends what it
has: --replace puts that in the place of what is held. What is held is journalled in any case.

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

/// Runs a command below `wuji child`.
pub async fn run(command: ChildCommand, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        ChildCommand::Register(args) => register(args, global).await,
        ChildCommand::Adopt(args) => adopt(&args, global).await,
        ChildCommand::List => list(global).await,
    }
}

#[derive(Serialize)]
struct Adopted {
    code: DivisionCode,
    incarnation: String,
    kept_history: bool,
    journalled_cells: u64,
}

async fn adopt(args: &AdoptArgs, global: &Global) -> anyhow::Result<ExitCode> {
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
    };
    global.output().document(&adopted, adopted_sheet, |it, _| {
        let history = if it.kept_history { "its history counts on" } else { "what it has replaces what is held" };
        format!(
            "adopted {}: {history}; {} cells are in the journal; it connects again within a minute\n",
            it.code, it.journalled_cells
        )
    })?;
    Ok(Exit::Done.into())
}

fn adopted_sheet(done: &Adopted) -> Sheet {
    Sheet {
        columns: ["code", "incarnation", "kept_history", "journalled_cells"].map(Column::text).into(),
        rows: vec![vec![
            Cell::text(done.code.as_str()),
            Cell::text(&done.incarnation),
            Cell::text(if done.kept_history { "true" } else { "false" }),
            Cell::Text(done.journalled_cells.to_string()),
        ]],
        totals: None,
    }
}

#[derive(Serialize)]
struct Registered {
    code: DivisionCode,
    name: String,
    #[serde(serialize_with = "serialize_date")]
    expected_from: Date,
    #[serde(rename = "already_registered")]
    repeated: bool,
}

async fn register(args: RegisterArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let expected_from = args.expected_from.unwrap_or_else(clock::today);
    let message = RegisterChildRequest {
        code: args.code.to_string(),
        name: args.name.clone(),
        expected_from: period::days(expected_from),
    };
    let operation = format!("register the child {}", args.code);
    let node = client.node();
    let reply = client.call(&operation, || {
        let (mut node, message) = (node.clone(), message.clone());
        async move { node.register_child(request(message)).await }
    });
    let registered = Registered { code: args.code, name: args.name, expected_from, repeated: reply.await?.repeated };
    global.output().document(&registered, registered_sheet, |done, _| {
        let verb = if done.repeated { "was registered already" } else { "is registered" };
        let parent = client.address().code;
        format!("{} {} {verb} under {parent}, expected from {}\n", done.code, done.name, done.expected_from)
    })?;
    Ok(Exit::Done.into())
}

fn registered_sheet(done: &Registered) -> Sheet {
    Sheet {
        columns: ["code", "name", "expected_from", "already_registered"].map(Column::text).into(),
        rows: vec![vec![
            Cell::text(done.code.as_str()),
            Cell::text(&done.name),
            Cell::Date(done.expected_from),
            Cell::text(if done.repeated { "true" } else { "false" }),
        ]],
        totals: None,
    }
}

#[derive(Serialize)]
struct Planned {
    children: Vec<Child>,
}

#[derive(Serialize)]
struct Child {
    code: String,
    name: String,
    #[serde(serialize_with = "serialize_date")]
    expected_from: Date,
    /// Null until it first connected.
    incarnation: Option<String>,
}

impl From<PlannedChild> for Child {
    fn from(child: PlannedChild) -> Self {
        Self {
            code: child.code,
            name: child.name,
            expected_from: period::date(child.expected_from),
            incarnation: Some(child.incarnation).filter(|text| !text.is_empty()),
        }
    }
}

async fn list(global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let reply = client.node().list_children(request(ListChildrenRequest {})).await;
    let children = reply.map_err(|status| client.error("list the children", status))?.into_inner().children;
    let planned = Planned { children: children.into_iter().map(Child::from).collect() };
    global.output().sheet(&planned, planned_sheet).context("cannot print the children")?;
    if planned.children.is_empty() {
        eprintln!("no child is planned: `wuji child register CODE --name NAME -c {}`", client.address().code);
    }
    Ok(Exit::Done.into())
}

fn planned_sheet(planned: &Planned) -> Sheet {
    let row = |child: &Child| {
        vec![
            Cell::text(&child.code),
            Cell::text(&child.name),
            Cell::Date(child.expected_from),
            Cell::text(child.incarnation.as_deref().unwrap_or_default()),
        ]
    };
    Sheet {
        columns: ["code", "name", "expected_from", "incarnation"].map(Column::text).into(),
        rows: planned.children.iter().map(row).collect(),
        totals: None,
    }
}
