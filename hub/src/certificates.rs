//! Certificates for development: one authority for a federation on one machine.
//!
//! In production each node is the authority of its children and a key never leaves the
//! machine that made it. Here all keys lie in one directory, so that a federation can be
//! started with one command over the same mutual TLS as in production.
//!
//! | file | what | name in it |
//! |---|---|---|
//! | `authority.pem`, `.key` | the authority | |
//! | `CODE.pem`, `.key` | a node, as server and as client | `CODE.unit.wuji` |
//! | `operator-CODE.pem`, `.key` | the operator of a node, as client | `CODE.operator.wuji` |
//!
//! Keys are ECDSA P-256, in files of mode 0600.

mod check;
mod files;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use thiserror::Error;
use wuji_proto::DivisionCode;

/// How long a unit's certificate is valid, in days: what browsers once took at most.
pub const UNIT_VALIDITY_DAYS: u64 = 825;

/// How long the authority is valid, in days.
pub const AUTHORITY_VALIDITY_DAYS: u64 = 3_650;

/// A certificate that ends sooner than this is renewed, in days.
pub const RENEWAL_DAYS: u64 = 30;

/// Valid from this long ago, in days: the clocks of other machines may be behind.
const BACKDATED_DAYS: u64 = 1;

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A node: server for its children and operators, client of its parent.
    Node,
    /// The operator of a node: client only.
    Operator,
}

impl Role {
    /// The DNS name that stands in the certificate, by which the other side knows who it is.
    pub fn dns_name(self, code: DivisionCode) -> String {
        match self {
            Self::Node => format!("{code}.unit.wuji"),
            Self::Operator => format!("{code}.operator.wuji"),
        }
    }

    /// The file's name without its ending.
    pub fn file_stem(self, code: DivisionCode) -> String {
        match self {
            Self::Node => code.to_string(),
            Self::Operator => format!("operator-{code}"),
        }
    }

    fn usages(self) -> Vec<ExtendedKeyUsagePurpose> {
        match self {
            Self::Node => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
            Self::Operator => vec![ExtendedKeyUsagePurpose::ClientAuth],
        }
    }
}

/// What was done about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was there and stays good for [`RENEWAL_DAYS`].
    Kept,
    /// There was none.
    Issued,
    /// The one that was there is of another authority, damaged, or at its end.
    Renewed,
}

/// A certificate that is now there.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Its DNS name; `authority` for the authority.
    pub name: String,
    /// The certificate's file; the key lies beside it, ending in `.key`.
    pub path: PathBuf,
    /// What was done.
    pub outcome: Outcome,
}

/// Why certificates cannot be made.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// A file cannot be read or written.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// reading, writing, …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The authority is there in part, or is no authority. It is never replaced silently:
    /// every node trusts it.
    #[error(
        "the authority {} is not usable: {problem}; put back the file that belongs to it, or remove the \
         directory to make a new authority and new certificates for every unit", path.display()
    )]
    Authority {
        /// Its certificate.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A certificate cannot be made.
    #[error("making the certificate {name}: {source}")]
    Making {
        /// Its DNS name.
        name: String,
        /// What the library says.
        source: rcgen::Error,
    },
}

/// Sees to it that the authority and the certificates of all `codes` are in `directory`, and
/// good for [`RENEWAL_DAYS`] from `now_ms` (milliseconds since 1970). Doing it again changes
/// nothing.
pub fn ensure(directory: &Path, codes: &[DivisionCode], now_ms: i64) -> Result<Vec<Certificate>, CertificateError> {
    files::make_directory(directory)?;
    let now = Duration::from_millis(now_ms.try_into().unwrap_or(0));
    let (authority, first) = Authority::open_or_make(directory, now)?;
    let mut certificates = vec![first];
    for code in codes {
        for role in [Role::Node, Role::Operator] {
            certificates.push(authority.ensure(directory, *code, role, now)?);
        }
    }
    Ok(certificates)
}

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn open_or_make(directory: &Path, now: Duration) -> Result<(Self, Certificate), CertificateError> {
        let path = directory.join("authority.pem");
        let pair = (files::read(&path)?, files::read(&path.with_extension("key"))?);
        let (pem, key, outcome) = match pair {
            (Some(pem), Some(key)) => (pem, key, Outcome::Kept),
            (None, None) => {
                let (pem, key) = Self::make(now)?;
                files::write_pair(&path, &pem, &key)?;
                (pem, key, Outcome::Issued)
            }
            (Some(_), None) => return Err(unusable(&path, "its key authority.key is missing")),
            (None, Some(_)) => return Err(unusable(&path, "there is only its key")),
        };
        let key = KeyPair::from_pem(&key).map_err(|error| unusable(&path, &format!("its key: {error}")))?;
        if !check::belongs(&pem, &key) {
            return Err(unusable(&path, "the key beside it is of another certificate"));
        }
        let issuer = Issuer::from_ca_cert_pem(&pem, key).map_err(|error| unusable(&path, &error.to_string()))?;
        let certificate = Certificate { name: "authority".to_owned(), path, outcome };
        Ok((Self { pem, issuer }, certificate))
    }

    fn make(now: Duration) -> Result<(String, String), CertificateError> {
        let making = |source| CertificateError::Making { name: "authority".to_owned(), source };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(making)?;
        let mut params = parameters(Vec::new(), "Wuji development authority", now, AUTHORITY_VALIDITY_DAYS)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(making)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    fn ensure(
        &self,
        directory: &Path,
        code: DivisionCode,
        role: Role,
        now: Duration,
    ) -> Result<Certificate, CertificateError> {
        let name = role.dns_name(code);
        let path = directory.join(role.file_stem(code)).with_extension("pem");
        let outcome = match (files::read(&path)?, files::read(&path.with_extension("key"))?) {
            (Some(pem), Some(key))
                if check::good_at(&self.pem, &pem, &key, &name, role, in_days(now, RENEWAL_DAYS)) =>
            {
                Outcome::Kept
            }
            (None, None) => Outcome::Issued,
            _ => Outcome::Renewed,
        };
        if outcome != Outcome::Kept {
            let (pem, key) = self.issue(&name, role, now)?;
            files::write_pair(&path, &pem, &key)?;
        }
        Ok(Certificate { name, path, outcome })
    }

    fn issue(&self, name: &str, role: Role, now: Duration) -> Result<(String, String), CertificateError> {
        let making = |source| CertificateError::Making { name: name.to_owned(), source };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(making)?;
        let mut params = parameters(vec![name.to_owned()], name, now, UNIT_VALIDITY_DAYS)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = role.usages();
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(making)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}

fn parameters(
    names: Vec<String>,
    common_name: &str,
    now: Duration,
    days: u64,
) -> Result<CertificateParams, CertificateError> {
    let making = |source| CertificateError::Making { name: common_name.to_owned(), source };
    let mut params = CertificateParams::new(names).map_err(making)?;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + now.saturating_sub(Duration::from_secs(BACKDATED_DAYS * DAY_SECONDS));
    params.not_after = epoch + in_days(now, days);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

fn in_days(now: Duration, days: u64) -> Duration {
    now + Duration::from_secs(days * DAY_SECONDS)
}

fn unusable(path: &Path, problem: &str) -> CertificateError {
    CertificateError::Authority { path: path.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests;
