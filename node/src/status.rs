//! What a node tells of itself: its parts, its parent's line, its children, its subtree.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::sync::watch;
use wuji_proto::{CellKey, DivisionCode, ItemKey, v1};

use crate::audit::Auditor;
use crate::backup::served::Backups;
use crate::catalogue::Catalogue;
use crate::feed::child::Child;
use crate::feed::exchange::{FeedSource, Refusal};
use crate::feed::heard::{Heard, Standing};
use crate::feed::source::StoreFeed;
use crate::index::values::HeldItem;
use crate::index::{Index, IndexError, keys};
use crate::journal::JournalReader;
use crate::link::{ChildState, Children, PushStatus};
use crate::snapshot::Snapshots;
use crate::state::{NodeState, OpenReport};
use crate::statistics::directory::Directory;
use crate::statistics::standing::{Absence, Standings};
use crate::store::Store;
use crate::time::NodeTime;

/// The parts that tell.
pub struct NodeStatus {
    name: String,
    started_at_ms: i64,
    store: Arc<Store>,
    feed: Arc<StoreFeed>,
    journal: JournalReader,
    catalogue: Arc<Catalogue>,
    time: NodeTime,
    report: OpenReport,
    checkpoints: watch::Receiver<i64>,
    heard: Arc<Heard>,
    refusing: watch::Receiver<String>,
    children: Arc<Children>,
    parent: Option<Arc<PushStatus>>,
    auditor: Arc<Auditor>,
    backups: Arc<Backups>,
    snapshots: Arc<Snapshots>,
}

impl NodeStatus {
    /// Of a node with its links.
    pub fn new(name: String, state: &NodeState, children: Arc<Children>, parent: Option<Arc<PushStatus>>) -> Self {
        Self {
            name,
            started_at_ms: state.time.now_ms(),
            store: Arc::clone(&state.store),
            feed: state.feed(),
            journal: state.journal.clone(),
            catalogue: Arc::clone(&state.catalogue),
            time: state.time.clone(),
            report: state.report.clone(),
            checkpoints: state.checkpoints.clone(),
            heard: Arc::clone(&state.heard),
            refusing: state.refusing.clone(),
            children,
            parent,
            auditor: Arc::clone(&state.auditor),
            backups: Arc::clone(&state.backups),
            snapshots: Arc::clone(&state.snapshots),
        }
    }

    /// The whole status. Blocks briefly.
    pub fn report(&self) -> Result<v1::StatusReply, IndexError> {
        let view = self.store.view();
        let own = self.store.own;
        let children = child_states(view.index)?;
        let unsettled = unsettled_counts(view.index, &children)?;
        let snapshot = self.snapshots.newest();
        let index = v1::IndexStatus {
            kind: view.index.kind().to_owned(),
            applied: view.state.applied,
            items: view.state.head.digest.count,
            rebuilt: self.report.rebuilt.clone(),
            checkpoint_at_ms: *self.checkpoints.borrow(),
            disk_bytes: view.index.disk_bytes()?,
            live_bytes: snapshot.as_ref().map_or(0, |made| made.live_bytes),
            snapshot_sequence: snapshot.as_ref().map_or(0, |made| made.index.applied),
            snapshot_at_ms: snapshot.as_ref().map_or(0, |made| made.at_ms),
        };
        let holding = view.state.holding.clone().unwrap_or_default();
        drop(view);
        Ok(v1::StatusReply {
            audit: Some(self.auditor.status()),
            code: own.to_string(),
            name: self.name.clone(),
            tier: own.tier().name().to_owned(),
            incarnation: self.store.incarnation.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now_ms: self.time.now_ms(),
            started_at_ms: self.started_at_ms,
            journal: Some(v1::JournalStatus {
                sequence: self.journal.tail().sequence,
                segments: self.journal.segments().len() as u64,
                bytes: self.journal.bytes(),
                recovered: self.report.recovered.clone(),
                refusing: self.refusing.borrow().clone(),
            }),
            index: Some(index),
            catalogue_version: self.catalogue.version().to_owned(),
            catalogue_hash: blake3::Hash::from_bytes(self.catalogue.hash()).to_hex().to_string(),
            parent: self.parent(),
            children: children.iter().map(|(code, child)| self.child(*code, child, &unsettled)).collect(),
            holding,
            backup: Some(self.backups.status()?),
        })
    }

