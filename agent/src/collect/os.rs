//! The operating system: os-release, the running kernel, and what `/etc` says of place and language.

use super::text::{assignments, tidy};
use super::{Failure, Scope, virtualisation};
use crate::kernel;
use rollcall_shared::Timestamp;
use rollcall_shared::section::Os;

mod kernels;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Os, Failure> {
    let mut row = release(scope)?;
    let kernel = |name: &str| scope.attribute(&format!("/proc/sys/kernel/{name}"));
    row.kernel_name = kernel("ostype");
    row.kernel_release = kernel("osrelease");
    row.kernel_version = kernel("version");
    row.architecture = if scope.root().is_live() { kernel::architecture() } else { kernel("arch") };
    row.installed_at = installed_at(scope);
    row.booted_at = booted_at(scope)?;
    row.time_zone = time_zone(scope);
    row.locale = locale(scope);
    row.init = init(scope);
    row.reboot_required = reboot_required(scope, row.kernel_release.as_deref());
    if row == Os::default() { Err(Failure::Skipped("nothing here says what system this is".to_owned())) } else { Ok(row) }
}

/// What os-release says; also used to tell which distribution a package belongs to.
pub(crate) fn release(scope: &Scope<'_>) -> Result<Os, Failure> {
    let text = match scope.text("/etc/os-release")? {
        Some(text) => Some(text),
        None => scope.text("/usr/lib/os-release")?,
    };
    Ok(parse_release(text.as_deref().unwrap_or_default()))
}

fn parse_release(text: &str) -> Os {
    let mut row = Os::default();
    for (key, value) in assignments(text) {
        let field = match key {
            "ID" => &mut row.id,
            "NAME" => &mut row.name,
            "VERSION_ID" => &mut row.version,
            "VERSION_CODENAME" => &mut row.codename,
            "PRETTY_NAME" => &mut row.pretty_name,
            "SUPPORT_END" => &mut row.support_end,
            _ => continue,
        };
        *field = tidy(&value);
    }
    row
}

/// What is written once and never touched again: logs of installers, else what cloud-init does once for each machine.
fn installed_at(scope: &Scope<'_>) -> Option<Timestamp> {
    const LEFT_BEHIND: [&str; 11] = [
        "/var/log/installer/syslog",
        "/var/log/installer/installer-journal.txt",
        "/var/log/installer/initial-status.gz",
        "/root/anaconda-ks.cfg",
        "/var/log/anaconda/anaconda.log",
        "/var/log/YaST2/y2start.log",
        "/var/adm/autoinstall/cache/installedSystem.xml",
        "/var/log/installation.log",
        "/var/lib/cloud/instance/sem/config_ssh",
        "/var/lib/cloud/instance/sem/config_set_hostname",
        "/var/lib/cloud/instance/sem/config_users_groups",
    ];
    LEFT_BEHIND.iter().find_map(|path| scope.root().facts(path)).map(|facts| facts.modified)
}

/// The boot time of `/proc/stat`, which a step of the clock moves, made steady; other rows count from it.
pub(crate) fn booted_at(scope: &Scope<'_>) -> Result<Option<Timestamp>, Failure> {
    let mut booted = None;
    scope.lines("/proc/stat", |number, line| {
        let Some(seconds) = line.strip_prefix("btime ") else { return Ok(true) };
        let seconds: i64 = seconds.trim().parse().map_err(|_| Failure::malformed("/proc/stat", number, "btime is not a number"))?;
        booted = Some(Timestamp(seconds.saturating_mul(1000)));
        Ok(false)
    })?;
    let steady = |shown| {
        let id = scope.boots().and_then(|boots| Some((boots, scope.attribute("/proc/sys/kernel/random/boot_id")?)));
        id.map_or(shown, |(boots, id)| boots.steady(&id, shown))
    };
    Ok(booted.map(steady))
}

/// The name that `/etc/localtime` links to; where it is a copy, what distributions keep beside it.
fn time_zone(scope: &Scope<'_>) -> Option<String> {
    let link = scope.root().link("/etc/localtime");
    let linked = link.as_deref().and_then(|target| target.split_once("zoneinfo/")).and_then(|(_, name)| {
        // The same zones with and without leap seconds.
        tidy(name.strip_prefix("posix/").or_else(|| name.strip_prefix("right/")).unwrap_or(name))
    });
    let clock = || {
        let text = scope.text_or_problem("/etc/sysconfig/clock")?;
        assignments(&text).find(|(key, _)| matches!(*key, "ZONE" | "TIMEZONE")).and_then(|(_, value)| tidy(&value))
    };
    linked.or_else(|| scope.attribute("/etc/timezone")).or_else(clock)
}

/// `LANG` as it is set for everyone; a value that is computed is unknown.
fn locale(scope: &Scope<'_>) -> Option<String> {
    const FILES: [&str; 6] = [
        "/etc/locale.conf",
        "/etc/default/locale",
        "/etc/sysconfig/i18n",
        "/etc/profile.d/00locale.sh",
        "/etc/profile.d/locale.sh",
        "/etc/env.d/02locale",
    ];
    FILES.iter().find_map(|path| {
        let text = scope.text_or_problem(path)?;
        let set = assignments(&text).find(|(key, _)| key.strip_prefix("export ").unwrap_or(key).trim() == "LANG");
        set.and_then(|(_, value)| tidy(&value)).filter(|value| !value.contains('$'))
    })
}

