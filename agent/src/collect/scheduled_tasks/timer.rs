//! Timers of systemd, systemd.timer(5), from their unit files and the links that enable them. The timers of user managers are the
//! business of those who log in, and not looked at.

use crate::collect::Scope;
use crate::collect::text::{bounded, tidy};
use rollcall_shared::section::ScheduledTask;
use std::collections::{BTreeMap, BTreeSet};

/// In order of precedence, systemd.unit(5).
const FOLDERS: [&str; 7] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/transient",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// Settings that say when.
const SCHEDULES: [&str; 8] =
    ["OnCalendar", "OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec", "OnClockChange", "OnTimezoneChange"];

/// Settings of one unit that are looked at; real ones have a few dozen.
const SETTINGS: usize = 1_000;

/// All timers.
pub(super) fn read(scope: &Scope<'_>) -> Vec<ScheduledTask> {
    let units = Units::read(scope);
    // Instances of a template have no file of their own; the links that enable them name them.
    let instances = units.enabled.iter().filter(|name| !units.files.contains_key(*name) && template(name).is_some());
    let names: BTreeSet<&String> = units.files.keys().filter(|name| name.ends_with(".timer")).chain(instances).collect();
    names.into_iter().take(super::TASKS).filter_map(|name| task(scope, &units, name)).collect()
}

/// Where the files of timers and services are, and which timers are enabled.
struct Units {
    files: BTreeMap<String, &'static str>,
    enabled: BTreeSet<String>,
}

impl Units {
    fn read(scope: &Scope<'_>) -> Self {
        let mut units = Self { files: BTreeMap::new(), enabled: BTreeSet::new() };
        let is_unit = |name: &str| name.ends_with(".timer") || name.ends_with(".service");
        // On a merged /usr the last two are one.
        let is_merged = scope.root().link("/lib").is_some();
        for folder in FOLDERS.into_iter().filter(|folder| !(is_merged && folder.starts_with("/lib/")) && scope.root().exists(folder)) {
            for name in scope.list(folder) {
                if ["wants", "requires", "upholds"].iter().any(|group| name.rsplit_once('.').is_some_and(|(_, end)| end == *group)) {
                    units.enabled.extend(scope.list(&format!("{folder}/{name}")).into_iter().filter(|name| name.ends_with(".timer")));
                } else if is_unit(&name) {
                    units.files.entry(name).or_insert(folder);
                }
            }
        }
        units
    }

    /// The file of a unit, that of its template for an instance.
    fn file<'a>(&self, name: &'a str) -> Option<(&'static str, std::borrow::Cow<'a, str>)> {
        if let Some(folder) = self.files.get(name) {
            return Some((folder, name.into()));
        }
        let template = template(name)?;
        Some((self.files.get(&template)?, template.into()))
    }
}

/// `a@b.timer` comes from `a@.timer`.
fn template(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (instance, kind) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{kind}"))
}

fn task(scope: &Scope<'_>, units: &Units, name: &str) -> Option<ScheduledTask> {
    let (folder, file) = units.file(name)?;
    let path = format!("{folder}/{file}");
    let target = scope.root().link(&path);
    let is_masked = target.as_deref() == Some("/dev/null") || scope.root().facts(&path).is_some_and(|facts| facts.size == 0);
    // A second name for a timer is not a second timer.
    if target.as_deref().and_then(|target| target.rsplit('/').next()).is_some_and(|other| other.ends_with(".timer") && other != file) {
        return None;
    }
    let mut timer = Timer::default();
    if !is_masked {
        each_setting(scope, &path, &file, |section, key, value| timer.set(section, key, value));
    }
    let unit = timer.unit.map(|unit| instantiated(&unit, name)).unwrap_or_else(|| format!("{}.service", name.trim_end_matches(".timer")));
    // A template that is nobody's instance runs nothing.
    let is_enabled = !is_masked && !name.contains("@.") && (units.enabled.contains(name) || folder == "/run/systemd/transient");
    Some(ScheduledTask {
        origin: "systemd_timer".to_owned(),
        name: tidy(name)?,
        schedule: (!timer.schedule.is_empty()).then(|| bounded(timer.schedule.join("; "))),
        user: if is_masked { None } else { user(scope, units, &unit) },
        command: tidy(&unit),
        enabled: Some(is_enabled),
    })
}

