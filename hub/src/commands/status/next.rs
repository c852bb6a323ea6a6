//! The next command to type: the worst thing first.

use serde::Serialize;
use wuji_proto::v1::{ChildStatus, ParentStatus, StatusReply};

/// What to do next, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Next {
    /// Why, in words.
    pub reason: String,
    /// The command to type.
    pub command: String,
}

/// Derives it from the state. `measure` is one of the catalogue's, for when all is well.
pub fn next(status: &StatusReply, measure: Option<&str>) -> Next {
    journal(status)
        .or_else(|| status.parent.as_ref().and_then(|parent| parent_trouble(status, parent)))
        .or_else(|| status.children.iter().find_map(|child| child_trouble(child, &status.code)))
        .or_else(|| status.children.iter().find_map(|child| unsettled(child, &status.code)))
        .or_else(|| audit(status))
        .or_else(|| backup(status))
        .or_else(|| first(status, "planned").map(never_connected))
        .or_else(|| behind(status))
        .unwrap_or_else(|| all_well(status, measure))
}

fn say(reason: String, command: String) -> Next {
    Next { reason, command }
}

fn journal(status: &StatusReply) -> Option<Next> {
    let why = status.journal.as_ref().map(|journal| journal.refusing.as_str()).filter(|why| !why.is_empty())?;
    Some(say(
        format!("writes are refused: {why}; make room or replace the disk on the node's machine, then look again"),
        format!("wuji status -c {}", status.code),
    ))
}

fn parent_trouble(status: &StatusReply, parent: &ParentStatus) -> Option<Next> {
    let why = if parent.reason.is_empty() { String::new() } else { format!(" ({})", parent.reason) };
    let look = format!("wuji status -c {}", parent.code);
    match (parent.state.as_str(), parent.digest.as_str()) {
        ("held", _) => {
            Some(say(format!("the parent {} holds this node{why}: it must be released there", parent.code), look))
        }
        ("connected", "differs") => Some(say(
            format!(
                "the parent {}'s copy differs from this node's feed; a re-sync mends it, see that it runs",
                parent.code
            ),
            look,
        )),
        ("connected", _) => None,
        _ if why.contains("not registered") || why.contains("not planned") => Some(say(
            format!("the parent {} does not let this node in{why}", parent.code),
            format!("wuji child register {} --name {} -c {}", status.code, status.name, parent.code),
        )),
        _ => Some(say(format!("the link to the parent {} is down{why}: see that the parent runs", parent.code), look)),
    }
}

fn child_trouble(child: &ChildStatus, own: &str) -> Option<Next> {
    let look = format!("wuji status -c {}", child.code);
    let named = format!("the child {} {}", child.code, child.name);
    match (child.state.as_str(), child.digest.as_str()) {
        ("held", _) if child.waiting_since_ms != 0 => {
            let why = if child.reason.is_empty() { "it came with another journal" } else { &child.reason };
            Some(say(format!("{named} is held: {why}"), format!("wuji child adopt {} -c {own} --help", child.code)))
        }
        ("held", _) => Some(say(format!("{named} is held: {}", child.reason), look)),
        // Nothing goes upward before it has sent again; with it, or without it.
        ("absent", "catching-up") if !child.released => Some(say(
            format!("{named} is not connected, and what it sent last may be missing here: start it, or give that up"),
            format!("wuji child release {} -c {own}", child.code),
        )),
        ("absent", _) => Some(say(format!("{named} is not connected: see that it runs"), look)),
        ("connected", "differs") if child.resync.is_empty() => {
            Some(say(format!("the copy of {named} differs from its feed and no re-sync runs"), look))
        }
        _ if child.malformed > 0 => Some(say(
            format!("{named} sent {} malformed items, which were set aside: see its version", child.malformed),
            look,
        )),
        _ => None,
    }
}

fn unsettled(child: &ChildStatus, own: &str) -> Option<Next> {
    (child.unsettled_since_ms != 0).then(|| {
        say(
            format!(
                "the child {} {} went back in time, and what it lost counts on: have it entered again, then settle it",
                child.code, child.name
            ),
            format!("wuji child unsettled {} -c {own}", child.code),
        )
    })
}

fn audit(status: &StatusReply) -> Option<Next> {
    let found = status.audit.as_ref().map(|audit| audit.differences.saturating_sub(audit.repaired))?;
    (found > 0).then(|| {
        say(
            format!("the audit found {found} figures that are not the sum of their parts and could not put them right"),
            format!("wuji audit totals --deep --repair -c {}", status.code),
        )
    })
}

/// Also said before everything else on the screen: nobody should have to look for it.
fn backup(status: &StatusReply) -> Option<Next> {
    let overdue = status.backup.as_ref().is_some_and(|backup| backup.overdue);
    overdue.then(|| {
        say(
            "there is no verified backup outside this node's own disk that is younger than 7 days".to_owned(),
            format!("wuji node backup FILE -c {}", status.code),
        )
    })
}

