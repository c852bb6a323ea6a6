//! `wuji ledger`: what a unit writes down.

mod add;
mod amend;
mod export;
mod import;
mod read;
mod receipt;
mod record;
mod void;
mod zero_report;

use std::process::ExitCode;

use clap::Subcommand;

use crate::args::Global;

/// The commands below `wuji ledger`.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Write an entry
    Add(add::AddArgs),
    /// Change an entry: only the fields that are named
    Amend(amend::AmendArgs),
    /// Void an entry: it stays on record and counts no more
    Void(void::VoidArgs),
    /// Show an entry
    Show(read::ShowArgs),
    /// List the entries of a ledger
    List(read::ListArgs),
    /// Enter the rows of a CSV file; refused rows go to a side file
    Import(import::ImportArgs),
    /// Write the entries of a ledger as CSV or JSON
    Export(export::ExportArgs),
    /// Report that there was nothing to enter 零报告
    ZeroReport(zero_report::ZeroReportArgs),
}

/// Runs a command below `wuji ledger`.
pub async fn run(command: LedgerCommand, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        LedgerCommand::Add(args) => add::run(args, global).await,
        LedgerCommand::Amend(args) => amend::run(args, global).await,
        LedgerCommand::Void(args) => void::run(args, global).await,
        LedgerCommand::Show(args) => read::show(args, global).await,
        LedgerCommand::List(args) => read::list(args, global).await,
        LedgerCommand::Import(args) => import::run(args, global).await,
        LedgerCommand::Export(args) => export::run(args, global).await,
        LedgerCommand::ZeroReport(args) => zero_report::run(args, global).await,
    }
}
