//! Crontabs, crontab(5), anacron's table, and the folders of scripts that run every hour to every month.

use crate::collect::secrets;
use crate::collect::text::tidy;
use crate::collect::{Failure, Scope};
use crate::root::Kind;
use rollcall_shared::section::ScheduledTask;
use std::os::unix::fs::PermissionsExt;

/// Tables of accounts, by the layouts of Debian, SUSE, BusyBox and Red Hat. The last comes last: it is the parent of others.
const TABLES: [&str; 4] = ["/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/etc/crontabs", "/var/spool/cron"];

/// Folders of scripts; the second form is Alpine's.
const PERIODS: [&str; 5] = ["15min", "hourly", "daily", "weekly", "monthly"];

/// All tasks of cron and anacron.
pub(super) fn read(scope: &Scope<'_>) -> Vec<ScheduledTask> {
    let mut tasks = Vec::new();
    table(scope, "/etc/crontab", Owner::Named, &mut tasks);
    let folder = "/etc/cron.d";
    for name in names(scope, folder).into_iter().filter(|name| !is_left_over(name)) {
        let before = tasks.len();
        table(scope, &format!("{folder}/{name}"), Owner::Named, &mut tasks);
        // Debian's cron passes over a name with a dot in it, others do not.
        if !is_script_name(&name) && scope.root().exists("/etc/debian_version") {
            tasks.iter_mut().skip(before).for_each(|task| task.enabled = Some(false));
        }
    }
    accounts(scope, &mut tasks);
    anacron(scope, &mut tasks);
    scripts(scope, &mut tasks);
    tasks
}

fn names(scope: &Scope<'_>, folder: &str) -> Vec<String> {
    if scope.options().exclude.has_path(folder) { Vec::new() } else { scope.list(folder) }
}

fn accounts(scope: &Scope<'_>, tasks: &mut Vec<ScheduledTask>) {
    let is_alpine = scope.root().link(TABLES[0]).is_some();
    for folder in TABLES {
        // Alpine's is a link to where the tables are.
        if folder == TABLES[0] && is_alpine {
            continue;
        }
        for name in names(scope, folder).into_iter().filter(|name| !is_left_over(name)) {
            let path = format!("{folder}/{name}");
            if scope.root().facts(&path).is_some_and(|facts| facts.kind == Kind::File) {
                table(scope, &path, Owner::Account(name), tasks);
            }
        }
    }
}

/// Whose the tasks of a table are.
enum Owner {
    /// Each line names its own.
    Named,
    /// Everything is this account's.
    Account(String),
}

fn table(scope: &Scope<'_>, path: &str, owner: Owner, tasks: &mut Vec<ScheduledTask>) {
    if scope.options().exclude.has_path(path) {
        return;
    }
    let read = scope.lines(path, |number, line| {
        match entry(line, matches!(owner, Owner::Named)) {
            Ok(Some(entry)) => {
                let user = match &owner {
                    Owner::Named => entry.user,
                    Owner::Account(name) => tidy(name),
                };
                tasks.push(ScheduledTask { schedule: Some(entry.schedule), command: entry.command, user, ..task("cron", path, number) });
            }
            Ok(None) => {}
            Err(what) => scope.problem(Failure::malformed(path, number, what)),
        }
        Ok(tasks.len() < super::TASKS)
    });
    if let Err(failure) = read {
        scope.problem(failure);
    }
}

fn task(origin: &str, path: &str, line: usize) -> ScheduledTask {
    ScheduledTask { origin: origin.to_owned(), name: format!("{path}:{line}"), enabled: Some(true), ..ScheduledTask::default() }
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    schedule: String,
    user: Option<String>,
    command: Option<String>,
}

/// One line of a table; none for blank lines, comments and settings of the environment.
fn entry(line: &str, has_user: bool) -> Result<Option<Entry>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') || is_setting(line) {
        return Ok(None);
    }
    // cronie and SUSE: not to be logged.
    let mut rest = line.strip_prefix('-').unwrap_or(line);
    let fields = if rest.starts_with('@') { 1 } else { 5 };
    let mut schedule = Vec::with_capacity(fields);
    for _ in 0..fields {
        schedule.push(word(&mut rest).ok_or("fewer than five fields of time")?);
    }
    if fields == 5 && !(schedule.iter().all(|field| is_time(field)) && schedule.iter().take(2).all(|field| !has_name(field))) {
        return Err("not a schedule");
    }
    let user = if has_user { Some(word(&mut rest).ok_or("no user")?) } else { None };
    if rest.is_empty() {
        return Err("no command");
    }
    let command = secrets::redacted(without_input(rest).split_whitespace());
    Ok(Some(Entry { schedule: tidy(&schedule.join(" ")).ok_or("not a schedule")?, user: user.and_then(tidy), command }))
}

/// `NAME = value`; a schedule never begins with a letter.
fn is_setting(line: &str) -> bool {
    let begins = line.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '"' | '\''));
    begins && line.split_once('=').is_some_and(|(name, _)| !name.trim().contains(char::is_whitespace) || name.starts_with(['"', '\'']))
}

fn word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let line = rest.trim_start();
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    let (word, tail) = line.split_at(end);
    *rest = tail.trim_start();
    (!word.is_empty()).then_some(word)
}

/// Numbers, names of months and days, and the signs between them; `~` is a random moment, `H`, `L`, `W`, `#` and `?` are dialects.
fn is_time(field: &str) -> bool {
    field.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*,-/~#?".contains(&byte)) && !field.starts_with('/')
}

