//! The files of certificates and keys.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::CertificateError;

/// Keys are for their owner only, and so is the directory that holds them.
const KEY_MODE: u32 = 0o600;
const CERTIFICATE_MODE: u32 = 0o644;
const DIRECTORY_MODE: u32 = 0o700;

pub(super) fn make_directory(directory: &Path) -> Result<(), CertificateError> {
    let made = DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory);
    made.map_err(|source| error("making", directory, source))
}

/// The file's text; `None` if there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<String>, CertificateError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
        // Not UTF-8: damaged, which the caller judges by its content.
        Err(source) if source.kind() == ErrorKind::InvalidData => Ok(Some(String::new())),
        Err(source) => Err(error("reading", path, source)),
    }
}

/// Writes the key first: a certificate without its key would look complete. Whatever a crash
/// leaves between the two is seen at the next start, since key and certificate then differ.
pub(super) fn write_pair(certificate: &Path, pem: &str, key: &str) -> Result<(), CertificateError> {
    write(&certificate.with_extension("key"), key, KEY_MODE)?;
    write(certificate, pem, CERTIFICATE_MODE)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), CertificateError> {
    let new = path.with_extension("new");
    let written = (|| {
        // A file left by a crash may have another mode.
        fs::remove_file(&new).or_else(|e| if e.kind() == ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    })();
    written.map_err(|source| error("writing", path, source))
}

fn error(action: &'static str, path: &Path, source: std::io::Error) -> CertificateError {
    CertificateError::File { action, path: path.to_owned(), source }
}
