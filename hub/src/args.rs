//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::client::Client;
use crate::commands::{audit, child, completion, dev, division, journal, ledger, node, rank, report, stats, tree, up};
use crate::contexts::{CONTEXTS_FILE_DEFAULT, Chosen, ContextError, Contexts};
use crate::output::{Format, Output};

/// Wuji 五级: five tiers of government, one federation of ledgers and statistics.
#[derive(Debug, Parser)]
#[command(name = "wuji", version, propagate_version = true, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    /// What is done.
    #[command(subcommand)]
    pub command: Command,
    /// How and with which node.
    #[command(flatten)]
    pub global: Global,
}

const EXAMPLES: &str = "\
EXAMPLES
  wuji status -c 371122                              how the county's node is
  wuji ledger add publicity on=2016-08-15 topic=禁毒 form=宣讲 audience=120 -c 371122102205
  wuji stats --measure mediation.accepted --from 2016-01 --to 2016-12 --grain month -c 37

EXIT CODES
  0 done, 1 failed, 2 wrong usage, 3 input refused, 4 node unreachable, 5 not found, 6 conflict";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a five-tier federation of real units on this machine, with sample entries
    Up(up::UpArgs),
    /// Write, amend, list, import and export ledger entries
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// Show this node, its parent link and its children, and what to do next
    #[command(after_help = crate::commands::status::EXAMPLES)]
    Status,
    /// Show the units below, with their states
    Tree(tree::TreeArgs),
    /// Ask for figures, with what they include
    Stats(stats::StatsArgs),
    /// Place the units of a tier by an indicator 对标找差
    Rank(rank::RankArgs),
    /// Compare what is stored with what it is made of
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Make, issue and show reports as they are published
    #[command(subcommand)]
    Report(report::ReportCommand),
    /// Plan children: only planned children are let in
    #[command(subcommand)]
    Child(child::ChildCommand),
    /// Find divisions by code or name
    #[command(subcommand)]
    Division(division::DivisionCommand),
    /// Read the journal as an auditor does
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Run a unit's node in this program, as `wuji-node` does; back up, restore, verify its data
    #[command(after_help = crate::commands::node::EXAMPLES)]
    Node(node::NodeCommand),
    /// Make what a federation needs for development
    Dev(dev::DevArgs),
    /// Print a completion script for a shell
    Completion(completion::CompletionArgs),
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The file that names the nodes
    #[arg(long, global = true, env = "WUJI_CONTEXTS", value_name = "FILE", default_value = CONTEXTS_FILE_DEFAULT, help_heading = "Everywhere")]
    pub contexts: PathBuf,
    /// The node to speak to, by its code or name [default: the file's default]
    #[arg(
        short,
        long = "context",
        global = true,
        env = "WUJI_CONTEXT",
        value_name = "CODE",
        help_heading = "Everywhere"
    )]
    pub context: Option<String>,
    /// The form of what is printed [default: table]
    #[arg(long, global = true, value_enum, value_name = "FORM", help_heading = "Everywhere")]
    pub output: Option<Format>,
}

impl Global {
    /// The chosen node.
    pub fn chosen(&self) -> Result<Chosen, ContextError> {
        Contexts::read(&self.contexts)?.choose(self.context.as_deref(), &self.contexts)
    }

    /// Connects to the chosen node.
    pub async fn connect(&self) -> anyhow::Result<Client> {
        Ok(Client::connect(&self.chosen()?).await?)
    }

    /// Where output goes; a table unless another form was asked for.
    pub fn output(&self) -> Output {
        Output::stdout(self.output.unwrap_or(Format::Table))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_is_and_shows_examples() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} has no about line");
            if command.has_subcommands() {
                command.get_subcommands().for_each(|below| check(below, &path));
            } else {
                let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(after.contains("EXAMPLES"), "{path} shows no examples");
            }
        }
        Cli::command().get_subcommands().for_each(|command| check(command, "wuji"));
    }
}
