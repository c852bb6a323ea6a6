//! The whole audit: this node's own, its children's copies, and the children's own audits,
//! which go on downward.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use wuji_proto::v1::audit_reply::Part;
use wuji_proto::v1::pull_reply;
use wuji_proto::{DivisionCode, v1};

use super::listener::Listener;
use super::pass::{Options, Outcome, Pace};
use super::{AuditError, Auditor, copies, found, totals};
use crate::api::Replies;
use crate::feed::child::Child;
use crate::index::draft::Draft;
use crate::pull::{Ask, PartSender, WITHIN_MAX};
use crate::statistics::directory::Directory;

/// Children that are audited at once.
const CHILDREN_AT_ONCE: usize = 8;

/// What each hop keeps back of the time that is left, to tell what it has: a tenth.
const KEPT_BACK: u32 = 10;

/// Units that the end of an audit names as not reached.
const UNREACHED_MAX: usize = 1_000;

/// A unit's code as a request has it; empty: none.
pub fn scope(text: &str) -> Result<Option<DivisionCode>, Status> {
    let parsed = (!text.is_empty()).then(|| text.parse::<DivisionCode>()).transpose();
    parsed.map_err(|error| Status::invalid_argument(error.to_string()))
}

/// What is gathered for the end.
#[derive(Default)]
struct Gathered {
    outcome: Outcome,
    unreached: Vec<v1::AbsentUnit>,
}

impl Gathered {
    fn add(&mut self, other: Self) {
        self.outcome.totals += other.outcome.totals;
        self.outcome.copies += other.outcome.copies;
        self.outcome.differences += other.outcome.differences;
        self.outcome.repaired += other.outcome.repaired;
        self.unreached.extend(other.unreached);
        self.unreached.truncate(UNREACHED_MAX);
    }
}

/// Audits as asked, and tells the listener everything, the end included.
pub async fn run(auditor: &Arc<Auditor>, request: v1::AuditRequest, listener: Arc<Listener>) -> Result<(), Status> {
    let _running = auditor.running.try_acquire().map_err(|_| AuditError::Busy)?;
    let began = Instant::now();
    let within = match request.within_ms {
        0 => WITHIN_MAX,
        ms => Duration::from_millis(ms.into()).min(WITHIN_MAX),
    };
    let scope = scope(&request.scope)?;
    if let Some(scope) = scope {
        require_known(auditor, scope).await?;
    }
    let options = Options { scope, repair: request.repair, pace: Pace::BRISK };
    let mut gathered = Gathered { outcome: auditor.local(options, &listener).await?, unreached: Vec::new() };
    if request.deep {
        let until = began + within - within / KEPT_BACK;
        gathered.add(below(auditor, options, until, &listener).await?);
    }
    let took_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
    let Outcome { totals, records, copies, differences, repaired } = gathered.outcome;
    let node = auditor.store.own.to_string();
    let unreached = gathered.unreached;
    let end = v1::AuditEnd { node, totals, records, copies, differences, repaired, unreached, took_ms };
    Ok(listener.tell(Part::End(end)).await?)
}

async fn require_known(auditor: &Auditor, scope: DivisionCode) -> Result<(), Status> {
    let own = auditor.store.own;
    let known = auditor
        .blocking(move |store| {
            let directory = Directory::read(store.view().index)?;
            Ok(scope == store.own || directory.units().any(|(code, _)| code == scope))
        })
        .await?;
    if known {
        return Ok(());
    }
    Err(Status::not_found(format!("{own} has no unit {scope} below it: `wuji tree -c {own}` shows what there is")))
}

/// A child to be audited, and which part of it.
struct Branch {
    child: DivisionCode,
    name: String,
    connected_before: bool,
    scope: Option<DivisionCode>,
}

async fn below(
    auditor: &Arc<Auditor>,
    options: Options,
    until: Instant,
    listener: &Arc<Listener>,
) -> Result<Gathered, AuditError> {
    let mut branches = auditor.blocking(move |store| branches(store, options.scope)).await?.into_iter();
    let (mut running, mut gathered) = (JoinSet::new(), Gathered::default());
    loop {
        while running.len() < CHILDREN_AT_ONCE
            && let Some(branch) = branches.next()
        {
            let (auditor, listener) = (Arc::clone(auditor), Arc::clone(listener));
            running.spawn(async move { descend(&auditor, branch, options.repair, until, &listener).await });
        }
        match running.join_next().await {
            None => return Ok(gathered),
            Some(Ok(branch)) => gathered.add(branch?),
            Some(Err(_)) => return Err(AuditError::Stopping),
        }
    }
}

/// The children that a scope is about: those that lie in it, and the one that it lies under.
fn branches(store: &crate::store::Store, scope: Option<DivisionCode>) -> Result<Vec<Branch>, crate::index::IndexError> {
    let view = store.view();
    let directory = Directory::read(view.index)?;
    let mut branches = Vec::new();
    for child in totals::codes(view.index)? {
        let scope = match scope {
            Some(scope) if directory.lies_under(child, scope) => None,
            Some(scope) if directory.lies_under(scope, child) => Some(scope),
            Some(_) => continue,
            None => None,
        };
        let state = Child::read(&Draft::new(view.index), child)?;
        if state.as_ref().is_some_and(|state| state.retired_from.is_some()) {
            continue; // it is not there to be asked, and nothing more comes of it
        }
        let connected_before = state.as_ref().is_some_and(|state| state.incarnation.is_some());
        let name = found::unit_name(view.index, child)?;
        branches.push(Branch { child, name, connected_before, scope });
    }
    Ok(branches)
}

