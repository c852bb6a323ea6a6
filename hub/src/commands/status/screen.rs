//! The status for people.

use std::fmt::Write;

use super::document::{Audit, Backup, Child, Index, Parent, Status};
use crate::clock;
use crate::commands::tree::tone;
use crate::output::number::{bytes, grouped};
use crate::output::{Cell, Column, Sheet, Tone, harmless, table};

/// How much of an incarnation is shown: enough to tell two apart.
const INCARNATION_SHOWN_CHARACTERS: usize = 8;

/// The whole screen.
pub fn text(status: &Status, colour: bool) -> String {
    let uptime = clock::elapsed(status.now.saturating_sub(status.started_at));
    let mut text = backup_alarm(status, colour);
    let _ = write!(
        text,
        "{} {} · {} · version {} · up {uptime} · incarnation {}\n\n",
        status.name,
        status.code,
        status.tier,
        status.version,
        short(&status.incarnation),
    );
    text += &table::pairs(&about(status), colour);
    if status.tier != "workroom" {
        text += "\n";
        text += &if status.children.is_empty() {
            "no children are planned\n".to_owned()
        } else {
            table::render(&narrow(&children_sheet(status)), colour)
        };
        for child in &status.children {
            text += &remarks(child, colour);
        }
    }
    let well = if status.next.reason == "all is well" { Tone::Good } else { Tone::Waiting };
    let _ = write!(text, "\n{}\nnext: {}\n", table::toned(&status.next.reason, well, colour), status.next.command);
    text
}

fn about(status: &Status) -> Vec<(String, Cell)> {
    let (journal, index) = (&status.journal, &status.index);
    let mut lines = vec![
        line(
            "journal",
            format!(
                "entry {} · {} segments · {}",
                grouped(journal.sequence.into()),
                grouped(journal.segments.into()),
                bytes(journal.bytes)
            ),
        ),
        line(
            "index",
            format!(
                "{} · entry {} applied · {} items · checkpoint {}",
                index.kind,
                grouped(index.applied.into()),
                grouped(index.items.into()),
                clock::shown(index.checkpoint_at)
            ),
        ),
        files_line(index),
        audit_line(&status.audit),
        backup_line(&status.backup),
        line("catalogue", format!("{} · {}", status.catalogue.version, short(&status.catalogue.hash))),
    ];
    let alarms = [
        ("refusing writes", &journal.refusing, Tone::Bad),
        ("recovered", &journal.recovered, Tone::Waiting),
        ("index rebuilt", &index.rebuilt, Tone::Waiting),
        ("not pushing", &status.holding, Tone::Waiting),
    ];
    for (name, why, tone) in alarms {
        if let Some(why) = why {
            lines.push((name.to_owned(), Cell::State(why.clone(), tone)));
        }
    }
    if let Some(parent) = &status.parent {
        lines.extend(parent_lines(parent));
    }
    lines
}

/// The first thing that is said, if there is nothing from which the unit could come back.
fn backup_alarm(status: &Status, colour: bool) -> String {
    if !status.backup.overdue {
        return String::new();
    }
    let last = match status.backup.outside_at {
        0 => "there is none".to_owned(),
        at => format!("the last one is {} old", clock::elapsed(status.now.saturating_sub(at))),
    };
    let alarm = format!(
        "NO BACKUP: no verified backup outside this node's own disk for 7 days, {last}: wuji node backup FILE -c {}",
        status.code
    );
    table::toned(&alarm, Tone::Bad, colour) + "\n"
}

/// How much of the index's files is alive.
fn files_line(index: &Index) -> (String, Cell) {
    let snapshot = match index.snapshot_at {
        0 => "no snapshot yet".to_owned(),
        at => format!(
            "{} alive at the snapshot of entry {}, {}",
            bytes(index.live_bytes),
            grouped(index.snapshot_sequence.into()),
            clock::shown(at)
        ),
    };
    line("  files", format!("{} · {snapshot}", bytes(index.disk_bytes)))
}

fn backup_line(backup: &Backup) -> (String, Cell) {
    let text = match backup.verified_at {
        0 => "none verified yet".to_owned(),
        at => format!(
            "verified {} · up to entry {} · {} · {}",
            clock::shown(at),
            grouped(backup.sequence.into()),
            backup.place.as_deref().unwrap_or_default(),
            harmless(backup.destination.as_deref().unwrap_or_default()),
        ),
    };
    ("backup".to_owned(), Cell::State(text, if backup.overdue { Tone::Bad } else { Tone::Good }))
}

/// What the standing audit has come to.
fn audit_line(audit: &Audit) -> (String, Cell) {
    let passed = if audit.passed_at == 0 {
        "no whole pass yet".to_owned()
    } else {
        format!("passed {} · {} totals", clock::shown(audit.passed_at), grouped(audit.totals.into()))
    };
    let now = match audit.progress_permille {
        0 => String::new(),
        done => format!(" · {}.{} % of the next", done / 10, done % 10),
    };
    let (found, tone) = match audit.differences {
        0 => ("no differences".to_owned(), Tone::Good),
        count => {
            let tone = if count == audit.repaired { Tone::Waiting } else { Tone::Bad };
            (format!("{} differences, {} put right", grouped(count.into()), grouped(audit.repaired.into())), tone)
        }
    };
    ("audit".to_owned(), Cell::State(format!("{passed}{now} · {found}"), tone))
}

