//! Aliases: names for lists of users, hosts and commands. They hold wherever they stand, so rules are read before they are replaced.

use super::rule::{self, Text};
use rollcall_shared::limits::TEXT_BYTES;
use std::collections::BTreeMap;

/// Aliases in aliases; people rarely go beyond two.
const DEPTH: usize = 8;

/// Definitions kept.
const ALIASES: usize = 10_000;

/// What an alias stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind(&'static str);

pub(super) const USER: Kind = Kind("User_Alias");
pub(super) const RUN_AS: Kind = Kind("Runas_Alias");
pub(super) const HOST: Kind = Kind("Host_Alias");
pub(super) const COMMAND: Kind = Kind("Cmnd_Alias");

/// Which kind a line defines, by its first word.
pub(super) fn kind(word: &str) -> Option<Kind> {
    // The second spelling came with sudo 1.9.
    if word == "Cmd_Alias" {
        return Some(COMMAND);
    }
    [USER, RUN_AS, HOST, COMMAND].into_iter().find(|kind| kind.0 == word)
}

/// All definitions.
#[derive(Debug, Default)]
pub(super) struct Aliases(BTreeMap<(Kind, String), Vec<String>>);

impl Aliases {
    /// `NAME = item, item : NAME = item`. The first definition of a name holds; sudo takes a second for a mistake.
    pub(super) fn define(&mut self, kind: Kind, text: &str) -> Result<(), &'static str> {
        let mut text = Text::new(text);
        loop {
            let name = text.until(&['=']).ok_or("an alias without a definition")?;
            if !is_name(&name) {
                return Err("an alias whose name is not in capitals");
            }
            let items = if kind == COMMAND { rule::plain_commands(&mut text) } else { rule::items(&mut text, &[':']) };
            if items.is_empty() {
                return Err("an alias without a definition");
            }
            if self.0.len() < ALIASES {
                self.0.entry((kind, name)).or_insert(items);
            }
            if !text.skip(':') {
                return if text.is_at_end() { Ok(()) } else { Err("something after an alias") };
            }
        }
    }

    /// The items with aliases replaced by what they stand for. Exceptions (`!NAME`), undefined names, loops and what would grow too
    /// large stay as they are.
    pub(super) fn expanded(&self, kind: Kind, items: &[String]) -> Vec<String> {
        let mut room = TEXT_BYTES;
        let mut expanded = Vec::new();
        match self.expand(kind, items, 0, &mut room, &mut expanded) {
            Some(()) => expanded,
            None => items.to_vec(),
        }
    }

    fn expand(&self, kind: Kind, items: &[String], depth: usize, room: &mut usize, expanded: &mut Vec<String>) -> Option<()> {
        for item in items {
            match self.0.get(&(kind, item.clone())).filter(|_| is_name(item)) {
                Some(inner) if depth < DEPTH => self.expand(kind, inner, depth + 1, room, expanded)?,
                Some(_) => return None,
                // What a rule says itself is never too much; what aliases bring has a bound.
                None => {
                    *room = if depth == 0 { *room } else { room.checked_sub(item.len() + 2)? };
                    expanded.push(item.clone());
                }
            }
        }
        Some(())
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases(kind: Kind, texts: &[&str]) -> Aliases {
        let mut aliases = Aliases::default();
        for text in texts {
            aliases.define(kind, text).expect("a definition");
        }
        aliases
    }

    #[track_caller]
    fn check(aliases: &Aliases, item: &str, expected: &[&str]) {
        assert_eq!(aliases.expanded(USER, &[item.to_owned()]), expected);
    }

    #[test]
    fn aliases_of_aliases_are_replaced_and_loops_are_not() {
        let aliases = aliases(USER, &["ADMINS = ann, %wheel : ALL_OF_US = ADMINS, bob, !eve", "A = B : B = A"]);
        check(&aliases, "ALL_OF_US", &["ann", "%wheel", "bob", "!eve"]);
        check(&aliases, "A", &["A"]);
        check(&aliases, "UNDEFINED", &["UNDEFINED"]);
        check(&aliases, "ann", &["ann"]);
    }

    #[test]
    fn an_alias_that_grows_beyond_a_field_stays_a_name() {
        let doubling: Vec<String> = (1..8).map(|level| format!("A{level} = {}", vec![format!("A{}", level - 1); 16].join(","))).collect();
        let mut texts = vec!["A0 = somebody"];
        texts.extend(doubling.iter().map(String::as_str));
        check(&aliases(USER, &texts), "A7", &["A7"]);
    }

    #[test]
    fn a_definition_needs_a_name_and_something() {
        let mut aliases = Aliases::default();
        assert_eq!(aliases.define(USER, "admins = ann"), Err("an alias whose name is not in capitals"));
        assert_eq!(aliases.define(USER, "ADMINS"), Err("an alias without a definition"));
        assert_eq!(aliases.define(COMMAND, "X = "), Err("an alias without a definition"));
    }
}
