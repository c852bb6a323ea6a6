//! `wuji ledger export`.

use std::process::ExitCode;

use clap::Args;
use wuji_proto::v1::FieldDefinition;

use super::read::{self, Selection};
use crate::args::Global;
use crate::exit::{Exit, UsageError};
use crate::names;
use crate::output::Format;

/// What `wuji ledger export` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
CSV has the fields' names as its header and can be imported again: an entry that is there
already stays as it is.

EXAMPLES
  wuji ledger export mediation > mediation.csv
  wuji ledger export mediation --from 2016-08 --to 2016-08 --output json > august.json")]
pub struct ExportArgs {
    /// The ledger, by id or title
    pub ledger: String,
    /// Which entries.
    #[command(flatten)]
    pub selection: Selection,
}

/// Writes the entries to stdout.
pub async fn run(args: ExportArgs, global: &Global) -> anyhow::Result<ExitCode> {
    if global.output == Some(Format::Table) {
        return Err(UsageError("an export is csv or json: for a table use `wuji ledger list`".to_owned()).into());
    }
    let client = global.connect().await?;
    let catalogue = client.catalogue().await?;
    let ledger = names::ledger(&catalogue, &args.ledger)?;
    let request = args.selection.request(&ledger.id)?;
    let mut written = 0;
    if global.output == Some(Format::Json) {
        read::write_json(&client, ledger, request, u64::MAX, &mut written).await?;
    } else {
        let fields: Vec<&FieldDefinition> = ledger.fields.iter().collect();
        read::write_csv(&client, &fields, request, u64::MAX, &mut written).await?;
    }
    eprintln!("{written} entries of {}", ledger.id);
    Ok(Exit::Done.into())
}
