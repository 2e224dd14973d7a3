//! Controls that are services: whether one is installed and starts with the machine, by unit files, OpenRC's runlevels and System V's links.

use super::control;
use crate::collect::Scope;
use crate::collect::ssh_keys::server::Settings;
use rollcall_shared::section::Security;
use std::collections::BTreeSet;

/// What is installed and what starts, by names without `.service`.
#[derive(Debug, Default)]
pub(super) struct Services {
    installed: BTreeSet<String>,
    enabled: BTreeSet<String>,
}

impl Services {
    pub(super) fn read(scope: &Scope<'_>) -> Self {
        let mut services = Self::default();
        let folders = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
        let is_merged = scope.root().link("/lib").is_some();
        for folder in folders.into_iter().filter(|folder| !(is_merged && folder.starts_with("/lib/")) && scope.root().exists(folder)) {
            for name in scope.list(folder) {
                if name.ends_with(".wants") || name.ends_with(".requires") {
                    services.enabled.extend(scope.list(&format!("{folder}/{name}")).iter().map(|name| stem(name)));
                // A link to nothing is how a unit is masked.
                } else if scope.root().link(&format!("{folder}/{name}")).as_deref() != Some("/dev/null") {
                    services.installed.insert(stem(&name));
                }
            }
        }
        for (folder, prefix) in [("/etc/runlevels/default", ""), ("/etc/runlevels/boot", ""), ("/etc/rc2.d", "S"), ("/etc/rc3.d", "S")] {
            let names = if scope.root().exists(folder) { scope.list(folder) } else { Vec::new() };
            let started = names.iter().filter_map(|name| name.strip_prefix(prefix));
            services
                .enabled
                .extend(started.map(|name| name.trim_start_matches(|c: char| !prefix.is_empty() && c.is_ascii_digit()).to_owned()));
        }
        if scope.root().exists("/etc/init.d") {
            services.installed.extend(scope.list("/etc/init.d"));
        }
        services
    }

    pub(super) fn is_installed(&self, name: &str) -> bool {
        self.installed.contains(name)
    }

    /// A service that is masked or gone is not started by the link that stayed.
    pub(super) fn is_enabled(&self, name: &str) -> bool {
        self.is_installed(name) && self.enabled.contains(name)
    }

    /// The state of a control that any one of several services provides, and which of them do.
    fn any_of(&self, name: &str, services: &[(&str, &str)]) -> Security {
        let installed: BTreeSet<&str> = services.iter().filter(|(unit, _)| self.is_installed(unit)).map(|(_, product)| *product).collect();
        let enabled: BTreeSet<&str> = services.iter().filter(|(unit, _)| self.is_enabled(unit)).map(|(_, product)| *product).collect();
        let state = match (installed.is_empty(), enabled.is_empty()) {
            (true, _) => "absent",
            (false, true) => "disabled",
            (false, false) => "enabled",
        };
        let joined = |names: BTreeSet<&str>| (!names.is_empty()).then(|| names.into_iter().collect::<Vec<_>>().join(" "));
        control(name, state, [("enabled", joined(enabled)), ("installed", joined(installed))])
    }
}

/// Timers keep their ending: they are other units than the services of their name.
fn stem(name: &str) -> String {
    name.strip_suffix(".service").unwrap_or(name).to_owned()
}

/// Scanners and sensors by the units of their packages.
pub(super) fn antivirus(services: &Services) -> Security {
    const PRODUCTS: [(&str, &str); 21] = [
        ("clamav-daemon", "clamav"),
        ("clamd", "clamav"),
        ("clamd@scan", "clamav"),
        ("clamonacc", "clamav"),
        ("clamav-clamonacc", "clamav"),
        ("falcon-sensor", "crowdstrike"),
        ("mdatp", "defender"),
        ("sentinelone", "sentinelone"),
        ("sav-protect", "sophos"),
        ("sophos-spl", "sophos"),
        ("ds_agent", "trend_micro"),
        ("eea", "eset"),
        ("efs", "eset"),
        ("esets", "eset"),
        ("kesl", "kaspersky"),
        ("drweb-configd", "drweb"),
        ("bdsec", "bitdefender"),
        ("xagt", "trellix"),
        ("mfetpd", "trellix"),
        ("cbagentd", "carbon_black"),
        ("traps_pmd", "cortex_xdr"),
    ];
    services.any_of("antivirus", &PRODUCTS)
}

