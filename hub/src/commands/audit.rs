//! `wuji audit totals`: every stored total against its parts, every copy against its source.

mod print;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use wuji_proto::DivisionCode;
use wuji_proto::v1::audit_reply::Part;
use wuji_proto::v1::{AuditDifference, AuditEnd, AuditProgress, AuditRequest};

use crate::args::Global;
use crate::client::Client;
use crate::exit::Exit;
use crate::within;
use print::Audit;

const OPERATION: &str = "audit the totals";

/// How often a bar moves that waits.
const TICK: Duration = Duration::from_millis(200);

/// Differences that are shown at most: more than anybody reads. All are counted.
const SHOWN_MAX: usize = 100_000;

/// What `wuji audit` does.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Compare every stored total with its parts, and repair what differs
    Totals(TotalsArgs),
}

/// What `wuji audit totals` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Every total that the node stores is compared with the sum of its parts, what its own entries
add with a recount of its records, and every digest with its items. With --deep, what is held
of each child is compared with what the child has, unit by unit, and each child audits itself,
down to the workrooms. The node does all but the last by itself in the background.

EXAMPLES
  wuji audit totals                             this node
  wuji audit totals --deep --repair -c 3711     a city and everything below it; repair
  wuji audit totals --scope 371122102 --deep    one township and its workrooms
  wuji audit totals --deep --output csv         the differences, for a spreadsheet

The exit code is 1 if differences remain.")]
pub struct TotalsArgs {
    /// Only what this unit and those below it are about [default: everything]
    #[arg(long, value_name = "CODE")]
    pub scope: Option<DivisionCode>,
    /// Put right what differs, and have children send again just what differs
    #[arg(long)]
    pub repair: bool,
    /// Also compare with the children, and let them audit themselves, down to the workrooms
    #[arg(long)]
    pub deep: bool,
    /// How long the nodes below may take: 500ms, 10s, 2m [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = within::parse)]
    pub within: Option<u32>,
}

/// Runs the command.
pub async fn run(command: AuditCommand, global: &Global) -> anyhow::Result<ExitCode> {
    let AuditCommand::Totals(args) = command;
    let client = global.connect().await?;
    let request = AuditRequest {
        scope: args.scope.map(|code| code.to_string()).unwrap_or_default(),
        repair: args.repair,
        deep: args.deep,
        within_ms: args.within.unwrap_or_default(),
    };
    let (found, end) = audit(&client, request).await?;
    let told = Told::of(&end);
    global
        .output()
        .document(&Audit::new(found, end), print::sheet, |audit, output| print::text(audit, output.colour))?;
    Ok(told.exit(client.address().code, &args).into())
}

/// Waits for the end, and shows how far each node is.
async fn audit(client: &Client, request: AuditRequest) -> anyhow::Result<(Vec<AuditDifference>, AuditEnd)> {
    let refused = |status| client.error(OPERATION, status);
    let mut replies = client.statistics().audit(request).await.map_err(refused)?.into_inner();
    let (mut found, mut nodes, bar) = (Vec::new(), Nodes::default(), bar());
    while let Some(reply) = replies.message().await.map_err(refused)? {
        match reply.part {
            Some(Part::Progress(progress)) => nodes.show(progress, &bar),
            Some(Part::Difference(difference)) if found.len() < SHOWN_MAX => found.push(difference),
            Some(Part::Difference(_)) => {}
            Some(Part::End(end)) => {
                bar.finish_and_clear();
                return Ok((found, end));
            }
            None => return Err(client.broken(OPERATION, "a part of the answer is empty").into()),
        }
    }
    Err(client.broken(OPERATION, "the answer stopped before its end").into())
}

/// On stderr, and only on a terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(1);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3} % {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}

/// How far each node is.
#[derive(Default)]
struct Nodes(BTreeMap<String, (u64, u64)>);

impl Nodes {
    fn show(&mut self, AuditProgress { node, compared, of }: AuditProgress, bar: &ProgressBar) {
        bar.set_message(format!("{node}, {} nodes", self.0.len().max(1)));
        self.0.insert(node, (compared.min(of), of));
        let sum = |pick: fn(&(u64, u64)) -> u64| self.0.values().map(pick).fold(0_u64, u64::saturating_add);
        bar.set_length(sum(|(_, of)| *of));
        bar.set_position(sum(|(compared, _)| *compared));
    }
}

/// What remains, for the last word and the exit code.
struct Told {
    remaining: u64,
    unreached: usize,
}

impl Told {
    fn of(end: &AuditEnd) -> Self {
        Self { remaining: end.differences.saturating_sub(end.repaired), unreached: end.unreached.len() }
    }

    fn exit(&self, node: DivisionCode, args: &TotalsArgs) -> Exit {
        if self.unreached > 0 {
            eprintln!("{} units could not be asked: what they store was not compared", self.unreached);
        }
        if self.remaining == 0 {
            return Exit::Done;
        }
        let deep = if args.deep { " --deep" } else { "" };
        let next = if args.repair {
            "look again once the children have sent again what they were asked for"
        } else {
            "repair them"
        };
        eprintln!("error: {} differences remain; {next}: wuji audit totals{deep} --repair -c {node}", self.remaining);
        Exit::Failed
    }
}
