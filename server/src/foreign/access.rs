//! Who a request claims to be.

use crate::token;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A name and a secret; of a bearer token the secret alone.
#[derive(Debug, PartialEq, Eq)]
pub struct Credential {
    /// The feed's name.
    pub name: Option<String>,
    /// SHA-256 of the secret, hexadecimal.
    pub secret_hash: String,
}

impl Credential {
    /// What the request shows; `None` when it shows nothing. What cannot be read is a credential that nobody has.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let shown = headers.get(header::AUTHORIZATION)?;
        let unreadable = Self { name: Some(String::new()), secret_hash: String::new() };
        let Some((scheme, rest)) = shown.to_str().ok().and_then(|text| text.split_once(' ')) else { return Some(unreadable) };
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self { name: None, secret_hash: token::hash_of(rest) });
        }
        let decoded = STANDARD.decode(rest).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"));
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = text.as_deref().and_then(|text| text.split_once(':'));
        Some(pair.map_or(unreadable, |(name, secret)| Self { name: Some(name.to_owned()), secret_hash: token::hash_of(secret) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, expected: Option<(Option<&str>, &str)>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, header.parse().expect("a header"));
        let found = Credential::of(&headers).expect("a credential");
        let expected =
            expected.map_or(("".to_owned().into(), String::new()), |(name, secret)| (name.map(str::to_owned), token::hash_of(secret)));
        assert_eq!((found.name, found.secret_hash), expected, "{header}");
    }

    #[test]
    fn basic_and_bearer_are_read_and_anything_else_is_nobody() {
        check("Basic Z2xwaTpyY2ZfYTpi", Some((Some("glpi"), "rcf_a:b")));
        check("Bearer rcf_x", Some((None, "rcf_x")));
        for header in ["Basic", "Basic !!", "Basic Z2xwaQ==", "Digest x", "Negotiate Z2xwaTpy"] {
            check(header, None);
        }
        assert_eq!(Credential::of(&HeaderMap::new()), None);
    }
}
