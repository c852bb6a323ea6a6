//! `wuji report list`.

use clap::Args;
use serde::Serialize;
use wuji_proto::v1::{ListReportsRequest, ReportSummary};

use crate::args::Global;
use crate::client::request;
use crate::output::json::serialize_time;
use crate::output::{Cell, Column, Sheet};

/// What `wuji report list` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  wuji report list
  wuji report list --limit 12 -c 4202
  wuji report list --output json")]
pub struct ListArgs {
    /// How many, the newest first; at most 1,000
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub limit: u32,
}

#[derive(Serialize)]
struct List {
    reports: Vec<Summary>,
}

#[derive(Serialize)]
struct Summary {
    id: String,
    kind: String,
    scope: String,
    scope_name: String,
    period: String,
    #[serde(serialize_with = "serialize_time")]
    issued_at: i64,
    actor: String,
}

impl From<ReportSummary> for Summary {
    fn from(it: ReportSummary) -> Self {
        let ReportSummary { id, kind, scope, scope_name, period, issued_at_ms: issued_at, actor } = it;
        Self { id, kind, scope, scope_name, period, issued_at, actor }
    }
}

/// Lists them.
pub async fn run(args: &ListArgs, global: &Global) -> anyhow::Result<()> {
    let client = global.connect().await?;
    let reply = client.call("list the reports", || {
        let mut reports = client.reports();
        async move { reports.list(request(ListReportsRequest { limit: args.limit })).await }
    });
    let list = List { reports: reply.await?.reports.into_iter().map(Into::into).collect() };
    Ok(global.output().sheet(&list, sheet)?)
}

fn sheet(list: &List) -> Sheet {
    let row = |it: &Summary| {
        let [id, kind, scope, name, period] =
            [&it.id, &it.kind, &it.scope, &it.scope_name, &it.period].map(|text| Cell::text(text));
        vec![id, kind, scope, name, period, Cell::Time(it.issued_at), Cell::text(&it.actor)]
    };
    Sheet {
        columns: ["id", "kind", "scope", "scope_name", "period", "issued_at", "actor"].map(Column::text).into(),
        rows: list.reports.iter().map(row).collect(),
        totals: None,
    }
}
