//! Units of systemd, systemd.unit(5): where their files are, what enables them, what shows that they run.

use super::super::{Scope, secrets};
use super::super::text::tidy;
use super::unit_file::{UnitFile, specified};
use rollcall_shared::section::Service;
use std::collections::{BTreeMap, BTreeSet};

/// In order of precedence: what the administrator wrote, what was made at run time, what packages brought.
const FOLDERS: [&str; 11] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
];

/// Where a link to a unit means that it is enabled, and how `systemctl` calls that.
const ENABLING: [(&str, &str); 5] = [
    ("/etc/systemd/system", "enabled"),
    ("/run/systemd/system", "enabled-runtime"),
    ("/run/systemd/generator.early", "enabled-runtime"),
    ("/run/systemd/generator", "enabled-runtime"),
    ("/run/systemd/generator.late", "enabled-runtime"),
];

/// Control groups of services, by the layouts of version 2, hybrid and version 1.
const CGROUPS: [&str; 3] = ["/sys/fs/cgroup/system.slice", "/sys/fs/cgroup/unified/system.slice", "/sys/fs/cgroup/systemd/system.slice"];

/// Files for one unit that add to it; usual are one to three.
const DROP_INS: usize = 64;

/// The unit files of a machine, as its folders list them.
pub(super) struct Units {
    /// Folder by file name, the one that counts.
    files: BTreeMap<String, &'static str>,
    /// Folders that have a `NAME.service.d`, by that name.
    drop_ins: BTreeMap<String, Vec<&'static str>>,
    /// How, by unit.
    enabled: BTreeMap<String, &'static str>,
}

impl Units {
    /// Lists the folders.
    pub(super) fn list(scope: &Scope<'_>) -> Self {
        let mut units = Self { files: BTreeMap::new(), drop_ins: BTreeMap::new(), enabled: enabled(scope) };
        let is_merged = scope.root().link("/lib").is_some();
        // Where /lib is a link to /usr/lib, both are one folder.
        for folder in FOLDERS.into_iter().filter(|folder| !(is_merged && folder.starts_with("/lib/"))) {
            for name in scope.list(folder) {
                if name.ends_with(".service.d") {
                    units.drop_ins.entry(name).or_default().push(folder);
                } else if is_service(&name) {
                    units.files.entry(name).or_insert(folder);
                }
            }
        }
        units
    }

    /// All units that have a file or, as instances of a template, a link that wants them.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        let instances = self.enabled.keys().filter(|name| template(name).is_some_and(|file| self.files.contains_key(&file)));
        self.files.keys().chain(instances).map(String::as_str).collect()
    }

    /// What the files say of one unit; none for a second name of another one, and where there is no file.
    pub(super) fn service(&self, scope: &Scope<'_>, name: &str) -> Option<Service> {
        let file = if self.files.contains_key(name) { name.to_owned() } else { template(name)? };
        let folder = *self.files.get(&file)?;
        let path = format!("{folder}/{file}");
        let target = scope.root().link(&path);
        let is_masked = target.as_deref() == Some("/dev/null") || scope.root().facts(&path).is_some_and(|facts| facts.size == 0);
        if let Some(other) = target.as_deref().and_then(|target| target.rsplit('/').next()).filter(|_| !is_masked)
            && other != file
            && is_service(other)
        {
            return None;
        }
        let mut unit = UnitFile::default();
        if !is_masked {
            unit.read(&scope.text_or_problem(&path)?);
            self.read_drop_ins(scope, &file, &mut unit);
        }
        let is_linked = ENABLING.iter().any(|(enabling, _)| *enabling == folder) && target.as_deref().is_some_and(|target| target.starts_with('/'));
        let enabled = match self.enabled.get(name).copied().or_else(|| self.by_instance(name, &unit)) {
            _ if is_masked => "masked",
            _ if folder.contains("/generator") => "generated",
            _ if folder == "/run/systemd/transient" => "transient",
            Some(state) => state,
            None if is_linked => "linked",
            None if unit.has_install => "disabled",
            None if unit.has_also => "indirect",
            None => "static",
        };
        // Without a word on it a system service runs as root, systemd.exec(5).
        let user = unit.user.unwrap_or_else(|| if unit.has_dynamic_user { super::stem(name).to_owned() } else { "root".to_owned() });
        Some(Service {
            name: name.to_owned(),
            description: unit.description.and_then(|text| secrets::redacted(specified(&text, name).split_whitespace())),
            load_state: Some(if is_masked { "masked" } else { "loaded" }.to_owned()),
            enabled: Some(enabled.to_owned()),
            user: (!is_masked).then(|| specified(&user, name)),
            command: unit.command.and_then(|text| tidy(&specified(&text, name))),
            ..Service::default()
        })
    }

    /// A template counts as enabled by its default instance, and as `indirect` by any other.
    fn by_instance(&self, name: &str, unit: &UnitFile) -> Option<&'static str> {
        let prefix = name.strip_suffix("@.service")?;
        let default = unit.default_instance.as_ref().and_then(|instance| self.enabled.get(&format!("{prefix}@{instance}.service")));
        let begin = format!("{prefix}@");
        let has_any = || self.enabled.range(begin.clone()..).next().is_some_and(|(instance, _)| instance.starts_with(&begin));
        default.copied().or_else(|| has_any().then_some("indirect"))
    }

    fn read_drop_ins(&self, scope: &Scope<'_>, file: &str, unit: &mut UnitFile) {
        let group = format!("{file}.d");
        let mut seen = BTreeMap::new();
        for folder in self.drop_ins.get(&group).into_iter().flatten() {
            for name in scope.list(&format!("{folder}/{group}")).into_iter().filter(|name| name.ends_with(".conf")) {
                // Of two with one name that of the first folder counts.
                seen.entry(name).or_insert(folder);
            }
        }
        // By name whatever the folder, so that a number at its front decides.
        for (name, folder) in seen.into_iter().take(DROP_INS) {
            if let Some(text) = scope.text_or_problem(&format!("{folder}/{group}/{name}")) {
                unit.read(&text);
            }
        }
    }
}

