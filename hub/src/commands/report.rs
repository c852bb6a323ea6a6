//! `wuji report`: reports, made from one view, issued, and shown again to the digit.

mod list;
mod make;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use wuji_proto::v1::Report;

use crate::args::Global;
use crate::client::{Client, ClientError};
use crate::exit::Exit;
use crate::output::Format;
use crate::report::form::{self, Form};
use crate::report::section;
pub use list::ListArgs;
pub use make::MakeArgs;
pub use show::ShowArgs;

/// The commands below `wuji report`.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// The mediation report: totals, sources, types, what was prevented, by unit
    #[command(after_help = "\
EXAMPLES
  wuji report monthly --period 2016-08                        a draft, as Markdown
  wuji report monthly --scope 4202 --period 2016-08 --issue --to 2016-08.xlsx
  wuji report monthly --period 2016-Q3 --format xlsx,csv      into files of their own names
  wuji report monthly --period 2016-01..2016-08 --format json --to -")]
    Monthly(MakeArgs),
    /// The report of workrooms: what each unit has done for each of its duties
    #[command(after_help = "\
Of a county or a township, a row for each workroom; of a larger unit, one for each child.

EXAMPLES
  wuji report workrooms --scope 371122 --period 2026-08 --to workrooms.xlsx
  wuji report workrooms --period 2026-08 --consistency confirmed --within 10s --issue")]
    Workrooms(MakeArgs),
    /// Show an issued report to the digit; with --now, also what has changed since
    Show(ShowArgs),
    /// List the reports that were issued at this node, the newest first
    List(ListArgs),
}

/// In which forms, and where to.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// The form; several: separated by commas, or repeated [default: markdown, or by the file's name]
    #[arg(long = "format", value_enum, value_delimiter = ',', value_name = "FORM")]
    pub forms: Vec<Form>,
    /// The file, `-` for stdout, or a directory; repeated for several forms [default: stdout; a
    /// workbook and several forms: files of their own names]
    #[arg(long, value_name = "FILE")]
    pub to: Vec<PathBuf>,
}

impl TargetArgs {
    /// The forms; `--output` names one as everywhere.
    fn forms(&self, global: &Global) -> Vec<Form> {
        let form = global.output.map(|output| match output {
            Format::Table => Form::Markdown,
            Format::Json => Form::Json,
            Format::Csv => Form::Csv,
        });
        if self.forms.is_empty() && self.to.is_empty() { form.into_iter().collect() } else { self.forms.clone() }
    }

    /// Wrong combinations, told before anything is asked or issued.
    fn check(&self, global: &Global) -> anyhow::Result<()> {
        Ok(form::targets(&self.forms(global), &self.to, "report").map(drop)?)
    }

    /// Writes a report.
    fn write(&self, global: &Global, report: &Report, now: Option<&Report>) -> anyhow::Result<()> {
        let name = format!("{}-{}-{}", report.kind, report.scope, report.period);
        for target in form::targets(&self.forms(global), &self.to, &name)? {
            form::write(&target, report, now)?;
        }
        Ok(())
    }
}

/// A node's report, if it is whole.
fn checked(client: &Client, operation: &str, report: Report) -> Result<Report, ClientError> {
    let (operation, node) = (operation.to_owned(), client.address().clone());
    match section::check(&report) {
        Ok(()) => Ok(report),
        Err(reason) => Err(ClientError::Contract { operation, node, reason }),
    }
}

/// Runs a command below `wuji report`.
pub async fn run(command: ReportCommand, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        ReportCommand::Monthly(args) => make::run("monthly", &args, global).await?,
        ReportCommand::Workrooms(args) => make::run("workrooms", &args, global).await?,
        ReportCommand::Show(args) => show::run(&args, global).await?,
        ReportCommand::List(args) => list::run(&args, global).await?,
    }
    Ok(Exit::Done.into())
}
