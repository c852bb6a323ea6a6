//! `wuji tree`: the units below a node, as its directory has them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use wuji_proto::DivisionCode;
use wuji_proto::v1::{TreeRequest, TreeUnit};

use crate::args::Global;
use crate::clock;
use crate::exit::Exit;
use crate::output::json::serialize_time;
use crate::output::{Cell, Column, Sheet, Tone, table};

/// What `wuji tree` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  wuji tree -c 37                  everything below the province
  wuji tree 371122 -c 37           one county, as the province knows it
  wuji tree -c 37 --output csv     for a spreadsheet")]
pub struct TreeArgs {
    /// The unit whose subtree is shown [default: the node's own]
    pub code: Option<DivisionCode>,
}

#[derive(Serialize)]
struct Tree {
    units: Vec<Unit>,
}

#[derive(Serialize)]
struct Unit {
    code: String,
    name: String,
    tier: String,
    /// Null for the first.
    parent: Option<String>,
    state: String,
    #[serde(serialize_with = "serialize_time")]
    heard_at: i64,
    version: Option<String>,
}

impl From<TreeUnit> for Unit {
    fn from(unit: TreeUnit) -> Self {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            code: unit.code,
            name: unit.name,
            tier: unit.tier,
            parent: some(unit.parent),
            state: unit.state,
            heard_at: unit.heard_ms,
            version: some(unit.version),
        }
    }
}

/// Shows the subtree.
pub async fn run(args: &TreeArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let scope = args.code.map(|code| code.to_string()).unwrap_or_default();
    let operation = format!("show the units below {}", args.code.unwrap_or(client.address().code));
    let refused = |status| client.error(operation.clone(), status);
    let mut units = client.node().tree(TreeRequest { scope }).await.map_err(refused)?.into_inner();
    let mut tree = Tree { units: Vec::new() };
    while let Some(unit) = units.message().await.map_err(refused)? {
        tree.units.push(unit.into());
    }
    global.output().document(&tree, sheet, |tree, output| drawn(tree, output.colour))?;
    Ok(Exit::Done.into())
}

fn sheet(tree: &Tree) -> Sheet {
    let text = |text: &Option<String>| Cell::text(text.as_deref().unwrap_or_default());
    let row = |unit: &Unit| {
        let [code, name, tier, state] = [&unit.code, &unit.name, &unit.tier, &unit.state].map(|it| Cell::text(it));
        vec![code, name, tier, text(&unit.parent), state, Cell::Time(unit.heard_at), text(&unit.version)]
    };
    Sheet {
        columns: ["code", "name", "tier", "parent", "state", "heard_at", "version"].map(Column::text).into(),
        rows: tree.units.iter().map(row).collect(),
        totals: None,
    }
}

/// The tone of a state of [`TreeUnit`], `ChildStatus` or `AbsentUnit`.
pub fn tone(state: &str) -> Tone {
    match state {
        "self" | "connected" | "equal" => Tone::Good,
        "held" | "absent" | "differs" => Tone::Bad,
        _ => Tone::Waiting,
    }
}

/// Branches drawn with lines. A unit whose parent is not in the answer is a root.
fn drawn(tree: &Tree, colour: bool) -> String {
    let known: BTreeMap<&str, usize> =
        tree.units.iter().enumerate().map(|(at, unit)| (unit.code.as_str(), at)).collect();
    let mut children: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for (at, unit) in tree.units.iter().enumerate() {
        let parent =
            unit.parent.as_deref().and_then(|parent| known.get(parent).copied()).filter(|parent| *parent != at);
        children.entry(parent).or_default().push(at);
    }
    let mut text = String::new();
    // A stack instead of recursion: the answer comes from outside. `remove` draws each unit once.
    let mut waiting: Vec<(usize, String, String)> = Vec::new();
    let mut push = |waiting: &mut Vec<_>, parent: Option<usize>, indent: &str| {
        let below = children.remove(&parent).unwrap_or_default();
        let last = below.last().copied();
        for at in below.into_iter().rev() {
            let (branch, further) = match (parent, Some(at) == last) {
                (None, _) => ("", ""),
                (_, true) => ("└─ ", "   "),
                (_, false) => ("├─ ", "│  "),
            };
            waiting.push((at, format!("{indent}{branch}"), format!("{indent}{further}")));
        }
    };
    push(&mut waiting, None, "");
    while let Some((at, branch, indent)) = waiting.pop() {
        let Some(unit) = tree.units.get(at) else { continue };
        let state = table::toned(&unit.state, tone(&unit.state), colour);
        let heard =
            if unit.heard_at == 0 { String::new() } else { format!(" · complete at {}", clock::shown(unit.heard_at)) };
        let _ = writeln!(text, "{branch}{} {} · {state}{heard}", unit.code, unit.name);
        push(&mut waiting, Some(at), &indent);
    }
    text
}
