//! Errors of TLS in words that say what to do.

use std::error::Error as StdError;

use rustls::{CertificateError, Error};

/// How deep an error's sources are followed.
const SOURCES_MAX: usize = 16;

/// How `rustls` introduces an alert of the other end.
const ALERT_WORDS: &str = "received fatal alert: ";

/// How we do.
const REFUSED_WORDS: &str = "the other node refused our certificate: ";

/// The first error in a chain of sources that says something, in words. Transports wrap
/// the cause several times, and their outermost words are "transport error".
pub fn explain(error: &(dyn StdError + 'static)) -> String {
    let mut told = error.to_string();
    let mut next = Some(error);
    for _ in 0..SOURCES_MAX {
        let Some(error) = next else { break };
        if let Some(tls) = error.downcast_ref::<Error>() {
            return of_peer(tls);
        }
        if let Some(status) = error.downcast_ref::<tonic::Status>()
            && status.source().is_none()
        {
            return status.message().to_owned();
        }
        told = error.to_string();
        // An `io::Error` hides what it was made of from `source` and shows that one's own source.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    // HTTP/2 keeps the words of an alert, and not the error.
    match told.split_once(ALERT_WORDS) {
        Some((_, name)) => format!("{REFUSED_WORDS}{}", refusal(name.trim())),
        None => told,
    }
}

/// Of an error at the dialling end, where the certificate is the other end's, and where an
/// alert tells what that end thought of ours.
fn of_peer(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(problem) => {
            format!("the other node's certificate {}", certificate(problem, "that node's operator"))
        }
        Error::AlertReceived(alert) => format!("{REFUSED_WORDS}{}", refusal(&format!("{alert:?}"))),
        Error::NoApplicationProtocol => "the other end is not a node: check address and port".to_owned(),
        Error::InvalidMessage(_) => "the other end does not speak TLS: check address and port".to_owned(),
        other => other.to_string(),
    }
}

/// Of an error at the accepting end, where the certificate is the caller's.
pub(super) fn of_theirs(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(problem) => {
            format!("its certificate {}", certificate(problem, "its operator"))
        }
        other => other.to_string(),
    }
}

fn certificate(problem: &CertificateError, who: &str) -> String {
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("has expired: {who} must renew it (or this machine's clock is wrong)")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("is not valid yet: check the clocks of both machines, or ask {who}")
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            format!("is not from our authority: {who} must use one of this federation, or correct `tls.authority`")
        }
        CertificateError::Revoked => format!("was revoked: {who} must get a new one"),
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "is for {}, and we dialled {}: check the parent's address and code",
            presented.iter().map(|name| presented_name(name)).collect::<Vec<_>>().join(", "),
            expected.to_str()
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            format!("is not meant for this end of a connection: {who} must get one for client and server")
        }
        other => format!("is not acceptable ({other}): {who} must replace it"),
    }
}

/// The name alone: `rustls` tells a name of a certificate as `DnsName("37.unit.wuji")`.
fn presented_name(told: &str) -> &str {
    told.strip_prefix("DnsName(\"").and_then(|rest| rest.strip_suffix("\")")).unwrap_or(told)
}

/// Of an alert, by its name in TLS.
fn refusal(alert: &str) -> String {
    match alert {
        "CertificateExpired" => "it has expired (or a clock is wrong): renew it".to_owned(),
        "UnknownCA" | "DecryptError" => "it is not from that node's authority: check `tls.certificate`".to_owned(),
        "CertificateRevoked" => "it was revoked: ask for a new one".to_owned(),
        "CertificateRequired" => "none was sent: check `tls.certificate`".to_owned(),
        other => format!("{other}; see that node's status for the reason"),
    }
}
