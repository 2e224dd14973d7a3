//! Who may do what as whom: the rules of sudo, sudoers(5), with everything that they include.
//!
//! Aliases are replaced by what they stand for, since a name that is defined elsewhere tells a reader nothing; one that would grow
//! beyond a text field stays a name. `Defaults` are no rules and left out. Commands come without secrets in their arguments.

use super::text::{bounded, tidy};
use super::{Failure, Scope, secrets};
use aliases::Aliases;
use rollcall_shared::section::Sudoer;
use rule::Rule;

mod aliases;
mod files;
mod rule;

/// SUSE keeps the vendor's file apart from the administrator's; sudo-rs has a name of its own first.
const FILES: [&str; 3] = ["/etc/sudoers-rs", "/etc/sudoers", "/usr/etc/sudoers"];

/// Rules, and rows made of them; a large company's file for all its hosts has some thousand rules.
const ROWS: usize = 20_000;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Sudoer>, Failure> {
    if !scope.root().exists("/etc") {
        return Err(Failure::Skipped("there is no /etc that could name rules".to_owned()));
    }
    let Some(first) = FILES.iter().find(|path| scope.root().exists(path)) else { return Ok(Vec::new()) };
    let lines = files::read(scope, first);
    let mut aliases = Aliases::default();
    let mut rules = Vec::new();
    for line in lines {
        let read = match rule::kind(&line.text) {
            rule::Kind::Defaults => Ok(()),
            rule::Kind::Alias(kind, text) => aliases.define(kind, text),
            rule::Kind::Rule => rule::parse(&line.text).map(|found| rules.extend(found.into_iter().map(|rule| (line.path.clone(), rule)))),
        };
        if let Err(what) = read {
            scope.problem(Failure::malformed(&line.path, line.number, what));
        }
        if rules.len() > ROWS {
            break;
        }
    }
    Ok(rules.iter().flat_map(|(path, rule)| rows(path, rule, &aliases)).take(ROWS).collect())
}

/// One row for each user of a rule.
fn rows(path: &str, rule: &Rule, aliases: &Aliases) -> Vec<Sudoer> {
    let hosts = listed(aliases.expanded(aliases::HOST, &rule.hosts));
    let run_as = rule.run_as.as_ref().map(|run_as| {
        let (users, groups) =
            (listed(aliases.expanded(aliases::RUN_AS, &run_as.users)), listed(aliases.expanded(aliases::RUN_AS, &run_as.groups)));
        if groups.is_empty() { users } else { bounded(format!("{users}:{groups}")) }
    });
    // Each command is redacted by itself, so that the program's name is known.
    let commands = aliases.expanded(aliases::COMMAND, &rule.commands);
    let commands = listed(commands.iter().filter_map(|command| secrets::redacted(command.split_whitespace())).collect());
    let users = aliases.expanded(aliases::USER, &rule.users);
    let row = |who: String| Sudoer {
        path: path.to_owned(),
        who,
        hosts: hosts.clone(),
        run_as: run_as.clone(),
        commands: commands.clone(),
        no_password: rule.no_password,
    };
    users.iter().filter_map(|user| tidy(user)).map(row).collect()
}

fn listed(items: Vec<String>) -> String {
    bounded(items.iter().filter_map(|item| tidy(item)).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
