//! Settings in the three shapes that databases' configurations have: `key value`, `key = value` in sections, and YAML's levels.

/// Levels of a document.
const DEPTH: usize = 16;

/// `key value` and `key = value` lines, quotes taken off, comments after `#` left out.
pub(super) fn plain(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let line = line.trim();
        let (key, value) = line.split_once(|character: char| character.is_whitespace() || character == '=')?;
        let value = value.trim().trim_start_matches('=').trim();
        (!line.starts_with(['#', ';', '['])).then(|| (key, unquoted(value)))
    })
}

/// A value without its quotes, or without the comment after it.
fn unquoted(value: &str) -> &str {
    for quote in ['\'', '"'] {
        if let Some((inner, _)) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
            return inner;
        }
    }
    value.split(" #").next().unwrap_or_default().split("\t#").next().unwrap_or_default().trim_end()
}

/// `key: value` lines of a YAML document of plain maps: keys with those above them, `net.port`. The first of a list counts.
pub(super) fn levels(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut above: Vec<(usize, &str)> = Vec::new();
    for line in text.lines() {
        let bare = line.trim_start();
        if bare.starts_with(['#', '%']) || bare.trim().is_empty() || bare.starts_with("---") {
            continue;
        }
        let indent = line.len() - bare.len();
        while above.last().is_some_and(|(level, _)| *level > indent || *level == indent && !bare.starts_with('-')) {
            above.pop();
        }
        let path = |above: &[(usize, &str)]| above.iter().map(|(_, key)| *key).collect::<Vec<_>>().join(".");
        if let Some(element) = bare.strip_prefix("- ") {
            found.push((path(&above), unquoted(element.trim()).to_owned()));
            continue;
        }
        let Some((key, value)) = bare.split_once(':') else { continue };
        if above.len() >= DEPTH {
            continue;
        }
        above.push((indent, key.trim().trim_matches('"')));
        let value = unquoted(value.trim());
        if !value.is_empty() {
            found.push((path(&above), value.to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_shapes_are_read() {
        let lines: Vec<_> = plain("port 6379\n# x 1\nport=5433 # here\nlisten_addresses = 'a, b' # c\n[x]\nbare\n").collect();
        assert_eq!(lines, [("port", "6379"), ("port", "5433"), ("listen_addresses", "a, b")]);
        let text = "---\nnet:\n  port: 27017\n  bindIp: \"a,b\"  # c\nstorage:\n  dbPath: /x\nhttp.port: 9201\ndirs:\n    - /data/1\n    - /data/2\nlast: 1\n";
        let found = levels(text);
        let short: Vec<_> = found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            short,
            [("net.port", "27017"), ("net.bindIp", "a,b"), ("storage.dbPath", "/x"), ("http.port", "9201"), ("dirs", "/data/1"), ("dirs", "/data/2"), ("last", "1")]
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([ ]{0,4}[a-z#;é]{0,3}[:= ]{0,2}['\"-]?[a-z é#]{0,3}['\"]?\n){0,10}") {
            let _ = (plain(&text).count(), levels(&text));
        }
    }
}
