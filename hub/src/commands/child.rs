//! `wuji child`: which children a node expects. Nobody else is let in, and `expected` in
//! every coverage is folded from this registry.

mod decide;
mod unsettled;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde::Serialize;
use wuji_proto::v1::{ListChildrenRequest, PlannedChild, RegisterChildRequest};
use wuji_proto::{DivisionCode, period};

use crate::args::Global;
use crate::client::request;
use crate::clock;
use crate::exit::Exit;
use crate::output::json::{serialize_date, serialize_optional_date};
use crate::output::{Cell, Column, Sheet};
use crate::values;

/// The commands below `wuji child`.
#[derive(Debug, Subcommand)]
pub enum ChildCommand {
    /// Plan a child of this node; the same again changes nothing
    Register(RegisterArgs),
    /// Decide about a child that is held because it came back with another journal
    Adopt(decide::AdoptArgs),
    /// List what children lost when they went back in time, and what still counts on
    Unsettled(unsettled::UnsettledArgs),
    /// Take a child's unsettled amounts out of the totals
    Settle(decide::SettleArgs),
    /// Give up waiting for an absent child's complete mark
    Release(decide::ReleaseArgs),
    /// End a unit: its figures stay, it is let in no more
    Retire(decide::RetireArgs),
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

/// Runs a command below `wuji child`.
pub async fn run(command: ChildCommand, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        ChildCommand::Register(args) => register(args, global).await,
        ChildCommand::Adopt(args) => decide::adopt(&args, global).await,
        ChildCommand::Unsettled(args) => unsettled::run(&args, global).await,
        ChildCommand::Settle(args) => decide::settle(&args, global).await,
        ChildCommand::Release(args) => decide::release(&args, global).await,
        ChildCommand::Retire(args) => decide::retire(&args, global).await,
        ChildCommand::List => list(global).await,
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
    /// The first day on which it is not expected; null while it goes on.
    #[serde(serialize_with = "serialize_optional_date")]
    retired_from: Option<Date>,
}

impl From<PlannedChild> for Child {
    fn from(child: PlannedChild) -> Self {
        Self {
            code: child.code,
            name: child.name,
            expected_from: period::date(child.expected_from),
            incarnation: Some(child.incarnation).filter(|text| !text.is_empty()),
            retired_from: child.retired_from.map(period::date),
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
            child.retired_from.map_or_else(|| Cell::text(""), Cell::Date),
        ]
    };
    Sheet {
        columns: ["code", "name", "expected_from", "incarnation", "retired_from"].map(Column::text).into(),
        rows: planned.children.iter().map(row).collect(),
        totals: None,
    }
}
