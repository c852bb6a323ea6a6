//! `wuji ledger add`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use wuji_proto::RecordId;
use wuji_proto::v1::{LedgerDefinition, SubmitRequest};

use super::receipt;
use crate::args::Global;
use crate::client::request;
use crate::exit::{Exit, UsageError};
use crate::names;
use crate::values::{self, Values};

/// The largest JSON record that is read, in bytes.
const RECORD_BYTES_MAX: u64 = 4 << 20;

/// What `wuji ledger add` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Fields are named as in the catalogue or by their titles. Dates, amounts and yes or no may be
written as people write them: 2016年8月15日, 3.5万元, 是. A list is written as JSON.

EXAMPLES
  wuji ledger add publicity on=2016-08-15 topic=禁毒 form=宣讲 audience=120
  wuji ledger add mediation --file case.json amount=12000元
  wuji ledger show ID --output json | wuji ledger add mediation --file - case_no=2016-018")]
pub struct AddArgs {
    /// The ledger, by id or title
    pub ledger: String,
    /// The values
    #[arg(value_name = "FIELD=VALUE")]
    pub values: Vec<String>,
    /// A JSON object with the values, `-` for stdin; FIELD=VALUE goes before it
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The entry's id; give the same again to repeat an entry whose answer was lost [default: a new one]
    #[arg(long, value_name = "UUID")]
    pub id: Option<RecordId>,
}

/// Writes the entry.
pub async fn run(args: AddArgs, global: &Global) -> anyhow::Result<ExitCode> {
    if args.values.is_empty() && args.file.is_none() {
        return Err(UsageError("an entry needs values: write FIELD=VALUE …, or --file FILE".to_owned()).into());
    }
    let client = global.connect().await?;
    let catalogue = client.catalogue().await?;
    let ledger = names::ledger(&catalogue, &args.ledger)?;
    let mut record = args.file.as_deref().map(|file| read_record(ledger, file)).transpose()?.unwrap_or_default();
    change(ledger, &mut record, &args.values)?;
    let id = args.id.unwrap_or_else(RecordId::now);
    let message = SubmitRequest { ledger: ledger.id.clone(), id: id.to_string(), values: record };
    let service = client.ledger();
    let operation = format!("write the entry into {}", ledger.id);
    let reply = client.call(&operation, || {
        let (mut service, message) = (service.clone(), message.clone());
        async move { service.submit(request(message)).await }
    });
    let reply = reply.await.map_err(|error| {
        let again = error.is_transient();
        let error = anyhow::Error::from(error);
        // Whether it went in is not known; with the id it can be sent again and counts once.
        if again { error.context(format!("repeat it with --id {id}, then it counts once")) } else { error }
    })?;
    receipt::print(global.output(), &ledger.id, "written", reply)?;
    Ok(Exit::Done.into())
}

/// Reads the JSON record of a file or of stdin.
pub fn read_record(ledger: &LedgerDefinition, file: &Path) -> anyhow::Result<Values> {
    let (subject, text) = if file == Path::new("-") {
        ("stdin".to_owned(), limited(std::io::stdin().lock()))
    } else {
        (file.display().to_string(), std::fs::File::open(file).and_then(limited))
    };
    let text = text.with_context(|| UsageError(format!("cannot read the record from {subject}")))?;
    Ok(values::record(ledger, &subject, text.strip_prefix('\u{feff}').unwrap_or(&text))?)
}

fn limited(mut from: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    from.by_ref().take(RECORD_BYTES_MAX).read_to_string(&mut text)?;
    if from.read(&mut [0])? > 0 {
        return Err(std::io::Error::other(format!("it is larger than {RECORD_BYTES_MAX} bytes")));
    }
    Ok(text)
}

/// Puts `FIELD=VALUE`s over values; `FIELD=` empties.
pub fn change(ledger: &LedgerDefinition, record: &mut Values, assignments: &[String]) -> anyhow::Result<()> {
    for text in assignments {
        match values::assignment(ledger, text)? {
            (field, Some(value)) => record.insert(field, value),
            (field, None) => record.remove(&field),
        };
    }
    Ok(())
}
