//! One rule: `users hosts = (run_as) TAG: command, command : hosts = …`.

use super::aliases;
use std::rc::Rc;

/// What a line is.
pub(super) enum Kind<'a> {
    /// How sudo behaves; no rule.
    Defaults,
    /// Definitions.
    Alias(aliases::Kind, &'a str),
    /// A rule, or what was meant to be one.
    Rule,
}

/// Commands of one rule that share whom they run as and whether they ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) users: Rc<[String]>,
    pub(super) hosts: Rc<[String]>,
    /// None for root.
    pub(super) run_as: Option<RunAs>,
    pub(super) commands: Vec<String>,
    pub(super) no_password: bool,
}

/// Whom commands run as: any of the users, with any of the groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RunAs {
    pub(super) users: Vec<String>,
    pub(super) groups: Vec<String>,
}

/// By its first word.
pub(super) fn kind(line: &str) -> Kind<'_> {
    if let Some(rest) = line.strip_prefix("Defaults")
        && rest.starts_with(|c: char| c.is_whitespace() || matches!(c, '@' | ':' | '!' | '>'))
    {
        return Kind::Defaults;
    }
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    aliases::kind(word).map_or(Kind::Rule, |kind| Kind::Alias(kind, rest))
}

/// The rules of a line, one for each run of commands with the same circumstances.
pub(super) fn parse(line: &str) -> Result<Vec<Rule>, &'static str> {
    let mut text = Text::new(line);
    let users: Rc<[String]> = items(&mut text, &[' ', '=']).into();
    if users.is_empty() {
        return Err("a rule without users");
    }
    let mut rules = Vec::new();
    loop {
        let hosts: Rc<[String]> = items(&mut text, &['=']).into();
        if hosts.is_empty() || !text.skip('=') {
            return Err("a rule without hosts and commands");
        }
        commands(&mut text, &users, &hosts, &mut rules)?;
        if !text.skip(':') {
            return if text.is_at_end() { Ok(rules) } else { Err("something after a rule") };
        }
    }
}

