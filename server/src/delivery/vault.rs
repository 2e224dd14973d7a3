//! Credentials that receivers gave: how they are kept in the log without being in it.
//!
//! What people give is sealed with AES-256-GCM under a key that follows from this server's own, and bound to its channel: moved to
//! another channel it does not open. Whoever has the log but not the key file has nothing, so a backup that is restored beside
//! another key says so, channel by channel. What the server's operator offers in files is read anew for each message: replacing
//! the file is the rotation.

use super::secret::Signer;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rollcall_domain::delivery::Credential;
use rollcall_domain::id::ChannelId;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of a credential: the longest are addresses.
pub const CREDENTIAL_BYTES: usize = 2_000;

/// Why there is no credential to show to a receiver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Another server sealed it, or it was moved or damaged.
    #[error("the channel's credential was sealed under another key than this server's delivery.key: give it again with PUT")]
    Foreign,
    /// The configuration names no such file.
    #[error("the server's configuration offers no credential file {0:?} (delivery.credential_files)")]
    UnknownFile(String),
    /// The file cannot be read.
    #[error("the credential file {name:?} cannot be read: {cause}")]
    Unreadable {
        /// What the configuration calls it.
        name: String,
        /// What the system said.
        cause: String,
    },
    /// What is in it cannot be a credential.
    #[error("the credential must be one line of 1 to {CREDENTIAL_BYTES} bytes")]
    Malformed,
    /// There is none.
    #[error("the channel has no credential: give it with PUT")]
    Missing,
}

/// Seals and opens credentials.
#[derive(Clone)]
pub struct Vault {
    key: Arc<LessSafeKey>,
    files: Arc<BTreeMap<String, PathBuf>>,
}

impl Vault {
    /// The vault of the server with this signer, without any files.
    #[must_use]
    pub fn of(signer: &Signer) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, signer.derived("credentials of channels").as_ref());
        let key = LessSafeKey::new(key.expect("a derived key has the 32 bytes that the cipher wants"));
        Self { key: Arc::new(key), files: Arc::default() }
    }

    /// Offers files by name.
    #[must_use]
    pub fn with_files(self, files: BTreeMap<String, PathBuf>) -> Self {
        Self { files: Arc::new(files), ..self }
    }

    /// Seals a credential for a channel; `random` must never come twice.
    ///
    /// # Errors
    /// What cannot be a credential.
    pub fn seal(&self, channel: ChannelId, credential: &str, random: [u8; 32]) -> Result<Credential, VaultError> {
        let mut bytes = one_line(credential)?.as_bytes().to_vec();
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&random[..NONCE_LEN]);
        let sealed = self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound_to(channel), &mut bytes);
        sealed.expect("so few bytes are always sealed");
        Ok(Credential::Sealed { sealed: BASE64_STANDARD.encode([nonce.as_slice(), &bytes].concat()) })
    }

    /// What a channel shows to its receiver.
    ///
    /// # Errors
    /// Why there is nothing to show; without a word of what is sealed or in the file.
    pub fn open(&self, channel: ChannelId, credential: Option<&Credential>) -> Result<String, VaultError> {
        match credential.ok_or(VaultError::Missing)? {
            Credential::Sealed { sealed } => self.unseal(channel, sealed).ok_or(VaultError::Foreign),
            Credential::File { name } => self.read(name),
        }
    }

    fn unseal(&self, channel: ChannelId, sealed: &str) -> Option<String> {
        let mut bytes = BASE64_STANDARD.decode(sealed).ok()?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.key.open_in_place(nonce, bound_to(channel), text).ok()?;
        String::from_utf8(opened.to_vec()).ok()
    }

    fn read(&self, name: &str) -> Result<String, VaultError> {
        let path = self.files.get(name).ok_or_else(|| VaultError::UnknownFile(name.to_owned()))?;
        let unreadable = |cause: std::io::Error| VaultError::Unreadable { name: name.to_owned(), cause: cause.to_string() };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut text = String::new();
        file.take(2 * CREDENTIAL_BYTES as u64).read_to_string(&mut text).map_err(unreadable)?;
        one_line(&text).map(str::to_owned)
    }
}

fn bound_to(channel: ChannelId) -> Aad<String> {
    Aad::from(format!("rollcall credential\n{channel}"))
}

fn one_line(text: &str) -> Result<&str, VaultError> {
    let text = text.trim();
    let is_good = (1..=CREDENTIAL_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    if is_good { Ok(text) } else { Err(VaultError::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(key: u8) -> Vault {
        Vault::of(&Signer::new([key; 32]))
    }

    #[test]
    fn what_is_sealed_opens_for_its_channel_on_its_server_alone() {
        let sealed = vault(7).seal(ChannelId(1), " hunter2\n", [3; 32]).unwrap();
        assert!(!format!("{sealed:?}").contains("hunter2"));
        assert_eq!(vault(7).open(ChannelId(1), Some(&sealed)), Ok("hunter2".into()));
        assert_eq!(vault(7).open(ChannelId(2), Some(&sealed)), Err(VaultError::Foreign));
        assert_eq!(vault(8).open(ChannelId(1), Some(&sealed)), Err(VaultError::Foreign));
        assert_ne!(vault(7).seal(ChannelId(1), "hunter2", [4; 32]).unwrap(), sealed);
    }

    #[test]
    fn what_was_damaged_or_is_none_does_not_open() {
        let Credential::Sealed { sealed } = vault(7).seal(ChannelId(1), "hunter2", [3; 32]).unwrap() else { panic!("it is sealed") };
        for place in 0..sealed.len() {
            let mut text = sealed.clone().into_bytes();
            text[place] = if text[place] == b'A' { b'B' } else { b'A' };
            let damaged = Credential::Sealed { sealed: String::from_utf8(text).unwrap() };
            assert_eq!(vault(7).open(ChannelId(1), Some(&damaged)), Err(VaultError::Foreign), "{place}");
        }
        for text in ["", "AAAA", "?"] {
            let none = Credential::Sealed { sealed: text.into() };
            assert_eq!(vault(7).open(ChannelId(1), Some(&none)), Err(VaultError::Foreign));
        }
        assert_eq!(vault(7).open(ChannelId(1), None), Err(VaultError::Missing));
        for text in ["", " ", "a\nb", &"a".repeat(CREDENTIAL_BYTES + 1)] {
            assert_eq!(vault(7).seal(ChannelId(1), text, [3; 32]), Err(VaultError::Malformed));
        }
    }

    #[test]
    fn a_file_is_read_anew_each_time() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("key");
        let vault = vault(7).with_files([("pager".to_owned(), path.clone())].into());
        let file = |name: &str| vault.open(ChannelId(1), Some(&Credential::File { name: name.into() }));
        assert!(matches!(file("pager"), Err(VaultError::Unreadable { .. })));
        for content in ["first\n", "second"] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(file("pager"), Ok(content.trim().to_owned()));
        }
        std::fs::write(&path, "a\nb\n").unwrap();
        assert_eq!(file("pager"), Err(VaultError::Malformed));
        assert_eq!(file("/etc/passwd"), Err(VaultError::UnknownFile("/etc/passwd".into())));
    }
}
