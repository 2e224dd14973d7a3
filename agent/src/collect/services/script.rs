//! Init scripts: OpenRC's with their runlevels, System V's with their start links and LSB headers.

use super::super::Scope;
use super::super::text::tidy;
use rollcall_shared::section::Service;

const SCRIPTS: &str = "/etc/init.d";

/// The services of all scripts.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Service> {
    let openrc = scope.root().exists("/sbin/openrc-run") || scope.root().exists("/usr/sbin/openrc-run");
    let enabled = if openrc { runlevels(scope) } else { start_links(scope) };
    let started = if openrc { scope.root().list("/run/openrc/started").ok().flatten() } else { None };
    let failed = if openrc { scope.root().list("/run/openrc/failed").ok().flatten().unwrap_or_default() } else { Vec::new() };
    let scripts = scope.list(SCRIPTS).into_iter().filter(|name| is_script(name));
    scripts.filter_map(|name| {
        let text = scope.text_or_problem(&format!("{SCRIPTS}/{name}"))?;
        let active = started.as_ref().map(|started| if failed.contains(&name) { "failed" } else if started.contains(&name) { "active" } else { "inactive" });
        Some(Service {
            restarts: None,
            description: description(&text),
            load_state: Some("loaded".to_owned()),
            active_state: active.map(str::to_owned),
            sub_state: None,
            enabled: Some(if enabled.contains(&name) { "enabled" } else { "disabled" }.to_owned()),
            user: None,
            command: None,
            name,
        })
    })
    .collect()
}

/// Besides scripts the folder has notes, functions and what package managers saved.
fn is_script(name: &str) -> bool {
    !name.contains('.') && !matches!(name, "README" | "functions" | "skeleton" | "rc" | "rcS" | "halt" | "killall" | "single")
}

fn runlevels(scope: &Scope<'_>) -> Vec<String> {
    const FOLDER: &str = "/etc/runlevels";
    scope.list(FOLDER).iter().flat_map(|level| scope.list(&format!("{FOLDER}/{level}"))).collect()
}

/// `S01ssh` in the folder of a runlevel that a machine stays in.
fn start_links(scope: &Scope<'_>) -> Vec<String> {
    let levels = ["S", "2", "3", "4", "5"].iter().flat_map(|level| scope.list(&format!("/etc/rc{level}.d")));
    levels.filter_map(|link| Some(link.strip_prefix('S')?.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned())).collect()
}

/// `# Short-Description: …` of the LSB header, `description="…"` of OpenRC.
fn description(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let openrc = line.strip_prefix("description=").map(|value| value.trim_matches(['"', '\'']));
        tidy(openrc.or_else(|| line.strip_prefix("# Short-Description:"))?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_scripts_describe_themselves() {
        assert_eq!(description("#!/sbin/openrc-run\ndescription=\"A daemon\"\n").as_deref(), Some("A daemon"));
        assert_eq!(description("### BEGIN INIT INFO\n# Short-Description: OpenBSD SSH server\n").as_deref(), Some("OpenBSD SSH server"));
        assert_eq!(description("#!/bin/sh\n"), None);
    }
}
