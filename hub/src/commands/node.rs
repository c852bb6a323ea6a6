//! `wuji node`: a unit's node in this program, so that one binary can be enough; and the care
//! of a node's data.
//!
//! * [`backup`], [`restore`]: the whole node in one file, and back.
//! * [`verify`]: everything that it stores, compared with what it is made of.
//! * [`upkeep`]: snapshots of its index, and its files built anew.

pub mod backup;
pub mod restore;
pub mod upkeep;
pub mod verify;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use wuji_node::config::NodeArgs;

use crate::args::Global;

/// Shown below the help.
pub const EXAMPLES: &str = "\
EXAMPLES
  wuji node --config config/county.toml
  wuji node --config config/county.toml --print-config
  wuji node backup /mnt/usb/371122.wuji -c 371122";

/// What `wuji node` takes: how to run one, or what to do with its data.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct NodeCommand {
    /// What to do with a node's data.
    #[command(subcommand)]
    pub care: Option<Care>,
    /// How to run a node.
    #[command(flatten)]
    pub run: Option<NodeArgs>,
}

/// What is done with a node's data.
#[derive(Debug, Subcommand)]
pub enum Care {
    /// Write a backup of a running node into a file, and verify it there
    Backup(backup::BackupArgs),
    /// Restore a backup into an empty data directory: a new life of the unit's journal
    Restore(restore::RestoreArgs),
    /// Compare everything that a node stores with what it is made of
    Verify(verify::VerifyArgs),
    /// Make a snapshot of the index now
    #[command(after_help = upkeep::SNAPSHOT_EXAMPLES)]
    Snapshot,
    /// Build the index's files anew, without dead space, while the node works
    #[command(after_help = upkeep::COMPACT_EXAMPLES)]
    Compact,
}

/// Runs the node until it is told to stop, or does what is wanted with its data.
pub async fn run(args: NodeCommand, global: &Global) -> anyhow::Result<ExitCode> {
    match (args.care, args.run) {
        (Some(Care::Backup(args)), _) => backup::run(args, global).await,
        (Some(Care::Restore(args)), _) => restore::run(args, global).await,
        (Some(Care::Verify(args)), _) => verify::run(args, global).await,
        (Some(Care::Snapshot), _) => upkeep::snapshot(global).await,
        (Some(Care::Compact), _) => upkeep::compact(global).await,
        (None, Some(args)) => {
            wuji_node::node::run(args).await?;
            Ok(ExitCode::SUCCESS)
        }
        (None, None) => Err(crate::exit::UsageError("name a configuration: --config FILE".to_owned()).into()),
    }
}
