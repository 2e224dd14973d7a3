//! Names whose values are secrets.

/// Words anywhere in a name.
const WORDS: [&str; 26] = [
    "password",
    "passwd",
    "passwort",
    "passphrase",
    "passcode",
    "passin",
    "passout",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api-key",
    "api_key",
    "credential",
    "private-key",
    "private_key",
    "privatekey",
    "access-key",
    "access_key",
    "accesskey",
    "accountkey",
    "account_key",
    "authkey",
    "masterauth",
    "signature",
    "connectionstring",
];

/// Parts of a name between dashes, dots and underscores.
const PARTS: [&str; 12] = ["pass", "pw", "psk", "jwt", "sas", "sig", "cookie", "authorization", "bearer", "otp", "pin", "passwords"];

/// Words that end with `pass` and are none.
const NO_PASS: [&str; 6] = ["bypass", "compass", "encompass", "overpass", "underpass", "auth-user-pass"];

/// Last parts of names of what belongs to a secret and is none.
const PLACES: [&str; 29] = [
    "file",
    "files",
    "path",
    "dir",
    "folder",
    "url",
    "uri",
    "type",
    "fd",
    "stdin",
    "name",
    "id",
    "ttl",
    "length",
    "count",
    "expiry",
    "expiration",
    "policy",
    "timeout",
    "enabled",
    "store",
    "provider",
    "mode",
    "algorithm",
    "size",
    "through",
    "prompt",
    "env",
    "endpoint",
];

/// The same, written without anything between.
const PLACE_ENDINGS: [&str; 4] = ["file", "path", "url", "uri"];

/// Whether the value of a name is a secret. Files that hold a secret are not the secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.trim_start_matches('-').to_ascii_lowercase();
    let mut parts = name.rsplit(['-', '_', '.']);
    let last = parts.clone().next().unwrap_or_default();
    if PLACES.contains(&last) || PLACE_ENDINGS.iter().any(|ending| last.ends_with(ending)) && !last.ends_with("profile") {
        return false;
    }
    WORDS.iter().any(|word| name.contains(word))
        || parts.any(|part| PARTS.contains(&part))
        || name.ends_with("pass") && !NO_PASS.iter().any(|word| name.ends_with(word))
}

/// A name that ends in `key` may be of a key or of a column: the look of the value decides.
pub(super) fn is_key_with(name: &str, value: &str) -> bool {
    /// Shorter keys are not worth the name.
    const KEY_CHARACTERS: usize = 16;
    let has = |wanted: fn(&char) -> bool| value.chars().any(|character| wanted(&character));
    name.to_ascii_lowercase().ends_with("key")
        && value.len() >= KEY_CHARACTERS
        && value.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '+' | '/' | '=' | '_' | '-'))
        && !value.starts_with('/')
        && has(char::is_ascii_digit)
        && has(char::is_ascii_alphabetic)
}

/// Parameters that are secrets in a URL and nothing elsewhere.
pub(super) fn is_secret_parameter(name: &str) -> bool {
    matches!(name.to_ascii_lowercase().as_str(), "key" | "code" | "auth" | "sig" | "signature")
}

/// Headers whose whole value is a secret, blanks and all.
pub(super) fn is_header(name: &str) -> bool {
    // `-HAuthorization: …` and `Set-Cookie` end so.
    let name = name.to_ascii_lowercase();
    name.ends_with("authorization") || name.ends_with("cookie")
}

/// How an `Authorization` header begins.
pub(super) fn is_scheme(word: &str) -> bool {
    ["bearer", "basic", "token", "digest", "negotiate", "apikey"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// Beginnings by which a key is known wherever it stands, and how many characters it has at least.
const BEGINNINGS: [(&str, usize); 27] = [
    ("AKIA", 20),
    ("ASIA", 20),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 20),
    ("gldt-", 20),
    ("xoxa-", 15),
    ("xoxb-", 15),
    ("xoxp-", 15),
    ("xoxr-", 15),
    ("xoxs-", 15),
    ("sk_live_", 20),
    ("rk_live_", 20),
    ("sk_test_", 20),
    ("sk-", 24),
    ("AIza", 35),
    ("eyJ", 40),
    ("npm_", 30),
    ("hvs.", 20),
    ("dop_v1_", 20),
    ("SG.", 30),
    ("ya29.", 20),
    ("pypi-", 30),
];

/// Whether a word is a key by its own look.
pub(super) fn is_known_key(word: &str) -> bool {
    BEGINNINGS.iter().any(|(beginning, length)| word.len() >= *length && word.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_words_that_only_look_alike_are_no_secrets() {
        for name in [
            "--password-file",
            "PASSFILE",
            "bypass",
            "--proxy-bypass",
            "token_url",
            "compass",
            "--secret-name",
            "keyboard",
            "host",
            "passive",
            "spin",
        ] {
            assert!(!is_secret(name), "{name}");
        }
        for name in
            ["PGPASSWORD", "--db.password", "-storepass", "DB_PASS", "wifi-psk", "secretprofile", "X-Api-Key", "AccountKey", "clientSecret"]
        {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn a_key_is_told_from_a_column_by_its_look() {
        assert!(is_key_with("encryption_key", "0123456789abcdef0123"));
        assert!(!is_key_with("sort-key", "name_of_the_column"));
        assert!(!is_key_with("ssl-key", "/etc/ssl/private/server1.pem"));
    }
}
