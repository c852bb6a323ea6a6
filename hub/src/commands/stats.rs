//! `wuji stats`: figures about a unit's subtree, with what they include.

mod print;

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use wuji_proto::v1::query_reply::Part;
use wuji_proto::v1::{CatalogueReply, QueryReply, QueryRequest};
use wuji_proto::{DivisionCode, Grain, Period, Tier};

use crate::args::Global;
use crate::client::{Client, ClientError};
use crate::clock;
use crate::exit::{Exit, UsageError};
use crate::names;
use crate::output::Output;
use print::Printer;

/// What `wuji stats` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Periods are written 2016, 2016-H2, 2016-Q3, 2016-08 or 2016-08-15. Without --measure, the
measures and indicators of the catalogue are listed.

EXAMPLES
  wuji stats --measure mediation.accepted                            this year, one figure
  wuji stats --measure mediation.accepted --from 2016-01 --to 2016-12 --grain month
  wuji stats --measure mediation.accepted,mediation.success_rate --scope 3711 --by unit
  wuji stats --measure mediation.accepted --by dispute_type --from 2016 --output csv")]
pub struct StatsArgs {
    /// Measures or indicators, by id or title; several: separated by commas, or repeated
    #[arg(long = "measure", short, value_delimiter = ',', num_args = 1.., value_name = "MEASURE")]
    pub measures: Vec<String>,
    /// The unit whose subtree is meant [default: the node's own]
    #[arg(long, value_name = "CODE")]
    pub scope: Option<DivisionCode>,
    /// The first period [default: this year]
    #[arg(long, value_name = "PERIOD")]
    pub from: Option<Period>,
    /// The last period, inclusive [default: the first]
    #[arg(long, value_name = "PERIOD")]
    pub to: Option<Period>,
    /// A row for each day, month, quarter, half-year or year [default: one for all]
    #[arg(long)]
    pub grain: Option<Grain>,
    /// `unit` (the scope's children), a tier (all units of it), or a field by which the measures are split
    #[arg(long, value_delimiter = ',', num_args = 1.., value_name = "FIELD|unit|TIER")]
    pub by: Vec<String>,
}

/// Asks and prints.
pub async fn run(args: StatsArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let catalogue = client.catalogue().await?;
    if args.measures.is_empty() {
        return Err(UsageError(listed(&catalogue)).into());
    }
    let request = query(&args, &catalogue)?;
    ask(&client, request, &catalogue, global.output()).await?;
    Ok(Exit::Done.into())
}

fn listed(catalogue: &CatalogueReply) -> String {
    let mut text = "name what is wanted with --measure; known are".to_owned();
    let measures = catalogue.measures.iter().map(|it| (&it.id, it.title.as_ref(), it.unit.as_str()));
    let indicators = catalogue.indicators.iter().map(|it| (&it.id, it.title.as_ref(), "%"));
    for (id, title, unit) in measures.chain(indicators) {
        let _ = write!(text, "\n  {id}  {} ({unit})", names::title(title, id));
    }
    text
}

fn query(args: &StatsArgs, catalogue: &CatalogueReply) -> anyhow::Result<QueryRequest> {
    let mut measures: Vec<&str> = Vec::new();
    for wanted in &args.measures {
        let id = names::measure(catalogue, wanted)?;
        if !measures.contains(&id) {
            measures.push(id);
        }
    }
    let fields = names::split_fields(catalogue, &measures);
    let by = args.by.iter().map(|wanted| match wanted.parse::<Tier>() {
        Ok(tier) => Ok(tier.name().to_owned()),
        Err(_) if wanted == "unit" => Ok(wanted.clone()),
        Err(_) => names::split(&fields, wanted).map(str::to_owned),
    });
    let by = by.collect::<Result<Vec<_>, _>>()?;
    let from = args.from.or(args.to).unwrap_or_else(|| Period::of(clock::today(), Grain::Year));
    let to = args.to.unwrap_or(from);
    if to.last_day() < from.first_day() {
        return Err(UsageError(format!("--to {to} ends before --from {from} begins")).into());
    }
    Ok(QueryRequest {
        scope: args.scope.map(|code| code.to_string()).unwrap_or_default(),
        measures: measures.into_iter().map(str::to_owned).collect(),
        from: from.to_string(),
        to: to.to_string(),
        grain: args.grain.map(|grain| grain.name().to_owned()).unwrap_or_default(),
        by,
        ..QueryRequest::default()
    })
}

/// Asks one query and prints the answer as it arrives.
pub async fn ask(
    client: &Client,
    request: QueryRequest,
    catalogue: &CatalogueReply,
    output: Output,
) -> anyhow::Result<()> {
    const OPERATION: &str = "ask for the figures";
    let refused = |status| client.error(OPERATION, status);
    let broken = |reason: &str| ClientError::Contract {
        operation: OPERATION.to_owned(),
        node: client.address().clone(),
        reason: reason.to_owned(),
    };
    let mut replies = client.statistics().query(request).await.map_err(refused)?.into_inner();
    let Some(QueryReply { part: Some(Part::Head(head)) }) = replies.message().await.map_err(refused)? else {
        return Err(broken("an answer must begin with its head").into());
    };
    let mut printer = Printer::new(head, catalogue, output)?;
    while let Some(reply) = replies.message().await.map_err(refused)? {
        match reply.part {
            Some(Part::Row(row)) => printer.row(&row)?,
            Some(Part::End(end)) => return Ok(printer.end(&end)?),
            _ => return Err(broken("after the head come rows and an end").into()),
        }
    }
    Err(broken("the answer stopped before its end").into())
}
