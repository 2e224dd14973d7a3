//! Apache: `Listen`, `ServerName` and `ServerAlias` through all includes, as far as its modules are loaded.

use super::files::{Files, absolute};
use super::syntax::{Found, words};
use std::collections::{BTreeMap, BTreeSet};

/// Reads a configuration with all that it includes.
pub(super) fn read(files: &mut Files<'_>, path: &str, server_root: &str) -> Found {
    let mut reader =
        Reader { server_root: server_root.to_owned(), found: Found::default(), modules: BTreeSet::new(), variables: BTreeMap::new(), conditions: Vec::new() };
    files.each(path, &mut |files, text| reader.text(files, text));
    reader.found
}

struct Reader {
    server_root: String,
    found: Found,
    modules: BTreeSet<String>,
    variables: BTreeMap<String, String>,
    /// Whether each open `<IfModule>` holds.
    conditions: Vec<bool>,
}

impl Reader {
    fn text(&mut self, files: &mut Files<'_>, text: &str) {
        let base = self.conditions.len();
        let mut continued = String::new();
        for line in text.lines() {
            if let Some(begin) = line.strip_suffix('\\') {
                continued.push_str(begin);
                continue;
            }
            continued.push_str(line);
            let line = std::mem::take(&mut continued);
            self.line(files, line.trim(), base);
        }
        self.conditions.truncate(base);
    }

    fn line(&mut self, files: &mut Files<'_>, line: &str, base: usize) {
        let lower = line.to_ascii_lowercase();
        if let Some(name) = lower.strip_prefix("<ifmodule") {
            let name = name.trim().trim_end_matches('>').trim();
            let is_loaded = |name: &str| self.modules.contains(&module(name));
            let holds = name.strip_prefix('!').map_or_else(|| is_loaded(name), |name| !is_loaded(name));
            self.conditions.push(holds);
        } else if lower.starts_with("</ifmodule") {
            if self.conditions.len() > base {
                self.conditions.pop();
            }
        } else if !line.starts_with('<') && self.conditions.iter().all(|holds| *holds) {
            self.directive(files, &words(line));
        }
    }

    fn directive(&mut self, files: &mut Files<'_>, words: &[String]) {
        let Some((name, arguments)) = words.split_first() else { return };
        let first = arguments.first().map(|argument| self.filled(argument));
        match (name.to_ascii_lowercase().as_str(), first) {
            ("serverroot", Some(path)) if path.starts_with('/') => self.server_root = path.trim_end_matches('/').to_owned(),
            ("define", Some(variable)) => {
                self.variables.insert(variable, arguments.get(1).cloned().unwrap_or_default());
            }
            ("loadmodule", Some(name)) => {
                self.modules.insert(module(&name));
            }
            ("include" | "includeoptional", Some(pattern)) => {
                // A folder includes all that is in it.
                let pattern = absolute(&self.server_root, &pattern);
                let pattern = pattern.strip_suffix('/').map_or(pattern.clone(), |folder| format!("{folder}/*"));
                files.each(&pattern, &mut |files, text| self.text(files, text));
            }
            ("listen", Some(endpoint)) => self.found.listen(&endpoint, None),
            ("servername", Some(name)) => self.name(&name),
            ("serveralias", _) => arguments.iter().for_each(|name| self.name(&self.filled(name))),
            _ => {}
        }
    }

    /// `[scheme://]name[:port]`.
    fn name(&mut self, name: &str) {
        let name = name.split_once("://").map_or(name, |(_, name)| name);
        self.found.site(name.split(':').next().unwrap_or_default());
    }

    fn filled(&self, argument: &str) -> String {
        let Some((before, variable, after)) = argument.split_once("${").and_then(|(before, rest)| rest.split_once('}').map(|(name, after)| (before, name, after)))
        else {
            return argument.to_owned();
        };
        match self.variables.get(variable) {
            Some(value) => format!("{before}{value}{after}"),
            None => argument.to_owned(),
        }
    }
}

/// `mod_ssl.c` and `ssl_module` are one.
fn module(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    name.strip_prefix("mod_").and_then(|name| name.strip_suffix(".c")).map_or(name.clone(), |name| format!("{name}_module"))
}

#[cfg(test)]
mod tests {
    use super::super::super::Scope;
    use super::super::super::testing::plant;
    use super::*;
    use crate::root::Root;
    use proptest::prelude::*;

    #[test]
    fn sites_are_read_and_modules_that_are_not_loaded_do_not_listen() {
        let directory = plant(
            "=== /etc/apache2/apache2.conf\nIncludeOptional mods-enabled/*.load\nInclude ports.conf\nIncludeOptional sites-enabled/*.conf\nDefine DOMAIN example.org\n\
             === /etc/apache2/mods-enabled/ssl.load\nLoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\n\
             === /etc/apache2/ports.conf\nListen 80\n<IfModule ssl_module>\n\tListen 443 https\n</IfModule>\n<IfModule mod_gnutls.c>\n\tListen 8443\n</IfModule>\n<IfModule !mod_ssl.c>\nListen 81\n</IfModule>\n\
             === /etc/apache2/sites-enabled/a.conf\n<VirtualHost *:80>\n  servername \"a.example.org:80\"\n  ServerAlias b.${DOMAIN} \\\n c.example.org\n  # ServerName no.example.org\n</VirtualHost>\n",
        );
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        let found = read(&mut Files::new(&scope), "/etc/apache2/apache2.conf", "/etc/apache2");
        assert_eq!(found.ports.into_iter().collect::<Vec<_>>(), [80, 443]);
        // The variable is defined after its use, so that its name is not known there.
        assert_eq!(found.sites.iter().map(String::as_str).collect::<Vec<_>>(), ["a.example.org", "c.example.org"]);
    }

    proptest! {
        #[test]
        fn no_configuration_panics(text in "(</?IfModule !?x>?|Listen |Define |ServerName |\\$\\{|[a-zé:{}\"' 0-9]{0,5}|\\\\?\n){0,20}") {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let root = Root::new(directory.path());
            let scope = Scope::new(&root);
            let mut reader = Reader { server_root: "/x".into(), found: Found::default(), modules: BTreeSet::new(), variables: BTreeMap::new(), conditions: Vec::new() };
            reader.text(&mut Files::new(&scope), &text);
        }
    }
}