/// `%i` is the instance, `%p` what stands before it; other specifiers stay as they are written.
fn instantiated(unit: &str, timer: &str) -> String {
    let stem = timer.trim_end_matches(".timer");
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    unit.replace("%i", instance).replace("%I", instance).replace("%p", prefix)
}

/// The user of the service that a timer starts, `root` unless it says otherwise; unknown without the service's file.
fn user(scope: &Scope<'_>, units: &Units, unit: &str) -> Option<String> {
    let (folder, file) = units.file(unit)?;
    let mut user = None;
    let found = each_setting(scope, &format!("{folder}/{file}"), &file, |section, key, value| {
        if section == "Service" && key == "User" {
            user = tidy(value);
        }
    });
    found.then(|| user.unwrap_or_else(|| "root".to_owned()))
}

#[derive(Debug, Default)]
struct Timer {
    schedule: Vec<String>,
    unit: Option<String>,
}

impl Timer {
    /// An empty value takes back what was set of its kind before.
    fn set(&mut self, section: &str, key: &str, value: &str) {
        if section != "Timer" {
            return;
        }
        match (SCHEDULES.contains(&key), tidy(value)) {
            (true, Some(value)) => self.schedule.push(format!("{key}={}", value.split_whitespace().collect::<Vec<_>>().join(" "))),
            (true, None) => self.schedule.retain(|one| one.split_once('=').is_none_or(|(set, _)| set != key)),
            (false, value) if key == "Unit" => self.unit = value,
            (false, _) => {}
        }
    }
}

/// Hands over the settings of a unit file and then of its drop-ins, which by their names follow each other whatever their folder.
fn each_setting(scope: &Scope<'_>, path: &str, file: &str, mut each: impl FnMut(&str, &str, &str)) -> bool {
    let Some(text) = scope.text_or_problem(path) else { return false };
    settings(&text, &mut each);
    let mut drop_ins = BTreeMap::new();
    for folder in FOLDERS.iter().rev() {
        let folder = format!("{folder}/{file}.d");
        if scope.root().exists(&folder) {
            drop_ins.extend(scope.list(&folder).into_iter().filter(|name| name.ends_with(".conf")).map(|name| (name, folder.clone())));
        }
    }
    for (name, folder) in drop_ins {
        if let Some(text) = scope.text_or_problem(&format!("{folder}/{name}")) {
            settings(&text, &mut each);
        }
    }
    true
}

/// systemd.syntax(7): sections in brackets, `key=value`, a backslash at the end of a line goes on in the next.
fn settings(text: &str, each: &mut impl FnMut(&str, &str, &str)) {
    let mut section = String::new();
    let mut continued = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])).take(SETTINGS) {
        if let Some(begin) = line.strip_suffix('\\') {
            continued.push_str(begin);
            continued.push(' ');
            continue;
        }
        continued.push_str(line);
        let whole = std::mem::take(&mut continued);
        if let Some(name) = whole.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((key, value)) = whole.split_once('=') {
            each(&section, key.trim(), value.trim());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn timer(text: &str) -> Timer {
        let mut timer = Timer::default();
        settings(text, &mut |section, key, value| timer.set(section, key, value));
        timer
    }

    #[test]
    fn an_empty_schedule_takes_back_those_of_its_kind() {
        let read =
            timer("[Timer]\nOnCalendar=daily\nOnBootSec=5min\nOnCalendar=\nOnCalendar=Mon *-*-* \\\n 02:00\n[Unit]\nOnCalendar=no\n");
        assert_eq!(read.schedule, ["OnBootSec=5min", "OnCalendar=Mon *-*-* 02:00"]);
    }

    #[test]
    fn instances_come_from_templates() {
        assert_eq!(template("a@b.c.timer").as_deref(), Some("a@.timer"));
        assert_eq!((template("a@.timer"), template("a.timer")), (None, None));
        assert_eq!(instantiated("run-%p@%i.service", "backup@db.timer"), "run-backup@db.service");
    }

    proptest! {
        #[test]
        fn no_unit_file_panics(text in "(\\[?[A-Za-z]{0,8}\\]?=?[ -~]{0,20}\\\\?\n){0,8}", name in "[a-z@.]{0,12}") {
            let read = timer(&text);
            let _ = (read.unit.map(|unit| instantiated(&unit, &name)), template(&name));
        }
    }
}
