//! Certificates for tests, made on the spot.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;

use super::Identity;
use crate::config::TlsConfig;

/// An authority with a directory of PEM files.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: TempDir,
    made: AtomicU32,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("authority.pem"), certificate.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), directory, made: AtomicU32::new(0) }
    }

    pub fn authority_file(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    /// The files of a certificate for these names.
    pub fn files(&self, names: &[&str]) -> TlsConfig {
        self.make(names, |_| {})
    }

    /// The files of a certificate whose time is over.
    pub fn expired_files(&self, names: &[&str]) -> TlsConfig {
        self.make(names, |params| params.not_after = date_time_ymd(2020, 1, 1))
    }

    /// An identity for these names.
    pub fn identity(&self, names: &[&str]) -> Identity {
        Identity::load(&self.files(names)).unwrap()
    }

    fn make(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> TlsConfig {
        let names: Vec<String> = names.iter().copied().map(str::to_owned).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let file = |ending| self.directory.path().join(format!("{number}.{ending}"));
        std::fs::write(file("pem"), certificate.pem()).unwrap();
        std::fs::write(file("key"), key.serialize_pem()).unwrap();
        TlsConfig { authority: self.authority_file(), certificate: file("pem"), key: file("key") }
    }
}
