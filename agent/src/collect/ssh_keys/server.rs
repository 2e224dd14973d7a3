//! What sshd is told, sshd_config(5): the first value of a setting holds, and what follows `Match` holds only for some.

use crate::collect::Scope;
use crate::collect::options::Exclude;
use crate::collect::text::tidy;
use std::collections::BTreeMap;

/// SUSE keeps the vendor's file apart from the administrator's.
const FILES: [&str; 2] = ["/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"];

/// Files included in each other; sshd allows 16 as well.
const DEPTH: usize = 16;

/// Files and settings in all.
const FILES_READ: usize = 500;
const SETTINGS: usize = 10_000;

/// Settings by lower-case name.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    everyones: BTreeMap<String, Vec<String>>,
    some_ones: BTreeMap<String, Vec<String>>,
    files: usize,
    settings: usize,
}

impl Settings {
    /// Reads the configuration with all that it includes; empty when there is none.
    pub(crate) fn read(scope: &Scope<'_>) -> Self {
        let mut settings = Self::default();
        if let Some(path) = FILES.iter().find(|path| scope.root().exists(path)) {
            settings.file(scope, path, &mut false, 0);
        }
        settings
    }

    /// Whether there is a configuration.
    pub(crate) fn is_there(&self) -> bool {
        self.files > 0
    }

    /// The value that holds for everyone.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.everyones.get(name)?.first().map(String::as_str)
    }

    /// The value that holds for everyone, and all those that hold for some. Settings that add up, such as `HostKey`, in full.
    pub(crate) fn everywhere<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let most = if name == "hostkey" { usize::MAX } else { 1 };
        let everyones = self.everyones.get(name).into_iter().flatten().take(most);
        everyones.chain(self.some_ones.get(name).into_iter().flatten()).map(String::as_str)
    }

    /// A file that is included within a `Match` belongs to it, and a `Match` in it ends with it.
    fn file(&mut self, scope: &Scope<'_>, path: &str, is_matched: &mut bool, depth: usize) {
        if depth > DEPTH || self.files >= FILES_READ {
            return scope.problem(format_args!("{path}: included too deeply"));
        }
        self.files += 1;
        for line in scope.text_or_problem(path).unwrap_or_default().lines() {
            let Some((name, value)) = setting(line) else { continue };
            match name.as_str() {
                "match" => *is_matched = !value.eq_ignore_ascii_case("all"),
                "include" => {
                    for path in value.split_whitespace().flat_map(|pattern| included(scope, pattern.trim_matches('"'))) {
                        self.file(scope, &path, &mut is_matched.clone(), depth + 1);
                    }
                }
                _ if self.settings < SETTINGS => {
                    self.settings += 1;
                    let settings = if *is_matched { &mut self.some_ones } else { &mut self.everyones };
                    settings.entry(name).or_default().push(value);
                }
                _ => {}
            }
        }
    }
}

/// `Name value`, `Name=value`.
fn setting(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let end = line.find(|c: char| c.is_whitespace() || c == '=')?;
    let (name, value) = line.split_at(end);
    let value = value.trim_start().trim_start_matches('=');
    // A comment may follow a value.
    let value = value.split_once(" #").map_or(value, |(value, _)| value);
    (!name.starts_with('#')).then_some(())?;
    Some((name.to_ascii_lowercase(), tidy(value)?))
}

/// The files of a pattern, relative ones counting from `/etc/ssh`; `*` and `?` in the last name only.
fn included(scope: &Scope<'_>, pattern: &str) -> Vec<String> {
    let pattern = if pattern.starts_with('/') { pattern.to_owned() } else { format!("/etc/ssh/{pattern}") };
    if !pattern.contains(['*', '?']) {
        return vec![pattern];
    }
    let Some((folder, _)) = pattern.rsplit_once('/') else { return Vec::new() };
    let fits = Exclude { paths: vec![pattern.clone()], ..Exclude::default() };
    let names = if scope.root().exists(folder) { scope.list(folder) } else { Vec::new() };
    let visible = names.into_iter().filter(|name| !name.starts_with('.'));
    visible.map(|name| format!("{folder}/{name}")).filter(|path| fits.has_path(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;
    use proptest::prelude::*;

    #[test]
    fn the_first_value_holds_and_a_match_holds_for_some() {
        let tree = plant(
            "=== /etc/ssh/sshd_config\nInclude /etc/ssh/sshd_config.d/*.conf\n#PermitRootLogin yes\nPermitRootLogin no # never\nPort=22\n\
             Match User git\n  Include git.conf\n  PasswordAuthentication no\nMatch all\nX11Forwarding yes\n=== /etc/ssh/git.conf\nAuthorizedKeysFile /srv/git/keys\n\
             === /etc/ssh/sshd_config.d/10-a.conf\nPermitRootLogin prohibit-password\nMatch Group x\nBanner none\n=== /etc/ssh/sshd_config.d/b.txt\nPort 23\n",
        );
        let root = Root::new(tree.path());
        let settings = Settings::read(&Scope::new(&root));
        assert_eq!((settings.first("permitrootlogin"), settings.first("port")), (Some("prohibit-password"), Some("22")));
        assert_eq!(
            (settings.first("passwordauthentication"), settings.first("x11forwarding"), settings.first("banner")),
            (None, Some("yes"), None)
        );
        assert_eq!(settings.everywhere("authorizedkeysfile").collect::<Vec<_>>(), ["/srv/git/keys"]);
    }

    #[test]
    fn files_that_include_each_other_end() {
        let tree = plant("=== /etc/ssh/sshd_config\nInclude sshd_config\nInclude sshd_config\nPort 1\n");
        let root = Root::new(tree.path());
        let scope = Scope::new(&root);
        assert_eq!(Settings::read(&scope).first("port"), Some("1"));
        assert!(scope.problems().is_some_and(|problems| problems.contains("too deeply")));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in any::<String>()) {
            let _ = setting(&line);
        }
    }
}
