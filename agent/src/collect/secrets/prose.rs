//! Secrets within one text, whatever program it is for: assignments, headers, documents, URLs, keys known by their look.

use super::{REDACTED, names};

/// The text without what names itself, or looks, secret.
pub(super) fn scrubbed(text: &str) -> String {
    without_passwords_in_urls(&without_assignments(&without_private_keys(text)))
}

/// The text without private keys in PEM; one that is cut short is taken to its end.
pub(super) fn without_private_keys(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN ";
    const END: &str = "-----END ";
    /// `ENCRYPTED`, `OPENSSH`, `RSA`, …: what stands between is short.
    const LABEL_BYTES: usize = 40;
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        kept.extend([before, BEGIN]);
        rest = after;
        let Some(at) = after.find("PRIVATE KEY").filter(|&at| at <= LABEL_BYTES) else { continue };
        let (label, key) = after.split_at(at);
        kept.extend([label, "PRIVATE KEY----- ", REDACTED]);
        // Taken before, as one of several arguments.
        if let Some(tail) = key.strip_prefix("PRIVATE KEY----- ").and_then(|key| key.strip_prefix(REDACTED)) {
            rest = tail;
            continue;
        }
        rest = after.split_once(END).and_then(|(_, tail)| tail.split_once("-----")).map_or("", |(_, tail)| tail);
    }
    kept.push_str(rest);
    kept
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.')
}

/// Without the values of secrets named in it, wherever they stand: a script or a JSON document is one argument too.
fn without_assignments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_name) {
        let (before, tail) = rest.split_at(start);
        let (name, tail) = tail.split_at(tail.find(|character| !is_name(character)).unwrap_or(tail.len()));
        plain.push_str(before);
        plain.push_str(if names::is_known_key(name) { REDACTED } else { name });
        rest = tail;
        let is_first = plain.trim_start_matches('-') == name.trim_start_matches('-');
        let Some(Value { between, end }) = value(before, name, tail, is_first).or_else(|| credentials(name, tail)) else { continue };
        let (shown, hidden) = tail.split_at(between);
        plain.extend([shown, if end == 0 { "" } else { REDACTED }]);
        rest = hidden.get(end..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// Where the value of a name stands in what follows the name.
struct Value {
    /// Bytes before it.
    between: usize,
    /// Its own bytes.
    end: usize,
}

/// The value of a secret's name; none when the name is none of a secret, or nothing is assigned to it.
fn value(before: &str, name: &str, tail: &str, is_first: bool) -> Option<Value> {
    let between = separator(before, tail)?;
    let (shown, value) = tail.split_at(between);
    if names::is_header(name) {
        return Some(Value { between, end: value.find(['"', '\'', '\n']).unwrap_or(value.len()) });
    }
    let end = value_end(before, shown, value);
    let is_parameter = before.ends_with(['?', '&']) && names::is_secret_parameter(name);
    if !is_parameter && !names::is_secret(name) && !names::is_key_with(name, value.get(..end)?) {
        return None;
    }
    // An argument that is nothing but the assignment ends with its value, blanks or not.
    let is_whole = is_first && !shown.ends_with(['"', '\'']);
    Some(Value { between, end: if is_whole { value.len() } else { end } })
}

/// `Bearer TOKEN` and `Basic TOKEN` without the name of the header. Anybody may write of a basic something: only what looks like
/// base64 is taken there.
fn credentials(name: &str, tail: &str) -> Option<Value> {
    const TOKEN_BYTES: usize = 8;
    let is_bearer = name.eq_ignore_ascii_case("bearer");
    let value = tail.trim_start();
    let between = tail.len() - value.len();
    let end = value.find(|character: char| character.is_whitespace() || matches!(character, '"' | '\'')).unwrap_or(value.len());
    let token = value.get(..end)?;
    let looks_random = || token.contains(|character: char| character.is_ascii_digit() || character == '=');
    let is_token = between > 0 && end >= TOKEN_BYTES && (is_bearer || name.eq_ignore_ascii_case("basic") && looks_random());
    is_token.then_some(Value { between, end })
}

/// Bytes up to the value: `=`, `: "`, `" : "`, `\" => \"`, and the end of an XML tag; none when what follows the name is no assignment.
fn separator(before: &str, tail: &str) -> Option<usize> {
    let without_quote = |text: &str| -> usize {
        let bare = text.trim_start_matches('\\');
        text.len() - bare.strip_prefix(['"', '\'']).map_or(text.len(), str::len)
    };
    if let Some(value) = tail.strip_prefix('>').filter(|_| before.ends_with('<')) {
        return Some(tail.len() - value.len());
    }
    let after = tail.get(without_quote(tail)..)?.trim_start();
    let value = after.strip_prefix([':', '=']).filter(|value| !value.starts_with("//"))?;
    let value = value.strip_prefix('>').unwrap_or(value).trim_start();
    let value = value.get(without_quote(value)..)?;
    Some(tail.len() - value.len())
}

/// A quoted value ends with its quote, one of a connection string with the semicolon after it, another with the blank or sign after it.
fn value_end(before: &str, shown: &str, value: &str) -> usize {
    let quote = shown.chars().next_back().filter(|character| matches!(character, '"' | '\''));
    let is_in_string = before.trim_end().ends_with(';') && value.contains(';');
    let ends = |character: char| match quote {
        Some(quote) => character == quote,
        None if is_in_string => matches!(character, ';' | '"' | '\''),
        None if shown == ">" => character == '<',
        None => character.is_whitespace() || matches!(character, ',' | ';' | '&' | '}' | ')' | '"' | '\''),
    };
    value.find(ends).unwrap_or(value.len())
}

/// `scheme://user:password@host`, and `https://token@host`. A password may hold the signs that end an authority.
fn without_passwords_in_urls(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        plain.extend([before, "://"]);
        rest = after;
        let end =
            after.find(|character: char| character.is_whitespace() || matches!(character, '"' | '\'' | '<' | '>')).unwrap_or(after.len());
        let url = after.get(..end).unwrap_or_default();
        // Another URL as a parameter has its own.
        let url = url.split("://").next().unwrap_or_default();
        let Some((user_information, _)) = url.rsplit_once('@') else { continue };
        match user_information.split_once(':') {
            Some((user, _)) => plain.extend([user, ":", REDACTED]),
            None if before.ends_with("http") || before.ends_with("https") => plain.push_str(REDACTED),
            None => continue,
        }
        rest = after.get(user_information.len()..).unwrap_or_default();
    }
    plain.push_str(rest);
    without_oracles_passwords(plain)
}

/// `jdbc:oracle:thin:user/password@…`, which is no URL.
fn without_oracles_passwords(text: String) -> String {
    let Some((before, after)) = text.split_once(":thin:") else { return text };
    match after.split_once('@').and_then(|(login, host)| Some((login.split_once('/')?.0, host))) {
        Some((user, host)) => format!("{before}:thin:{user}/{REDACTED}@{host}"),
        None => text,
    }
}