/// Months and days have names, minutes and hours have not.
fn has_name(field: &str) -> bool {
    field.bytes().any(|byte| byte.is_ascii_alphabetic() && byte != b'H')
}

/// A bare `%` ends the command, what follows is its input; an escaped one is itself.
fn without_input(command: &str) -> String {
    let mut text = String::with_capacity(command.len());
    let mut characters = command.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '%' => break,
            '\\' if characters.peek() == Some(&'%') => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    text
}

/// `days delay name command`, anacrontab(5); the days may be `@monthly`.
fn anacron(scope: &Scope<'_>, tasks: &mut Vec<ScheduledTask>) {
    const PATH: &str = "/etc/anacrontab";
    for (number, line) in (1..).zip(scope.text_or_problem(PATH).unwrap_or_default().lines()) {
        let mut rest = line.trim();
        if rest.is_empty() || rest.starts_with('#') || is_setting(rest) {
            continue;
        }
        let (period, delay, _name) = (word(&mut rest), word(&mut rest), word(&mut rest));
        let is_period = |word: &str| word.starts_with('@') || word.bytes().all(|byte| byte.is_ascii_digit());
        match (period.filter(|word| is_period(word)), delay) {
            (Some(period), Some(delay)) if !rest.is_empty() && tasks.len() < super::TASKS => {
                let schedule = tidy(&format!("{period} {delay}"));
                let command = secrets::redacted(rest.split_whitespace());
                tasks.push(ScheduledTask { schedule, command, user: Some("root".to_owned()), ..task("anacron", PATH, number) });
            }
            _ => scope.problem(Failure::malformed(PATH, number, "not an entry of anacron")),
        }
    }
}

fn scripts(scope: &Scope<'_>, tasks: &mut Vec<ScheduledTask>) {
    for period in PERIODS {
        for folder in [format!("/etc/cron.{period}"), format!("/etc/periodic/{period}")] {
            for name in names(scope, &folder).into_iter().filter(|name| !is_left_over(name)) {
                let path = format!("{folder}/{name}");
                if tasks.len() >= super::TASKS || scope.root().facts(&path).is_none_or(|facts| facts.kind != Kind::File) {
                    continue;
                }
                tasks.push(ScheduledTask {
                    origin: "cron".to_owned(),
                    name: path.clone(),
                    schedule: Some(period.to_owned()),
                    enabled: is_run(scope, &path, &name),
                    command: Some(path),
                    user: Some("root".to_owned()),
                });
            }
        }
    }
}

/// `run-parts` starts what may be executed; Debian's and BusyBox's, which share the rule, pass over `backup.sh`. Unknown when it may not be seen.
fn is_run(scope: &Scope<'_>, path: &str, name: &str) -> Option<bool> {
    let is_strict = scope.root().exists("/etc/debian_version") || scope.root().exists("/etc/alpine-release");
    if is_strict && !is_script_name(name) {
        return Some(false);
    }
    let file = scope.root().open(path).ok()??;
    Some(file.metadata().ok()?.permissions().mode() & 0o111 != 0)
}

/// What run-parts(8) takes for a script.
fn is_script_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// What editors and package managers leave behind, which no cron reads.
fn is_left_over(name: &str) -> bool {
    const ENDS: [&str; 10] = ["~", ",v", ".swp", ".bak", ".rpmsave", ".rpmnew", ".rpmorig", ".dpkg-old", ".dpkg-dist", ".dpkg-new"];
    name.starts_with(['.', '#']) || ENDS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Schedule, user, command.
    type Short<'a> = (&'a str, Option<&'a str>, &'a str);

    #[track_caller]
    fn check(line: &str, expected: Result<Option<Short<'_>>, &str>) {
        let read = entry(line, true);
        let short = read
            .as_ref()
            .map(|read| read.as_ref().map(|one| (one.schedule.as_str(), one.user.as_deref(), one.command.as_deref().unwrap_or_default())));
        assert_eq!(short.map_err(|what| *what), expected);
    }

    #[test]
    fn lines_of_a_system_table_are_read() {
        check(
            "17 *\t* * *  root   cd / && run-parts /etc/cron.hourly",
            Ok(Some(("17 * * * *", Some("root"), "cd / && run-parts /etc/cron.hourly"))),
        );
        check("@reboot  ann /bin/a --token=abc", Ok(Some(("@reboot", Some("ann"), "/bin/a --token=[redacted]"))));
        check("0 0 1 jan,jul mon-fri root a%input", Ok(Some(("0 0 1 jan,jul mon-fri", Some("root"), "a"))));
        check("-*/5 0~59 * * * root date +\\%F", Ok(Some(("*/5 0~59 * * *", Some("root"), "date +%F"))));
    }

    #[test]
    fn settings_and_comments_are_no_entries() {
        check("MAILTO = ann@example.org", Ok(None));
        check("PATH=/bin:/usr/bin -x", Ok(None));
        check("\"A B\"=c", Ok(None));
        check("  # 1 2 3 4 5 root x", Ok(None));
    }

    #[test]
    fn what_is_neither_is_malformed() {
        check("17 * * *", Err("fewer than five fields of time"));
        check("17 * * * *", Err("no user"));
        check("17 * * * * root", Err("no command"));
        check("every day at ten root x", Err("not a schedule"));
        check("/etc/a b c d e root x", Err("not a schedule"));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[@*0-9 a-z=%\\\\\"]{0,60}", other in any::<String>(), has_user in any::<bool>()) {
            let _ = (entry(&line, has_user), entry(&other, has_user));
        }
    }
}
