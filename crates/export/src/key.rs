//! The key with which personal columns are hashed. It lives beside the data, never in the database.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::ExportError;

const BYTES: usize = 32;

/// A secret of 32 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonalKey([u8; BYTES]);

impl std::fmt::Debug for PersonalKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "PersonalKey({})", self.id())
    }
}

impl PersonalKey {
    /// Reads the key in `file`, 64 hexadecimal digits; makes it from `random` when there is none, readable by its owner
    /// only. Two processes that make it at once get the same one.
    ///
    /// # Errors
    /// [`ExportError::Refused`] when the file cannot be read or made, or holds something else.
    pub fn load_or_make(file: &Path, random: &mut dyn Read) -> Result<Self, ExportError> {
        let refused = |error: std::io::Error| {
            ExportError::Refused(format!("the key of hashed columns, {}: {error}", file.display()))
        };
        match fs::read_to_string(file) {
            Ok(text) => return Self::read(&text, file),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(refused(error)),
        }
        let mut bytes = [0; BYTES];
        random.read_exact(&mut bytes).map_err(refused)?;
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(refused)?;
        }
        let aside = file.with_extension(format!("{}.new", std::process::id()));
        let mut options = OpenOptions::new();
        let mut made =
            options.create(true).truncate(true).write(true).mode(0o600).open(&aside).map_err(refused)?;
        made.write_all(hex::encode(bytes).as_bytes()).and_then(|()| made.sync_all()).map_err(refused)?;
        // A link, not a rename: whoever comes second must not replace the first one's.
        let linked = fs::hard_link(&aside, file);
        fs::remove_file(&aside).map_err(refused)?;
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(refused(error)),
            _ => Self::read(&fs::read_to_string(file).map_err(refused)?, file),
        }
    }

    fn read(text: &str, file: &Path) -> Result<Self, ExportError> {
        let mut bytes = [0; BYTES];
        hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| {
            ExportError::Refused(format!(
                "{} must hold {} hexadecimal digits: put the old key back, or remove the file for a new key",
                file.display(),
                2 * BYTES
            ))
        })?;
        Ok(Self(bytes))
    }

    /// Names the key without telling it.
    pub fn id(&self) -> String {
        self.hash("chatledger export key").chars().take(12).collect()
    }

    /// A value as it leaves, hexadecimal.
    pub(crate) fn hash(&self, value: &str) -> String {
        // A key of any length is taken: there is no error to handle.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(value.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/export.key");
        let key = PersonalKey::load_or_make(&file, &mut [7; 32].as_slice()).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
        assert_eq!(PersonalKey::load_or_make(&file, &mut [8; 32].as_slice()).unwrap(), key);
        assert_ne!(key.hash("a"), key.hash("b"));
        assert!(!format!("{key:?}").contains("0707"));
    }

    #[test]
    fn a_hash_is_what_anybody_with_the_key_would_compute() {
        // RFC 4231, test case 2, has a shorter key: HMAC fills it with zeros.
        let mut bytes = [0; BYTES];
        bytes[..4].copy_from_slice(b"Jefe");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(PersonalKey(bytes).hash("what do ya want for nothing?"), expected);
    }

    #[test]
    fn a_file_with_something_else_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("export.key");
        fs::write(&file, "short").unwrap();
        let error = PersonalKey::load_or_make(&file, &mut [8; 32].as_slice()).unwrap_err().to_string();
        assert!(error.contains("64 hexadecimal digits"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "short");
    }
}
