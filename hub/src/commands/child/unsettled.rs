//! `wuji child unsettled`: what children lost when they went back in time, and what counts on until
//! an operator settles it. A clerk enters it again from this list.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use wuji_proto::DivisionCode;
use wuji_proto::v1::{ListUnsettledRequest, UnsettledAmount};

use crate::args::Global;
use crate::client::request;
use crate::exit::Exit;
use crate::output::{Cell, Column, Sheet};

/// What `wuji child unsettled` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  wuji child unsettled -c 371122102
  wuji child unsettled 371122102205 -c 371122102 --output csv")]
pub struct UnsettledArgs {
    /// One child only
    pub code: Option<DivisionCode>,
}

#[derive(Serialize)]
struct Unsettled {
    amounts: Vec<Lost>,
}

#[derive(Serialize)]
struct Lost {
    code: String,
    name: String,
    day: String,
    measure: String,
    title: String,
    revision: u32,
    fields: Vec<String>,
    words: Vec<String>,
    amount: i64,
}

impl From<UnsettledAmount> for Lost {
    fn from(it: UnsettledAmount) -> Self {
        Self {
            code: it.code,
            name: it.name,
            day: it.period,
            measure: it.measure,
            title: it.title_zh,
            revision: it.revision,
            fields: it.fields,
            words: it.words,
            amount: it.amount,
        }
    }
}

/// Runs it.
pub async fn run(args: &UnsettledArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let failed = |status| client.error("list what is unsettled", status);
    let code = args.code.map(|code| code.to_string()).unwrap_or_default();
    let mut told =
        client.node().list_unsettled(request(ListUnsettledRequest { code })).await.map_err(failed)?.into_inner();
    let mut amounts = Vec::new();
    while let Some(amount) = told.message().await.map_err(failed)? {
        amounts.push(Lost::from(amount));
    }
    let unsettled = Unsettled { amounts };
    global.output().sheet(&unsettled, sheet).context("cannot print what is unsettled")?;
    if unsettled.amounts.is_empty() {
        eprintln!("no amount is unsettled");
    }
    Ok(Exit::Done.into())
}

fn sheet(unsettled: &Unsettled) -> Sheet {
    let row = |it: &Lost| {
        let split = it.fields.iter().zip(&it.words).map(|(field, word)| format!("{field}={word}"));
        vec![
            Cell::text(&it.code),
            Cell::text(&it.name),
            Cell::text(&it.day),
            Cell::text(&it.measure),
            Cell::text(&it.title),
            Cell::Text(split.collect::<Vec<_>>().join(" ")),
            Cell::Integer(it.amount.into()),
        ]
    };
    let names = ["code", "name", "day", "measure", "title", "split"].map(Column::text);
    Sheet {
        columns: names.into_iter().chain([Column::number("amount")]).collect(),
        rows: unsettled.amounts.iter().map(row).collect(),
        totals: None,
    }
}
