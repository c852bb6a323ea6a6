//! What is held of a child against what it has: compared unit by unit, and what differs is
//! sent again, just that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::Status;
use wuji_proto::v1::pull_reply::Part;
use wuji_proto::{Digest, DivisionCode, Watermark, v1, wire};

use super::listener::Listener;
use super::pass::Pass;
use super::units::{self, Units};
use super::{AuditError, Auditor, Lines, repair};
use crate::feed::child::Child;
use crate::feed::exchange::ChildJob;
use crate::index::draft::Draft;
use crate::pull::{Ask, PartSender};

/// Units in one part of an answer.
const UNITS_PER_PART: usize = 4_096;

/// How often two ends are compared while entries flow between them.
const TRIES_MAX: usize = 5;

/// How long the child's feed may take to arrive up to the head that it compared at.
const ARRIVAL_MAX: Duration = Duration::from_secs(20);

/// Between two looks at the watermark.
const LOOK: Duration = Duration::from_millis(20);

/// How long a range that is asked for again may take.
const RESEND_MAX: Duration = Duration::from_mins(1);

/// Why a child's copy could not be compared, or not be mended, in words.
pub type Reason = String;

/// A unit of which this node and a child hold different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Differing {
    /// The unit.
    pub unit: DivisionCode,
    /// Here.
    pub held: Digest,
    /// At the child.
    pub theirs: Digest,
}

/// What a comparison came to.
#[derive(Debug, Default)]
pub struct Compared {
    /// Units that were equal, or differ.
    pub units: u64,
    /// Those that differ.
    pub differing: Vec<Differing>,
    /// Units that moved whenever they were looked at.
    pub moving: u64,
}

/// Compares what is held of a child with what it has.
///
/// Digests are of what is stored, so two that are equal are of equal items whenever they were
/// read; two that differ mean something only at the same mark.
pub async fn compare(
    auditor: &Auditor,
    lines: &Lines,
    child: DivisionCode,
    scope: Option<DivisionCode>,
    until: Instant,
) -> Result<Result<Compared, Reason>, AuditError> {
    let (mut equal, mut moving) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..TRIES_MAX {
        let (mark, theirs) = match ask(lines, child, scope, until).await {
            Ok(told) => told,
            Err(status) => return Ok(Err(status.message().to_owned())),
        };
        if !arrived(auditor, child, mark).await? {
            return Ok(Err("its feed did not arrive here in time, or is being sent anew".to_owned()));
        }
        let Some(held) = units::of_held(auditor, child).await? else {
            return Ok(Err("its feed is being sent anew".to_owned()));
        };
        let differing = differing(&held.units, &theirs, scope.is_some());
        moving.clear();
        for unit in held.units.keys().chain(theirs.keys()) {
            if differing.iter().all(|other| other.unit != *unit) {
                equal.insert(*unit);
            }
        }
        if held.marks == (mark, mark) {
            let differing: Vec<_> = differing.into_iter().filter(|it| !equal.contains(&it.unit)).collect();
            return Ok(Ok(Compared { units: (equal.len() + differing.len()) as u64, differing, moving: 0 }));
        }
        moving.extend(differing.iter().map(|it| it.unit).filter(|unit| !equal.contains(unit)));
        if moving.is_empty() {
            break;
        }
    }
    Ok(Ok(Compared { units: equal.len() as u64, differing: Vec::new(), moving: moving.len() as u64 }))
}

/// With a scope, the child has told of its units only: the others are not compared.
fn differing(held: &Units, theirs: &Units, only_theirs: bool) -> Vec<Differing> {
    let mut both: BTreeMap<DivisionCode, (Digest, Digest)> = BTreeMap::new();
    for (unit, digest) in theirs {
        both.entry(*unit).or_default().1 = *digest;
    }
    for (unit, digest) in held {
        if !only_theirs || theirs.contains_key(unit) {
            both.entry(*unit).or_default().0 = *digest;
        }
    }
    let differs = both.into_iter().filter(|(_, (held, theirs))| held != theirs);
    differs.map(|(unit, (held, theirs))| Differing { unit, held, theirs }).collect()
}

async fn ask(
    lines: &Lines,
    child: DivisionCode,
    scope: Option<DivisionCode>,
    until: Instant,
) -> Result<(Watermark, Units), Status> {
    let request = v1::DigestsRequest { scope: scope.map(|scope| scope.to_string()).unwrap_or_default() };
    let within = until.saturating_duration_since(Instant::now());
    let mut parts = lines.below.ask(child, Ask::Digests(request), within);
    let (mut head, mut units) = (None, Units::new());
    while let Some(part) = parts.next().await {
        let Part::Digests(reply) = part? else { return Err(Status::internal("it answered something else")) };
        head = reply.view.map(Watermark::from).or(head);
        for unit in reply.units {
            let digest = unit.digest.unwrap_or_default();
            let code = unit.code.parse().map_err(|_| Status::internal("it named a unit that is none"))?;
            units.insert(code, Digest { sum: wire::digest_sum(&digest.sum), count: digest.count });
        }
    }
    Ok((head.ok_or_else(|| Status::internal("it did not say of which state its digests are"))?, units))
}