fn is_service(name: &str) -> bool {
    name.ends_with(".service")
}

fn is_group(name: &str) -> bool {
    [".wants", ".requires", ".upholds"].iter().any(|suffix| name.ends_with(suffix))
}

/// `getty@tty1.service` comes from `getty@.service`.
fn template(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    (rest != ".service" && is_service(rest)).then(|| format!("{prefix}@.service"))
}

/// Links in `*.wants` and `*.requires` of the administrator's folders, and other names for a unit in the folders themselves.
fn enabled(scope: &Scope<'_>) -> BTreeMap<String, &'static str> {
    let mut enabled = BTreeMap::new();
    for (folder, state) in ENABLING {
        for name in scope.list(folder) {
            if is_group(&name) {
                for name in scope.list(&format!("{folder}/{name}")).into_iter().filter(|name| is_service(name)) {
                    enabled.entry(name).or_insert(state);
                }
            } else if is_service(&name)
                && let Some(target) = scope.root().link(&format!("{folder}/{name}"))
                && let Some(unit) = target.rsplit('/').next().filter(|unit| *unit != name && is_service(unit))
            {
                enabled.entry(unit.to_owned()).or_insert(state);
            }
        }
    }
    enabled
}

/// `running` with processes in its control group, `exited` when it is active without any, none when it is neither or unknown.
pub(super) fn running(scope: &Scope<'_>, name: &str) -> Option<&'static str> {
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
    use super::super::super::testing::plant;
    use super::*;
    use crate::root::Root;

    #[test]
    fn instances_come_from_templates() {
        assert_eq!(template("getty@tty1.service").as_deref(), Some("getty@.service"));
        assert_eq!(template("getty@.service"), None);
        assert_eq!(template("ssh.service"), None);
        assert_eq!(escaped("serial-getty"), "serial\\x2dgetty");
    }

    #[track_caller]
    fn check(tree: &str, name: &str, expected: Option<(&str, Option<&str>, Option<&str>)>) {
        let directory = plant(tree);
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        let service = Units::list(&scope).service(&scope, name);
        let short = service.as_ref().map(|row| (row.enabled.as_deref().unwrap_or_default(), row.user.as_deref(), row.description.as_deref()));
        assert_eq!(short, expected);
    }

    #[test]
    fn how_a_unit_is_enabled_follows_from_links_and_install_sections() {
        const TREE: &str = "=== /lib/systemd/system/a.service\n[Service]\nUser=a\n[Install]\nAlias=dbus-a.service\n\
             === /etc/systemd/system/dbus-a.service -> /lib/systemd/system/a.service\n\
             === /lib/systemd/system/b.service\n[Install]\nAlso=b.socket\n\
             === /lib/systemd/system/c@.service\n[Unit]\nDescription=Cluster %i\n[Service]\nDynamicUser=yes\n\
             === /run/systemd/generator/c.service.wants/c@15-main.service -> /lib/systemd/system/c@.service\n\
             === /etc/systemd/system/d.service -> /opt/d/d.service\n=== /opt/d/d.service\n[Install]\nWantedBy=x\n\
             === /run/systemd/generator.late/e.service\n[Unit]\n=== /etc/systemd/system/f.service -> /dev/null\n";
        check(TREE, "a.service", Some(("enabled", Some("a"), None)));
        check(TREE, "dbus-a.service", None);
        check(TREE, "b.service", Some(("indirect", Some("root"), None)));
        check(TREE, "c@.service", Some(("indirect", Some("c@"), Some("Cluster"))));
        check(TREE, "c@15-main.service", Some(("enabled-runtime", Some("c@15-main"), Some("Cluster 15-main"))));
        check(TREE, "d.service", Some(("linked", Some("root"), None)));
        check(TREE, "e.service", Some(("generated", Some("root"), None)));
        check(TREE, "f.service", Some(("masked", None, None)));
        check(TREE, "g@1.service", None);
    }

    #[test]
    fn of_two_drop_ins_with_one_name_the_administrators_counts() {
        let tree = "=== /lib/systemd/system/a.service\n[Service]\nUser=a\n=== /lib/systemd/system/a.service.d/10.conf\n[Service]\nUser=b\n\
             === /etc/systemd/system/a.service.d/10.conf\n[Service]\nUser=c\n=== /lib/systemd/system/a.service.d/05.conf\n[Service]\nUser=d\n";
        check(tree, "a.service", Some(("static", Some("c"), None)));
    }
}