fn init(scope: &Scope<'_>) -> Option<String> {
    if scope.root().exists("/run/systemd/system") && scope.attribute("/proc/1/comm").is_none_or(|name| name == "systemd") {
        return Some("systemd".to_owned());
    }
    if scope.root().exists("/run/openrc") || scope.root().exists("/sbin/openrc-run") {
        return Some("openrc".to_owned());
    }
    match scope.attribute("/proc/1/comm").as_deref() {
        Some("init") if scope.root().exists("/etc/inittab") => Some("sysv".to_owned()),
        // In a container process 1 is mostly the application.
        Some(other) if !is_init(other) && virtualisation::container(scope).is_some() => None,
        other => other.map(str::to_owned),
    }
}

fn is_init(name: &str) -> bool {
    const NAMES: [&str; 12] =
        ["systemd", "init", "openrc-init", "runit", "runsvdir", "s6-svscan", "dinit", "finit", "procd", "shepherd", "tini", "dumb-init"];
    NAMES.contains(&name)
}

/// The markers of Debian, Ubuntu and SUSE; where nothing would write one, the running kernel and those that are installed tell.
fn reboot_required(scope: &Scope<'_>, running: Option<&str>) -> Option<bool> {
    const MARKERS: [&str; 3] = ["/run/reboot-required", "/var/run/reboot-required", "/run/reboot-needed"];
    if MARKERS.iter().any(|path| scope.root().exists(path)) {
        return Some(true);
    }
    let is_newer = running.and_then(|running| kernels::is_newer_installed(scope, running));
    if is_newer.is_some() {
        return is_newer;
    }
    const HOOKS: [&str; 2] = ["/usr/share/update-notifier/notify-reboot-required", "/etc/kernel/postinst.d/unattended-upgrades"];
    HOOKS.iter().any(|path| scope.root().exists(path)).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;
    use proptest::prelude::*;

    #[test]
    fn os_release_is_read_and_empty_values_are_unknown() {
        let row = parse_release("ID=debian\nNAME='Debian GNU/Linux'\nVERSION_ID=\"12\"\nVERSION_CODENAME=\nBOGUS\n");
        assert_eq!(
            (row.id.as_deref(), row.name.as_deref(), row.version.as_deref()),
            (Some("debian"), Some("Debian GNU/Linux"), Some("12"))
        );
        assert_eq!(row.codename, None);
    }

    #[track_caller]
    fn check(tree: &str, expected: Os) {
        let tree = plant(tree);
        let root = Root::new(tree.path());
        assert_eq!(collect(&Scope::new(&root)).expect("collected"), expected);
    }

    #[test]
    fn an_alpine_machine_keeps_its_zone_and_locale_elsewhere() {
        check(
            "=== /usr/lib/os-release\nID=alpine\n=== /etc/localtime -> /etc/zoneinfo/Europe/Oslo\n=== /etc/profile.d/00locale.sh\nexport LANG=C.UTF-8\n\
             === /sbin/openrc-run\n=== /proc/sys/kernel/osrelease\n6.6.1-0-lts\n=== /lib/modules/6.6.3-0-lts/modules.dep\n",
            Os {
                id: Some("alpine".into()),
                time_zone: Some("Europe/Oslo".into()),
                locale: Some("C.UTF-8".into()),
                init: Some("openrc".into()),
                kernel_release: Some("6.6.1-0-lts".into()),
                reboot_required: Some(true),
                ..Os::default()
            },
        );
    }

    #[test]
    fn process_1_of_a_container_is_an_init_only_by_its_name() {
        let base = || Os { id: Some("x".into()), ..Os::default() };
        let tree = |mark: &str, name: &str| format!("=== /etc/os-release\nID=x\n=== /proc/1/comm = {name}\n{mark}");
        check(&tree("", "oddinit"), Os { init: Some("oddinit".into()), ..base() });
        check(&tree("=== /.dockerenv\n", "nginx"), base());
        check(&tree("=== /.dockerenv\n", "s6-svscan"), Os { init: Some("s6-svscan".into()), ..base() });
    }

    #[test]
    fn a_marker_or_a_newer_kernel_asks_for_a_reboot_and_silence_is_unknown() {
        let base = || Os { id: Some("x".into()), ..Os::default() };
        check("=== /etc/os-release\nID=x\nSUPPORT_END=2030-01-01\n", Os { support_end: Some("2030-01-01".into()), ..base() });
        check("=== /etc/os-release\nID=x\n=== /run/reboot-needed\n", Os { reboot_required: Some(true), ..base() });
        let hook = "=== /etc/os-release\nID=x\n=== /etc/kernel/postinst.d/unattended-upgrades\n";
        check(hook, Os { reboot_required: Some(false), ..base() });
        check(
            "=== /etc/os-release\nID=x\n=== /etc/sysconfig/clock\nZONE=\"Asia/Tokyo\"\n=== /etc/default/locale\nLANG=${OTHER}\n=== /proc/stat\nbtime 1700000000\n",
            Os { time_zone: Some("Asia/Tokyo".into()), booted_at: Some(Timestamp(1_700_000_000_000)), ..base() },
        );
    }

    proptest! {
        #[test]
        fn no_release_file_panics(text in any::<String>()) {
            let _ = parse_release(&text);
        }
    }
}