/// Waits until the child's feed is here up to `head`; false: it is not, in time.
async fn arrived(auditor: &Auditor, child: DivisionCode, head: Watermark) -> Result<bool, AuditError> {
    let until = Instant::now() + ARRIVAL_MAX;
    loop {
        let state = auditor.blocking(move |store| Child::read(&Draft::new(store.view().index), child)).await?;
        match state {
            Some(state) if state.walk.is_none() && state.low.at >= head.at => return Ok(true),
            Some(_) if Instant::now() < until => tokio::time::sleep(LOOK).await,
            _ => return Ok(false),
        }
    }
}

/// Has a child send what it has of a unit, and just that, once more.
pub async fn resend(
    auditor: &Auditor,
    lines: &Lines,
    child: DivisionCode,
    unit: DivisionCode,
) -> Result<Result<(), Reason>, AuditError> {
    for (from, to) in units::ranges_of(unit) {
        let (reply, asked) = oneshot::channel();
        let (done, replaced) = oneshot::channel();
        let jobs = auditor.child_jobs.upgrade().ok_or(AuditError::Stopping)?;
        let job = ChildJob::Resend { child, from: from.clone(), to: to.clone(), reply, done };
        jobs.send(job).await.map_err(|_| AuditError::Stopping)?;
        drop(jobs);
        let Some(stream) = asked.await.map_err(|_| AuditError::Stopping)? else {
            return Ok(Err("it is not connected, or sends other things anew: try again".to_owned()));
        };
        if !lines.streams.resend(child, stream, &from, to.as_deref()) {
            return Ok(Err("its line has ended: try again".to_owned()));
        }
        match tokio::time::timeout(RESEND_MAX, replaced).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ok(Err("its line ended before it had sent the range again: try again".to_owned())),
            Err(_) => return Ok(Err("it did not send the range again in time: try again".to_owned())),
        }
    }
    tracing::warn!(%child, %unit, "the audit found a copy that differs from the child's; it was sent again");
    Ok(Ok(()))
}

/// What is held of a child is not what its digest says: before totals are made of it, the
/// units that differ are sent again. Where that cannot be, a walk follows.
pub(super) async fn mend_suspect(
    auditor: &Auditor,
    pass: &mut Pass<'_>,
    child: DivisionCode,
) -> Result<(), AuditError> {
    let Some(lines) = auditor.lines.get().filter(|lines| lines.below.open().contains(&child)) else { return Ok(()) };
    let until = Instant::now() + ARRIVAL_MAX;
    let Ok(compared) = compare(auditor, lines, child, None, until).await? else { return Ok(()) };
    let mut mended = 0;
    for differing in &compared.differing {
        if resend(auditor, lines, child, differing.unit).await?.is_err() {
            return Ok(());
        }
        pass.copy(child, *differing, true).await?;
        mended += 1;
    }
    let recount = pass.recount();
    let sound = auditor
        .blocking(move |store| {
            let view = store.view();
            let digests = repair::held_digests(view.index, &recount.lock(), child)?;
            Ok(digests.is_some_and(|(stored, counted)| stored == counted))
        })
        .await?;
    if sound && mended > 0 {
        pass.cleared(child).await?;
    }
    Ok(())
}

/// Answers the parent: the digests of what this node's feed has about each unit.
pub async fn answer(auditor: &Auditor, request: &v1::DigestsRequest, out: &PartSender) -> Result<(), Status> {
    let (head, units) = units::of_own(auditor, super::deep::scope(&request.scope)?).await?;
    let told: Vec<v1::UnitDigest> = units
        .into_iter()
        .map(|(code, digest)| v1::UnitDigest { code: code.to_string(), digest: Some(digest.into()) })
        .collect();
    out.send(Part::Digests(v1::DigestsReply { view: Some(head.into()), units: Vec::new() })).await?;
    for units in told.chunks(UNITS_PER_PART) {
        out.send(Part::Digests(v1::DigestsReply { view: None, units: units.to_vec() })).await?;
    }
    Ok(())
}

impl Pass<'_> {
    /// A copy that differed.
    pub(super) async fn copy(
        &mut self,
        child: DivisionCode,
        differing: Differing,
        repaired: bool,
    ) -> Result<(), AuditError> {
        self.outcome.differences += 1;
        self.outcome.repaired += u64::from(repaired);
        tell(self.auditor(), self.listener(), child, differing, repaired).await
    }
}

/// Tells of a copy that differs.
pub(super) async fn tell(
    auditor: &Auditor,
    listener: &Listener,
    child: DivisionCode,
    Differing { unit, held, theirs }: Differing,
    repaired: bool,
) -> Result<(), AuditError> {
    if repaired {
        auditor.board.repaired(1, 1);
    }
    let count = |digest: Digest| i64::try_from(digest.count).unwrap_or(i64::MAX);
    let name = auditor.blocking(move |store| super::found::unit_name(store.view().index, unit)).await?;
    tracing::debug!(%child, %unit, "a copy differs");
    listener
        .difference(v1::AuditDifference {
            node: auditor.store.own.to_string(),
            kind: "copy".to_owned(),
            unit: unit.to_string(),
            unit_name: name,
            stored: count(held),
            parts: count(theirs),
            state: if repaired { "repaired" } else { "found" }.to_owned(),
            ..v1::AuditDifference::default()
        })
        .await
}
