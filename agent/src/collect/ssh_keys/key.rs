//! One line with a public key: options, type, key, comment, after sshd(8); the key itself after RFC 4253 §6.6 and RFC 5656.

use crate::collect::text::tidy;
use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD_NO_PAD};
use rollcall_shared::section::SshKey;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// OpenSSH takes keys with and without padding.
const DECODER: GeneralPurpose =
    GeneralPurpose::new(&ALPHABET, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// Options of one key; real ones have a handful.
const OPTIONS: usize = 100;

/// Every type begins with one of these.
const TYPES: [&str; 4] = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-sha2-"];

/// What is to be known of the key of a line; none for blank lines and comments. Kind, account and path are the caller's.
pub(super) fn parse(line: &str) -> Result<Option<SshKey>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (options, rest) = if is_type(line) { ("", line) } else { line.split_at(end_of_options(line)) };
    let rest = rest.trim_start();
    if !is_type(rest) {
        return Err("not a public key");
    }
    let mut words = rest.splitn(3, [' ', '\t']);
    let (key_type, text) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let blob = DECODER.decode(text).map_err(|_| "a public key that is not base 64")?;
    let mut fields = Fields(&blob);
    if fields.next() != Some(key_type.as_bytes()) {
        return Err("a public key of another type than it says");
    }
    let fingerprint = format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&blob)));
    Ok(Some(SshKey {
        key_type: tidy(key_type).ok_or("not a public key")?,
        bits: bits(key_type, fields),
        fingerprint,
        comment: words.next().and_then(comment),
        options: option_names(options),
        ..SshKey::default()
    }))
}

fn is_type(line: &str) -> bool {
    TYPES.iter().any(|begin| line.starts_with(begin))
}

/// The first blank outside quotes.
fn end_of_options(line: &str) -> usize {
    outside_quotes(line, |character| matches!(character, ' ' | '\t')).next().unwrap_or(line.len())
}

/// Where signs stand that are not quoted; a backslash takes its meaning from a quote.
fn outside_quotes(text: &str, wanted: impl Fn(char) -> bool) -> impl Iterator<Item = usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.char_indices().filter_map(move |(at, character)| {
        let was_escaped = is_escaped;
        is_escaped = character == '\\' && !was_escaped;
        if character == '"' && !was_escaped {
            is_quoted = !is_quoted;
        }
        (!is_quoted && wanted(character)).then_some(at)
    })
}

fn option_names(options: &str) -> Vec<String> {
    let ends = outside_quotes(options, |character| character == ',').chain([options.len()]);
    let mut begin = 0;
    let mut names = BTreeSet::new();
    for end in ends.take(OPTIONS) {
        let option = options.get(begin..end).unwrap_or_default();
        begin = end + 1;
        names.extend(option.split('=').next().and_then(tidy).map(|name| name.to_ascii_lowercase()));
    }
    names.into_iter().collect()
}

/// A missing line end puts the next key into the comment of the one before: it is not shown.
fn comment(text: &str) -> Option<String> {
    // The base 64 of a length below 256 begins so.
    let words = text.split_whitespace().map(|word| if word.contains("AAAA") && word.len() > 40 { "[key]" } else { word });
    tidy(&words.collect::<Vec<_>>().join(" "))
}

/// Length-prefixed fields, RFC 4251 §5; ends at the first that does not fit.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (field, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }
}

/// The length of the modulus or of the curve; Edwards curves have one length each. Certificates have a nonce before the key.
fn bits(key_type: &str, mut fields: Fields<'_>) -> Option<u32> {
    let plain = key_type.split("-cert-").next().unwrap_or_default();
    let skipped = usize::from(plain != key_type);
    match plain {
        "ssh-rsa" => integer_bits(fields.nth(skipped + 1)?),
        "ssh-dss" => integer_bits(fields.nth(skipped)?),
        _ if plain.contains("nistp256") => Some(256),
        _ if plain.contains("nistp384") => Some(384),
        _ if plain.contains("nistp521") => Some(521),
        _ => None,
    }
}

fn integer_bits(digits: &[u8]) -> Option<u32> {
    let first = digits.iter().position(|byte| *byte != 0)?;
    let digits = digits.get(first..)?;
    let bits = digits.len().checked_mul(8)?.checked_sub(digits.first()?.leading_zeros() as usize)?;
    u32::try_from(bits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A key of zeros.
    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[track_caller]
    fn check(line: &str, options: &[&str], comment: Option<&str>) {
        let key = parse(line).expect("parsed").expect("a key");
        assert_eq!((key.options.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), key.comment.as_deref()), (options, comment));
        assert!(!format!("{key:?}").contains("AAAAC3NzaC1lZDI1NTE5"), "the key is not shown");
    }

    #[test]
    fn options_are_known_by_name_and_quotes_keep_their_blanks() {
        check(&format!("ssh-ed25519 {KEY} ann@example.org"), &[], Some("ann@example.org"));
        check(
            &format!("restrict,Command=\"run \\\"x y\\\", z\",from=\"*.example.org\" ssh-ed25519 {KEY}"),
            &["command", "from", "restrict"],
            None,
        );
        check(&format!("cert-authority\tssh-ed25519 {KEY} a b"), &["cert-authority"], Some("a b"));
        check(&format!("ssh-ed25519 {KEY} annssh-ed25519 {KEY} bob"), &[], Some("annssh-ed25519 [key] bob"));
    }

    #[test]
    fn what_is_no_key_says_so() {
        assert_eq!(parse(" # a comment"), Ok(None));
        assert_eq!(parse("ssh-ed25519 !!!"), Err("a public key that is not base 64"));
        assert_eq!(parse(&format!("ssh-rsa {KEY}")), Err("a public key of another type than it says"));
        assert_eq!(parse("command=\"unclosed ssh-ed25519 AAAA"), Err("not a public key"));
        assert_eq!(parse("1024 35 1234567890 old@protocol.one"), Err("not a public key"));
    }

    #[test]
    fn lengths_are_those_of_the_modulus() {
        assert_eq!(integer_bits(&[0, 0x80, 0]), Some(16));
        assert_eq!(integer_bits(&[1]), Some(1));
        assert_eq!(integer_bits(&[0, 0]), None);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in any::<String>(), options in "[a-z=,\"\\\\ ]{0,30}", blob in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = (parse(&line), parse(&format!("{options} ssh-rsa {KEY}")));
            let _ = (bits("ssh-rsa", Fields(&blob)), bits("ssh-dss-cert-v01@openssh.com", Fields(&blob)));
        }
    }
}