/// Whom a command runs as and what its tags say holds for those after it, too.
fn commands(text: &mut Text<'_>, users: &Rc<[String]>, hosts: &Rc<[String]>, rules: &mut Vec<Rule>) -> Result<(), &'static str> {
    let mut run_as = None;
    let mut no_password = false;
    let first = rules.len();
    loop {
        if let Some(inner) = text.parenthesised()? {
            run_as = Some(inner);
        }
        while let Some(is_asked) = text.tag() {
            no_password = is_asked.map_or(no_password, |is_asked| !is_asked);
        }
        let command = text.command();
        if command.is_empty() {
            return Err("a rule without a command");
        }
        match rules.get_mut(first..).and_then(|rules| rules.last_mut()) {
            Some(rule) if rule.run_as == run_as && rule.no_password == no_password => rule.commands.push(command),
            _ => rules.push(Rule {
                users: Rc::clone(users),
                hosts: Rc::clone(hosts),
                run_as: run_as.clone(),
                commands: vec![command],
                no_password,
            }),
        }
        if !text.skip(',') {
            return Ok(());
        }
    }
}

/// Commands without circumstances, as aliases have them.
pub(super) fn plain_commands(text: &mut Text<'_>) -> Vec<String> {
    let mut commands = Vec::new();
    loop {
        let command = text.command();
        if command.is_empty() {
            return commands;
        }
        commands.push(command);
        if !text.skip(',') {
            return commands;
        }
    }
}

/// Items with commas between them, up to one of `ends` that is not in quotes or after a backslash.
pub(super) fn items(text: &mut Text<'_>, ends: &[char]) -> Vec<String> {
    let mut items = Vec::new();
    loop {
        let item = text.item(ends);
        if item.is_empty() {
            return items;
        }
        items.push(item);
        if !text.skip(',') {
            return items;
        }
    }
}

/// What is left of a line.
#[derive(Debug)]
pub(super) struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(text.trim())
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Passes over one sign and the blanks around it.
    pub(super) fn skip(&mut self, sign: char) -> bool {
        match self.0.trim_start().strip_prefix(sign) {
            Some(rest) => {
                self.0 = rest.trim_start();
                true
            }
            None => false,
        }
    }

    /// What stands before one of `ends`, which is passed over; none without one.
    pub(super) fn until(&mut self, ends: &[char]) -> Option<String> {
        let end = self.end(|character| ends.contains(&character))?;
        let (before, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default().trim_start();
        Some(before.trim().to_owned())
    }

    /// Where a sign stands that is neither quoted nor escaped.
    fn end(&self, is_end: impl Fn(char) -> bool) -> Option<usize> {
        self.end_with('"', is_end)
    }

    /// The same with another sign for quotes.
    fn end_with(&self, quote: char, is_end: impl Fn(char) -> bool) -> Option<usize> {
        let (mut is_quoted, mut is_escaped) = (false, false);
        for (at, character) in self.0.char_indices() {
            match character {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                _ if character == quote => is_quoted = !is_quoted,
                _ if !is_quoted && is_end(character) => return Some(at),
                _ => {}
            }
        }
        None
    }

    /// An item of a list, `!` with or without blanks after it in front.
    fn item(&mut self, ends: &[char]) -> String {
        let mut negation = String::new();
        while self.skip('!') {
            negation.push('!');
        }
        // Host items end with a blank before the sign as well as users do before the hosts; IPv6 addresses have colons.
        let is_end = |character: char| character == ',' || ends.contains(&character) || character.is_whitespace();
        let end = self.end(is_end).unwrap_or(self.0.len());
        let (item, rest) = self.0.split_at(end);
        self.0 = rest.trim_start();
        if item.is_empty() { String::new() } else { negation + &unescaped(item).replace('"', "") }
    }

    /// `(users : groups)`.
    fn parenthesised(&mut self) -> Result<Option<RunAs>, &'static str> {
        if !self.skip('(') {
            return Ok(None);
        }
        let inner = self.until(&[')']).ok_or("a parenthesis without an end")?;
        let mut inner = Text::new(&inner);
        let users = items(&mut inner, &[':']);
        let groups = if inner.skip(':') { items(&mut inner, &[]) } else { Vec::new() };
        if inner.is_at_end() { Ok(Some(RunAs { users, groups })) } else { Err("something after whom to run as") }
    }

    /// Passes over a tag (`NOPASSWD:`) or an option (`TIMEOUT=5m`); says whether it makes sudo ask for a password, where it speaks of it.
    fn tag(&mut self) -> Option<Option<bool>> {
        const OPTIONS: [&str; 10] =
            ["ROLE", "TYPE", "APPARMOR_PROFILE", "PRIVS", "LIMITPRIVS", "NOTBEFORE", "NOTAFTER", "TIMEOUT", "CWD", "CHROOT"];
        let end = self.0.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        let rest = rest.trim_start();
        if let Some(value) = rest.strip_prefix('=').filter(|_| OPTIONS.contains(&word)) {
            self.0 = value.trim_start();
            let end = self.end(char::is_whitespace).unwrap_or(self.0.len());
            self.0 = self.0.get(end..).unwrap_or_default().trim_start();
            return Some(None);
        }
        // An alias before a colon is a command; tags are a closed list.
        const TAGS: [&str; 9] = ["PASSWD", "EXEC", "SETENV", "LOG_INPUT", "LOG_OUTPUT", "MAIL", "FOLLOW", "INTERCEPT", "LOG"];
        let tag = word.strip_prefix("NO").filter(|tag| TAGS.contains(tag)).unwrap_or(word);
        let rest = rest.strip_prefix(':').filter(|_| TAGS.contains(&tag))?;
        self.0 = rest.trim_start();
        Some((tag == "PASSWD").then_some(word == "PASSWD"))
    }

    /// A command with its arguments, a digest before it and a regular expression in it.
    fn command(&mut self) -> String {
        let mut command = String::new();
        while self.skip('!') {
            command.push('!');
        }
        while let Some(digest) = self.digest() {
            command.extend([digest, " "]);
        }
        let is_end = |character: char| matches!(character, ',' | ':' | '=');
        let expression = self.0.starts_with('^').then(|| expression_end(self.0)).flatten();
        // Quotes mean nothing in commands, but that `""` stands for no arguments.
        let end = expression.or_else(|| self.end_with('\0', is_end)).unwrap_or(self.0.len());
        let (text, rest) = self.0.split_at(end);
        self.0 = rest.trim_start();
        if text.trim().is_empty() { String::new() } else { command + &unescaped(text.trim()) }
    }

    /// `sha256:DIGITS `; several have commas between them.
    fn digest(&mut self) -> Option<&'a str> {
        let (kind, rest) = self.0.split_once(':').filter(|(kind, _)| matches!(kind.trim(), "sha224" | "sha256" | "sha384" | "sha512"))?;
        let rest = rest.trim_start();
        let digits = rest.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(rest.len());
        self.0 = rest.get(digits..).unwrap_or_default().trim_start_matches([' ', '\t', ',']);
        Some(kind.trim())
    }
}

