//! Who is told what an audit finds.

use tokio::sync::mpsc;
use tonic::Status;
use wuji_proto::v1::audit_reply::Part;
use wuji_proto::v1::pull_reply;
use wuji_proto::{DivisionCode, v1};

use super::AuditError;
use crate::pull::PartSender;

/// Where parts go, in order; a slow listener slows down the audit.
pub enum Listener {
    /// Nobody listens: the background.
    Nobody,
    /// A caller of this node.
    Caller(mpsc::Sender<Result<v1::AuditReply, Status>>),
    /// The parent.
    Parent(PartSender),
}

impl Listener {
    /// Tells a part; an error if the listener has gone.
    pub async fn tell(&self, part: Part) -> Result<(), AuditError> {
        let reply = v1::AuditReply { part: Some(part) };
        match self {
            Self::Nobody => Ok(()),
            Self::Caller(caller) => caller.send(Ok(reply)).await.map_err(|_| AuditError::Gone),
            Self::Parent(parent) => parent.send(pull_reply::Part::Audit(reply)).await.map_err(|_| AuditError::Gone),
        }
    }

    pub(super) async fn difference(&self, difference: v1::AuditDifference) -> Result<(), AuditError> {
        self.tell(Part::Difference(difference)).await
    }

    pub(super) async fn progress(&self, node: DivisionCode, compared: u64, of: u64) -> Result<(), AuditError> {
        self.tell(Part::Progress(v1::AuditProgress { node: node.to_string(), compared, of })).await
    }
}
