//! A running node verified, while it works.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use wuji_proto::v1::audit_reply;
use wuji_proto::v1::verify_reply::Part;
use wuji_proto::v1::{self, VerifyCheck};

use super::{Check, VerifyError, figure, records};
use crate::audit::listener::Listener;
use crate::audit::pass::{Options, Pace};
use crate::audit::{Auditor, deep};
use crate::env::Env;
use crate::index::keys;
use crate::journal::{JournalReader, verify_each};
use crate::store::Store;

/// How long the children may take.
const CHILDREN_WITHIN: Duration = Duration::from_mins(5);

/// Parts of an audit that may wait.
const AUDIT_PARTS_MAX: usize = 64;

/// Tells the parent's side of the own feed; `None` at the province.
pub type ParentSide = Box<dyn Fn() -> Option<v1::ParentStatus> + Send + Sync>;

/// Verifies a node.
pub struct Verifier {
    /// How blocking work runs.
    pub env: Env,
    /// The index.
    pub store: Arc<Store>,
    /// The journal.
    pub journal: JournalReader,
    /// Audits figures and digests.
    pub auditor: Arc<Auditor>,
    /// What the parent has told.
    pub parent: ParentSide,
}

/// Where parts of an answer go.
pub type Out = mpsc::Sender<Result<v1::VerifyReply, tonic::Status>>;

impl Verifier {
    /// Compares everything, and tells of each comparison when it begins and when it has ended.
    pub async fn run(&self, out: &Out) -> Result<(), VerifyError> {
        tell(out, Part::Begins("journal".to_owned())).await?;
        for check in self.journal().await? {
            tell(out, Part::Check(check)).await?;
        }
        tell(out, Part::Begins("figures".to_owned())).await?;
        tell(out, Part::Check(figures(&self.auditor).await?)).await?;
        tell(out, Part::Begins("children".to_owned())).await?;
        tell(out, Part::Check(self.children().await?)).await?;
        tell(out, Part::Check(self.parent())).await
    }

    /// The journal's hashes, and the records of the index with it.
    async fn journal(&self) -> Result<[VerifyCheck; 2], VerifyError> {
        let (store, journal) = (Arc::clone(&self.store), self.journal.clone());
        self.env.blocking(move || journal_and_records(&store, &journal)).await.ok_or(VerifyError::Gone)?
    }

    async fn children(&self) -> Result<VerifyCheck, VerifyError> {
        let mut check = Check::new("children", "units of children");
        let mut silent = Vec::new();
        for (child, compared) in deep::copies_of_children(&self.auditor, Instant::now() + CHILDREN_WITHIN).await? {
            match compared {
                Err(reason) => silent.push(format!("{child}: {reason}")),
                Ok(compared) => {
                    check.compared(compared.units);
                    for differing in compared.differing {
                        let (here, there) = (differing.held.count, differing.theirs.count);
                        let unit = differing.unit;
                        check.differs(format!(
                            "{unit} by {child}: {here} items here, {there} there, or others than these"
                        ));
                    }
                    if compared.moving > 0 {
                        silent.push(format!("{child}: entries kept flowing, {} units moved", compared.moving));
                    }
                }
            }
        }
        check.not_compared(silent.join("; "));
        Ok(check.end())
    }

    /// At the last complete mark the parent has compared its copy's digest with this feed's.
    fn parent(&self) -> VerifyCheck {
        let mut check = Check::new("parent", "copies at the parent");
        match (self.parent)() {
            None => check.not_compared("this unit has no parent"),
            Some(parent) => match (parent.state.as_str(), parent.digest.as_str()) {
                ("connected", "equal") => {
                    check.compared(1);
                    check.detail(format!("{} items at {}", self.store.view().state.head.digest.count, parent.code));
                }
                ("connected", "differs") => {
                    check.compared(1);
                    check
                        .differs(format!("the copy at {} differs from this node's feed; a walk mends it", parent.code));
                }
                ("connected", _) => check.not_compared(format!("{} has not applied all of this feed yet", parent.code)),
                _ => check.not_compared(format!("{} is not connected: {}", parent.code, parent.reason)),
            },
        }
        check.end()
    }
}

/// Checks every hash of a journal, and compares the index's records with it.
pub fn journal_and_records(store: &Store, journal: &JournalReader) -> Result<[VerifyCheck; 2], VerifyError> {
    let (mut chain, mut shown) = (Check::new("journal", "entries"), Check::new("records", "records of the index"));
    // What is folded now; entries behind it may or may not be there.
    let (applied, mut failed) = (store.applied(), None);
    let verified = verify_each(journal, &mut |at, entry| {
        if at.sequence <= applied && failed.is_none() {
            failed = records::entry(store.index(), at, &entry, &mut shown).err();
        }
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    match verified {
        Err(error) => chain.differs(error.to_string()),
        Ok(verified) => {
            chain.compared(verified.entries);
            let (sealed, erased) = (verified.sealed, verified.erased);
            chain.detail(format!("{} segments · {sealed} sealed parts · {erased} erased", verified.segments));
        }
    }
    let mut from = Some(keys::all_records());
    while let Some(start) = from {
        let page;
        (page, from) = records::page(store.view().index, &start)?;
        records::records(journal, &page, &mut shown)?;
    }
    Ok([chain.end(), shown.end()])
}

/// Every figure with its parts, every digest with its items.
pub async fn figures(auditor: &Arc<Auditor>) -> Result<VerifyCheck, VerifyError> {
    let (parts, mut told) = mpsc::channel(AUDIT_PARTS_MAX);
    let auditing = Arc::clone(auditor);
    let audit = async move {
        let listener = Listener::Caller(parts);
        auditing.local(Options { scope: None, repair: false, pace: Pace::BRISK }, &listener).await
    };
    let mut check = Check::new("figures", "totals");
    let listen = async {
        while let Some(reply) = told.recv().await {
            if let Ok(v1::AuditReply { part: Some(audit_reply::Part::Difference(found)) }) = reply {
                check.differs(figure(&found));
            }
        }
    };
    let (outcome, ()) = tokio::join!(audit, listen);
    check.compared(outcome?.totals);
    check.detail("with a recount of the records, and the digests of all items".to_owned());
    Ok(check.end())
}

async fn tell(out: &Out, part: Part) -> Result<(), VerifyError> {
    out.send(Ok(v1::VerifyReply { part: Some(part) })).await.map_err(|_| VerifyError::Gone)
}
