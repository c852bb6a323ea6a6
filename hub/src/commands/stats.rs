//! `wuji stats`: figures about a unit's subtree, with what they include.
//!
//! * `question`: what is typed, as a question to a node.
//! * `ask`: the answer, checked by `shape` as it arrives.
//! * `layout`, `print`, `json`, `footer`: the answer on stdout.
//! * `explain`: where a figure comes from.

pub mod ask;
mod explain;
mod footer;
mod json;
mod layout;
mod print;
pub mod question;
mod shape;

use std::fmt::Write;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use wuji_proto::v1::CatalogueReply;

use crate::args::Global;
use crate::exit::{Exit, UsageError};
use crate::names;
pub use json::column as column_json;
use question::Question;

/// What `wuji stats` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Periods are written 2016, 2016-H2, 2016-Q3, 2016-08, 2016-W33 or 2016-08-15. Without --measure,
the measures and indicators of the catalogue are listed. In a table, 未报 stands where nothing was
reported though it was expected, 不在册 where nothing was expected, and 0 is a zero.

EXAMPLES
  wuji stats --measure mediation.accepted                            this year, one figure
  wuji stats --measure mediation.accepted --from 2016-01 --to 2016-12 --grain month
  wuji stats --measure mediation.accepted,mediation.success_rate --scope 3711 --by unit
  wuji stats --measure mediation.accepted --by dispute_type --from 2016 --output csv
  wuji stats --measure mediation.accepted --from 2016-08 --compare 同比,环比
  wuji stats --measure mediation.accepted --where dispute_type=邻里,合同 --by county --top 10
  wuji stats --measure mediation.accepted --consistency confirmed --within 10s
  wuji stats explain mediation.success_rate --from 2016-08")]
pub struct StatsArgs {
    /// Another thing to do.
    #[command(subcommand)]
    pub command: Option<StatsCommand>,
    /// The question.
    #[command(flatten)]
    pub question: Question,
}

/// The commands below `wuji stats`.
#[derive(Debug, Subcommand)]
pub enum StatsCommand {
    /// Show how a figure is defined and the parts that it is the sum of
    Explain(explain::ExplainArgs),
}

/// Asks and prints.
pub async fn run(args: StatsArgs, global: &Global) -> anyhow::Result<ExitCode> {
    if let Some(StatsCommand::Explain(explain)) = args.command {
        if args.question != Question::default() {
            let advice = "what is explained, of which unit and when, is written behind `explain`: \
                          wuji stats explain MEASURE --scope CODE --from PERIOD";
            return Err(UsageError(advice.to_owned()).into());
        }
        return explain::run(explain, global).await;
    }
    let client = global.connect().await?;
    let catalogue = client.catalogue().await?;
    let question = args.question;
    if question.measures.is_empty() {
        return Err(UsageError(listed(&catalogue)).into());
    }
    let request = question.request(&catalogue)?;
    let wanted = print::Wanted { all_units: question.all_units, confirmed: request.confirmed };
    let mut answer = ask::Answer::begin(&client, request, &catalogue).await?;
    let mut printer = print::Printer::new(answer.head.clone(), &catalogue, global.output(), wanted)?;
    while let Some(row) = answer.row().await? {
        printer.row(&row)?;
    }
    printer.end(&answer.end()?)?;
    Ok(Exit::Done.into())
}

fn listed(catalogue: &CatalogueReply) -> String {
    let mut text = "name what is wanted with --measure; known are".to_owned();
    let measures = catalogue.measures.iter().map(|it| (&it.id, it.title.as_ref(), it.unit.as_str()));
    let indicators = catalogue.indicators.iter().map(|it| {
        let unit = match it.show.as_str() {
            "number" => "ratio",
            "money" => "元",
            _ => "%",
        };
        (&it.id, it.title.as_ref(), unit)
    });
    for (id, title, unit) in measures.chain(indicators) {
        let _ = write!(text, "\n  {id}  {} ({unit})", names::title(title, id));
    }
    text
}
