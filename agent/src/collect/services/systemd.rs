//! Units of systemd, systemd.unit(5): where their files are, what enables them, what shows that they run.

use super::super::Scope;
use super::unit_file::UnitFile;
use rollcall_shared::section::Service;
use std::collections::{BTreeMap, BTreeSet};

/// In order of precedence: what the administrator wrote, what was made at run time, what packages brought.
const FOLDERS: [&str; 6] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// Where a link to a unit means that it is enabled, and how `systemctl` calls that.
const ENABLING: [(&str, &str); 2] = [("/etc/systemd/system", "enabled"), ("/run/systemd/system", "enabled-runtime")];

/// Control groups of services, by the layouts of version 2, hybrid and version 1.
const CGROUPS: [&str; 3] = ["/sys/fs/cgroup/system.slice", "/sys/fs/cgroup/unified/system.slice", "/sys/fs/cgroup/systemd/system.slice"];

/// The services of all unit files.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Service> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for folder in FOLDERS {
        for name in scope.list(folder).into_iter().filter(|name| name.ends_with(".service")) {
            files.entry(name).or_insert_with(|| folder.to_owned());
        }
    }
    let enabled = enabled(scope);
    // Instances of a template have no file of their own; the links that enable them name them.
    let instances: Vec<(String, String)> = enabled.keys().filter(|name| !files.contains_key(*name)).filter_map(|name| Some((name.clone(), template(name)?))).collect();
    let templates: Vec<(String, String, String)> =
        instances.into_iter().filter_map(|(name, template)| Some((name, files.get(&template)?.clone(), template))).collect();
    let mut services: Vec<Service> = files.iter().filter_map(|(name, folder)| service(scope, name, folder, name, &enabled)).collect();
    services.extend(templates.iter().filter_map(|(name, folder, template)| service(scope, name, folder, template, &enabled)));
    services
}

/// `getty@tty1.service` comes from `getty@.service`.
fn template(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    (rest != ".service").then(|| format!("{prefix}@.service"))
}

fn service(scope: &Scope<'_>, name: &str, folder: &str, file: &str, enabled: &BTreeMap<String, &'static str>) -> Option<Service> {
    let path = format!("{folder}/{file}");
    let target = scope.root().link(&path);
    let is_masked = target.as_deref() == Some("/dev/null") || scope.root().facts(&path).is_some_and(|facts| facts.size == 0);
    // A second name for a unit is not a second service.
    if let Some(other) = target.as_deref().and_then(|target| target.rsplit('/').next()).filter(|_| !is_masked)
        && other != file
        && other.ends_with(".service")
    {
        return None;
    }
    let mut unit = UnitFile::default();
    if !is_masked {
        unit.read(&scope.text_or_problem(&path)?);
        drop_ins(scope, file, &mut unit);
    }
    let state = match enabled.get(name) {
        _ if is_masked => "masked",
        Some(state) => state,
        None if folder.ends_with("generator") => "generated",
        None if unit.has_install => "disabled",
        None => "static",
    };
    let running = running(scope, name);
    Some(Service {
        restarts: None,
        name: name.to_owned(),
        description: unit.description,
        load_state: Some(if is_masked { "masked" } else { "loaded" }.to_owned()),
        active_state: running.map(|_| "active".to_owned()),
        sub_state: running.map(str::to_owned),
        enabled: Some(state.to_owned()),
        user: unit.user,
        command: unit.command,
    })
}

fn drop_ins(scope: &Scope<'_>, file: &str, unit: &mut UnitFile) {
    let mut seen = BTreeSet::new();
    for folder in FOLDERS {
        let folder = format!("{folder}/{file}.d");
        if scope.root().exists(&folder) {
            seen.extend(scope.list(&folder).into_iter().filter(|name| name.ends_with(".conf")).map(|name| (name, folder.clone())));
        }
    }
    // By name whatever the folder, so that a number at its front decides.
    for (name, folder) in seen {
        if let Some(text) = scope.text_or_problem(&format!("{folder}/{name}")) {
            unit.read(&text);
        }
    }
}

/// Links in `*.wants` and `*.requires` of the administrator's folders.
fn enabled(scope: &Scope<'_>) -> BTreeMap<String, &'static str> {
    let mut enabled = BTreeMap::new();
    for (folder, state) in ENABLING {
        let groups = scope.list(folder).into_iter().filter(|name| [".wants", ".requires", ".upholds"].iter().any(|suffix| name.ends_with(suffix)));
        for group in groups {
            for name in scope.list(&format!("{folder}/{group}")).into_iter().filter(|name| name.ends_with(".service")) {
                enabled.entry(name).or_insert(state);
            }
        }
    }
    enabled
}

/// `running` with processes in its control group, `exited` when it is active without any, none when it is neither or unknown.
fn running(scope: &Scope<'_>, name: &str) -> Option<&'static str> {
    // Instances of templates live in a slice of their template's.
    let slice = template(name).map(|template| format!("/system-{}.slice", escaped(template.trim_end_matches("@.service")))).unwrap_or_default();
    let populated = CGROUPS.iter().any(|cgroup| {
        let folder = format!("{cgroup}{slice}/{name}");
        let events = scope.text(&format!("{folder}/cgroup.events")).ok().flatten();
        match events {
            Some(events) => events.lines().any(|line| line == "populated 1"),
            None => scope.text(&format!("{folder}/cgroup.procs")).ok().flatten().is_some_and(|processes| !processes.trim().is_empty()),
        }
    });
    if populated {
        return Some("running");
    }
    scope.root().link(&format!("/run/systemd/units/invocation:{name}")).map(|_| "exited")
}

/// A dash in a slice's name would nest it.
fn escaped(name: &str) -> String {
    name.replace('-', "\\x2d")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_come_from_templates() {
        assert_eq!(template("getty@tty1.service").as_deref(), Some("getty@.service"));
        assert_eq!(template("getty@.service"), None);
        assert_eq!(template("ssh.service"), None);
        assert_eq!(escaped("serial-getty"), "serial\\x2dgetty");
    }
}
