//! The lines of sudo's rules over all files: continued lines joined, comments taken off, includes followed.

use crate::collect::Scope;

/// Files included in each other, as deep as sudo itself goes.
const DEPTH: usize = 128;

/// Files read in all; configuration management writes one for each rule at most.
const FILES: usize = 2_000;

/// Lines kept in all.
const LINES: usize = 100_000;

/// One logical line and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) path: String,
    pub(super) number: usize,
    pub(super) text: String,
}

/// All lines in the order in which sudo reads them.
pub(super) fn read(scope: &Scope<'_>, first: &str) -> Vec<Line> {
    let mut reading = Reading { scope, lines: Vec::new(), files: 0, above: Vec::new() };
    reading.file(first);
    reading.lines
}

struct Reading<'a, 'b> {
    scope: &'a Scope<'b>,
    lines: Vec<Line>,
    files: usize,
    above: Vec<String>,
}

impl Reading<'_, '_> {
    fn file(&mut self, path: &str) {
        if self.scope.options().exclude.has_path(path) {
            return;
        }
        if self.above.iter().any(|above| above == path) {
            return self.scope.problem(format_args!("{path}: includes itself"));
        }
        if self.above.len() >= DEPTH || self.files >= FILES {
            return self.scope.problem(format_args!("{path}: included too deeply"));
        }
        self.files += 1;
        let Some(text) = self.scope.text_or_problem(path) else { return };
        self.above.push(path.to_owned());
        for (number, text) in logical(&text) {
            if self.lines.len() >= LINES {
                self.scope.problem(format_args!("{path}: lines beyond {LINES} are left out"));
                break;
            }
            match include(&text) {
                Some((is_folder, name)) => self.include(is_folder, &self.path_of(path, name)),
                None => self.lines.push(Line { path: path.to_owned(), number, text }),
            }
        }
        self.above.pop();
    }

    fn include(&mut self, is_folder: bool, path: &str) {
        if !is_folder {
            return self.file(path);
        }
        // What package managers and editors leave behind is passed over.
        for name in self.scope.list(path).into_iter().filter(|name| !name.ends_with('~') && !name.contains('.')) {
            self.file(&format!("{}/{name}", path.trim_end_matches('/')));
        }
    }

    /// `%h` is the short name of the host; a relative path counts from the folder of the file.
    fn path_of(&self, from: &str, name: &str) -> String {
        let name = match name.contains("%h") {
            true => name
                .replace("%h", self.scope.attribute("/proc/sys/kernel/hostname").unwrap_or_default().split('.').next().unwrap_or_default()),
            false => name.to_owned(),
        };
        if name.starts_with('/') { name } else { format!("{}/{name}", from.rsplit_once('/').map_or("", |(folder, _)| folder)) }
    }
}

/// `@include FILE`, `@includedir FOLDER`, and the same with the `#` of old.
fn include(line: &str) -> Option<(bool, &str)> {
    let rest = line.strip_prefix(['@', '#'])?.strip_prefix("include")?;
    let (is_folder, rest) = rest.strip_prefix("dir").map_or((false, rest), |rest| (true, rest));
    let name = rest.strip_prefix(char::is_whitespace)?.trim().trim_matches('"');
    (!name.is_empty()).then_some((is_folder, name))
}

/// Lines without comments, a backslash at the end joining the next; blank ones are left out.
fn logical(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut pending: Option<(usize, String)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let (begin, mut whole) = pending.take().unwrap_or((number, String::new()));
        let continued = line.strip_suffix('\\').filter(|before| !before.ends_with('\\'));
        whole.push_str(continued.unwrap_or(line));
        if continued.is_some() {
            whole.push(' ');
            pending = Some((begin, whole));
            continue;
        }
        found.push((begin, whole));
    }
    found.extend(pending);
    let cleaned = found.into_iter().map(|(number, line)| (number, without_comment(line.trim()).trim().to_owned()));
    cleaned.filter(|(_, line)| !line.is_empty()).collect()
}

/// A `#` begins a comment, but not in quotes, after a backslash, before the digits of a number of a user, or in an include.
fn without_comment(line: &str) -> &str {
    if include(line).is_some() {
        return line;
    }
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, character) in line.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '#' if !is_quoted => {
                let is_number = line.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '-'));
                let begins_word = line
                    .get(..at)
                    .is_some_and(|before| before.is_empty() || before.ends_with(|c: char| c.is_whitespace() || ",(:%!=".contains(c)));
                if !(is_number && begins_word) {
                    return line.get(..at).unwrap_or_default();
                }
            }
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &[(usize, &str)]) {
        let found = logical(text);
        assert_eq!(found.iter().map(|(number, line)| (*number, line.as_str())).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn lines_are_joined_and_comments_taken_off() {
        check("# a comment\n\nann ALL = \\\n  ALL # why\nbob ALL=ALL", &[(3, "ann ALL =    ALL"), (5, "bob ALL=ALL")]);
        check(
            "#1000 ALL=(#0) /bin/a\n%#5 ALL=ALL\nx ALL=/bin/a \\#b\n\"a#b\" ALL=ALL",
            &[(1, "#1000 ALL=(#0) /bin/a"), (2, "%#5 ALL=ALL"), (3, "x ALL=/bin/a \\#b"), (4, "\"a#b\" ALL=ALL")],
        );
        check("#includedir /etc/sudoers.d\n#included is a comment", &[(1, "#includedir /etc/sudoers.d")]);
        check("ends \\", &[(1, "ends")]);
    }

    #[test]
    fn includes_are_known_in_both_spellings() {
        assert_eq!(include("@includedir /etc/sudoers.d"), Some((true, "/etc/sudoers.d")));
        assert_eq!(include("#include\t\"a b\""), Some((false, "a b")));
        assert_eq!((include("#includes"), include("@include "), include("ann ALL=ALL")), (None, None, None));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z#\\\\\"@ \n,0-9]{0,60}", other in any::<String>()) {
            let _ = (logical(&text), logical(&other));
        }
    }
}
