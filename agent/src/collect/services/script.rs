//! Init scripts: OpenRC's with their runlevels and marks, System V's with their start links, LSB headers and pid files.

use super::super::Scope;
use super::super::secrets;
use super::super::text::tidy;
use rollcall_shared::section::Service;
use std::collections::BTreeSet;

const SCRIPTS: &str = "/etc/init.d";

/// Scripts that are read; a System V machine has some 100.
const SCRIPT_FILES: usize = 2_000;

/// The services of all scripts.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Service> {
    let openrc = ["/sbin/openrc-run", "/usr/sbin/openrc-run", "/usr/bin/openrc-run"].iter().any(|path| scope.root().exists(path));
    let enabled = if openrc { runlevels(scope) } else { start_links(scope) };
    let marks = openrc.then(|| Marks::read(scope)).flatten();
    let scripts = scope.list(SCRIPTS).into_iter().filter(|name| is_script(name)).take(SCRIPT_FILES);
    scripts
        .filter_map(|name| {
            let text = scope.text_or_problem(&format!("{SCRIPTS}/{name}"))?;
            let script = Script::parse(&text);
            let active = if openrc { marks.as_ref().map(|marks| marks.state(&name)) } else { running(scope, &name, script.pid_file.as_deref()) };
            Some(Service {
                restarts: None,
                description: script.description,
                load_state: Some("loaded".to_owned()),
                active_state: active.map(str::to_owned),
                sub_state: None,
                enabled: Some(if enabled.contains(&name) { "enabled" } else { "disabled" }.to_owned()),
                user: script.user,
                command: script.command,
                name,
            })
        })
        .collect()
}

/// Besides scripts the folder has notes, functions and what package managers saved.
fn is_script(name: &str) -> bool {
    !name.contains(['.', '~']) && !matches!(name, "README" | "functions" | "skeleton" | "rc" | "rcS" | "halt" | "killall" | "single" | "Makefile")
}

fn runlevels(scope: &Scope<'_>) -> BTreeSet<String> {
    const FOLDER: &str = "/etc/runlevels";
    scope.list(FOLDER).iter().flat_map(|level| scope.list(&format!("{FOLDER}/{level}"))).collect()
}

/// `S01ssh` in the folder of a runlevel that a machine stays in; Red Hat's lie one folder deeper.
fn start_links(scope: &Scope<'_>) -> BTreeSet<String> {
    let folders = ["S", "2", "3", "4", "5"].iter().flat_map(|level| [format!("/etc/rc{level}.d"), format!("/etc/rc.d/rc{level}.d")]);
    let links = folders.flat_map(|folder| scope.list(&folder));
    links.filter_map(|link| Some(link.strip_prefix('S')?.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned())).collect()
}

/// What OpenRC says of its services: one link each in a folder for each state.
struct Marks {
    failed: Vec<String>,
    crashed: Vec<String>,
    started: Vec<String>,
    inactive: Vec<String>,
}

impl Marks {
    /// None where OpenRC does not run, as in the picture of a disk.
    fn read(scope: &Scope<'_>) -> Option<Self> {
        const FOLDER: &str = "/run/openrc";
        scope.root().exists(FOLDER).then(|| {
            let list = |state: &str| scope.list(&format!("{FOLDER}/{state}"));
            Self { failed: list("failed"), crashed: list("crashed"), started: list("started"), inactive: list("inactive") }
        })
    }

    fn state(&self, name: &str) -> &'static str {
        let has = |names: &[String]| names.iter().any(|one| one == name);
        match name {
            _ if has(&self.failed) || has(&self.crashed) => "failed",
            _ if has(&self.started) && !has(&self.inactive) => "active",
            _ => "inactive",
        }
    }
}

