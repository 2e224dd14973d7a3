//! Interfaces and connections.

use super::{
    HOUR_MS, MINUTE_MS, NETDATA, NODE_MIXIN, above, any, formula, lasting, levels, newest, paging, recorded, rule, share, sourced,
};
use crate::rule::{Reduce, Rule};

/// Packets a second below which a share of them says nothing.
const PACKET_FLOOR: f64 = 10.0;

pub(super) fn rules() -> Vec<Rule> {
    vec![
        sourced(
            NETDATA,
            recorded(rule(
                "network_utilization",
                "Network utilisation",
                "The interface carries nearly as much as its speed allows, and what comes on top is dropped. See who talks (iftop, the host's connections) and whether it is a backup or a copy that may run at another time. A link that negotiated too low a speed shows the same.",
                above("system.network.utilization", Reduce::Avg, MINUTE_MS),
                levels(Some((0.9, 0.85)), None),
            )),
        ),
        sourced(
            NETDATA,
            recorded(rule(
                "network_drops",
                "Packets dropped",
                "Two of a hundred packets or more were dropped in the last ten minutes. Received ones are dropped when the host cannot keep up (see softnet drops, ring buffers in ethtool -g) or does not want them (other VLANs, unknown protocols); sent ones when a queue is full.",
                share("system.network.dropped", "system.network.packets", 10 * MINUTE_MS, PACKET_FLOOR),
                levels(Some((0.02, 0.01)), None),
            )),
        ),
        sourced(
            NODE_MIXIN,
            rule(
                "network_errors",
                "Network errors",
                "More than one of a hundred packets was damaged over an hour: a bad cable, connector, transceiver or port, or a duplex mismatch. Look at the interface's counters (ethtool -S), then change cable and port.",
                share("system.network.errors", "system.network.packets", HOUR_MS, PACKET_FLOOR),
                levels(Some((0.01, 0.005)), None),
            ),
        ),
        sourced(
            NODE_MIXIN,
            lasting(
                5 * MINUTE_MS,
                rule(
                    "bond_member_lost",
                    "Bond member lost",
                    "A member of the bonded interface has been without link for five minutes: the redundancy is gone and one more failure cuts the host off. Check cable, transceiver and switch port of the member that is down (/proc/net/bonding).",
                    formula("system.network.bond.members.expected - system.network.bond.members.active"),
                    any(false),
                ),
            ),
        ),
        sourced(
            NETDATA,
            paging(rule(
                "conntrack",
                "Connection tracking table",
                "The kernel's table of connections is nearly full; when it is, new connections are dropped silently. See who opens so many (conntrack -S, the host's connections), shorten time-outs, or raise net.netfilter.nf_conntrack_max.",
                newest("system.network.conntrack.utilization"),
                levels(Some((0.9, 0.85)), Some((0.95, 0.9))),
            )),
        ),
    ]
}