/// Programs that set the clock by others.
pub(super) fn time_synchronisation(services: &Services) -> Security {
    const PROGRAMS: [(&str, &str); 9] = [
        ("chrony", "chrony"),
        ("chronyd", "chrony"),
        ("ntp", "ntp"),
        ("ntpd", "ntp"),
        ("ntpsec", "ntpsec"),
        ("openntpd", "openntpd"),
        ("systemd-timesyncd", "systemd-timesyncd"),
        ("ptp4l", "linuxptp"),
        ("ntpd-rs", "ntpd-rs"),
    ];
    services.any_of("time_synchronisation", &PROGRAMS)
}

/// The audit daemon and how many rules it has.
pub(super) fn audit(scope: &Scope<'_>, services: &Services) -> Security {
    const RULES: &str = "/etc/audit/rules.d";
    let mut row = services.any_of("audit", &[("auditd", "auditd")]);
    if scope.root().exists(RULES) {
        let files = scope.list(RULES).into_iter().filter(|name| name.ends_with(".rules"));
        let texts = files.filter_map(|name| scope.text_or_problem(&format!("{RULES}/{name}")));
        // Watches and rules for system calls; other lines set up the daemon.
        let rules = texts.map(|text| text.lines().filter(|line| line.starts_with("-a") || line.starts_with("-w")).count()).sum::<usize>();
        row.facts.push(("rules".to_owned(), rules.to_string()));
        row.facts.sort_unstable();
    }
    row
}

/// What the server for log-ins from afar allows everyone, with OpenSSH's own values (sshd_config(5)) for what is not set.
pub(super) fn ssh(scope: &Scope<'_>, services: &Services) -> Option<Security> {
    const SETTINGS: [(&str, &str, &str); 13] = [
        ("permitrootlogin", "permit_root_login", "prohibit-password"),
        ("passwordauthentication", "password_authentication", "yes"),
        ("kbdinteractiveauthentication", "keyboard_interactive_authentication", "yes"),
        ("pubkeyauthentication", "public_key_authentication", "yes"),
        ("permitemptypasswords", "permit_empty_passwords", "no"),
        ("hostbasedauthentication", "host_based_authentication", "no"),
        ("x11forwarding", "x11_forwarding", "no"),
        ("allowtcpforwarding", "allow_tcp_forwarding", "yes"),
        ("maxauthtries", "max_authentication_tries", "6"),
        ("usepam", "use_pam", "no"),
        ("port", "port", "22"),
        ("strictmodes", "strict_modes", "yes"),
        ("permituserenvironment", "permit_user_environment", "no"),
    ];
    let settings = Settings::read(scope);
    if !settings.is_there() {
        let is_there = services.is_installed("ssh") || services.is_installed("sshd");
        return (!is_there).then(|| control("ssh", "absent", []));
    }
    // The name that it had before OpenSSH 8.7.
    let older = |name: &str| (name == "kbdinteractiveauthentication").then(|| settings.first("challengeresponseauthentication")).flatten();
    let facts = SETTINGS.map(|(name, fact, usual)| {
        let value = settings.first(name).or_else(|| older(name)).unwrap_or(usual).to_ascii_lowercase();
        // The old name of the same.
        (fact, Some(if value == "without-password" { "prohibit-password".to_owned() } else { value }))
    });
    let lists =
        [("allowusers", "allow_users"), ("allowgroups", "allow_groups"), ("denyusers", "deny_users"), ("denygroups", "deny_groups")];
    let lists = lists.map(|(name, fact)| (fact, settings.first(name).map(str::to_owned)));
    let is_enabled = ["ssh", "sshd", "ssh.socket", "sshd.socket"].iter().any(|name| services.is_enabled(name));
    Some(control("ssh", if is_enabled { "enabled" } else { "disabled" }, facts.into_iter().chain(lists)))
}
