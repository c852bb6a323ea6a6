//! `wuji status`: this node, its parent link, each child, and the next command to type.

mod document;
mod next;
mod screen;

use std::process::ExitCode;

use wuji_proto::v1::StatusRequest;

use crate::args::Global;
use crate::client::request;
use crate::exit::Exit;
use document::Status;

/// Shown under the help.
pub const EXAMPLES: &str = "\
EXAMPLES
  wuji status                          the default node
  wuji status -c 371122                the county's node
  wuji status -c 371122 --output json  for a monitor: docs/cli-json.md";

/// Shows the status. The exit code is 0 whatever the status says: it was shown.
pub async fn run(global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let reply = client.node().status(request(StatusRequest {})).await;
    let reply = reply.map_err(|status| client.error("show the status", status))?.into_inner();
    // Only the suggestion at the end needs the catalogue; a status without one is better than none.
    let measure = match client.catalogue().await {
        Ok(catalogue) => catalogue.measures.into_iter().find(|it| it.kind == "flow").map(|it| it.id),
        Err(_) => None,
    };
    let next = next::next(&reply, measure.as_deref());
    let status = Status::new(reply, next);
    global.output().document(&status, screen::children_sheet, |status, output| screen::text(status, output.colour))?;
    Ok(Exit::Done.into())
}
