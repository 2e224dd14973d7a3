//! Local accounts: `/etc/passwd`, `/etc/group`, and whether `/etc/shadow` lets them log in with a password.
//!
//! Directories behind NSS are not asked: a domain has more accounts than a host. Password hashes are looked at and forgotten.

use super::text::tidy;
use super::{Failure, Scope, groups};
use rollcall_shared::limits::SECTION_ROWS;
use rollcall_shared::section::User;
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

pub(crate) mod remote;

/// Bytes of the shadow file: a line of some 130 for each of as many accounts as a section may have.
const SHADOW_BYTES: usize = 32 << 20;

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
    let groups = groups(scope);
    let locked = locked(scope);
    for user in &mut users {
        let named = groups.members.get(&user.name).into_iter().flatten();
        let names: BTreeSet<&String> = named.chain(user.gid.and_then(|gid| groups.names.get(&gid))).collect();
        user.groups = names.into_iter().cloned().collect();
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
        gid: Some(number(gid, "gid")?),
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

/// The groups by number, and those of each member. Not being able to read them is a problem.
fn groups(scope: &Scope<'_>) -> Groups {
    let mut groups = Groups::default();
    let read = groups::read(scope).unwrap_or_else(|failure| {
        scope.problem(failure);
        None
    });
    for group in read.unwrap_or_default() {
        for member in group.members {
            groups.members.entry(member).or_default().push(group.name.clone());
        }
        groups.names.entry(group.gid).or_insert(group.name);
    }
    groups
}

/// Whether each account's hash is none that a password has. Without the privilege to read the shadow file that is unknown, which is no
/// problem: the accounts are. What was read is wiped.
fn locked(scope: &Scope<'_>) -> BTreeMap<String, bool> {
    let bytes = match scope.bytes("/etc/shadow", SHADOW_BYTES) {
        Ok(bytes) => Zeroizing::new(bytes.unwrap_or_default()),
        Err(error) => {
            if !error.is_denied() {
                scope.problem(error);
            }
            return BTreeMap::new();
        }
    };
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let (name, hash) = (fields.next()?, fields.next()?);
        Some((tidy(&String::from_utf8_lossy(name))?, hash.starts_with(b"!") || hash.starts_with(b"*")))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;
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

    #[test]
    fn hashes_are_looked_at_and_forgotten() {
        let tree = plant(
            "=== /etc/passwd\nroot:x:0:0::/root:/bin/sh\nann:x:1:1::/home/ann:/bin/sh\nbob:x:2:2::/:/bin/sh\nopen::3:3::/:/bin/sh\n\
             === /etc/shadow\nroot:$6$salt$hash:1:0:9:7:::\nann:!$6$salt$hash:1::::::\n=== /etc/group\nroot:x:0:\nadm:x:4:root,ann\nbroken\n",
        );
        let root = Root::new(tree.path());
        let scope = Scope::new(&root);
        let users = collect(&scope).expect("collected");
        let short: Vec<_> = users.iter().map(|user| (user.name.as_str(), user.locked, user.groups.join(" "))).collect();
        let expected = [("root", Some(false), "adm root"), ("ann", Some(true), "adm"), ("bob", None, ""), ("open", Some(false), "")];
        assert_eq!(short, expected.map(|(name, locked, groups)| (name, locked, groups.to_owned())));
        assert_eq!(scope.problems().as_deref(), Some("/etc/group:3: 1 fields instead of 4"));
        assert!(!format!("{users:?}").contains("salt"), "no hash is shown");
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[ -~]{0,10}(:[ -~]{0,6}){0,8}") {
            let _ = account(&line);
        }
    }
}
