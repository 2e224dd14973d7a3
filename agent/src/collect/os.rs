//! The operating system: os-release, the running kernel, and what `/etc` says of place and language.

use super::text::{assignments, tidy};
use super::{Failure, Scope};
use crate::kernel;
use rollcall_shared::Timestamp;
use rollcall_shared::section::Os;

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
    row.reboot_required = reboot_required(scope);
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

/// Installers leave a log behind and never touch it again.
fn installed_at(scope: &Scope<'_>) -> Option<Timestamp> {
    const LEFT_BEHIND: [&str; 4] = [
        "/var/log/installer/syslog",
        "/var/log/installer/installer-journal.txt",
        "/root/anaconda-ks.cfg",
        "/var/log/anaconda/anaconda.log",
    ];
    LEFT_BEHIND.iter().find_map(|path| scope.root().facts(path)).map(|facts| facts.modified)
}

/// The boot time of `/proc/stat`; other rows count from it.
pub(crate) fn booted_at(scope: &Scope<'_>) -> Result<Option<Timestamp>, Failure> {
    let mut booted = None;
    scope.lines("/proc/stat", |number, line| {
        let Some(seconds) = line.strip_prefix("btime ") else { return Ok(true) };
        let seconds: i64 = seconds.trim().parse().map_err(|_| Failure::malformed("/proc/stat", number, "btime is not a number"))?;
        booted = Some(Timestamp(seconds.saturating_mul(1000)));
        Ok(false)
    })?;
    Ok(booted)
}

fn time_zone(scope: &Scope<'_>) -> Option<String> {
    let link = scope.root().link("/etc/localtime");
    let linked = link.as_deref().and_then(|target| target.split_once("zoneinfo/")).and_then(|(_, name)| tidy(name));
    linked.or_else(|| scope.attribute("/etc/timezone"))
}

fn locale(scope: &Scope<'_>) -> Option<String> {
    ["/etc/locale.conf", "/etc/default/locale"].iter().find_map(|path| {
        let text = scope.text_or_problem(path)?;
        assignments(&text).find(|(key, _)| *key == "LANG").and_then(|(_, value)| tidy(&value))
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
        other => other.map(str::to_owned),
    }
}

/// Debian's and Ubuntu's marker; that it is missing says something only where a hook would write it.
fn reboot_required(scope: &Scope<'_>) -> Option<bool> {
    if scope.root().exists("/run/reboot-required") || scope.root().exists("/var/run/reboot-required") {
        return Some(true);
    }
    const HOOKS: [&str; 2] = ["/usr/share/update-notifier/notify-reboot-required", "/etc/kernel/postinst.d/unattended-upgrades"];
    HOOKS.iter().any(|path| scope.root().exists(path)).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn os_release_is_read_and_empty_values_are_unknown() {
        let row = parse_release("ID=debian\nNAME='Debian GNU/Linux'\nVERSION_ID=\"12\"\nVERSION_CODENAME=\nBOGUS\n");
        assert_eq!((row.id.as_deref(), row.name.as_deref(), row.version.as_deref()), (Some("debian"), Some("Debian GNU/Linux"), Some("12")));
        assert_eq!(row.codename, None);
    }

    proptest! {
        #[test]
        fn no_release_file_panics(text in any::<String>()) {
            let _ = parse_release(&text);
        }
    }
}
