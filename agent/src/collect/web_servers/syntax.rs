//! What the configurations of web servers have in common: words in quotes, addresses to listen on, what is found in all.

use std::collections::BTreeSet;

/// Sites of one server that are kept.
const SITES: usize = 10_000;

/// What a configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) ports: BTreeSet<u16>,
    pub(super) addresses: BTreeSet<String>,
    pub(super) sites: BTreeSet<String>,
}

impl Found {
    /// Adds a name that a site is reached by; what stands for all or none, or for a pattern, is no name.
    pub(super) fn site(&mut self, name: &str) {
        let name = name.trim_matches(['"', '\'']).trim_end_matches('.').to_ascii_lowercase();
        let is_name = !name.is_empty() && !name.starts_with(['~', '$', '_', '/']) && !name.contains(['$', '{', '(']);
        if is_name && self.sites.len() < SITES {
            self.sites.extend(super::super::text::tidy(&name));
        }
    }

    /// Adds `port`, `address:port`, `[address]:port`, `*:port`, `unix:/path`; an address alone has the default port.
    pub(super) fn listen(&mut self, text: &str, default: Option<u16>) {
        let Some((address, port)) = endpoint(text) else { return };
        if let Some(port) = port.or(default) {
            self.ports.insert(port);
            self.addresses.insert(address);
        }
    }
}

/// Address and port of a text that says where to listen; none for what is no socket of the network.
pub(super) fn endpoint(text: &str) -> Option<(String, Option<u16>)> {
    const ANY: &str = "0.0.0.0";
    let text = text.trim_matches(['"', '\'']);
    if text.is_empty() || text.starts_with("unix") || text.starts_with('/') || text.contains('$') {
        return None;
    }
    let named = |address: &str| match address.trim_matches(['[', ']']) {
        "" | "*" => ANY.to_owned(),
        address => super::super::text::bounded(address.to_owned()),
    };
    if let Ok(port) = text.parse() {
        return Some((ANY.to_owned(), Some(port)));
    }
    if text.starts_with('[') {
        let (address, rest) = text.split_once(']')?;
        return Some((named(address), rest.strip_prefix(':').and_then(|port| port.parse().ok())));
    }
    match text.rsplit_once(':') {
        // `:::80` of haproxy.
        Some((address, port)) => Some((named(address), Some(port.parse().ok()?))),
        None => Some((named(text), None)),
    }
}

/// Words of a line; quotes hold blanks together and are taken off, `#` begins a comment.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in line.chars() {
        match character {
            _ if quote == Some(character) => quote = None,
            '"' | '\'' if quote.is_none() => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            '#' if quote.is_none() && word.is_none() => break,
            _ if character.is_whitespace() && quote.is_none() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_to_listen_on_are_told_apart() {
        for (text, expected) in [
            ("80", Some(("0.0.0.0", Some(80)))),
            ("*:443", Some(("0.0.0.0", Some(443)))),
            ("[::]:80", Some(("::", Some(80)))),
            (":::80", Some(("::", Some(80)))),
            ("127.0.0.1:8080", Some(("127.0.0.1", Some(8080)))),
            ("10.0.0.1", Some(("10.0.0.1", None))),
            ("unix:/run/x.sock", None),
            ("x:99999", None),
        ] {
            assert_eq!(endpoint(text), expected.map(|(address, port)| (address.to_owned(), port)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]:*0-9a-zé.'\"# ]{0,20}") {
            let _ = (endpoint(&text), words(&text));
            let mut found = Found::default();
            found.listen(&text, Some(80));
            found.site(&text);
        }
    }
}
