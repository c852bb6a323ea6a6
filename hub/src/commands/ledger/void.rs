//! `wuji ledger void`.

use std::process::ExitCode;

use clap::Args;
use wuji_proto::RecordId;
use wuji_proto::v1::VoidRequest;

use super::{read, receipt};
use crate::args::Global;
use crate::client::request;
use crate::exit::Exit;
use crate::names;

/// What `wuji ledger void` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  wuji ledger void mediation 0192f3aa-… --reason 重复登记
  wuji ledger void mediation 0192f3aa-… --reason 重复登记 --revision 2")]
pub struct VoidArgs {
    /// The ledger, by id or title
    pub ledger: String,
    /// The entry's id
    pub id: RecordId,
    /// Why; it is kept with the entry
    #[arg(long)]
    pub reason: String,
    /// The revision that you saw [default: the present one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub revision: Option<u32>,
}

/// Voids the entry.
pub async fn run(args: VoidArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let catalogue = client.catalogue().await?;
    let ledger = names::ledger(&catalogue, &args.ledger)?;
    let base_revision = match args.revision {
        Some(revision) => revision,
        None => read::get(&client, &ledger.id, args.id).await?.revision,
    };
    let message =
        VoidRequest { ledger: ledger.id.clone(), id: args.id.to_string(), base_revision, reason: args.reason };
    let service = client.ledger();
    let operation = format!("void the entry {}", args.id);
    let reply = client.call(&operation, || {
        let (mut service, message) = (service.clone(), message.clone());
        async move { service.void(request(message)).await }
    });
    receipt::print(global.output(), &ledger.id, "voided", reply.await?)?;
    Ok(Exit::Done.into())
}
