//! A unit file, systemd.syntax(7), as far as a service needs.

use super::super::secrets;
use super::super::text::tidy;

/// Arguments of a command line that are looked at; more would not fit into the row.
const ARGUMENTS: usize = 4096;

/// What is of use in one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UnitFile {
    pub(super) description: Option<String>,
    pub(super) user: Option<String>,
    /// Whether systemd makes up a user of the unit's name.
    pub(super) has_dynamic_user: bool,
    pub(super) command: Option<String>,
    /// Whether it says how it is to be enabled.
    pub(super) has_install: bool,
    /// Whether it names others that are enabled with it.
    pub(super) has_also: bool,
    /// The instance that enabling a template enables.
    pub(super) default_instance: Option<String>,
}

impl UnitFile {
    /// Takes the settings of a file; a later file (a drop-in) overrides, an empty value resets.
    pub(super) fn read(&mut self, text: &str) {
        let mut section = "";
        let mut continued = String::new();
        for line in text.lines() {
            let line = line.trim_end();
            if line.trim_start().starts_with(['#', ';']) {
                continue;
            }
            if let Some(begin) = line.strip_suffix('\\') {
                continued.push_str(begin.trim_start());
                continued.push(' ');
                continue;
            }
            continued.push_str(line.trim_start());
            let whole = std::mem::take(&mut continued);
            if let Some(name) = whole.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = known_section(name);
            } else if let Some((key, value)) = whole.split_once('=') {
                self.setting(section, key.trim(), value.trim());
            }
        }
    }

    fn setting(&mut self, section: &str, key: &str, value: &str) {
        match (section, key) {
            ("Unit", "Description") => self.description = tidy(value),
            ("Service", "User") => self.user = tidy(value),
            ("Service", "DynamicUser") => self.has_dynamic_user = matches!(value, "yes" | "true" | "1" | "on"),
            ("Service", "ExecStart") => match (value.is_empty(), &self.command) {
                (true, _) => self.command = None,
                // The first of several is what the service is about.
                (false, None) => self.command = command(value),
                (false, Some(_)) => {}
            },
            ("Install", "WantedBy" | "RequiredBy" | "UpheldBy" | "Alias") => self.has_install |= !value.is_empty(),
            ("Install", "DefaultInstance") => self.default_instance = tidy(value),
            ("Install", "Also") => self.has_also |= !value.is_empty(),
            _ => {}
        }
    }
}

fn known_section(name: &str) -> &'static str {
    ["Unit", "Service", "Install"].into_iter().find(|known| *known == name).unwrap_or_default()
}

/// Without the prefixes that say how it is to be run.
fn command(value: &str) -> Option<String> {
    let words = arguments(value.trim_start_matches(['@', '-', ':', '+', '!', '|']));
    secrets::redacted(words.iter().map(String::as_str))
}

/// The words of a command line: quotes hold blanks together, a backslash takes the next character as it is.
fn arguments(value: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.get_or_insert_default().extend(characters.next()),
            _ if quote == Some(character) => quote = None,
            '"' | '\'' if quote.is_none() => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            _ if character.is_whitespace() && quote.is_none() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
        if words.len() >= ARGUMENTS {
            return words;
        }
    }
    words.extend(word);
    words
}

/// The text with what systemd.unit(5) calls specifiers filled in, as far as the unit's name fills them.
pub(super) fn specified(text: &str, name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        filled.push_str(before);
        let mut characters = after.chars();
        match characters.next() {
            Some('i') => filled.push_str(instance),
            // A path in a name has its slashes as dashes.
            Some('I') => filled.push_str(&instance.replace('-', "/").replace("\\x2d", "-")),
            Some('p') => filled.push_str(prefix),
            Some('N') => filled.push_str(stem),
            Some('n') => filled.push_str(name),
            Some('%') => filled.push('%'),
            other => filled.extend(std::iter::once('%').chain(other)),
        }
        rest = characters.as_str();
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn drop_ins_override_and_lines_continue() {
        let mut unit = UnitFile::default();
        unit.read("[Unit]\nDescription=A server\n[Service]\nExecStart=-/bin/a \\\n  --token=abc\nUser=www\n[Install]\nWantedBy=multi-user.target\n");
        assert_eq!(unit.command.as_deref(), Some("/bin/a --token=[redacted]"));
        unit.read("[Service]\nExecStart=\nExecStart=/bin/b\n# User=root\n");
        let expected = UnitFile {
            description: Some("A server".into()),
            user: Some("www".into()),
            command: Some("/bin/b".into()),
            has_install: true,
            ..UnitFile::default()
        };
        assert_eq!(unit, expected);
    }

    #[test]
    fn a_quoted_secret_is_one_argument() {
        assert_eq!(command(r#"/bin/a --password "two words" 'x y' \"z"#).as_deref(), Some(r#"/bin/a --password [redacted] x y "z"#));
        assert_eq!(arguments(r#"a "" 'b"c'"#), ["a", "", "b\"c"]);
    }

    #[test]
    fn specifiers_are_filled_in_from_the_name() {
        assert_eq!(specified("Getty on %I of %p, 100%%, %H", "getty@dev-tty1.service"), "Getty on dev/tty1 of getty, 100%, %H");
        assert_eq!(specified("%n %i%", "a.service"), "a.service %");
    }

    proptest! {
        #[test]
        fn no_unit_file_panics(text in "(\\[?[A-Za-z]{0,8}\\]?=?[ -~é]{0,20}\\\\?\n){0,8}") {
            UnitFile::default().read(&text);
            let _ = (arguments(&text), specified(&text, &text));
        }
    }
}