fn parent_lines(parent: &Parent) -> Vec<(String, Cell)> {
    let why = parent.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let state = format!("{} since {}{why}", parent.state, clock::shown(parent.since));
    vec![
        line("parent", format!("{} at {}", parent.code, parent.address)),
        ("  link".to_owned(), Cell::State(state, tone(&parent.state))),
        line("  feed", format!("head {} · applied {} · safe {}", parent.head, parent.applied, parent.safe)),
        line("  lag", format!("{} items · clock {:+} ms", grouped(parent.lag_items.into()), parent.clock_skew_ms)),
        ("  digest".to_owned(), Cell::State(parent.digest.clone(), tone(&parent.digest))),
        line(
            "  sent",
            format!(
                "{} items · {} · {} re-syncs",
                grouped(parent.items_sent.into()),
                bytes(parent.bytes_sent),
                grouped(parent.resyncs.into())
            ),
        ),
    ]
}

fn line(name: &str, text: String) -> (String, Cell) {
    (name.to_owned(), Cell::Text(text))
}

fn short(text: &str) -> String {
    text.chars().take(INCARNATION_SHOWN_CHARACTERS).collect()
}

/// What does not fit into a row.
fn remarks(child: &Child, colour: bool) -> String {
    let malformed = (child.malformed_items > 0)
        .then(|| format!("{} malformed items were set aside", grouped(child.malformed_items.into())));
    let since = match child.waiting_since {
        0 => String::new(),
        since => format!(" since {}", clock::shown(since)),
    };
    let held = child.reason.as_ref().map(|why| format!("{}{since}: {why}", child.state));
    let unsettled = child.unsettled.as_ref().map(|it| {
        let what = match (it.amounts, it.unknown) {
            (0, _) => "what it lost is not known".to_owned(),
            (count, false) => format!("{} amounts that it lost count on", grouped(count.into())),
            (count, true) => format!("{} amounts that it lost count on, and there may be more", grouped(count.into())),
        };
        format!("unsettled since {}: it went back in time; {what}", clock::shown(it.since))
    });
    let released = child.released.then(|| "released: nobody waits for what it sent last".to_owned());
    let resync = child.resync.as_ref().map(|how| format!("re-sync: {how}"));
    [
        (held, Tone::Bad),
        (unsettled, Tone::Waiting),
        (released, Tone::Waiting),
        (resync, Tone::Waiting),
        (malformed, Tone::Bad),
    ]
    .into_iter()
    .filter_map(|(remark, tone)| Some(format!("{}  {}\n", child.code, table::toned(&remark?, tone, colour))))
    .collect()
}

/// The children: all that there is, for CSV.
pub fn children_sheet(status: &Status) -> Sheet {
    let text = |text: &Option<String>| Cell::text(text.as_deref().unwrap_or_default());
    let row = |child: &Child| {
        vec![
            Cell::text(&child.code),
            Cell::text(&child.name),
            Cell::State(child.state.clone(), tone(&child.state)),
            Cell::State(child.digest.clone(), tone(&child.digest)),
            Cell::count(child.lag_items),
            Cell::count(child.lag_seconds),
            text(&child.watermark),
            text(&child.head),
            Cell::Time(child.last_contact_at),
            Cell::Integer(child.clock_skew_ms.into()),
            text(&child.version),
            text(&child.incarnation),
            Cell::Time(child.complete_at),
            text(&child.resync),
            text(&child.reason),
            Cell::count(child.malformed_items),
            Cell::count(child.items_received),
            Cell::Time(child.waiting_since),
            Cell::Time(child.unsettled.as_ref().map_or(0, |it| it.since)),
            Cell::count(child.unsettled.as_ref().map_or(0, |it| it.amounts)),
            Cell::text(if child.released { "true" } else { "false" }),
        ]
    };
    let names: [(&str, bool); 21] = [
        ("code", false),
        ("name", false),
        ("state", false),
        ("digest", false),
        ("lag_items", true),
        ("lag_seconds", true),
        ("watermark", false),
        ("head", false),
        ("last_contact_at", false),
        ("clock_skew_ms", true),
        ("version", false),
        ("incarnation", false),
        ("complete_at", false),
        ("resync", false),
        ("reason", false),
        ("malformed_items", true),
        ("items_received", true),
        ("waiting_since", false),
        ("unsettled_since", false),
        ("unsettled_amounts", true),
        ("released", false),
    ];
    Sheet {
        columns: names.map(|(name, number)| if number { Column::number(name) } else { Column::text(name) }).into(),
        rows: status.children.iter().map(row).collect(),
        totals: None,
    }
}

/// The columns that fit on a screen; the rest stands in the remarks and in JSON.
fn narrow(sheet: &Sheet) -> Sheet {
    const SHOWN: [(&str, &str); 12] = [
        ("code", "child"),
        ("name", ""),
        ("state", "state"),
        ("digest", "digest"),
        ("lag_items", "items"),
        ("lag_seconds", "lag s"),
        ("watermark", "watermark"),
        ("head", "head"),
        ("last_contact_at", "last contact"),
        ("clock_skew_ms", "skew ms"),
        ("version", "version"),
        ("incarnation", "incarnation"),
    ];
    let mut shown = Sheet { rows: vec![Vec::new(); sheet.rows.len()], ..Sheet::default() };
    for (name, title) in SHOWN {
        let Some(at) = sheet.columns.iter().position(|column| column.name == name) else { continue };
        shown.columns.extend(sheet.columns.get(at).map(|column| Column { title: title.to_owned(), ..column.clone() }));
        for (to, from) in shown.rows.iter_mut().zip(&sheet.rows) {
            to.extend(from.get(at).map(|cell| match cell {
                Cell::Text(text) if name == "incarnation" => Cell::Text(short(text)),
                cell => cell.clone(),
            }));
        }
    }
    shown
}
