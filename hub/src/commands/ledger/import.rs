//! `wuji ledger import`.
//!
//! The file is always sent whole: the node tells the k-th of several equal rows by counting
//! them within one import, so sending the rest of a file after a broken connection would
//! take a twin for a row that is there already. Sending it again from the start is safe.

mod send;
mod summary;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::args::Global;
use crate::exit::Exit;
use crate::import::refused::SideFile;
use crate::import::rows::Rows;
use crate::import::text;
use crate::names;

/// What `wuji ledger import` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The first line names the columns, by field names or titles, with the unit where it matters
(涉及金额(万元)). UTF-8, GB18030 and UTF-16; commas, semicolons or tabs. Good rows go in. Refused
rows go to a side file with the reason in front: mend them there and import that file. Importing
a file twice changes nothing. Exit code 3: some rows were refused.

EXAMPLES
  wuji ledger import mediation cases.csv
  wuji ledger import mediation cases.csv.refused.csv
  wuji ledger import mediation cases.csv --refused /tmp/refused.csv --output json")]
pub struct ImportArgs {
    /// The ledger, by id or title
    pub ledger: String,
    /// The CSV file
    pub file: PathBuf,
    /// Where refused rows go; must not exist yet [default: FILE.refused.csv]
    #[arg(long, value_name = "FILE")]
    pub refused: Option<PathBuf>,
}

/// Imports the file.
pub async fn run(args: ImportArgs, global: &Global) -> anyhow::Result<ExitCode> {
    // The file first: what is wrong with it is told without a node.
    let (text, encoding) = text::read(&args.file)?;
    let rows = Rows::new(&text)?;
    let client = global.connect().await?;
    let catalogue = client.catalogue().await?;
    let ledger = names::ledger(&catalogue, &args.ledger)?;
    let side = SideFile::new(&args.file, args.refused, rows.columns(), encoding, rows.delimiter());
    let summary = send::send(&client, ledger, &args.file, rows, text.len() as u64, side).await?;
    global.output().document(&summary, summary::sheet, |summary, _| summary::screen(summary))?;
    Ok(if summary.refused > 0 { Exit::Refused.into() } else { Exit::Done.into() })
}
