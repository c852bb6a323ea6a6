//! The one table from errors to gRPC statuses. Whether a caller may simply try again is in
//! the code: `UNAVAILABLE` and `RESOURCE_EXHAUSTED` may, the others need a change.

use tonic::{Code, Status};
use tonic_types::{BadRequest, ErrorDetails, FieldViolation, StatusExt};
use wuji_proto::ParseError;

use crate::backup::BackupError;
use crate::catalogue::Violation;
use crate::compact::CompactError;
use crate::ledger::LedgerError;
use crate::relay::RelayError;
use crate::report::ReportError;
use crate::snapshot::SnapshotError;
use crate::statistics::answer::QueryError;
use crate::statistics::plan::PlanError;
use crate::trail::TrailError;
use crate::verify::VerifyError;

/// Of a write or a read of records.
pub fn ledger(error: LedgerError) -> Status {
    let message = error.to_string();
    match error {
        LedgerError::Form(violations) => fields(&message, violations),
        LedgerError::UnknownLedger(..) | LedgerError::Reason | LedgerError::NotAChild { .. } | LedgerError::Name => {
            Status::invalid_argument(message)
        }
        LedgerError::Unit(error) => argument("unit", &error),
        LedgerError::PageToken(error) => argument("page_token", &error),
        LedgerError::UnknownRecord { .. } => Status::not_found(message),
        LedgerError::Taken(_) | LedgerError::NotUnique(_) => Status::already_exists(message),
        LedgerError::Conflict { .. } => Status::aborted(message),
        LedgerError::Voided(_)
        | LedgerError::VoidedElsewhere(_)
        | LedgerError::NotWaiting(_)
        | LedgerError::CannotKeep { .. }
        | LedgerError::NotTold(_)
        | LedgerError::NothingUnsettled(_)
        | LedgerError::NotAwaited(_)
        | LedgerError::NotPlanned(_)
        | LedgerError::CannotRetire { .. } => Status::failed_precondition(message),
        LedgerError::Journal(_) => Status::resource_exhausted(message),
        LedgerError::Stopping => Status::unavailable(message),
        LedgerError::Index(_) | LedgerError::Read(_) | LedgerError::Misplaced(_) => {
            tracing::error!(error = message, "reading the state failed");
            Status::internal(message)
        }
    }
}

/// Of a question.
pub fn query(error: &QueryError) -> Status {
    let message = error.to_string();
    match error {
        QueryError::Plan(PlanError::Question(_)) => Status::invalid_argument(message),
        QueryError::Plan(PlanError::NotHeld(_)) => Status::failed_precondition(message),
        QueryError::Plan(PlanError::NoUnit { .. }) => Status::not_found(message),
        QueryError::Index(_) => {
            tracing::error!(error = message, "answering a question failed");
            Status::internal(message)
        }
    }
}

/// Of a report.
pub fn report(error: ReportError) -> Status {
    let message = error.to_string();
    match error {
        ReportError::Question(_) => Status::invalid_argument(message),
        ReportError::Section { source, .. } => Status::new(query(&source).code(), message),
        ReportError::TooLarge { .. } => Status::failed_precondition(message),
        ReportError::Unknown(_) => Status::not_found(message),
        ReportError::Damaged { .. } => {
            tracing::error!(error = message, "an issued report cannot be read");
            Status::data_loss(message)
        }
        ReportError::Ledger(error) => ledger(error),
        ReportError::Index(error) => ledger(error.into()),
        ReportError::Read(error) => ledger(error.into()),
    }
}

/// Of a question or a list that other nodes were to answer.
pub fn relay(error: RelayError) -> Status {
    let message = error.to_string();
    match error {
        RelayError::Query(error) => query(&error),
        RelayError::Ledger(error) => ledger(error),
        RelayError::Asker(error) => argument("asker", &error),
        RelayError::Ceiling { .. } => Status::permission_denied(message),
        RelayError::Refused { status, .. } => Status::new(status.code(), message),
        RelayError::Unreachable { .. } | RelayError::Child(_) | RelayError::Malformed(_) | RelayError::Interrupted => {
            Status::unavailable(message)
        }
        RelayError::TooMuch(_) => Status::resource_exhausted(message),
        RelayError::Gone(gone) => gone.into(),
    }
}

/// Of a snapshot.
pub fn snapshot(error: &SnapshotError) -> Status {
    let message = error.to_string();
    match error {
        SnapshotError::Busy | SnapshotError::Empty | SnapshotError::Stopping => Status::unavailable(message),
        SnapshotError::Full { .. } => Status::resource_exhausted(message),
        SnapshotError::File(_) | SnapshotError::Index(_) | SnapshotError::Journal(_) => {
            tracing::error!(error = message, "a snapshot could not be made");
            Status::internal(message)
        }
    }
}

/// Of a backup.
pub fn backup(error: &BackupError) -> Status {
    let message = error.to_string();
    match error {
        BackupError::Snapshot(error) => Status::new(snapshot(error).code(), message),
        BackupError::Busy => Status::resource_exhausted(message),
        BackupError::Stopping => Status::unavailable(message),
        _ => {
            tracing::error!(error = message, "a backup could not be made");
            Status::internal(message)
        }
    }
}

/// Of a compaction.
pub fn compact(error: &CompactError) -> Status {
    let message = error.to_string();
    match error {
        CompactError::InMemory => Status::failed_precondition(message),
        CompactError::Busy => Status::resource_exhausted(message),
        CompactError::Stopping => Status::unavailable(message),
        CompactError::Index(_) => {
            tracing::error!(error = message, "the index could not be compacted");
            Status::internal(message)
        }
    }
}

/// Of a verification.
pub fn verify(error: &VerifyError) -> Status {
    let message = error.to_string();
    if matches!(error, VerifyError::Gone) {
        return Status::unavailable(message);
    }
    tracing::error!(error = message, "the node could not be verified");
    Status::internal(message)
}

/// Of the journal's entries.
pub fn trail(error: &TrailError) -> Status {
    let message = error.to_string();
    match error {
        TrailError::Kind(_) => Status::invalid_argument(message),
        TrailError::Journal(_) => {
            tracing::error!(error = message, "the journal cannot be read");
            Status::data_loss(message)
        }
    }
}

/// Of one named part of a request.
pub fn argument(field: &str, error: &ParseError) -> Status {
    let violation = Violation { field: field.to_owned(), description: error.to_string() };
    fields(&format!("{field}: {error}"), vec![violation])
}

/// `INVALID_ARGUMENT` with a `google.rpc.BadRequest` that names each field.
pub fn fields(message: &str, violations: Vec<Violation>) -> Status {
    let violations =
        violations.into_iter().map(|violation| FieldViolation::new(violation.field, violation.description));
    let mut details = ErrorDetails::new();
    details.set_bad_request(BadRequest::new(violations.collect::<Vec<_>>()).field_violations);
    Status::with_error_details(Code::InvalidArgument, message, details)
}
