//! Whether the system updates itself: APT's unattended upgrades, dnf and yum, zypper and transactional updates.

use super::control;
use super::services::Services;
use crate::collect::Scope;
use crate::collect::text::{assignments, tidy};
use rollcall_shared::section::Security;

/// What one program does.
struct Updater {
    program: &'static str,
    /// Installs, and does not only look or download.
    is_on: bool,
}

/// The control; none on a system with a package manager that is not known here.
pub(super) fn automatic(scope: &Scope<'_>, services: &Services) -> Option<Security> {
    let updaters: Vec<Updater> =
        [apt(scope), dnf(scope, services), yum(scope, services), suse(scope, services)].into_iter().flatten().collect();
    let is_known =
        ["/etc/apt", "/etc/dnf", "/etc/yum.conf", "/etc/zypp", "/etc/apk", "/etc/pacman.conf"].iter().any(|path| scope.root().exists(path));
    if updaters.is_empty() && !is_known {
        return None;
    }
    let state = if updaters.is_empty() {
        "absent"
    } else if updaters.iter().any(|updater| updater.is_on) {
        "enabled"
    } else {
        "disabled"
    };
    let names: Vec<&str> = updaters.iter().map(|updater| updater.program).collect();
    Some(control("automatic_updates", state, [("programs", (!names.is_empty()).then(|| names.join(" ")))]))
}

/// `APT::Periodic::Unattended-Upgrade "1";`, the last one in the order of the files' names, where the program is there.
fn apt(scope: &Scope<'_>) -> Option<Updater> {
    const FOLDER: &str = "/etc/apt/apt.conf.d";
    if !scope.root().exists("/usr/bin/unattended-upgrade") {
        return None;
    }
    let names = if scope.root().exists(FOLDER) { scope.list(FOLDER) } else { Vec::new() };
    // apt.conf(5): names without an ending or with `.conf`.
    let names = names.into_iter().filter(|name| !name.contains('.') || name.ends_with(".conf")).map(|name| format!("{FOLDER}/{name}"));
    let mut value = None;
    for path in names.chain(["/etc/apt/apt.conf".to_owned()]) {
        value = scope.text_or_problem(&path).and_then(|text| upgrade_interval(&text)).or(value);
    }
    Some(Updater { program: "unattended-upgrades", is_on: value.is_some_and(|value| value != "0") })
}

/// Days between two upgrades, in the flat form or in blocks.
fn upgrade_interval(text: &str) -> Option<String> {
    let mut value = None;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.starts_with('#')) {
        for statement in line.split([';', '{', '}']) {
            let mut words = statement.split_whitespace();
            let (Some(name), Some(given)) = (words.next(), words.next()) else { continue };
            let is_wanted = name.rsplit("::").next().is_some_and(|last| last.eq_ignore_ascii_case("Unattended-Upgrade"));
            if is_wanted {
                value = tidy(given.trim_matches('"'));
            }
        }
    }
    value
}

/// Timers that install whatever the file says, and those that ask it.
fn dnf(scope: &Scope<'_>, services: &Services) -> Option<Updater> {
    const TIMERS: [&str; 4] = ["dnf-automatic.timer", "dnf-automatic-install.timer", "dnf5-automatic.timer", "rpm-ostreed-automatic.timer"];
    if !TIMERS.iter().any(|timer| services.is_installed(timer)) {
        return None;
    }
    let files = ["/etc/dnf/automatic.conf", "/etc/dnf/dnf5-plugins/automatic.conf"];
    let is_applied = files.iter().filter_map(|path| scope.text_or_problem(path)).any(|text| is_yes(&text, "apply_updates"));
    let is_on = services.is_enabled(TIMERS[1])
        || (services.is_enabled(TIMERS[0]) || services.is_enabled(TIMERS[2])) && is_applied
        || services.is_enabled(TIMERS[3]) && stages_by_itself(scope);
    Some(Updater { program: "dnf-automatic", is_on })
}

fn stages_by_itself(scope: &Scope<'_>) -> bool {
    let text = scope.text_or_problem("/etc/rpm-ostreed.conf").unwrap_or_default();
    assignments(&text).any(|(key, value)| key == "AutomaticUpdatePolicy" && matches!(value.as_str(), "stage" | "apply"))
}

fn yum(scope: &Scope<'_>, services: &Services) -> Option<Updater> {
    services.is_installed("yum-cron").then(|| {
        let text = scope.text_or_problem("/etc/yum/yum-cron.conf").unwrap_or_default();
        Updater { program: "yum-cron", is_on: services.is_enabled("yum-cron") && is_yes(&text, "apply_updates") }
    })
}

fn suse(scope: &Scope<'_>, services: &Services) -> Option<Updater> {
    const TIMERS: [&str; 2] = ["transactional-update.timer", "os-update.timer"];
    if let Some(timer) = TIMERS.iter().find(|timer| services.is_installed(timer)) {
        return Some(Updater { program: timer.trim_end_matches(".timer"), is_on: TIMERS.iter().any(|timer| services.is_enabled(timer)) });
    }
    let text = scope.text_or_problem("/etc/sysconfig/automatic_online_update")?;
    Some(Updater { program: "online-update", is_on: is_yes(&text, "AOU_ENABLE_CRONJOB") })
}

fn is_yes(text: &str, wanted: &str) -> bool {
    let last = assignments(text).filter(|(key, _)| *key == wanted).map(|(_, value)| value.to_ascii_lowercase()).last();
    last.is_some_and(|value| matches!(value.as_str(), "yes" | "true" | "1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_interval_is_read_in_either_form() {
        assert_eq!(
            upgrade_interval("APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"7\";").as_deref(),
            Some("7")
        );
        assert_eq!(upgrade_interval("APT { Periodic { Unattended-Upgrade \"0\"; }; };").as_deref(), Some("0"));
        assert_eq!(upgrade_interval("// APT::Periodic::Unattended-Upgrade \"1\";\nUnattended-Upgrade::Mail \"x\";"), None);
    }

    proptest! {
        #[test]
        fn no_configuration_panics(text in any::<String>()) {
            let _ = (upgrade_interval(&text), is_yes(&text, "a"));
        }
    }
}