fn first<'a>(status: &'a StatusReply, state: &str) -> Option<&'a ChildStatus> {
    status.children.iter().find(|child| child.state == state)
}

fn never_connected(child: &ChildStatus) -> Next {
    say(
        format!("the child {} {} is planned and has never connected: start it on its machine", child.code, child.name),
        "wuji node --config FILE".to_owned(),
    )
}

fn behind(status: &StatusReply) -> Option<Next> {
    let child = status.children.iter().find(|child| !child.resync.is_empty() || child.digest == "catching-up");
    let reason = match (child, status.holding.as_str()) {
        (Some(child), _) => format!("the child {} {} is catching up; look again in a moment", child.code, child.name),
        (None, "") => return None,
        (None, holding) => format!("nothing is pushed upward yet: {holding}; look again in a moment"),
    };
    Some(say(reason, format!("wuji status -c {}", status.code)))
}

fn all_well(status: &StatusReply, measure: Option<&str>) -> Next {
    let code = &status.code;
    if status.tier != "workroom" && status.children.is_empty() {
        return say(
            "this node has no children yet: plan the first".to_owned(),
            format!("wuji child register CODE --name NAME -c {code}"),
        );
    }
    let command = measure.map_or_else(
        || format!("wuji tree -c {code}"),
        |measure| match status.tier.as_str() {
            "workroom" => format!("wuji stats --measure {measure} --grain month -c {code}"),
            _ => format!("wuji stats --measure {measure} --by unit -c {code}"),
        },
    );
    say("all is well".to_owned(), command)
}

#[cfg(test)]
mod tests {
    use wuji_proto::v1::{AuditStatus, BackupStatus, JournalStatus};

    use super::*;

    fn county() -> StatusReply {
        let child = |code: &str| ChildStatus {
            code: code.to_owned(),
            name: "招贤镇".to_owned(),
            state: "connected".to_owned(),
            digest: "equal".to_owned(),
            ..ChildStatus::default()
        };
        StatusReply {
            code: "371122".to_owned(),
            name: "莒县".to_owned(),
            tier: "county".to_owned(),
            journal: Some(JournalStatus::default()),
            parent: Some(ParentStatus {
                code: "3711".to_owned(),
                state: "connected".to_owned(),
                digest: "equal".to_owned(),
                ..ParentStatus::default()
            }),
            children: vec![child("371122102"), child("371122103")],
            ..StatusReply::default()
        }
    }

    #[test]
    fn the_worst_thing_is_named_first() {
        let mut status = county();
        let mut expect = |change: fn(&mut StatusReply), reason: &str, command: &str| {
            change(&mut status);
            let next = next(&status, Some("mediation.accepted"));
            assert!(next.reason.contains(reason), "{next:?}");
            assert_eq!(next.command, command, "{next:?}");
        };
        expect(|_| (), "all is well", "wuji stats --measure mediation.accepted --by unit -c 371122");
        expect(|it| it.children[0].digest = "catching-up".into(), "catching up", "wuji status -c 371122");
        expect(|it| it.children[1].state = "planned".into(), "never connected", "wuji node --config FILE");
        expect(
            |it| it.backup = Some(BackupStatus { overdue: true, ..BackupStatus::default() }),
            "no verified backup",
            "wuji node backup FILE -c 371122",
        );
        expect(
            |it| it.audit = Some(AuditStatus { differences: 3, repaired: 2, ..AuditStatus::default() }),
            "1 figures",
            "wuji audit totals --deep --repair -c 371122",
        );
        expect(
            |it| it.children[1].unsettled_since_ms = 1,
            "went back in time",
            "wuji child unsettled 371122103 -c 371122",
        );
        expect(
            |it| it.children[0].state = "absent".into(),
            "what it sent last may be missing",
            "wuji child release 371122102 -c 371122",
        );
        expect(|it| it.children[0].released = true, "not connected", "wuji status -c 371122102");
        expect(
            |it| (it.children[0].state, it.children[0].waiting_since_ms) = ("held".into(), 1),
            "another journal",
            "wuji child adopt 371122102 -c 371122 --help",
        );
        expect(
            |it| it.parent.as_mut().unwrap().state = "connecting".into(),
            "link to the parent 3711 is down",
            "wuji status -c 3711",
        );
        expect(|it| it.parent.as_mut().unwrap().state = "held".into(), "holds this node", "wuji status -c 3711");
        expect(|it| it.journal.as_mut().unwrap().refusing = "disk full".into(), "disk full", "wuji status -c 371122");
    }

    #[test]
    fn a_node_without_children_is_told_to_plan_some() {
        let status = StatusReply { children: Vec::new(), ..county() };
        assert_eq!(next(&status, None).command, "wuji child register CODE --name NAME -c 371122");
    }
}
