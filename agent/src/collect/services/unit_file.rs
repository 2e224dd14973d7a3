//! A unit file, systemd.syntax(7), as far as a service needs.

use super::super::secrets;
use super::super::text::tidy;

/// What is of use in one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UnitFile {
    pub(super) description: Option<String>,
    pub(super) user: Option<String>,
    pub(super) command: Option<String>,
    /// Whether it says how it is to be enabled.
    pub(super) has_install: bool,
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
            ("Service", "ExecStart") => match (value.is_empty(), &self.command) {
                (true, _) => self.command = None,
                // The first of several is what the service is about.
                (false, None) => self.command = command(value),
                (false, Some(_)) => {}
            },
            ("Install", "WantedBy" | "RequiredBy" | "UpheldBy" | "Also" | "Alias") => self.has_install |= !value.is_empty(),
            _ => {}
        }
    }
}

fn known_section(name: &str) -> &'static str {
    ["Unit", "Service", "Install"].into_iter().find(|known| *known == name).unwrap_or_default()
}

/// Without the prefixes that say how it is to be run.
fn command(value: &str) -> Option<String> {
    secrets::redacted(value.trim_start_matches(['@', '-', ':', '+', '!', '|']).split_whitespace())
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
        let expected = UnitFile { description: Some("A server".into()), user: Some("www".into()), command: Some("/bin/b".into()), has_install: true };
        assert_eq!(unit, expected);
    }

    proptest! {
        #[test]
        fn no_unit_file_panics(text in "(\\[?[A-Za-z]{0,8}\\]?=?[ -~]{0,20}\\\\?\n){0,8}") {
            UnitFile::default().read(&text);
        }
    }
}
