//! The node key: 32 random bytes in a file of mode 0600. It wraps the keys of sealed parts
//! and keys the digests of records' contents.

use std::io;
use std::path::{Path, PathBuf};

use blake3::derive_key;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::error::JournalError;
use crate::env::{Disk, Env};

/// The key's file in the data directory.
pub const KEY_FILE: &str = "node.key";
/// Bytes of the key, as of every key here.
pub(super) const KEY_BYTES: usize = 32;
/// Bytes of the fingerprint that segments carry, so that a wrong key is noticed at opening.
pub(super) const FINGERPRINT_BYTES: usize = 16;
/// Reads a key's file, whoever may read it.
pub fn read_key(disk: &dyn Disk, file: &Path) -> Result<Zeroizing<[u8; KEY_BYTES]>, JournalError> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    // `open` would make a missing file.
    disk.mode(file).map_err(JournalError::io("opening", file))?;
    let opened = disk.open(file).map_err(JournalError::io("opening", file))?;
    let length = opened.length().map_err(JournalError::io("reading", file))?;
    let read = opened.read_at(0, key.as_mut()).map_err(JournalError::io("reading", file))?;
    if read != KEY_BYTES || length != KEY_BYTES as u64 {
        let reason =
            format!("it has {length} bytes where {KEY_BYTES} are right: restore it from the backup of this node");
        return Err(JournalError::Key { file: file.to_owned(), reason });
    }
    Ok(key)
}

/// Names a key without telling it.
pub(super) fn fingerprint(key: &[u8; KEY_BYTES]) -> [u8; FINGERPRINT_BYTES] {
    let print = derive_key("wuji 2026 node key fingerprint", key.as_ref());
    let mut fingerprint = [0; FINGERPRINT_BYTES];
    for (to, from) in fingerprint.iter_mut().zip(print) {
        *to = from;
    }
    fingerprint
}

/// Permissions of others than the owner.
const OTHERS_MODE: u32 = 0o077;

/// The node key, ready for use.
pub(super) struct NodeKey {
    wrap: XChaCha20Poly1305,
    content: Zeroizing<[u8; KEY_BYTES]>,
    fingerprint: [u8; FINGERPRINT_BYTES],
    file: PathBuf,
}

impl NodeKey {
    /// Reads the key; makes it if there is none and `may_create`.
    pub(super) fn open(env: &Env, directory: &Path, may_create: bool) -> Result<Self, JournalError> {
        let file = directory.join(KEY_FILE);
        match env.disk.mode(&file) {
            Ok(mode) => Self::read(env, file, mode),
            Err(error) if error.kind() == io::ErrorKind::NotFound && may_create => Self::create(env, directory, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(JournalError::Key {
                file,
                reason: "it is missing, but the journal has entries: without it their sealed values cannot be read. \
                         Restore it from the backup of this node"
                    .to_owned(),
            }),
            Err(error) => Err(JournalError::io("reading the permissions of", &file)(error)),
        }
    }

    fn read(env: &Env, file: PathBuf, mode: u32) -> Result<Self, JournalError> {
        if mode & OTHERS_MODE != 0 {
            let reason =
                format!("others than its owner may use it (mode {mode:o}): run `chmod 600 {}`", file.display());
            return Err(JournalError::Key { file, reason });
        }
        let key = read_key(env.disk.as_ref(), &file)?;
        Ok(Self::derive(&key, file))
    }

    /// Written aside, made durable, then named: a key that was torn never has the name.
    fn create(env: &Env, directory: &Path, file: PathBuf) -> Result<Self, JournalError> {
        let aside = directory.join("node.key.new");
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        env.entropy.fill(key.as_mut());
        let write = || {
            env.disk.remove(&aside)?;
            let written = env.disk.open(&aside)?;
            written.write_at(0, key.as_ref())?;
            written.sync_data()?;
            env.disk.rename(&aside, &file)?;
            env.disk.sync_directory(directory)
        };
        write().map_err(JournalError::io("making", &file))?;
        Ok(Self::derive(&key, file))
    }

    fn derive(key: &Zeroizing<[u8; KEY_BYTES]>, file: PathBuf) -> Self {
        let wrap = Zeroizing::new(derive_key("wuji 2026 journal wrap key", key.as_ref()));
        Self {
            wrap: XChaCha20Poly1305::new((&*wrap).into()),
            content: Zeroizing::new(derive_key("wuji 2026 record content key", key.as_ref())),
            fingerprint: fingerprint(key),
            file,
        }
    }

    /// Keys the digests of records' contents.
    pub(super) fn content(&self) -> [u8; KEY_BYTES] {
        *self.content
    }

    /// Names the key without telling it.
    pub(super) fn fingerprint(&self) -> [u8; FINGERPRINT_BYTES] {
        self.fingerprint
    }

    /// Where the key is.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Encrypts a record's key.
    pub(super) fn wrap(&self, nonce: [u8; 24], about: &[u8], key: &[u8]) -> Option<Vec<u8>> {
        self.wrap.encrypt(&XNonce::from(nonce), Payload { msg: key, aad: about }).ok()
    }

    /// Decrypts a record's key; `None` if this is not the key that wrapped it, or for another entry.
    pub(super) fn unwrap(&self, nonce: [u8; 24], about: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.wrap.decrypt(&XNonce::from(nonce), Payload { msg: wrapped, aad: about }).ok().map(Zeroizing::new)
    }
}
