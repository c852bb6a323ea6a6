//! `wuji node restore`: a data directory from a backup. It works on files, since there is no
//! node to be asked.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use wuji_node::backup::restore::{RestoreOptions, Restored, restore};
use wuji_node::config::NodeArgs;
use wuji_node::env::Env;

use crate::args::Global;
use crate::clock;
use crate::exit::Exit;
use crate::output::json::serialize_time;
use crate::output::number::grouped;
use crate::output::{Cell, Column, Sheet};

/// What `wuji node restore` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The whole backup is verified before anything is touched; the data directory must be empty. The
unit's journal begins a new life that names the old one, so its parent holds the unit until an
operator there has decided (wuji child adopt): what was written after the backup is not in it.

EXAMPLES
  wuji node restore /mnt/usb/371122.wuji --config county.toml
  wuji node restore /mnt/usb/371122.wuji --data-directory data/371122
  wuji node restore 371122.wuji --config county.toml --key node.key    made --without-key")]
pub struct RestoreArgs {
    /// The backup
    pub file: PathBuf,
    /// The node's configuration: its data directory, and which unit it is
    #[arg(long, value_name = "FILE", required_unless_present = "data_directory")]
    pub config: Option<PathBuf>,
    /// The data directory, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    pub data_directory: Option<PathBuf>,
    /// The node key, for a backup that was made without it
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

#[derive(Serialize)]
struct Document {
    code: String,
    directory: String,
    sequence: u64,
    former_incarnation: String,
    incarnation: String,
    #[serde(serialize_with = "serialize_time")]
    backup_at: i64,
}

/// Restores a backup.
pub async fn run(args: RestoreArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let config = args.config.map(|file| NodeArgs::of_file(file).load()).transpose()?;
    let directory = args.data_directory.or_else(|| config.as_ref().map(|config| config.data_directory.clone()));
    let directory = std::path::absolute(directory.unwrap_or_default())?;
    let code = config.map(|config| config.code);
    let options = RestoreOptions { file: args.file, directory: directory.clone(), key: args.key, code };
    let Restored { backup, incarnation } =
        tokio::task::spawn_blocking(move || restore(&Env::production(), &options)).await??;
    let document = Document {
        code: backup.code.to_string(),
        directory: directory.display().to_string(),
        sequence: backup.manifest.sequence,
        former_incarnation: backup.incarnation.to_string(),
        incarnation: incarnation.to_string(),
        backup_at: backup.manifest.at_ms,
    };
    global.output().document(&document, sheet, |it, _| text(it))?;
    Ok(Exit::Done.into())
}

fn text(it: &Document) -> String {
    format!(
        "restored {} into {}: {} entries, as of {}\nits journal goes on as {}, after {}\n\nwhat was written after the \
         backup is not there. Start the node; its parent holds it until its operator decides: wuji child adopt {} \
         --replace -c PARENT\n",
        it.code,
        it.directory,
        grouped(it.sequence.into()),
        clock::shown(it.backup_at),
        it.incarnation,
        it.former_incarnation,
        it.code,
    )
}

fn sheet(it: &Document) -> Sheet {
    Sheet {
        columns: ["code", "directory", "sequence", "former_incarnation", "incarnation"].map(Column::text).into(),
        rows: vec![vec![
            Cell::text(&it.code),
            Cell::text(&it.directory),
            Cell::Text(it.sequence.to_string()),
            Cell::text(&it.former_incarnation),
            Cell::text(&it.incarnation),
        ]],
        totals: None,
    }
}
