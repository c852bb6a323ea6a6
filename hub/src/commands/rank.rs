//! `wuji rank`: units of one tier placed by an indicator 对标找差; of units only.

mod print;

use std::process::ExitCode;

use clap::Args;
use wuji_proto::v1::{CatalogueReply, RankReply, RankRequest, RankRow};
use wuji_proto::{DivisionCode, Period, Tier};

use super::stats::question::{self, Compare, Consistency};
use crate::args::Global;
use crate::client::request_within;
use crate::exit::{Exit, UsageError};
use crate::figures::Look;
use crate::names;
use crate::within;

const OPERATION: &str = "ask for the ranking";

/// What `wuji rank` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Equal values share a place (并列), and the places after them are skipped. Units that have not
reported, were not expected, or whose denominator is below --min-denominator are listed apart.

EXAMPLES
  wuji rank --indicator mediation.success_rate                           the children, this year
  wuji rank --indicator mediation.success_rate --tier county --from 2016-08 --top 10 -c 37
  wuji rank --indicator 超期率 --tier township --ascending --min-denominator 20
  wuji rank --indicator mediation.success_rate --unit 371122102 --against 同比
  wuji rank --indicator mediation.success_rate --among-peers -c 371122102    my own place")]
pub struct RankArgs {
    /// The indicator or measure, by id or title
    #[arg(long, short, value_name = "INDICATOR")]
    pub indicator: String,
    /// The tier whose units are placed [default: the scope's children]
    #[arg(long)]
    pub tier: Option<Tier>,
    /// The unit whose subtree is meant [default: the node's own]
    #[arg(long, value_name = "CODE")]
    pub scope: Option<DivisionCode>,
    /// The first period [default: this year]
    #[arg(long, value_name = "PERIOD")]
    pub from: Option<Period>,
    /// The last period, inclusive [default: the first]
    #[arg(long, value_name = "PERIOD")]
    pub to: Option<Period>,
    /// The smallest is the best; otherwise the largest
    #[arg(long)]
    pub ascending: bool,
    /// Units with a smaller denominator (of a measure: a smaller amount) are not placed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    pub min_denominator: Option<i64>,
    /// The former time that the change of place is against [default: previous]
    #[arg(long, value_parser = Compare::parse, value_name = "previous|year-ago")]
    pub against: Option<Compare>,
    /// A unit whose own row is shown in any case
    #[arg(long, value_name = "CODE")]
    pub unit: Option<DivisionCode>,
    /// Only the first N places
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub top: Option<u32>,
    /// Ask this node's parent where this node's unit stands among its peers
    #[arg(long, conflicts_with_all = ["scope", "tier", "unit"])]
    pub among_peers: bool,
    /// Whose figures: those that the node holds, or confirmed ones [default: local]
    #[arg(long, value_enum)]
    pub consistency: Option<Consistency>,
    /// How long other nodes may take to answer: 500ms, 10s, 2m [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = within::parse)]
    pub within: Option<u32>,
    /// Name every absent and missing unit that the node told
    #[arg(long)]
    pub all_units: bool,
}

/// Asks and prints.
pub async fn run(args: RankArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let catalogue = client.catalogue().await?;
    let (from, to) = question::span(args.from, args.to)?;
    let own = client.address().code;
    if args.among_peers && own.tier() == Tier::Province {
        return Err(UsageError(format!("{own} is a province and has no peers here: leave --among-peers out")).into());
    }
    let code = |code: Option<DivisionCode>| code.map(|code| code.to_string()).unwrap_or_default();
    let message = RankRequest {
        scope: code(args.scope),
        tier: args.tier.map(|tier| tier.name().to_owned()).unwrap_or_default(),
        indicator: names::measure(&catalogue, &args.indicator)?.to_owned(),
        from: from.to_string(),
        to: to.to_string(),
        ascending: args.ascending,
        denominator_min: args.min_denominator.unwrap_or_default(),
        against: args.against.map(|against| against.name().to_owned()).unwrap_or_default(),
        unit: code(args.unit),
        limit: args.top.unwrap_or_default(),
        confirmed: args.consistency == Some(Consistency::Confirmed),
        within_ms: args.within.unwrap_or_default(),
        among_peers: args.among_peers,
    };
    let within = message.within_ms;
    let reply = client.statistics().rank(request_within(message, within)).await;
    let reply = reply.map_err(|status| client.error(OPERATION, status))?.into_inner();
    let look = check(&reply, &catalogue).map_err(|reason| client.broken(OPERATION, &reason))?;
    print::all(&reply, &look, args.all_units, global.output())?;
    Ok(Exit::Done.into())
}

/// Refuses a reply that lacks something; how its figures look.
fn check(reply: &RankReply, catalogue: &CatalogueReply) -> Result<Look, String> {
    let column = reply.column.as_ref().ok_or("the ranking has no column")?;
    let look = Look::new(column, catalogue);
    let figure = |figure: Option<&wuji_proto::v1::Figure>, of: &str| match figure {
        Some(figure) => look.check(figure),
        None => Err(format!("{of} has no figure")),
    };
    for row in reply.rows.iter().chain(&reply.own) {
        figure(row.figure.as_ref(), &row.unit)?;
        if let Some(former) = &row.former {
            look.check(former)?;
        }
        placed(row)?;
    }
    figure(reply.total.as_ref(), "the total")?;
    reply.quartiles.iter().try_for_each(|it| look.check(it))?;
    if !matches!(reply.quartiles.len(), 0 | 3) {
        return Err(format!("{} quartile boundaries instead of 3", reply.quartiles.len()));
    }
    if reply.coverage.is_none() {
        return Err("the ranking does not say what it includes".to_owned());
    }
    Ok(look)
}

fn placed(row: &RankRow) -> Result<(), String> {
    let fits = match row.place {
        0 => row.quartile == 0 && !row.unplaced.is_empty(),
        _ => (1..=4).contains(&row.quartile) && row.unplaced.is_empty(),
    };
    if fits { Ok(()) } else { Err(format!("the row of {} is both placed and not placed", row.unit)) }
}
