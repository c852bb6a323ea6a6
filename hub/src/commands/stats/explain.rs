//! `wuji stats explain`: how a figure is defined, what it is, and the parts that it is the sum of.
//!
//! * [`definition`]: the catalogue's side.
//! * [`print`]: both on stdout.

mod definition;
mod print;

use std::process::ExitCode;

use clap::Args;
use wuji_proto::v1::{CatalogueReply, Coverage, Figure, QueryHead, QueryRequest, QueryRow};
use wuji_proto::{DivisionCode, Period};

use super::ask::Answer;
use super::question;
use crate::args::Global;
use crate::client::Client;
use crate::exit::Exit;
use crate::figures::Look;
use definition::Definition;

/// What `wuji stats explain` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  wuji stats explain mediation.success_rate                        this year, of the node's unit
  wuji stats explain 受理纠纷 --scope 371122 --from 2016-08 -c 37
  wuji stats explain mediation.accepted@1 --from 2016-01 --to 2016-06 --output json")]
pub struct ExplainArgs {
    /// A measure or indicator, by id or title, `ID@2` for a revision
    #[arg(value_name = "MEASURE|INDICATOR")]
    pub what: String,
    /// The unit whose subtree is meant [default: the node's own]
    #[arg(long, value_name = "CODE")]
    pub scope: Option<DivisionCode>,
    /// The first period [default: this year]
    #[arg(long, value_name = "PERIOD")]
    pub from: Option<Period>,
    /// The last period, inclusive [default: the first]
    #[arg(long, value_name = "PERIOD")]
    pub to: Option<Period>,
    /// Name every absent and missing unit
    #[arg(long)]
    pub all_units: bool,
}

/// A value and the parts that it is the sum of.
struct Parts {
    head: QueryHead,
    look: Look,
    rows: Vec<QueryRow>,
    /// The sum of the rows.
    sum: Figure,
    /// What the unit's own total has beyond them.
    in_transit: Figure,
    coverage: Coverage,
}

impl Parts {
    fn value(&self) -> Figure {
        self.sum.plus(&self.in_transit)
    }
}

/// Explains a measure or indicator.
pub async fn run(args: ExplainArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let catalogue = client.catalogue().await?;
    let id = question::measure(&catalogue, &args.what)?;
    let (from, to) = question::span(args.from, args.to)?;
    let indicator = catalogue.indicators.iter().any(|indicator| indicator.id == id);
    let scope = args.scope.unwrap_or(client.address().code);
    let request = QueryRequest {
        scope: scope.to_string(),
        measures: vec![id.clone()],
        from: from.to_string(),
        to: to.to_string(),
        units_named: if args.all_units { question::UNITS_NAMED_ALL } else { 0 },
        by: if scope.tier().has_children() { vec!["unit".to_owned()] } else { Vec::new() },
        ..QueryRequest::default()
    };
    let parts = ask(&client, request, &catalogue).await?;
    // The node answers with the revision that all units have, which need not be the newest.
    let answered = match parts.head.columns.first() {
        Some(column) if !indicator => format!("{}@{}", column.id, column.revision),
        _ => id,
    };
    let definition = Definition::find(&catalogue, &answered)?;
    print::all(&definition, &parts, args.all_units, global.output())?;
    Ok(Exit::Done.into())
}

/// Asks for the parts, and sees that the node's total is their sum.
async fn ask(client: &Client, request: QueryRequest, catalogue: &CatalogueReply) -> anyhow::Result<Parts> {
    let mut answer = Answer::begin(client, request, catalogue).await?;
    let head = answer.head.clone();
    let column = head.columns.first().ok_or_else(|| answer.broken("the answer has no column"))?;
    let look = Look::new(column, catalogue);
    let (mut rows, mut sum) = (Vec::new(), Figure::default());
    while let Some(row) = answer.row().await? {
        if let Some(figure) = row.figures.first() {
            sum = if rows.is_empty() { *figure } else { sum.plus(figure) };
        }
        rows.push(row);
    }
    let differs = |total: &Figure| {
        format!("it gives {} as the sum of parts that add up to {}", look.in_full(total), look.in_full(&sum))
    };
    let checked = answer.end_with(|end| match end.totals.first() {
        Some(total) if total.minus(&sum).is_zero() => Ok(()),
        Some(total) => Err(differs(total)),
        None => Err("the answer has no total".to_owned()),
    })?;
    Ok(Parts {
        sum: checked.totals.into_iter().next().unwrap_or_default(),
        in_transit: checked.in_transit.into_iter().next().unwrap_or_default(),
        coverage: checked.coverage.unwrap_or_default(),
        head,
        look,
        rows,
    })
}
