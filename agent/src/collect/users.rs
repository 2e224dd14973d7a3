//! Local accounts: `/etc/passwd`, `/etc/group`, and whether `/etc/shadow` lets them log in with a password.
//!
//! Directories behind NSS are not asked: a domain has more accounts than a host. Password hashes are looked at and forgotten.

use super::text::tidy;
use super::{Failure, Scope};
use rollcall_shared::limits::SECTION_ROWS;
use rollcall_shared::section::User;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) mod remote;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<User>, Failure> {
    let mut users = Vec::new();
    let found = scope.lines("/etc/passwd", |number, line| {
        match account(line) {
            Ok(user) => users.extend(user),
            Err(what) => scope.problem(Failure::malformed("/etc/passwd", number, what)),
        }
        Ok(users.len() < SECTION_ROWS)
    })?;
    if !found {
        return Err(Failure::Skipped("there is no /etc/passwd".to_owned()));
    }
    let groups = scope.text_or_problem("/etc/group").map(|text| groups(scope, &text)).unwrap_or_default();
    let locked = locked(scope);
    for user in &mut users {
        user.groups = groups
            .members
            .get(&user.name)
            .into_iter()
            .flatten()
            .chain(groups.names.get(&user.gid))
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        user.locked = user.locked.or_else(|| locked.get(&user.name).copied());
    }
    Ok(users)
}

/// The local accounts as `/etc/passwd` has them, for what looks into their homes; malformed lines are passed over.
pub(crate) fn accounts(scope: &Scope<'_>) -> Vec<User> {
    let mut users = Vec::new();
    let read = scope.lines("/etc/passwd", |_, line| {
        users.extend(account(line).ok().flatten());
        Ok(users.len() < SECTION_ROWS)
    });
    if let Err(failure) = read {
        scope.problem(failure);
    }
    users
}

/// The names of local accounts by number, for what only knows numbers.
pub(crate) fn names(scope: &Scope<'_>) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    let _ = scope.lines("/etc/passwd", |_, line| {
        if let Ok(Some(user)) = account(line) {
            names.entry(user.uid).or_insert(user.name);
        }
        Ok(names.len() < SECTION_ROWS)
    });
    names
}

/// `name:password:uid:gid:comment:home:shell`, passwd(5); none for blank lines, comments and NIS markers.
fn account(line: &str) -> Result<Option<User>, String> {
    if line.trim().is_empty() || line.starts_with(['#', '+', '-']) {
        return Ok(None);
    }
    let fields: Vec<&str> = line.split(':').collect();
    let &[name, password, uid, gid, comment, home, shell] = fields.as_slice() else {
        return Err(format!("{} fields instead of 7", fields.len()));
    };
    let number = |text: &str, what: &str| text.parse::<u32>().map_err(|_| format!("the {what} is not a number"));
    Ok(Some(User {
        name: tidy(name).ok_or("an empty name")?,
        uid: number(uid, "uid")?,
        gid: number(gid, "gid")?,
        // Full name, room, phones: the first is what people recognise, the rest their own business.
        comment: comment.split(',').next().and_then(tidy),
        home: tidy(home),
        shell: tidy(shell),
        groups: Vec::new(),
        // `x` refers to the shadow file.
        locked: (password != "x").then(|| is_locked(password)),
    }))
}

/// A hash that no password has: `!`, `*` or anything that begins so.
fn is_locked(hash: &str) -> bool {
    hash.starts_with(['!', '*'])
}

#[derive(Default)]
struct Groups {
    names: BTreeMap<u32, String>,
    members: BTreeMap<String, Vec<String>>,
}

/// `name:password:gid:member,member`, group(5).
fn groups(scope: &Scope<'_>, text: &str) -> Groups {
    let mut groups = Groups::default();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with(['#', '+', '-'])) {
        let mut fields = line.split(':');
        let (name, gid) = (fields.next().and_then(tidy), fields.nth(1).and_then(|gid| gid.parse().ok()));
        let (Some(name), Some(gid)) = (name, gid) else {
            scope.problem(Failure::malformed("/etc/group", number + 1, "not a group"));
            continue;
        };
        for member in fields.next().unwrap_or_default().split(',').filter_map(tidy) {
            groups.members.entry(member).or_default().push(name.clone());
        }
        groups.names.entry(gid).or_insert(name);
    }
    groups
}

/// Without the privilege to read the shadow file nothing is known, which is no problem: the accounts are.
fn locked(scope: &Scope<'_>) -> BTreeMap<String, bool> {
    let mut locked = BTreeMap::new();
    let read = scope.lines("/etc/shadow", |_, line| {
        let mut fields = line.split(':');
        if let (Some(name), Some(hash)) = (fields.next(), fields.next()) {
            locked.insert(name.to_owned(), is_locked(hash));
        }
        Ok(true)
    });
    match read {
        Err(Failure::Read(error)) if error.is_denied() => {}
        Err(failure) => scope.problem(failure),
        Ok(_) => {}
    }
    locked
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(line: &str, expected: Result<Option<(&str, u32)>, &str>) {
        let user = account(line);
        let short = user.as_ref().map(|user| user.as_ref().map(|user| (user.name.as_str(), user.uid))).map_err(String::as_str);
        assert_eq!(short, expected);
    }

    #[test]
    fn a_malformed_account_is_an_error_and_a_blank_line_none() {
        check("root:x:0:0:root:/root:/bin/bash", Ok(Some(("root", 0))));
        check("", Ok(None));
        check("+::::::", Ok(None));
        check("root:x:0:0", Err("4 fields instead of 7"));
        check("root:x:zero:0::/:/", Err("the uid is not a number"));
    }

    #[test]
    fn only_the_name_of_a_comment_is_kept() {
        let user = account("ann:x:1000:1000:Ann Example,Room 1,555-0100:/home/ann:/bin/sh").expect("parsed").expect("an account");
        assert_eq!((user.comment.as_deref(), user.locked), (Some("Ann Example"), None));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[ -~]{0,10}(:[ -~]{0,6}){0,8}") {
            let _ = account(&line);
        }
    }
}
