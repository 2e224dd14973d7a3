//! Token texts: how a secret is shown once, and what is stored of it instead.
//!
//! Invariant: the secret leaves this module only in the text that its owner sees; everything else gets [`hash_of`] it. Look-ups
//! compare hashes of 256 random bits, so how long a comparison takes says nothing about a secret.

use crate::entropy::Entropy;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rollcall_shared::enrol::{JOIN_TOKEN_PREFIX, JoinToken};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// What an API token begins with; 43 digits of URL-safe base64 follow.
pub const API_TOKEN_PREFIX: &str = "rca_";

/// Length of an API token: the prefix and 32 bytes in base64 without padding.
pub const API_TOKEN_CHARS: usize = API_TOKEN_PREFIX.len() + 43;

/// What a feed's secret begins with; 43 digits of URL-safe base64 follow.
pub const FEED_SECRET_PREFIX: &str = "rcf_";

/// A token that was just made.
pub struct NewToken {
    /// What its owner sees, once.
    pub text: String,
    /// What is stored: SHA-256 of the secret, hexadecimal.
    pub secret_hash: String,
}

/// Makes an API token. What is hashed is the whole text, as it is sent in `Authorization: Bearer`.
#[must_use]
pub fn new_api_token(entropy: &dyn Entropy) -> NewToken {
    let text = format!("{API_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(entropy.secret()));
    let secret_hash = hash_of(&text);
    NewToken { text, secret_hash }
}

/// Makes the secret of a feed. What is hashed is the whole text, as it is sent as password or bearer token.
#[must_use]
pub fn new_feed_secret(entropy: &dyn Entropy) -> NewToken {
    let text = format!("{FEED_SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(entropy.secret()));
    let secret_hash = hash_of(&text);
    NewToken { text, secret_hash }
}

/// Makes a join token for the authority with this pin, reached under this URL. What is hashed is the hexadecimal secret.
#[must_use]
pub fn new_join_token(entropy: &dyn Entropy, ca_pin: &str, url: &str) -> NewToken {
    let secret = hexadecimal(&entropy.secret());
    let secret_hash = hash_of(&secret);
    let content = JoinToken { secret, ca_pin: ca_pin.to_owned(), url: url.to_owned() };
    let json = serde_json::to_vec(&content).expect("three texts always have a JSON form");
    NewToken { text: format!("{JOIN_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(json)), secret_hash }
}

/// Reads what [`new_join_token`] wrote.
#[must_use]
pub fn read_join_token(text: &str) -> Option<JoinToken> {
    let json = URL_SAFE_NO_PAD.decode(text.trim().strip_prefix(JOIN_TOKEN_PREFIX)?).ok()?;
    serde_json::from_slice(&json).ok()
}

/// What is stored of a secret: SHA-256 of the text, hexadecimal. 256 random bits need no slow hash.
#[must_use]
pub fn hash_of(secret: &str) -> String {
    hexadecimal(&Sha256::digest(secret.as_bytes()))
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn a_join_token_carries_url_and_pin_and_is_stored_as_the_hash_of_its_secret() {
        let token = new_join_token(&SeededEntropy::new(1), &"ab".repeat(32), "https://rollcall.example:8443");
        let read = read_join_token(&format!("{}\n", token.text)).unwrap();
        assert_eq!((read.url.as_str(), read.ca_pin), ("https://rollcall.example:8443", "ab".repeat(32)));
        assert_eq!(hash_of(&read.secret), token.secret_hash);
        assert_eq!(read.secret.len(), 64);
    }

    #[test]
    fn an_api_token_has_a_fixed_length_and_is_stored_as_its_hash() {
        let token = new_api_token(&SeededEntropy::new(1));
        assert_eq!(token.text.len(), API_TOKEN_CHARS);
        assert_eq!(hash_of(&token.text), token.secret_hash);
    }

    #[test]
    fn other_texts_are_no_join_tokens() {
        for text in ["", "rcj_", "rcj_!!", "rca_AAAA", "rcj_e30", "rcj_bm90IGpzb24"] {
            assert_eq!(read_join_token(text), None, "{text}");
        }
    }

    #[test]
    fn the_hash_is_sha_256() {
        assert_eq!(hash_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