    /// The parent's line; `None` at the province.
    pub fn parent(&self) -> Option<v1::ParentStatus> {
        self.parent.as_ref().map(|parent| parent.report(self.feed.head()))
    }

    /// The units below `scope`, and itself. Blocks briefly.
    pub fn tree(&self, scope: Option<DivisionCode>) -> Result<Vec<v1::TreeUnit>, IndexError> {
        let view = self.store.view();
        let directory = Directory::read(view.index)?;
        let children = child_states(view.index)?;
        drop(view);
        let scope = scope.unwrap_or(self.store.own);
        let unit = |(code, entry): (DivisionCode, &v1::UnitEntry)| {
            let direct = children.iter().find(|(child, _)| *child == code);
            let (at, state) = match direct {
                _ if code == self.store.own => (self.time.now_ms(), "self"),
                Some((_, child)) => (child.complete_at_ms, self.standing(code, child).name()),
                None => self.told(code, entry),
            };
            v1::TreeUnit {
                code: code.to_string(),
                name: entry.name.clone(),
                tier: code.tier().name().to_owned(),
                parent: entry.parent.clone(),
                state: state.to_owned(),
                heard_ms: at,
                version: entry.version.clone(),
            }
        };
        Ok(directory.units().filter(|(code, _)| directory.lies_under(*code, scope)).map(unit).collect())
    }

    /// How a deeper unit stands, as its parent told.
    fn told(&self, code: DivisionCode, entry: &v1::UnitEntry) -> (i64, &'static str) {
        match self.heard.of(code) {
            _ if entry.retired => (0, Standing::Retired.name()),
            Some((at, standing)) => (i64::from(at).saturating_mul(crate::env::SECOND_MS), standing.name()),
            None if entry.planned => (0, Standing::Planned.name()),
            None => (0, "unknown"),
        }
    }

    /// The registry. Blocks briefly.
    pub fn planned_children(&self) -> Result<Vec<v1::PlannedChild>, IndexError> {
        let children = child_states(self.store.view().index)?;
        let planned = |(code, child): (DivisionCode, Child)| v1::PlannedChild {
            code: code.to_string(),
            name: child.name,
            expected_from: child.expected_from,
            incarnation: child.incarnation.map(|life| life.to_string()).unwrap_or_default(),
            retired_from: child.retired_from,
        };
        Ok(children.into_iter().map(planned).collect())
    }

