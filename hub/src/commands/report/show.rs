//! `wuji report show`.

use clap::Args;
use wuji_proto::ReportId;
use wuji_proto::v1::ShowReportRequest;

use super::{TargetArgs, checked};
use crate::args::Global;
use crate::client::request;

/// What `wuji report show` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  wuji report show 0156ea43-0c00-7000-8000-000000000001
  wuji report show 0156ea43-0c00-7000-8000-000000000001 --now          what has changed since
  wuji report show 0156ea43-0c00-7000-8000-000000000001 --to 2016-08.xlsx")]
pub struct ShowArgs {
    /// The report's id, as it was issued or as `wuji report list` shows it
    pub id: ReportId,
    /// Answer its questions now, and tell each figure that has changed
    #[arg(long)]
    pub now: bool,
    /// In which forms, and where to.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// Shows it.
pub async fn run(args: &ShowArgs, global: &Global) -> anyhow::Result<()> {
    args.target.check(global)?;
    let client = global.connect().await?;
    let operation = "show the report";
    let message = ShowReportRequest { id: args.id.to_string(), now: args.now };
    let reply = client.call(operation, || {
        let message = message.clone();
        let mut reports = client.reports();
        async move { reports.show(request(message)).await }
    });
    let reply = reply.await?;
    let report = checked(&client, operation, reply.report.unwrap_or_default())?;
    let now = reply.now.map(|now| checked(&client, operation, now)).transpose()?;
    args.target.write(global, &report, now.as_ref())
}
