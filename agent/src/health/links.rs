//! Whether network interfaces are up, how fast, how much of that is used, and whether bonds have all of their members:
//! `/sys/class/net`, `/proc/net/dev`.
//!
//! Asking a driver for its speed takes a lock that configuration holds for seconds, so this is not read with every sample.

use super::network::{self, INTERFACES};
use super::{Raw, float};
use crate::collect::Scope;

/// Members of a bond that are looked at.
const MEMBERS: usize = 64;

/// Reads the series.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    let Some(text) = scope.text_or_problem("/proc/net/dev") else { return Vec::new() };
    network::measured(scope, &text).take(INTERFACES).flat_map(|interface| one(scope, &interface)).collect()
}

fn one(scope: &Scope<'_>, interface: &network::Interface<'_>) -> Vec<Raw> {
    let folder = format!("/sys/class/net/{}", interface.name);
    let device = ("device", interface.name);
    let mut raw = Vec::new();
    // Down by intention and down for want of a cable are both down; tunnels do not know and say `unknown`.
    let state = scope.attribute(&format!("{folder}/operstate"));
    let is_up = match state.as_deref() {
        Some("up") => Some(true),
        Some("unknown") | None => None,
        Some(_) => Some(false),
    };
    if state.is_some() {
        raw.push(Raw::flag("system.network.link.up", &[device], is_up));
    }
    // Drivers say -1 or refuse while there is no link.
    let megabits = scope.attribute(&format!("{folder}/speed")).and_then(|text| text.parse::<u64>().ok()).filter(|&speed| speed > 0);
    if let Some(megabits) = megabits {
        let bits = float(megabits) * 1e6;
        raw.push(Raw::gauge("system.network.link.speed", &[device], "bit/s", Some(bits)));
        let directions = [("receive", interface.received[0]), ("transmit", interface.sent[0])];
        raw.extend(
            directions
                .map(|(direction, bytes)| Raw::busy("system.network.utilization", &[device, ("direction", direction)], bytes, 8.0 / bits)),
        );
    }
    raw.extend(bond(scope, &folder, device));
    raw
}

/// Members, and how many of them have a link.
fn bond(scope: &Scope<'_>, folder: &str, device: (&str, &str)) -> Vec<Raw> {
    let path = format!("{folder}/bonding/slaves");
    if !scope.root().exists(&path) {
        return Vec::new();
    }
    let members = scope.attribute(&path).unwrap_or_default();
    let members: Vec<&str> = members.split_whitespace().filter(|name| !name.contains('/')).take(MEMBERS).collect();
    let state = |member: &&&str| scope.attribute(&format!("/sys/class/net/{member}/bonding_slave/mii_status"));
    let active = members.iter().filter(|member| state(member).as_deref() == Some("up")).count();
    vec![
        Raw::count("system.network.bond.members.expected", &[device], "{interface}", members.len() as u64),
        Raw::count("system.network.bond.members.active", &[device], "{interface}", active as u64),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    const HEAD: &str =
        "=== /proc/net/dev\nInter-|\n face |\n eth0: 1000 1 0 0 0 0 0 0 500 1 0 0 0 0 0 0\n bond0: 1 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n";

    #[track_caller]
    fn check(tree: &str, expected: &[(&str, &str, Option<f64>)]) {
        let directory = plant(&format!("{HEAD}{tree}"));
        let root = Root::new(directory.path());
        let raw = read(&Scope::new(&root));
        let found: Vec<_> = raw
            .iter()
            .filter_map(|raw| {
                let super::super::series::Figure::Gauge(value) = raw.figure else { return None };
                Some((raw.series.metric.as_str(), raw.series.attributes[0].1.as_str(), value))
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_link_without_a_cable_is_down_and_a_tunnel_does_not_know() {
        check(
            "=== /sys/class/net/eth0/operstate\nlowerlayerdown\n=== /sys/class/net/eth0/speed\n-1\n=== /sys/class/net/bond0/operstate\nunknown\n",
            &[("system.network.link.up", "eth0", Some(0.0)), ("system.network.link.up", "bond0", None)],
        );
    }

    #[test]
    fn a_bond_counts_its_members_with_a_link() {
        check(
            "=== /sys/class/net/eth0/operstate\nup\n=== /sys/class/net/eth0/speed\n1000\n=== /sys/class/net/eth0/bonding_slave/mii_status\nup\n\
             === /sys/class/net/bond0/bonding/slaves\neth0 eth1\n",
            &[
                ("system.network.link.up", "eth0", Some(1.0)),
                ("system.network.link.speed", "eth0", Some(1e9)),
                ("system.network.bond.members.expected", "bond0", Some(2.0)),
                ("system.network.bond.members.active", "bond0", Some(1.0)),
            ],
        );
    }
}