    /// The unsettled amounts of a child, or of all. Blocks briefly.
    pub fn unsettled(&self, code: Option<DivisionCode>) -> Result<Vec<v1::UnsettledAmount>, IndexError> {
        let view = self.store.view();
        let mut amounts = Vec::new();
        for (child, state) in child_states(view.index)?.iter().filter(|(child, _)| code.is_none_or(|it| it == *child)) {
            let prefix = keys::unsettled(*child, &[]);
            view.index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
                if let Some(Ok(ItemKey::Cell(cell))) = keys::parse_of_child(key).map(ItemKey::from_bytes) {
                    let amount = HeldItem::from_bytes(value)?.amount();
                    amounts.push(self.unsettled_amount(&state.name, &cell, amount));
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(amounts)
    }

    fn unsettled_amount(&self, name: &str, cell: &CellKey, amount: i64) -> v1::UnsettledAmount {
        let measure = self.catalogue.measure_numbered(cell.measure);
        let split = usize::from(cell.part.split).checked_sub(1).zip(measure).and_then(|(at, it)| it.splits().get(at));
        v1::UnsettledAmount {
            code: cell.scope.to_string(),
            name: name.to_owned(),
            measure: measure.map_or_else(|| cell.measure.to_string(), |measure| measure.id().to_owned()),
            title_zh: measure.map(|measure| measure.title().zh.clone()).unwrap_or_default(),
            title_en: measure.map(|measure| measure.title().en.clone()).unwrap_or_default(),
            revision: cell.measure.revision.into(),
            period: cell.period.to_string(),
            fields: split.map(|split| split.fields().to_vec()).unwrap_or_default(),
            words: cell.part.words.clone(),
            amount,
        }
    }

    /// Ends a child's stream: it is let in no more.
    pub fn turn_out(&self, code: DivisionCode, reason: String) {
        self.children.close(code, Refusal { reason, held: true });
    }

    /// What is told upward of the units below: each direct child, and what they told.
    pub fn heard_units(&self) -> Vec<(DivisionCode, u32, u32)> {
        let mut units = self.heard.all();
        let children = child_states(self.store.view().index).unwrap_or_default();
        units.extend(children.iter().map(|(code, child)| {
            let seconds = u32::try_from(child.complete_at_ms / crate::env::SECOND_MS).unwrap_or(0);
            (*code, seconds, self.standing(*code, child).number())
        }));
        units
    }

    fn standing(&self, code: DivisionCode, child: &Child) -> Standing {
        match self.children.get(code).map(|link| link.state) {
            _ if child.retired_from.is_some() => Standing::Retired,
            Some(ChildState::Connected) => Standing::Connected,
            Some(ChildState::Held) => Standing::Held,
            _ if child.waiting.is_some() => Standing::Held,
            _ if child.incarnation.is_none() => Standing::Planned,
            _ => Standing::Absent,
        }
    }

    fn child(&self, code: DivisionCode, child: &Child, unsettled: &BTreeMap<DivisionCode, u64>) -> v1::ChildStatus {
        let digest = match (&child.walk, child.catching_up, child.complete_at_ms) {
            (Some(walk), ..) if walk.began.is_none() => "differs",
            (Some(_), ..) | (_, true, _) => "catching-up",
            (None, false, 0) => "unknown",
            (None, false, _) => "equal",
        };
        let mut status = v1::ChildStatus {
            code: code.to_string(),
            name: child.name.clone(),
            state: self.standing(code, child).name().to_owned(),
            incarnation: child.incarnation.map(|life| life.to_string()).unwrap_or_default(),
            watermark: child.low.at.to_string(),
            head: child.high.at.to_string(),
            digest: digest.to_owned(),
            complete_at_ms: child.complete_at_ms,
            malformed: child.holding.malformed,
            waiting_since_ms: child.waiting.map_or(0, |waiting| waiting.since_ms),
            unsettled: unsettled.get(&code).copied().unwrap_or_default(),
            unsettled_since_ms: child.unsettled.map_or(0, |unsettled| unsettled.since_ms),
            unsettled_unknown: child.unsettled.is_some_and(|unsettled| unsettled.unknown),
            released: child.released,
            ..v1::ChildStatus::default()
        };
        self.children.fill(code, self.time.now_ms(), &mut status);
        if child.retired_from.is_some() {
            // What it tries meanwhile does not matter.
            Standing::Retired.name().clone_into(&mut status.state);
        }
        if status.digest == "equal" && status.lag_items > 0 {
            "catching-up".clone_into(&mut status.digest);
        }
        status
    }
}

impl Standings for NodeStatus {
    fn absence(&self, child: DivisionCode) -> Option<Absence> {
        match self.children.get(child) {
            Some(link) if link.state == ChildState::Connected => None,
            Some(link) => {
                Some(Absence { state: link.state.as_str(), since_ms: link.last_contact_ms, reason: link.reason })
            }
            None => Some(Absence { state: Standing::Absent.name(), since_ms: 0, reason: String::new() }),
        }
    }

    fn heard(&self, unit: DivisionCode) -> Option<(u32, Standing)> {
        self.heard.of(unit)
    }

    fn heard_version(&self) -> u64 {
        self.heard.version()
    }
}

/// How many amounts of each child are unsettled.
fn unsettled_counts(
    index: &dyn Index,
    children: &[(DivisionCode, Child)],
) -> Result<BTreeMap<DivisionCode, u64>, IndexError> {
    let mut counts = BTreeMap::new();
    for (code, _) in children.iter().filter(|(_, child)| child.unsettled.is_some()) {
        let (prefix, mut count) = (keys::unsettled(*code, &[]), 0);
        index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |_, _| {
            count += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        counts.insert(*code, count);
    }
    Ok(counts)
}

/// Every planned child.
fn child_states(index: &dyn Index) -> Result<Vec<(DivisionCode, Child)>, IndexError> {
    let prefix = keys::children();
    let mut children = Vec::new();
    index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
        if let Some(code) = keys::parse_child(key) {
            children.push((code, Child::from_bytes(value)?));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(children)
}