/// A regular expression ends with the last `$` before a comma or the end; within it commas and colons are its own.
fn expression_end(text: &str) -> Option<usize> {
    let mut ends = text.match_indices('$').map(|(at, _)| at + 1);
    ends.find(|end| text.get(*end..).is_some_and(|rest| rest.is_empty() || rest.trim_start().starts_with([',', ':'])))
}

/// Without the backslashes that only keep a sign from meaning something.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped @ (',' | ':' | '=' | '\\' | ' ' | '#' | '"')) => plain.push(escaped),
                Some(other) => plain.extend(['\\', other]),
                None => {}
            },
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `users | hosts | run as | commands | asked?` of each rule.
    #[track_caller]
    fn check(line: &str, expected: Result<&[&str], &str>) {
        let run_as = |run_as: &Option<RunAs>| {
            run_as.as_ref().map_or("-".to_owned(), |run_as| format!("{}:{}", run_as.users.join(","), run_as.groups.join(",")))
        };
        let short = |rule: &Rule| {
            let asked = if rule.no_password { "free" } else { "asks" };
            format!(
                "{} | {} | {} | {} | {asked}",
                rule.users.join(","),
                rule.hosts.join(","),
                run_as(&rule.run_as),
                rule.commands.join(";")
            )
        };
        let found: Result<Vec<String>, &str> = parse(line).map(|rules| rules.iter().map(short).collect());
        assert_eq!(found, expected.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect()), "{line}");
    }

    #[test]
    fn rules_are_read() {
        check("root ALL=(ALL:ALL) ALL", Ok(&["root | ALL | ALL:ALL | ALL | asks"]));
        check("%wheel\tALL = NOPASSWD : ALL", Ok(&["%wheel | ALL | - | ALL | free"]));
        check("ann, bob web1, !web2=/bin/a x, /bin/b", Ok(&["ann,bob | web1,!web2 | - | /bin/a x;/bin/b | asks"]));
        check("#1000 ALL=(:adm) /bin/a \"\"", Ok(&["#1000 | ALL | :adm | /bin/a \"\" | asks"]));
        check("%domain\\ admins ALL=ALL", Ok(&["%domain admins | ALL | - | ALL | asks"]));
        check("\"ann example\" ALL=ALL", Ok(&["ann example | ALL | - | ALL | asks"]));
    }

    #[test]
    fn tags_hold_until_others_come() {
        check(
            "ann ALL=(root) NOPASSWD: NOEXEC: /bin/a, /bin/b, PASSWD: /bin/c, (www) /bin/d : h2 = /bin/e",
            Ok(&[
                "ann | ALL | root: | /bin/a;/bin/b | free",
                "ann | ALL | root: | /bin/c | asks",
                "ann | ALL | www: | /bin/d | asks",
                "ann | h2 | - | /bin/e | asks",
            ]),
        );
        check("ann ALL=(root) CWD=/tmp TIMEOUT=5m NOPASSWD:SETENV:/bin/a", Ok(&["ann | ALL | root: | /bin/a | free"]));
    }

    #[test]
    fn signs_in_commands_are_escaped_hashed_or_in_expressions() {
        check("ann ALL=/bin/a x\\=1\\,2 y\\:z, !/bin/b", Ok(&["ann | ALL | - | /bin/a x=1,2 y:z;!/bin/b | asks"]));
        check("ann ALL=sha256:abc= /bin/a, /bin/b", Ok(&["ann | ALL | - | sha256 /bin/a;/bin/b | asks"]));
        check("ann ALL=^/bin/(a|b){1,2}: x$, /bin/c", Ok(&["ann | ALL | - | ^/bin/(a|b){1,2}: x$;/bin/c | asks"]));
    }

    #[test]
    fn what_is_no_rule_says_why() {
        check("ann", Err("a rule without hosts and commands"));
        check("ann ALL", Err("a rule without hosts and commands"));
        check("ann ALL=", Err("a rule without a command"));
        check("ann ALL=(root /bin/a", Err("a parenthesis without an end"));
        check("ann ALL=ALL, ", Err("a rule without a command"));
        check("= ALL", Err("a rule without users"));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[aA!%(),:=\\\\\" ^$#é]{0,40}", other in any::<String>()) {
            for line in [line, other] {
                let _ = (parse(&line), plain_commands(&mut Text::new(&line)), kind(&line));
            }
        }
    }
}