async fn descend(
    auditor: &Arc<Auditor>,
    branch: Branch,
    repair: bool,
    until: Instant,
    listener: &Listener,
) -> Result<Gathered, AuditError> {
    let mut gathered = Gathered::default();
    let reached = auditor.lines.get().filter(|lines| lines.below.open().contains(&branch.child));
    let Some(lines) = reached else {
        let (state, reason) = if branch.connected_before {
            ("absent", "it is not connected")
        } else {
            ("planned", "it has never connected")
        };
        gathered.unreached.push(branch.unreached(state, reason.to_owned()));
        return Ok(gathered);
    };
    if let Err(status) = ask(lines, &branch, repair, until, listener, &mut gathered).await? {
        gathered.unreached.push(branch.unreached("unknown", status.message().to_owned()));
        return Ok(gathered);
    }
    match copies::compare(auditor, lines, branch.child, branch.scope, until).await? {
        Err(reason) => gathered.unreached.push(branch.unreached("unknown", reason)),
        Ok(compared) => {
            gathered.outcome.copies += compared.units;
            for differing in compared.differing {
                let mended =
                    if repair { copies::resend(auditor, lines, branch.child, differing.unit).await? } else { Ok(()) };
                let repaired = repair && mended.is_ok();
                gathered.outcome.differences += 1;
                gathered.outcome.repaired += u64::from(repaired);
                copies::tell(auditor, listener, branch.child, differing, repaired).await?;
            }
            if compared.moving > 0 {
                let reason = format!("entries kept flowing: {} units could not be compared", compared.moving);
                gathered.unreached.push(branch.unreached("unknown", reason));
            }
        }
    }
    Ok(gathered)
}

/// What is held of each child against what it has, unit by unit; or why that was not compared.
pub async fn copies_of_children(
    auditor: &Arc<Auditor>,
    until: Instant,
) -> Result<Vec<(DivisionCode, Result<copies::Compared, copies::Reason>)>, AuditError> {
    let children = auditor.blocking(|store| totals::codes(store.view().index)).await?;
    let mut all = Vec::new();
    for child in children {
        let reached = auditor.lines.get().filter(|lines| lines.below.open().contains(&child));
        let compared = match reached {
            Some(lines) => copies::compare(auditor, lines, child, None, until).await?,
            None => Err("it is not connected".to_owned()),
        };
        all.push((child, compared));
    }
    Ok(all)
}

/// Lets a child audit itself and those below it, and tells what it tells.
async fn ask(
    lines: &super::Lines,
    branch: &Branch,
    repair: bool,
    until: Instant,
    listener: &Listener,
    gathered: &mut Gathered,
) -> Result<Result<(), Status>, AuditError> {
    let within = until.saturating_duration_since(Instant::now());
    let request = v1::AuditRequest {
        scope: branch.scope.map(|scope| scope.to_string()).unwrap_or_default(),
        repair,
        deep: true,
        within_ms: u32::try_from(within.as_millis()).unwrap_or(u32::MAX),
    };
    let mut parts = lines.below.ask(branch.child, Ask::Audit(request), within);
    while let Some(part) = parts.next().await {
        let part = match part {
            Ok(pull_reply::Part::Audit(v1::AuditReply { part: Some(part) })) => part,
            Ok(_) => return Ok(Err(Status::internal("it answered something else"))),
            Err(status) => return Ok(Err(status)),
        };
        match part {
            Part::End(end) => gathered.add(Gathered {
                outcome: Outcome {
                    totals: end.totals,
                    records: end.records,
                    copies: end.copies,
                    differences: end.differences,
                    repaired: end.repaired,
                },
                unreached: end.unreached,
            }),
            part => listener.tell(part).await?,
        }
    }
    Ok(Ok(()))
}

impl Branch {
    fn unreached(&self, state: &str, reason: String) -> v1::AbsentUnit {
        v1::AbsentUnit {
            code: self.child.to_string(),
            name: self.name.clone(),
            state: state.to_owned(),
            since_ms: 0,
            reason,
        }
    }
}

/// Answers the parent with an audit of this node and those below it.
pub async fn answer(auditor: &Arc<Auditor>, request: v1::AuditRequest, out: &PartSender) -> Result<(), Status> {
    run(auditor, request, Arc::new(Listener::Parent(out.clone()))).await
}

/// Parts that may wait for a slow caller.
const PARTS_MAX: usize = 16;

/// What a caller of this node is told, part by part.
pub fn stream(auditor: Arc<Auditor>, request: v1::AuditRequest) -> Replies<v1::AuditReply> {
    let (parts, told) = mpsc::channel(PARTS_MAX);
    tokio::spawn(async move {
        let listener = Arc::new(Listener::Caller(parts.clone()));
        if let Err(status) = run(&auditor, request, listener).await {
            // The caller may have gone.
            let _ = parts.send(Err(status)).await;
        }
    });
    Box::pin(ReceiverStream::new(told))
}
