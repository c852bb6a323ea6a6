//! `wuji ledger amend`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use wuji_proto::RecordId;
use wuji_proto::v1::AmendRequest;

use super::{add, read, receipt};
use crate::args::Global;
use crate::client::request;
use crate::exit::{Exit, UsageError};
use crate::names;

/// What `wuji ledger amend` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Fields that are not named keep their values; FIELD= empties one. With --file the file is the
whole record. If the entry has another revision than --revision says, nothing is changed.

EXAMPLES
  wuji ledger amend mediation 0192f3aa-… result=成功 agreed_on=2016-08-20
  wuji ledger amend mediation 0192f3aa-… --revision 2 prevented_people=
  wuji ledger amend mediation 0192f3aa-… --revision 2 --file case.json")]
pub struct AmendArgs {
    /// The ledger, by id or title
    pub ledger: String,
    /// The entry's id
    pub id: RecordId,
    /// The values that change
    #[arg(value_name = "FIELD=VALUE")]
    pub values: Vec<String>,
    /// The revision that you saw [default: the present one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub revision: Option<u32>,
    /// A JSON object with all values, `-` for stdin; FIELD=VALUE goes before it
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Changes the entry.
pub async fn run(args: AmendArgs, global: &Global) -> anyhow::Result<ExitCode> {
    if args.values.is_empty() && args.file.is_none() {
        return Err(UsageError("nothing is to be changed: write FIELD=VALUE …, or --file FILE".to_owned()).into());
    }
    let client = global.connect().await?;
    let catalogue = client.catalogue().await?;
    let ledger = names::ledger(&catalogue, &args.ledger)?;
    let whole = args.file.as_deref().map(|file| add::read_record(ledger, file)).transpose()?;
    let operation = format!("amend the entry {}", args.id);
    let (base_revision, mut values) = match (args.revision, whole) {
        (Some(revision), Some(whole)) => (revision, whole),
        (revision, whole) => {
            let present = read::get(&client, &ledger.id, args.id).await?;
            // Changes are put over the present values, so they must be those that were seen.
            if let Some(seen) = revision.filter(|seen| *seen != present.revision) {
                let present = present.revision;
                let stale = format!(
                    "it has revision {present} now, not {seen}; see what changed with `wuji ledger show {}`, then amend with --revision {present}",
                    args.id
                );
                return Err(client.error(operation, tonic::Status::aborted(stale)).into());
            }
            (present.revision, whole.unwrap_or(present.values))
        }
    };
    add::change(ledger, &mut values, &args.values)?;
    let message = AmendRequest { ledger: ledger.id.clone(), id: args.id.to_string(), base_revision, values };
    let service = client.ledger();
    let reply = client.call(&operation, || {
        let (mut service, message) = (service.clone(), message.clone());
        async move { service.amend(request(message)).await }
    });
    receipt::print(global.output(), &ledger.id, "amended", reply.await?)?;
    Ok(Exit::Done.into())
}
