//! Controls of the kernel and the firmware.

use super::control;
use crate::collect::Scope;
use crate::collect::text::assignments;
use rollcall_shared::section::Security;

/// Enforcement as the kernel does it, else as it is configured. `absent` where nothing speaks of it.
pub(super) fn selinux(scope: &Scope<'_>) -> Option<Security> {
    const CONFIGURATION: &str = "/etc/selinux/config";
    let text = scope.text_or_problem(CONFIGURATION).unwrap_or_default();
    let set = |wanted: &str| assignments(&text).find(|(key, _)| *key == wanted).map(|(_, value)| value.to_ascii_lowercase());
    let state = match scope.attribute("/sys/fs/selinux/enforce").as_deref() {
        Some("1") => "enforcing",
        Some("0") => "permissive",
        Some(_) => return None,
        None if !scope.root().exists("/sys/kernel") => return None,
        None if text.is_empty() => "absent",
        None => "disabled",
    };
    Some(control("selinux", state, [("configured", set("SELINUX")), ("policy", set("SELINUXTYPE"))]))
}

/// Profiles are counted by mode, where they may be read.
pub(super) fn apparmor(scope: &Scope<'_>) -> Option<Security> {
    let state = match scope.attribute("/sys/module/apparmor/parameters/enabled").as_deref() {
        Some("Y") => "enabled",
        Some(_) => "disabled",
        None if scope.root().exists("/sys/kernel") => "absent",
        None => return None,
    };
    let profiles = scope.text_or_problem("/sys/kernel/security/apparmor/profiles");
    let count =
        |mode: &str| profiles.as_ref().map(|text| text.lines().filter(|line| line.ends_with(&format!("({mode})"))).count().to_string());
    Some(control("apparmor", state, [("complain_profiles", count("complain")), ("enforce_profiles", count("enforce"))]))
}

/// `none [integrity] confidentiality`: the one in brackets.
pub(super) fn lockdown(scope: &Scope<'_>) -> Option<Security> {
    let text = scope.attribute("/sys/kernel/security/lockdown")?;
    let mode = text.split_once('[')?.1.split_once(']')?.0.to_owned();
    Some(control("lockdown", if mode == "none" { "disabled" } else { "enabled" }, [("mode", Some(mode))]))
}

/// The global variables of UEFI 2.10 §3.3; four bytes of attributes stand before the value.
pub(super) fn secure_boot(scope: &Scope<'_>) -> Option<Security> {
    const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
    if !scope.root().exists("/sys/firmware/efi") {
        return scope.root().exists("/sys/firmware").then(|| control("secure_boot", "absent", []));
    }
    let flag = |name: &str| {
        let bytes = scope.bytes(&format!("/sys/firmware/efi/efivars/{name}-{GLOBAL}"), 64);
        bytes.map_err(|error| scope.problem(error)).ok().flatten().and_then(|bytes| bytes.get(4).map(|byte| *byte == 1))
    };
    let is_on = flag("SecureBoot")?;
    Some(control("secure_boot", if is_on { "enabled" } else { "disabled" }, [("setup_mode", flag("SetupMode").map(|is| is.to_string()))]))
}

/// What becomes of the memory of a program that crashed.
pub(super) fn core_dumps(scope: &Scope<'_>) -> Option<Security> {
    let pattern = scope.attribute("/proc/sys/kernel/core_pattern");
    let state = match pattern.as_deref() {
        Some(pattern) if pattern.starts_with('|') => {
            let program = pattern.trim_start_matches(['|', ' ']).split_whitespace().next().unwrap_or_default();
            if matches!(program, "/bin/false" | "/usr/bin/false" | "/bin/true" | "/usr/bin/true") { "disabled" } else { "handled" }
        }
        Some(_) => "enabled",
        // The kernel shows an empty pattern as an empty file.
        None if scope.root().exists("/proc/sys/kernel/core_pattern") => "disabled",
        None => return None,
    };
    let text = scope.text_or_problem("/etc/systemd/coredump.conf").unwrap_or_default();
    let storage = assignments(&text).filter(|(key, _)| *key == "Storage").map(|(_, value)| value).last();
    let suid = scope.attribute("/proc/sys/fs/suid_dumpable");
    Some(control("core_dumps", state, [("pattern", pattern), ("storage", storage), ("suid_dumpable", suid)]))
}