/// Red Hat's lock of a started service, else whether the process of the pid file is there; none where neither tells.
fn running(scope: &Scope<'_>, name: &str, pid_file: Option<&str>) -> Option<&'static str> {
    if scope.root().exists(&format!("/var/lock/subsys/{name}")) {
        return Some("active");
    }
    // A captured tree without processes says nothing of who runs.
    let pid_file = pid_file.filter(|_| scope.root().exists("/proc/1"))?;
    let pid: Option<u32> = scope.text(pid_file).ok()?.and_then(|text| text.trim().parse().ok());
    Some(if pid.is_some_and(|pid| scope.root().exists(&format!("/proc/{pid}"))) { "active" } else { "inactive" })
}

/// What a script says of itself in plain assignments; what it computes is unknown.
#[derive(Debug, Default, PartialEq, Eq)]
struct Script {
    description: Option<String>,
    command: Option<String>,
    user: Option<String>,
    pid_file: Option<String>,
}

impl Script {
    fn parse(text: &str) -> Self {
        let mut script = Self::default();
        let mut arguments = None;
        for line in text.lines() {
            if let Some(description) = line.strip_prefix("# Short-Description:") {
                script.description = script.description.or_else(|| tidy(description));
            } else if let Some(path) = line.strip_prefix("# pidfile:") {
                script.pid_file = script.pid_file.or_else(|| plain(path).filter(|path| path.starts_with('/')));
            }
            let Some((name, value)) = line.split_once('=') else { continue };
            let place = match name {
                "description" => &mut script.description,
                "command" | "DAEMON" => &mut script.command,
                "command_args" | "DAEMON_ARGS" => &mut arguments,
                "command_user" => &mut script.user,
                "pidfile" | "PIDFILE" => &mut script.pid_file,
                _ => continue,
            };
            if place.is_none() {
                *place = plain(value);
            }
        }
        script.pid_file = script.pid_file.filter(|path| path.starts_with('/'));
        script.user = script.user.and_then(|user| tidy(user.split(':').next()?));
        script.command = script.command.filter(|command| command.starts_with('/')).and_then(|command| {
            let words = arguments.as_deref().unwrap_or_default().split_whitespace();
            secrets::redacted(std::iter::once(command.as_str()).chain(words))
        });
        script
    }
}

/// A value without its quotes; none when the shell would have to compute it.
fn plain(value: &str) -> Option<String> {
    let value = value.trim().trim_matches(['"', '\'']);
    tidy(value).filter(|value| !value.contains(['$', '`', '"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::plant;
    use super::*;
    use crate::root::Root;
    use proptest::prelude::*;

    #[test]
    fn both_kinds_of_scripts_describe_themselves() {
        let openrc = Script::parse("#!/sbin/openrc-run\ndescription=\"A daemon\"\ncommand=/usr/sbin/d\ncommand_args=\"-f --token x\"\ncommand_user=\"d:d\"\n");
        assert_eq!((openrc.description.as_deref(), openrc.user.as_deref()), (Some("A daemon"), Some("d")));
        assert_eq!(openrc.command.as_deref(), Some("/usr/sbin/d -f --token [redacted]"));
        let lsb = Script::parse("### BEGIN INIT INFO\n# Short-Description: OpenBSD SSH server\nDAEMON=/usr/sbin/$NAME\nPIDFILE=/run/sshd.pid\n");
        assert_eq!((lsb.description.as_deref(), lsb.command, lsb.pid_file.as_deref()), (Some("OpenBSD SSH server"), None, Some("/run/sshd.pid")));
        assert_eq!(Script::parse("#!/bin/sh\n"), Script::default());
    }

    #[track_caller]
    fn check(tree: &str, expected: &[(&str, Option<&str>, &str)]) {
        let directory = plant(tree);
        let root = Root::new(directory.path());
        let services = read(&Scope::new(&root));
        let short: Vec<_> = services
            .iter()
            .map(|service| (service.name.as_str(), service.active_state.as_deref(), service.enabled.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(short, expected);
    }

    #[test]
    fn openrc_marks_what_started_and_what_failed() {
        check(
            "=== /sbin/openrc-run\n=== /etc/init.d/a\n=== /etc/init.d/b\n=== /etc/init.d/c\n=== /etc/init.d/functions.sh\n\
             === /etc/runlevels/default/a -> /etc/init.d/a\n=== /run/openrc/started/a -> /etc/init.d/a\n=== /run/openrc/failed/b -> /etc/init.d/b\n",
            &[("a", Some("active"), "enabled"), ("b", Some("failed"), "disabled"), ("c", Some("inactive"), "disabled")],
        );
        check("=== /sbin/openrc-run\n=== /etc/init.d/a\n", &[("a", None, "disabled")]);
    }

    #[test]
    fn system_v_tells_by_locks_and_pid_files() {
        check(
            "=== /etc/init.d/a\nPIDFILE=/run/a.pid\n=== /etc/init.d/b\nPIDFILE=/run/b.pid\n=== /etc/init.d/c\n# pidfile: /run/c.pid\n=== /etc/init.d/d\n\
             === /run/a.pid\n77\n=== /proc/77/stat\n=== /proc/1/stat\n=== /run/c.pid\n78\n=== /var/lock/subsys/b\n=== /etc/rc2.d/S01a -> ../init.d/a\n\
             === /etc/rc.d/rc3.d/S10d -> ../init.d/d\n=== /etc/rc2.d/K01c -> ../init.d/c\n",
            &[
                ("a", Some("active"), "enabled"),
                ("b", Some("active"), "disabled"),
                ("c", Some("inactive"), "disabled"),
                ("d", None, "enabled"),
            ],
        );
    }

    proptest! {
        #[test]
        fn no_script_panics(text in "((# Short-Description:|command=|DAEMON=|# pidfile:)?[ -~é]{0,20}\n){0,6}") {
            let _ = Script::parse(&text);
        }
    }
}
