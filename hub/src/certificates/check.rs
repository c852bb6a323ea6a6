//! Whether a certificate that is there is still good: judged by the same library and rules by
//! which the other side of a connection will judge it.

use std::time::Duration;

use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::Role;

/// Whether `pem` is signed by the authority, has the name, the role's uses and this key, and is
/// valid at `time` (since 1970).
pub(super) fn good_at(authority: &str, pem: &str, key: &str, name: &str, role: Role, time: Duration) -> bool {
    KeyPair::from_pem(key).is_ok_and(|key| belongs(pem, &key)) && verify(authority, pem, name, role, time).is_some()
}

/// Whether the certificate is of this key.
pub(super) fn belongs(pem: &str, key: &KeyPair) -> bool {
    let Ok(der) = CertificateDer::from_pem_slice(pem.as_bytes()) else { return false };
    EndEntityCert::try_from(&der)
        .is_ok_and(|certificate| certificate.subject_public_key_info().as_ref() == key.subject_public_key_info())
}

fn verify(authority: &str, pem: &str, name: &str, role: Role, time: Duration) -> Option<()> {
    let authority = CertificateDer::from_pem_slice(authority.as_bytes()).ok()?;
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let anchors = [anchor_from_trusted_cert(&authority).ok()?];
    let certificate = EndEntityCert::try_from(&der).ok()?;
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms.all;
    let usages = match role {
        Role::Node => vec![KeyUsage::server_auth(), KeyUsage::client_auth()],
        Role::Operator => vec![KeyUsage::client_auth()],
    };
    for usage in usages {
        let at = UnixTime::since_unix_epoch(time);
        certificate.verify_for_usage(algorithms, &anchors, &[], at, usage, None, None).ok()?;
    }
    certificate.verify_is_valid_for_subject_name(&ServerName::try_from(name).ok()?).ok()
}
