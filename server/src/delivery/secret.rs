//! Secrets of channels and signatures, as Standard Webhooks 1.0 says.
//!
//! A secret is derived from this server's own key, the channel and a generation. So neither the log nor a snapshot holds one,
//! and a rotation is a number. Whoever restores a backup without the key file gets new secrets: every channel then has to be
//! rotated and its receiver told.

use crate::data_directory::{self, DataDirectory, DirectoryError, Secrecy};
use crate::entropy::Entropy;
use crate::token::hexadecimal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rollcall_domain::id::ChannelId;
use std::sync::Arc;

/// What secrets begin with (Standard Webhooks, "Signature scheme").
const SECRET_PREFIX: &str = "whsec_";

/// What is wrong with the key file.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file.
    #[error(transparent)]
    File(#[from] DirectoryError),
    /// Its content.
    #[error("{0}: not a key: it must hold 64 hexadecimal digits. Restore it; a new one would change the secret of every channel")]
    Content(String),
}

/// Makes the secrets of channels, and signs with them.
#[derive(Clone)]
pub struct Signer {
    key: Arc<hmac::Key>,
}

impl Signer {
    /// A signer with this key.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self { key: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &key)) }
    }

    /// The signer of a data directory; its key is made when there is none yet.
    ///
    /// # Errors
    /// A key file that cannot be read or written, that others can read, or that holds something else.
    pub fn open(directory: &DataDirectory, entropy: &dyn Entropy) -> Result<Self, KeyError> {
        let path = directory.delivery_key();
        if !path.exists() {
            let text = hexadecimal(&entropy.secret()) + "\n";
            data_directory::write_atomically(&path, text.as_bytes(), Secrecy::Secret)?;
        }
        let text = data_directory::read_secret(&path)?;
        parse(text.trim()).map(Self::new).ok_or_else(|| KeyError::Content(path.display().to_string()))
    }

    /// The secret of a channel in the form that receivers are given.
    #[must_use]
    pub fn secret(&self, channel: ChannelId, generation: u32) -> String {
        format!("{SECRET_PREFIX}{}", BASE64_STANDARD.encode(self.derive(channel, generation)))
    }

    /// The signatures of a message, one for each generation, as the header holds them.
    #[must_use]
    pub fn sign(&self, channel: ChannelId, generations: impl IntoIterator<Item = u32>, message: &Message<'_>) -> String {
        let signatures = generations.into_iter().map(|generation| message.signature(self.derive(channel, generation).as_ref()));
        signatures.collect::<Vec<String>>().join(" ")
    }

    /// A key for something else than signing webhooks; its purpose is a phrase of its own.
    pub(super) fn derived(&self, purpose: &str) -> hmac::Tag {
        hmac::sign(&self.key, format!("rollcall derived key\n{purpose}").as_bytes())
    }

    fn derive(&self, channel: ChannelId, generation: u32) -> hmac::Tag {
        hmac::sign(&self.key, format!("rollcall webhook secret\n{channel}\n{generation}").as_bytes())
    }
}

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its id.
    pub id: &'a str,
    /// When it is sent, in seconds since 1970.
    pub timestamp: i64,
    /// Its body, byte for byte.
    pub body: &'a [u8],
}

impl Message<'_> {
    fn signature(&self, secret: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
        context.update(format!("{}.{}.", self.id, self.timestamp).as_bytes());
        context.update(self.body);
        format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
    }
}

fn parse(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut key = [0; 32];
    for (place, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use std::os::unix::fs::PermissionsExt as _;

    /// The example of the specification. Computed apart from this program:
    /// `base64.b64encode(hmac.new(base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    /// b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}', hashlib.sha256).digest())`
    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        let secret = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let message = Message { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: br#"{"test": 2432232314}"# };
        assert_eq!(message.signature(&secret), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    /// `hmac.new(bytes([7] * 32), b"rollcall webhook secret\nchan_00000000000000000000000001\n1", hashlib.sha256)`
    #[test]
    fn a_secret_follows_from_key_channel_and_generation() {
        let signer = Signer::new([7; 32]);
        assert_eq!(signer.secret(ChannelId(1), 1), "whsec_/q1AjFqm1WysBqNH+XIa8UjFFRBQc2hzH1ODBVNEbwg=");
        assert_ne!(signer.secret(ChannelId(1), 2), signer.secret(ChannelId(1), 1));
        assert_ne!(signer.secret(ChannelId(2), 1), signer.secret(ChannelId(1), 1));
        assert_ne!(Signer::new([8; 32]).secret(ChannelId(1), 1), signer.secret(ChannelId(1), 1));
    }

    #[test]
    fn after_a_rotation_both_secrets_sign() {
        let signer = Signer::new([7; 32]);
        let message = Message { id: "a", timestamp: 1, body: b"{}" };
        let both = signer.sign(ChannelId(1), [2, 1], &message);
        let one = |generation| signer.sign(ChannelId(1), [generation], &message);
        assert_eq!(both, format!("{} {}", one(2), one(1)));
    }

    #[test]
    fn a_key_is_made_once_and_kept_from_others() {
        let root = tempfile::tempdir().unwrap();
        let directory = DataDirectory::at(root.path());
        let made = Signer::open(&directory, &SeededEntropy::new(1)).unwrap().secret(ChannelId(1), 1);
        assert_eq!(Signer::open(&directory, &SeededEntropy::new(2)).unwrap().secret(ChannelId(1), 1), made);
        let path = directory.delivery_key();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for text in ["", "abc", &"é".repeat(32), &"g".repeat(64)] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(Signer::open(&directory, &SeededEntropy::new(1)), Err(KeyError::Content(_))), "{text}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Signer::open(&directory, &SeededEntropy::new(1)), Err(KeyError::File(DirectoryError::Exposed { .. }))));
    }
}
