//! Configuration files that include others: each once, so many in all, patterns in names.

use super::super::Scope;
use std::collections::BTreeSet;

/// Files of one server's configuration; a host of 500 sites has about as many.
const FILES: usize = 5_000;

/// Bytes of one of them; generated lists of addresses grow large, and name no sites.
const FILE_BYTES: usize = 1 << 20;

/// Files in files.
const DEPTH: usize = 10;

/// Reads configuration files and remembers which.
pub(crate) struct Files<'a> {
    scope: &'a Scope<'a>,
    seen: BTreeSet<String>,
    depth: usize,
}

impl<'a> Files<'a> {
    /// None read yet.
    pub(crate) fn new(scope: &'a Scope<'a>) -> Self {
        Self { scope, seen: BTreeSet::new(), depth: 0 }
    }

    /// Hands the text of every file that a name or pattern leads to, not read before, to `each`, which may include more.
    pub(crate) fn each(&mut self, pattern: &str, each: &mut dyn FnMut(&mut Self, &str)) {
        if self.depth >= DEPTH {
            return self.scope.problem(format_args!("{pattern}: files include each other more than {DEPTH} deep"));
        }
        for path in expanded(self.scope, pattern) {
            if self.seen.len() >= FILES {
                return self.scope.problem(format_args!("{pattern}: more than {FILES} files of one configuration"));
            }
            if self.scope.options().exclude.has_path(&path) || !self.seen.insert(path.clone()) {
                continue;
            }
            if let Some(text) = text(self.scope, &path) {
                self.depth += 1;
                each(self, &text);
                self.depth -= 1;
            }
        }
    }
}

/// A configuration file's text; one that cannot be read is a problem.
pub(crate) fn text(scope: &Scope<'_>, path: &str) -> Option<String> {
    match scope.bytes(path, FILE_BYTES) {
        Ok(bytes) => bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        // A pattern may match folders.
        Err(crate::root::ReadError::NotRegular { .. }) => None,
        Err(error) => {
            scope.problem(error);
            None
        }
    }
}

/// A path whose directory is there, for a name relative to the folder of the configuration.
pub(crate) fn absolute(folder: &str, name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The paths of a pattern, each part of which may hold `*` and `?`; sorted.
pub(crate) fn expanded(scope: &Scope<'_>, pattern: &str) -> Vec<String> {
    let mut paths = vec![String::new()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let is_pattern = part.contains(['*', '?', '[']);
        paths = paths
            .into_iter()
            .flat_map(|path| {
                if !is_pattern {
                    return vec![format!("{path}/{part}")];
                }
                let folder = if path.is_empty() { "/" } else { path.as_str() };
                let names = scope.root().list(folder).ok().flatten().unwrap_or_default();
                names.iter().filter(|name| !name.starts_with('.') && matches(part, name)).map(|name| format!("{path}/{name}")).collect()
            })
            .take(FILES)
            .collect();
    }
    paths
}

/// `*` is any text, `?` one character; a set in brackets, which is rare, counts as one of any.
fn matches(pattern: &str, name: &str) -> bool {
    let mut pattern_left = pattern.chars();
    let mut rest = name;
    let mut star: Option<(std::str::Chars<'_>, &str)> = None;
    loop {
        let mut ahead = pattern_left.clone();
        let step = match (ahead.next(), rest.chars().next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                star = Some((ahead.clone(), rest));
                pattern_left = ahead;
                continue;
            }
            (Some('['), Some(character)) => {
                ahead.by_ref().find(|&end| end == ']');
                Some(character)
            }
            (Some(wanted), Some(character)) if wanted == '?' || wanted == character => Some(character),
            _ => None,
        };
        match (step, &mut star) {
            (Some(character), _) => {
                rest = rest.get(character.len_utf8()..).unwrap_or_default();
                pattern_left = ahead;
            }
            // The star takes one more character.
            (None, Some((after, from))) => {
                let Some(character) = from.chars().next() else { return false };
                *from = from.get(character.len_utf8()..).unwrap_or_default();
                rest = from;
                pattern_left = after.clone();
            }
            (None, None) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::plant;
    use super::*;
    use crate::root::Root;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, name, expected) in [("*.conf", "a.conf", true), ("*.conf", "a.conf~", false), ("a?c*", "abcd", true), ("x[12]", "x1", true), ("*", "", true), ("a", "b", false)] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn files_that_include_each_other_are_read_once() {
        let directory = plant("=== /etc/a.conf\n=== /etc/d/b.conf\n=== /etc/d/c.txt\n");
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        fn all(files: &mut Files<'_>, count: &mut usize) {
            let mut each = |files: &mut Files<'_>, _: &str| {
                *count += 1;
                all(files, count);
            };
            ["/etc/*.conf", "/etc/*/*.conf"].iter().for_each(|pattern| files.each(pattern, &mut each));
        }
        let mut count = 0;
        all(&mut Files::new(&scope), &mut count);
        assert_eq!(count, 2);
    }

    proptest! {
        #[test]
        fn a_name_matches_itself(name in "[a-zé.]{0,12}", pattern in "[*?\\[\\]aé.]{0,12}") {
            prop_assert!(matches(&name, &name));
            let _ = matches(&pattern, &name);
        }
    }
}
