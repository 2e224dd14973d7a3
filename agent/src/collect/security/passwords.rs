//! What is asked of passwords: `login.defs`, the settings of PAM's modules, and the modules that are in use.

use super::control;
use crate::collect::Scope;
use crate::collect::text::assignments;
use rollcall_shared::section::Security;
use std::collections::BTreeMap;

/// Files that say which modules judge a new password, by the layouts of Debian and of the others.
const STACKS: [&str; 4] = ["/etc/pam.d/common-password", "/etc/pam.d/system-auth", "/etc/pam.d/password-auth", "/etc/pam.d/passwd"];

/// Modules that judge passwords.
const JUDGES: [&str; 3] = ["pam_pwquality.so", "pam_cracklib.so", "pam_passwdqc.so"];

/// Options of modules that are facts: quality, history and lock-out.
const OPTIONS: [&str; 13] = [
    "minlen",
    "minclass",
    "dcredit",
    "ucredit",
    "lcredit",
    "ocredit",
    "difok",
    "maxrepeat",
    "dictcheck",
    "remember",
    "deny",
    "unlock_time",
    "fail_interval",
];

/// The policy for passwords; none where neither accounts nor PAM are configured.
pub(super) fn policy(scope: &Scope<'_>) -> Option<Security> {
    let mut facts = BTreeMap::new();
    let is_configured = ages(scope, &mut facts);
    let stacks: Vec<String> = STACKS.iter().filter_map(|path| scope.text_or_problem(path)).collect();
    if !is_configured && stacks.is_empty() {
        return None;
    }
    for (module, path) in [("pwquality", "/etc/security/pwquality.conf"), ("faillock", "/etc/security/faillock.conf")] {
        options(&with_drop_ins(scope, path), module, &mut facts);
    }
    let mut judges = Vec::new();
    for line in stacks.iter().flat_map(|text| text.lines()).map(str::trim).filter(|line| !line.starts_with('#')) {
        let Some((module, rest)) = module(line) else { continue };
        if let Some(judge) = JUDGES.iter().find(|judge| **judge == module) {
            judges.push(*judge);
        }
        let name = module.trim_start_matches("pam_").trim_end_matches(".so");
        // What the line says goes before what the file says.
        options(&rest.replace(char::is_whitespace, "\n"), if name == "cracklib" { "pwquality" } else { name }, &mut facts);
    }
    judges.sort_unstable();
    judges.dedup();
    let state = if judges.is_empty() { "basic" } else { "enabled" };
    let modules = (!judges.is_empty()).then(|| judges.join(" "));
    let facts = facts.iter().map(|(name, value)| (name.as_str(), Some(value.clone())));
    Some(control("password_policy", state, facts.chain([("modules", modules)])))
}

/// `NAME value` of login.defs(5).
fn ages(scope: &Scope<'_>, facts: &mut BTreeMap<String, String>) -> bool {
    const SETTINGS: [&str; 6] = ["PASS_MAX_DAYS", "PASS_MIN_DAYS", "PASS_WARN_AGE", "PASS_MIN_LEN", "ENCRYPT_METHOD", "UMASK"];
    let text = ["/etc/login.defs", "/usr/etc/login.defs"].iter().find_map(|path| scope.text_or_problem(path));
    for line in text.as_deref().unwrap_or_default().lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(value)) = (words.next(), words.next())
            && SETTINGS.contains(&name)
        {
            facts.insert(name.to_ascii_lowercase(), value.to_owned());
        }
    }
    text.is_some()
}

fn with_drop_ins(scope: &Scope<'_>, path: &str) -> String {
    let folder = format!("{path}.d");
    let names = if scope.root().exists(&folder) { scope.list(&folder) } else { Vec::new() };
    let drop_ins = names.into_iter().filter(|name| name.ends_with(".conf")).map(|name| format!("{folder}/{name}"));
    let texts = [path.to_owned()].into_iter().chain(drop_ins).filter_map(|path| scope.text_or_problem(&path));
    texts.collect::<Vec<_>>().join("\n")
}

/// `option = value` in lines; the last one holds.
fn options(text: &str, module: &str, facts: &mut BTreeMap<String, String>) {
    for (name, value) in assignments(text).filter(|(name, _)| OPTIONS.contains(name)) {
        let value = value.split('#').next().unwrap_or_default().trim().to_owned();
        facts.insert(format!("{module}_{name}"), value);
    }
}

/// `password [success=1 default=ignore] pam_x.so option=value`: the module and its options.
fn module(line: &str) -> Option<(&str, &str)> {
    let begin = line.find("pam_")?;
    let line = line.get(begin..)?;
    Some(line.split_once(char::is_whitespace).unwrap_or((line, "")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn modules_stand_behind_their_control() {
        assert_eq!(module("password [success=1 default=ignore]\tpam_unix.so obscure"), Some(("pam_unix.so", "obscure")));
        assert_eq!(module("@include common-password"), None);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in any::<String>()) {
            options(&line, module(&line).map_or("", |(name, _)| name), &mut BTreeMap::new());
        }
    }
}
