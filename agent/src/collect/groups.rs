//! Local groups, `/etc/group`. Directories behind NSS are not asked: a domain has more groups than a host.

use super::text::tidy;
use super::{Failure, Scope};
use rollcall_shared::limits::SECTION_ROWS;
use rollcall_shared::section::Group;
use std::collections::BTreeSet;

const PATH: &str = "/etc/group";

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Group>, Failure> {
    read(scope)?.ok_or_else(|| Failure::Skipped(format!("there is no {PATH}")))
}

/// The groups; none without the file. Malformed lines are problems.
pub(crate) fn read(scope: &Scope<'_>) -> Result<Option<Vec<Group>>, Failure> {
    let mut groups = Vec::new();
    let found = scope.lines(PATH, |number, line| {
        match group(line) {
            Ok(group) => groups.extend(group),
            Err(what) => scope.problem(Failure::malformed(PATH, number, what)),
        }
        Ok(groups.len() < SECTION_ROWS)
    })?;
    Ok(found.then_some(groups))
}

/// `name:password:gid:member,member`, group(5); none for blank lines, comments and NIS markers.
fn group(line: &str) -> Result<Option<Group>, String> {
    if line.trim().is_empty() || line.starts_with(['#', '+', '-']) {
        return Ok(None);
    }
    let fields: Vec<&str> = line.split(':').collect();
    let &[name, _, gid, members] = fields.as_slice() else {
        return Err(format!("{} fields instead of 4", fields.len()));
    };
    Ok(Some(Group {
        name: tidy(name).ok_or("an empty name")?,
        gid: gid.parse().map_err(|_| "the gid is not a number")?,
        members: members.split(',').filter_map(tidy).collect::<BTreeSet<_>>().into_iter().collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Name, number, members.
    type Short<'a> = (&'a str, u32, &'a [&'a str]);

    #[track_caller]
    fn check(line: &str, expected: Result<Option<Short<'_>>, &str>) {
        let group = group(line);
        let members: Vec<&str> = group.iter().flatten().flat_map(|group| group.members.iter().map(String::as_str)).collect();
        let short = group
            .as_ref()
            .map(|group| group.as_ref().map(|group| (group.name.as_str(), group.gid, members.as_slice())))
            .map_err(String::as_str);
        assert_eq!(short, expected);
    }

    #[test]
    fn members_are_sorted_and_named_once() {
        check("adm:x:4:syslog,ann,,ann", Ok(Some(("adm", 4, &["ann", "syslog"]))));
        check("root:x:0:", Ok(Some(("root", 0, &[]))));
    }

    #[test]
    fn what_is_no_group_says_why() {
        check("+:::", Ok(None));
        check("", Ok(None));
        check("adm:x:4", Err("3 fields instead of 4"));
        check("adm:x:four:", Err("the gid is not a number"));
        check(":x:4:", Err("an empty name"));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[ -~]{0,10}(:[ -~]{0,6}){0,5}") {
            let _ = group(&line);
        }
    }
}
