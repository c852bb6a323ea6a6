//! What can go wrong between the command line and a node, in words that say what to do.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;
use tonic::Code;
use tonic_types::StatusExt;
use wuji_proto::DivisionCode;

use crate::exit::Exit;

/// Which node was spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The unit's code.
    pub code: DivisionCode,
    /// The unit's name.
    pub name: String,
    /// `https://HOST:PORT`.
    pub address: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {}", self.code, self.name, self.address)
    }
}

/// The fields that a node refused, one line each; nothing where it named none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(pub Vec<(String, String)>);

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(field, description)| match field.as_str() {
            "" => write!(f, "\n  {description}"),
            field => write!(f, "\n  {field}: {description}"),
        })
    }
}

/// Why a node could not be spoken to, or what it answered instead.
#[derive(Debug, Error)]
pub enum ClientError {
    /// A certificate or key cannot be read.
    #[error("cannot read the {what} {path}: {source}; the contexts file names it")]
    File {
        /// Which of them.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The address is not one.
    #[error("the address of {0} must begin with https://: nodes speak TLS only")]
    NotHttps(Address),
    /// The address or a certificate cannot be used.
    #[error("cannot use the address and certificates of {node}: {reason}; the contexts file names them")]
    Setup {
        /// Which node.
        node: Address,
        /// Why.
        reason: String,
    },
    /// Nothing answers at the address.
    #[error(
        "cannot reach the node of {node}: {reason}; see that it runs (`wuji up`, or `wuji node --config FILE` on its machine) and that the address is right"
    )]
    Unreachable {
        /// Which node.
        node: Address,
        /// Why.
        reason: String,
    },
    /// The two ends do not accept each other's certificates.
    #[error("the node of {node} and this operator do not accept each other: {reason}")]
    Identity {
        /// Which node.
        node: Address,
        /// Which end refused what, and what to do.
        reason: String,
    },
    /// The connection was lost or the node is too busy or stopping.
    #[error("cannot {operation}: the node of {node} did not answer: {reason}; trying again is safe")]
    NoAnswer {
        /// What was asked.
        operation: String,
        /// Which node.
        node: Address,
        /// Why.
        reason: String,
        /// Whether the connection broke, rather than the node said that it cannot answer.
        broken: bool,
    },
    /// The node refused.
    #[error("cannot {operation}: {message}{violations}")]
    Refused {
        /// What was asked.
        operation: String,
        /// The kind of refusal.
        code: Code,
        /// The node's words.
        message: String,
        /// The fields that are wrong.
        violations: Violations,
    },
    /// The node answered with something that the contract does not have.
    #[error(
        "cannot {operation}: the node of {node} broke the contract: {reason}; it may be of another version (`wuji status`)"
    )]
    Contract {
        /// What was asked.
        operation: String,
        /// Which node.
        node: Address,
        /// What it did.
        reason: String,
    },
}

impl ClientError {
    pub(super) fn setup(node: &Address, error: &tonic::transport::Error) -> Self {
        Self::Setup { node: node.clone(), reason: innermost(error) }
    }

    pub(super) fn transport(node: &Address, error: &(dyn Error + 'static)) -> Self {
        match identity_reason(node, error) {
            Some(reason) => Self::Identity { node: node.clone(), reason },
            None => Self::Unreachable { node: node.clone(), reason: innermost(error) },
        }
    }

    pub(super) fn status(node: &Address, operation: String, status: &tonic::Status) -> Self {
        if let Some(reason) = status.source().and_then(|error| identity_reason(node, error)) {
            return Self::Identity { node: node.clone(), reason };
        }
        let code = status.code();
        // A status with a source was made at this end: the connection broke.
        if status.source().is_some() || matches!(code, Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled) {
            let reason = status.source().map_or_else(|| status.message().to_owned(), innermost);
            let broken = status.source().is_some();
            return Self::NoAnswer { operation, node: node.clone(), reason, broken };
        }
        let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
        let violations = violations.into_iter().map(|one| (one.field, one.description)).collect();
        let message = match status.message() {
            "" => code.description().to_owned(),
            message => message.to_owned(),
        };
        Self::Refused { operation, code, message, violations: Violations(violations) }
    }

    /// Whether the same call may succeed a moment later.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::NoAnswer { .. })
    }

    /// The exit code for this error.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::File { .. } | Self::NotHttps(_) | Self::Setup { .. } => Exit::Usage,
            Self::Unreachable { .. } | Self::NoAnswer { .. } => Exit::Unavailable,
            Self::Identity { .. } | Self::Contract { .. } => Exit::Failed,
            Self::Refused { code, .. } => match code {
                Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => Exit::Refused,
                Code::NotFound => Exit::NotFound,
                Code::Aborted | Code::AlreadyExists => Exit::Conflict,
                _ => Exit::Failed,
            },
        }
    }
}

/// The rustls error inside a chain. An `io::Error` hides its own cause from `source()`,
/// so it is opened.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    chain(error)
        .find_map(|cause| cause.downcast_ref().or_else(|| cause.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()))
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| {
        let cause: &'a (dyn Error + 'static) = *cause;
        cause.source()
    })
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}

/// What rustls calls an alert from the other end: h2 keeps only the words of an error.
const ALERT: &str = "received fatal alert: ";

/// Why one end does not accept the other's certificate; `None` if the error is about
/// something else.
fn identity_reason(node: &Address, error: &(dyn Error + 'static)) -> Option<String> {
    use rustls::{CertificateError as Bad, Error as Tls};
    let Some(tls) = tls_error(error) else {
        return innermost(error).strip_prefix(ALERT).map(refused_by_node);
    };
    Some(match tls {
        Tls::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => format!(
            "its certificate is not for {}.unit.wuji, so another unit's node is at this address; correct the address in the contexts file",
            node.code
        ),
        Tls::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => {
            "its certificate does not lead to the authority of the contexts file; take the authority.pem of its federation".to_owned()
        }
        Tls::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            "its certificate has expired, or this machine's clock is wrong; renew it at the node".to_owned()
        }
        Tls::AlertReceived(alert) => refused_by_node(&format!("{alert:?}")),
        other => format!("{other}; see that the address is a Wuji node's"),
    })
}

fn refused_by_node(alert: &str) -> String {
    match alert {
        "CertificateExpired" => {
            "the node says that the operator's certificate has expired; renew the one in the contexts file".to_owned()
        }
        alert => format!(
            "the node refused the operator's certificate ({alert}); the contexts file must name one that the node's own authority issued"
        ),
    }
}
