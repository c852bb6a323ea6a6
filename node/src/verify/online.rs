//! A running node verified, while it works.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use wuji_proto::v1::audit_reply;
use wuji_proto::v1::verify_reply::Part;
use wuji_proto::v1::{self, VerifyCheck};

use super::{Check, VerifyError, figure};
use crate::audit::listener::Listener;
use crate::audit::pass::{Options, Pace};
use crate::audit::{Auditor, deep};
use crate::env::Env;
use crate::journal::{self, JournalReader};
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
        let journal = self.journal.clone();
        let chain = self.env.blocking(move || chain(&journal)).await.ok_or(VerifyError::Gone)?.end();
        let sound = chain.count == 0;
        tell(out, Part::Check(chain)).await?;
        tell(out, Part::Begins("figures".to_owned())).await?;
        let audited = if sound { audit(&self.auditor).await? } else { without_journal() };
        for check in audited {
            tell(out, Part::Check(check)).await?;
        }
        tell(out, Part::Begins("children".to_owned())).await?;
        tell(out, Part::Check(self.children().await?)).await?;
        tell(out, Part::Check(self.parent())).await
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

/// Checks every hash of a journal.
pub fn chain(journal: &JournalReader) -> Check {
    let mut check = Check::new("journal", "entries");
    match journal::verify(journal) {
        Err(error) => check.differs(error.to_string()),
        Ok(verified) => {
            check.compared(verified.entries);
            let (sealed, erased) = (verified.sealed, verified.erased);
            check.detail(format!("{} segments · {sealed} sealed parts · {erased} erased", verified.segments));
        }
    }
    check
}

/// Every record with the journal, every figure with its parts, every digest with its items.
pub async fn audit(auditor: &Arc<Auditor>) -> Result<[VerifyCheck; 2], VerifyError> {
    let (parts, mut told) = mpsc::channel(AUDIT_PARTS_MAX);
    let auditing = Arc::clone(auditor);
    let audit = async move {
        let listener = Listener::Caller(parts);
        auditing.local(Options { scope: None, repair: false, pace: Pace::BRISK }, &listener).await
    };
    let (mut records, mut figures) =
        (Check::new("records", "records and unique values"), Check::new("figures", "totals"));
    let listen = async {
        while let Some(reply) = told.recv().await {
            match reply {
                Ok(v1::AuditReply { part: Some(audit_reply::Part::Difference(found)) }) if found.kind == "journal" => {
                    records.differs(figure(&found));
                }
                Ok(v1::AuditReply { part: Some(audit_reply::Part::Difference(found)) }) => {
                    figures.differs(figure(&found));
                }
                _ => {}
            }
        }
    };
    let (outcome, ()) = tokio::join!(audit, listen);
    let outcome = outcome?;
    records.compared(outcome.records);
    records.detail("with the journal, both ways".to_owned());
    figures.compared(outcome.totals);
    figures.detail("with a recount of the records, and the digests of all items".to_owned());
    Ok([records.end(), figures.end()])
}

/// Nothing can be compared with a journal that cannot be read.
pub fn without_journal() -> [VerifyCheck; 2] {
    let not = |name, of| {
        let mut check = Check::new(name, of);
        check.not_compared("the journal is damaged");
        check.end()
    };
    [not("records", "records and unique values"), not("figures", "totals")]
}

async fn tell(out: &Out, part: Part) -> Result<(), VerifyError> {
    out.send(Ok(v1::VerifyReply { part: Some(part) })).await.map_err(|_| VerifyError::Gone)
}
