//! `wuji division find`: which unit has which code.
//!
//! The search itself is the directory's.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;
use wuji_proto::{DivisionCode, Tier};

use wuji_node::division::{self, Directory};

use crate::args::Global;
use crate::exit::Exit;
use crate::output::{Cell, Column, Sheet};

/// How many units are asked of the directory before those of the wanted tier are picked.
const FOUND_MAX: usize = 10_000;

/// The commands below `wuji division`.
#[derive(Debug, Subcommand)]
pub enum DivisionCommand {
    /// Find units by name or code
    Find(FindArgs),
}

/// What `wuji division find` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  wuji division find 莒县
  wuji division find 招贤 --tier township
  wuji division find 371122102 --output json")]
pub struct FindArgs {
    /// A part of the name, or a code
    pub text: String,
    /// Only units of this tier: province, city, county, township, workroom
    #[arg(long)]
    pub tier: Option<Tier>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub limit: u16,
}

#[derive(Serialize)]
struct Found {
    divisions: Vec<Division>,
}

#[derive(Serialize)]
struct Division {
    code: DivisionCode,
    name: String,
    tier: Tier,
    /// From the province down to the unit itself.
    path: Vec<PathPart>,
}

#[derive(Serialize)]
struct PathPart {
    code: DivisionCode,
    name: String,
}

/// Runs a command below `wuji division` on a directory.
pub fn run(command: &DivisionCommand, global: &Global) -> anyhow::Result<ExitCode> {
    let DivisionCommand::Find(args) = command;
    let (found, output) = (find(args, &Directory::embedded()?), global.output());
    output.sheet(&found, sheet)?;
    if found.divisions.is_empty() {
        eprintln!("no unit is called {:?}: try a shorter part of the name, or another --tier", args.text);
        return Ok(Exit::NotFound.into());
    }
    Ok(Exit::Done.into())
}

fn find(args: &FindArgs, directory: &Directory) -> Found {
    let limit = usize::from(args.limit);
    let asked = if args.tier.is_some() { FOUND_MAX } else { limit };
    let found = directory.find(args.text.trim(), asked).into_iter();
    let wanted = found.filter(|entry| args.tier.is_none_or(|tier| entry.code.tier() == tier)).take(limit);
    let division = |entry: division::Division| Division {
        path: directory.path(entry.code).into_iter().map(|it| PathPart { code: it.code, name: it.name }).collect(),
        tier: entry.code.tier(),
        code: entry.code,
        name: entry.name,
    };
    Found { divisions: wanted.map(division).collect() }
}

fn sheet(found: &Found) -> Sheet {
    let row = |it: &Division| {
        let path = it.path.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join(" › ");
        vec![Cell::text(it.code.as_str()), Cell::text(&it.name), Cell::text(it.tier.name()), Cell::Text(path)]
    };
    Sheet {
        columns: ["code", "name", "tier", "path"].map(Column::text).into(),
        rows: found.divisions.iter().map(row).collect(),
        totals: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::table;

    #[test]
    fn only_units_of_the_wanted_tier_are_shown_with_their_path() {
        let args = FindArgs { text: " 招贤 ".to_owned(), tier: Some(Tier::Township), limit: 1 };
        let found = find(&args, &Directory::embedded().unwrap());
        let shown = table::render(&sheet(&found), false);
        assert_eq!(
            shown.lines().nth(1),
            Some("371122102  招贤镇  township  山东省 › 日照市 › 莒县 › 招贤镇"),
            "{shown}"
        );
    }
}
