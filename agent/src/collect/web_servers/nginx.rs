//! nginx: `server` blocks with their `listen` and `server_name`, through all includes.

use super::files::{Files, absolute};
use super::syntax::Found;

/// Blocks in blocks.
const DEPTH: usize = 64;

/// Reads a configuration with all that it includes.
pub(super) fn read(files: &mut Files<'_>, path: &str) -> Found {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let mut reader = Reader { folder, found: Found::default(), servers: Vec::new() };
    files.each(path, &mut |files, text| reader.text(files, text));
    reader.found
}

struct Reader {
    folder: String,
    found: Found,
    /// For each open block, whether it is a `server`, and whether that one said where it listens.
    servers: Vec<(bool, bool)>,
}

impl Reader {
    fn text(&mut self, files: &mut Files<'_>, text: &str) {
        let base = self.servers.len();
        let mut directive: Vec<String> = Vec::new();
        for token in Tokens(text) {
            match token {
                Token::Word(word) => directive.push(word),
                Token::End => self.directive(files, &std::mem::take(&mut directive)),
                Token::Open => {
                    let name = directive.first().map(String::as_str).unwrap_or_default().to_owned();
                    directive.clear();
                    if self.servers.len() < DEPTH {
                        self.servers.push((name == "server", false));
                    }
                }
                Token::Close if self.servers.len() > base => self.close(),
                Token::Close => {}
            }
        }
        // A file that is cut short closes nothing of the one that includes it.
        self.servers.truncate(base);
    }

    fn close(&mut self) {
        // A server that does not say listens on 80, but for a proxy of streams or a group of upstream servers' `server` lines.
        if let Some((true, false)) = self.servers.pop() {
            self.found.listen("80", None);
        }
    }

    fn directive(&mut self, files: &mut Files<'_>, words: &[String]) {
        let Some((name, arguments)) = words.split_first() else { return };
        match name.as_str() {
            "include" => {
                if let Some(pattern) = arguments.first().map(|name| absolute(&self.folder, name)) {
                    files.each(&pattern, &mut |files, text| self.text(files, text));
                }
            }
            "listen" => {
                if let (Some((true, listens)), Some(endpoint)) = (self.servers.last_mut(), arguments.first()) {
                    *listens = true;
                    self.found.listen(endpoint, Some(80));
                }
            }
            "server_name" if self.servers.last().is_some_and(|(is_server, _)| *is_server) => arguments.iter().for_each(|name| self.found.site(name)),
            _ => {}
        }
    }
}

enum Token {
    Word(String),
    End,
    Open,
    Close,
}

/// Words, `;`, `{` and `}`.
struct Tokens<'a>(&'a str);

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            self.0 = self.0.trim_start();
            if !self.0.starts_with('#') {
                break;
            }
            self.0 = self.0.split_once('\n')?.1;
        }
        let first = self.0.chars().next()?;
        let rest = self.0.get(first.len_utf8()..)?;
        let token = match first {
            ';' => Token::End,
            '{' => Token::Open,
            '}' => Token::Close,
            '"' | '\'' => {
                let (word, tail) = rest.split_once(first)?;
                self.0 = tail;
                return Some(Token::Word(word.to_owned()));
            }
            _ => {
                // A brace after a dollar is a variable's.
                let mut before = ' ';
                let ends = |character: char| {
                    let is_variable = std::mem::replace(&mut before, character) == '$';
                    character.is_whitespace() || character == ';' || character == '{' && !is_variable
                };
                let (word, tail) = self.0.split_at(self.0.find(ends).unwrap_or(self.0.len()));
                self.0 = tail;
                return Some(Token::Word(word.to_owned()));
            }
        };
        self.0 = rest;
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Scope;
    use super::super::super::testing::plant;
    use super::*;
    use crate::root::Root;
    use proptest::prelude::*;

    #[track_caller]
    fn check(tree: &str, ports: &[u16], addresses: &[&str], sites: &[&str]) {
        let directory = plant(tree);
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        let found = read(&mut Files::new(&scope), "/etc/nginx/nginx.conf");
        assert_eq!(found.ports.into_iter().collect::<Vec<_>>(), ports);
        assert_eq!(found.addresses.iter().map(String::as_str).collect::<Vec<_>>(), addresses);
        assert_eq!(found.sites.iter().map(String::as_str).collect::<Vec<_>>(), sites);
    }

    #[test]
    fn servers_are_read_through_includes() {
        check(
            "=== /etc/nginx/nginx.conf\nhttp {\n include mime.types; # listen 1;\n include /etc/nginx/sites-enabled/*;\n upstream x { server 10.0.0.1:99; }\n}\n\
             === /etc/nginx/sites-available/shop\nserver {\n listen 443 ssl;\n listen [::]:443 ssl;\n server_name shop.example.org\n  www.shop.example.org ~^x$ _;\n\
              location ~ \\.php$ { fastcgi_pass unix:/x; }\n if ($host = \"a;b\") { return 301 https://$host$request_uri; }\n}\n\
             === /etc/nginx/sites-enabled/shop -> /etc/nginx/sites-available/shop\n=== /etc/nginx/sites-enabled/plain\nserver{server_name plain.example.org;}\n\
             === /etc/nginx/mime.types\ntypes { text/html html; }\ninclude nginx.conf;\n",
            &[80, 443],
            &["0.0.0.0", "::"],
            &["plain.example.org", "shop.example.org", "www.shop.example.org"],
        );
    }

    #[test]
    fn a_configuration_that_is_cut_short_tells_what_it_has() {
        check("=== /etc/nginx/nginx.conf\nhttp { server { listen 81; server_name a", &[81], &["0.0.0.0"], &[]);
        check("=== /etc/nginx/nginx.conf\n}}}} \"", &[], &[], &[]);
    }

    proptest! {
        #[test]
        fn no_configuration_panics(text in "(server|listen|include|[a-z]{0,3}|[{};'\"#$é~*/ ]{0,3}|[0-9:]{0,4}|\n){0,20}") {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let root = Root::new(directory.path());
            let scope = Scope::new(&root);
            Reader { folder: "/etc".into(), found: Found::default(), servers: Vec::new() }.text(&mut Files::new(&scope), &text);
        }
    }
}
