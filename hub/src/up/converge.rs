//! Waits until the province is exact: until every node has applied what it wrote, and every
//! link has shown, at a complete mark, that both ends hold the same.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep};
use wuji_proto::{DivisionCode, v1};

use super::connect::{Connection, Connections, to};
use super::plan::Plan;
use super::progress::Progress;

/// After so long without being exact, `up --once` gives up, in seconds.
const CONVERGE_SECONDS: u64 = 180;

/// The time between looks, in milliseconds.
const LOOK_MS: u64 = 300;

/// What is behind is told at most so often, in seconds.
const TELL_SECONDS: u64 = 5;

/// So many reasons are named; the rest is counted.
const REASONS_SHOWN_MAX: usize = 12;

/// Waits; an error names what is behind.
pub async fn wait(connections: &Connections, plan: &Plan, progress: &Progress) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(CONVERGE_SECONDS);
    let mut tell_at = Instant::now() + Duration::from_secs(TELL_SECONDS);
    loop {
        let behind = behind(connections, plan).await?;
        if behind.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            bail!("the province is not exact after {CONVERGE_SECONDS} s:\n{}", shown(&behind));
        }
        if Instant::now() > tell_at {
            tell_at = Instant::now() + Duration::from_secs(TELL_SECONDS);
            progress.say(&format!("Waiting until the province is exact:\n{}", shown(&behind)));
        }
        sleep(Duration::from_millis(LOOK_MS)).await;
    }
}

fn shown(behind: &[String]) -> String {
    let mut lines: Vec<String> = behind.iter().take(REASONS_SHOWN_MAX).map(|line| format!("  {line}")).collect();
    if behind.len() > REASONS_SHOWN_MAX {
        lines.push(format!("  and {} more", behind.len() - REASONS_SHOWN_MAX));
    }
    lines.join("\n")
}

/// What is behind, in words. The nodes are asked from the bottom: when a node's own link is
/// equal and quiet, what it sent is already in what its parent answers after it.
async fn behind(connections: &Connections, plan: &Plan) -> anyhow::Result<Vec<String>> {
    let mut behind = Vec::new();
    for unit in plan.units.iter().rev() {
        let get = |connection: Connection| async move { connection.node().status(v1::StatusRequest {}).await };
        let status = to(connections, unit.code)?.call("asking for the status", get).await?.into_inner();
        let children: Vec<DivisionCode> = plan.children(unit.code).map(|child| child.code).collect();
        behind.extend(judge(&status, unit.parent.is_some(), &children));
    }
    Ok(behind)
}

fn judge(status: &v1::StatusReply, has_parent: bool, children: &[DivisionCode]) -> Vec<String> {
    let code = &status.code;
    let mut behind = Vec::new();
    let written = status.journal.as_ref().map_or(0, |journal| journal.sequence);
    let applied = status.index.as_ref().map_or(0, |index| index.applied);
    if applied < written {
        behind.push(format!("{code}: its index has applied {applied} of {written} entries"));
    }
    if !status.holding.is_empty() {
        behind.push(format!("{code}: pushes nothing upward: {}", status.holding));
    }
    match &status.parent {
        Some(parent) => behind.extend(judge_parent(code, parent)),
        None if has_parent => behind.push(format!("{code}: has no link to its parent")),
        None => {}
    }
    for child in children {
        match status.children.iter().find(|known| known.code == child.as_str()) {
            Some(known) => behind.extend(judge_child(code, known)),
            None => behind.push(format!("{code}: does not know its child {child}")),
        }
    }
    behind
}

fn judge_parent(code: &str, parent: &v1::ParentStatus) -> Option<String> {
    let to = &parent.code;
    if parent.state != "connected" {
        return Some(format!("{code}: {} to {to}: {}", parent.state, parent.reason));
    }
    if parent.lag_items > 0 {
        return Some(format!("{code}: {} items still to be sent to {to}", parent.lag_items));
    }
    (parent.digest != "equal").then(|| format!("{code}: its link to {to} is {}", parent.digest))
}

fn judge_child(code: &str, child: &v1::ChildStatus) -> Option<String> {
    let of = &child.code;
    if child.state != "connected" {
        return Some(format!("{code}: its child {of} is {} {}", child.state, child.reason));
    }
    if !child.resync.is_empty() {
        return Some(format!("{code}: re-syncing {of}: {}", child.resync));
    }
    if child.lag_items > 0 {
        return Some(format!("{code}: {} items of {of} still to come", child.lag_items));
    }
    (child.digest != "equal").then(|| format!("{code}: its copy of {of} is {}", child.digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> v1::StatusReply {
        v1::StatusReply {
            code: "3711".into(),
            journal: Some(v1::JournalStatus { sequence: 9, ..Default::default() }),
            index: Some(v1::IndexStatus { applied: 9, ..Default::default() }),
            parent: Some(v1::ParentStatus {
                code: "37".into(),
                state: "connected".into(),
                digest: "equal".into(),
                ..Default::default()
            }),
            children: vec![v1::ChildStatus {
                code: "371122".into(),
                state: "connected".into(),
                digest: "equal".into(),
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    fn judged(change: impl FnOnce(&mut v1::StatusReply)) -> Vec<String> {
        let mut status = quiet();
        change(&mut status);
        judge(&status, true, &["371122".parse().unwrap()])
    }

    #[test]
    fn a_node_that_is_equal_and_quiet_on_all_sides_is_not_behind() {
        assert_eq!(judged(|_| ()), Vec::<String>::new());
    }

    type Change = fn(&mut v1::StatusReply);

    #[test]
    fn whatever_is_behind_is_named() {
        let changes: [(Change, &str); 11] = [
            (|s| s.index = None, "applied 0 of 9"),
            (|s| s.holding = "waits for 371122".into(), "waits for 371122"),
            (|s| s.parent = None, "no link"),
            (|s| s.parent.as_mut().unwrap().state = "connecting".into(), "connecting to 37"),
            (|s| s.parent.as_mut().unwrap().lag_items = 4, "4 items still to be sent"),
            (|s| s.parent.as_mut().unwrap().digest = "differs".into(), "is differs"),
            (|s| s.children.clear(), "does not know its child 371122"),
            (|s| s.children[0].state = "held".into(), "371122 is held"),
            (|s| s.children[0].resync = "30 %".into(), "re-syncing 371122"),
            (|s| s.children[0].lag_items = 2, "2 items of 371122"),
            (|s| s.children[0].digest = "catching-up".into(), "catching-up"),
        ];
        for (change, wanted) in changes {
            let behind = judged(change);
            assert!(behind.len() == 1 && behind[0].contains(wanted), "{wanted}: {behind:?}");
        }
    }

    #[test]
    fn many_reasons_are_counted() {
        let many: Vec<String> = (0..20).map(|n| format!("reason {n}")).collect();
        assert!(shown(&many).ends_with("and 8 more"));
    }
}
