//! Packet filters: nftables' chains over netlink, the tables of the older iptables, and the front ends ufw and firewalld by their own
//! files.
//!
//! Of nftables those chains count that the kernel calls: they have a hook and a policy. What they call in turn (a chain a service, a
//! rule a banned address) is left out; it changes all the time where it is many. iptables of today writes nftables' chains, and is
//! seen as such. Nothing is asked that would load a kernel module: without `nf_tables` there are no such chains.

use super::netlink::{self, Subsystem};
use super::text::{assignments, tidy};
use super::trace::Found;
use super::{Failure, Scope};
use rollcall_shared::section::Firewall;
use std::io;

pub(crate) mod nftables;

/// Of each of IPv4 and IPv6, the tables of iptables that are loaded; only root may read them.
const TABLES: [(&str, &str); 2] = [("ip", "/proc/net/ip_tables_names"), ("ip6", "/proc/net/ip6_tables_names")];

/// Names of tables that are read; iptables knows five.
const NAMES: usize = 64;

/// What asking nftables came to.
enum Asked {
    /// The chains; whether one is firewalld's tells whether that runs.
    Chains(Vec<Firewall>),
    /// The kernel has no nftables.
    Absent,
    /// It is not known.
    Unknown,
}

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Firewall>, Failure> {
    let chains = if scope.root().is_live() { ask_nftables(scope) } else { Asked::Unknown };
    let mut rows = iptables(scope);
    rows.extend(ufw(scope));
    rows.extend(firewalld(scope, &chains));
    if !scope.root().is_live() {
        const CAPTURED: &str = "a captured tree has no kernel to ask for nftables' chains";
        if rows.is_empty() {
            return Err(Failure::Skipped(CAPTURED.to_owned()));
        }
        scope.problem(CAPTURED);
    }
    if let Asked::Chains(chains) = chains {
        rows.extend(chains);
    }
    Ok(rows)
}

fn ask_nftables(scope: &Scope<'_>) -> Asked {
    const SOURCE: &str = "nftables";
    let answer = if may_be_loaded_by_asking(scope) { Err(io::Error::from(io::ErrorKind::NotFound)) } else { nftables::read() };
    match answer {
        Ok(chains) => {
            scope.asked(SOURCE, Found::Read(chains.len()));
            if chains.len() >= nftables::CHAINS {
                scope.problem(format_args!("nftables' chains beyond the limit of {} are left out", nftables::CHAINS));
            }
            Asked::Chains(chains)
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            scope.asked(SOURCE, Found::Denied);
            scope.problem("nftables: needs CAP_NET_ADMIN, which AmbientCapabilities= in the agent's unit grants");
            Asked::Unknown
        }
        Err(error) if is_absent(&error) => {
            scope.asked(SOURCE, Found::Absent);
            Asked::Absent
        }
        Err(error) => {
            scope.asked(SOURCE, Found::Failed(error.to_string()));
            scope.problem(Failure::source(SOURCE, error));
            Asked::Unknown
        }
    }
}

/// How kernels without the protocol, the subsystem or the tables say so.
fn is_absent(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let numbers = [Errno::INVAL, Errno::OPNOTSUPP, Errno::PROTONOSUPPORT, Errno::AFNOSUPPORT];
    error.kind() == io::ErrorKind::NotFound || numbers.iter().any(|number| error.raw_os_error() == Some(number.raw_os_error()))
}

/// Whether `nf_tables` is a module that is not loaded, which the kernel would do for whoever asks.
fn may_be_loaded_by_asking(scope: &Scope<'_>) -> bool {
    if scope.root().exists("/sys/module/nf_tables") {
        return false;
    }
    let Some(release) = scope.attribute("/proc/sys/kernel/osrelease") else { return false };
    let modules = format!("/lib/modules/{release}");
    let built_in = scope.text(&format!("{modules}/modules.builtin")).ok().flatten();
    scope.root().exists(&format!("{modules}/modules.dep")) && !built_in.is_some_and(|list| list.lines().any(|line| line.ends_with("/nf_tables.ko")))
}

fn iptables(scope: &Scope<'_>) -> Vec<Firewall> {
    let mut rows = Vec::new();
    for (family, path) in TABLES {
        let names = scope.text_or_problem(path).unwrap_or_default();
        let row = |name: String| Firewall { kind: "iptables".to_owned(), name: format!("{family}/{name}"), active: Some(true), ..Firewall::default() };
        rows.extend(names.lines().filter_map(tidy).take(NAMES).map(row));
    }
    rows
}

/// ufw(8): whether it is on, what happens to what comes in, and how many rules its user gave.
fn ufw(scope: &Scope<'_>) -> Option<Firewall> {
    let configuration = scope.text_or_problem("/etc/ufw/ufw.conf")?;
    let defaults = scope.text_or_problem("/etc/default/ufw").unwrap_or_default();
    let active = setting(&configuration, "ENABLED").and_then(|enabled| match enabled.to_ascii_lowercase().as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    });
    let rules = |path: &str| scope.text_or_problem(path).map(|text| count_of_rules(&text));
    let (inet, inet6) = (rules("/etc/ufw/user.rules"), rules("/etc/ufw/user6.rules"));
    Some(Firewall {
        kind: "ufw".to_owned(),
        name: "ufw".to_owned(),
        active,
        hook: None,
        policy: setting(&defaults, "DEFAULT_INPUT_POLICY").map(|policy| policy.to_ascii_lowercase()),
        rules: inet.map_or(inet6, |inet| Some(inet.saturating_add(inet6.unwrap_or(0)))),
    })
}

/// ufw heads each rule of its user with a line that says what was asked for.
fn count_of_rules(text: &str) -> u32 {
    u32::try_from(text.lines().filter(|line| line.starts_with("### tuple ###")).count()).unwrap_or(u32::MAX)
}

/// firewalld.conf(5). With its usual backend it is in force when its table is there.
fn firewalld(scope: &Scope<'_>, chains: &Asked) -> Option<Firewall> {
    let configuration = scope.text_or_problem("/etc/firewalld/firewalld.conf")?;
    let is_nftables = setting(&configuration, "FirewallBackend").is_none_or(|backend| backend == "nftables");
    let active = match chains {
        Asked::Chains(chains) if is_nftables => Some(chains.iter().any(|chain| chain.name.starts_with("inet/firewalld/"))),
        Asked::Absent if is_nftables => Some(false),
        _ => None,
    };
    Some(Firewall {
        kind: "firewalld".to_owned(),
        name: "firewalld".to_owned(),
        active,
        policy: Some(setting(&configuration, "DefaultZone").unwrap_or_else(|| "public".to_owned())),
        ..Firewall::default()
    })
}

/// The last assignment holds.
fn setting(text: &str, wanted: &str) -> Option<String> {
    assignments(text).filter(|(key, _)| *key == wanted).last().and_then(|(_, value)| tidy(&value))
}

#[cfg(test)]
mod tests;
