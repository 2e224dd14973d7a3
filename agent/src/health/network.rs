//! Traffic, errors and drops of network interfaces: `/proc/net/dev`.

use super::Raw;
use crate::collect::{Scope, network_interfaces};

/// Interfaces measured, eight series each; when other sources leave no room for all, whole interfaces are left out.
pub(super) const INTERFACES: usize = 256;

/// Reads the series; the loopback interface and per-container ones are left out.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    let Some(text) = scope.text_or_problem("/proc/net/dev") else { return Vec::new() };
    measured(scope, &text).take(INTERFACES).flat_map(Interface::raw).collect()
}

/// The interfaces of `/proc/net/dev` that are worth measuring.
pub(super) fn measured<'a>(scope: &Scope<'_>, text: &'a str) -> impl Iterator<Item = Interface<'a>> {
    let exclude = &scope.options().exclude;
    let counts = |interface: &Interface<'_>| {
        interface.name != "lo" && !network_interfaces::is_noise(interface.name) && !exclude.has_interface(interface.name)
    };
    text.lines().filter_map(parse).filter(counts)
}

/// One line of `/proc/net/dev`.
pub(super) struct Interface<'a> {
    pub(super) name: &'a str,
    /// Bytes, packets, errors, drops.
    pub(super) received: [u64; 4],
    pub(super) sent: [u64; 4],
}

/// `eth0: bytes packets errs drop fifo frame compressed multicast | bytes packets errs drop …`.
fn parse(line: &str) -> Option<Interface<'_>> {
    let (name, counters) = line.split_once(':')?;
    let counters: Vec<u64> = counters.split_whitespace().take(16).map_while(|counter| counter.parse().ok()).collect();
    let &[rb, rp, re, rd, _, _, _, _, sb, sp, se, sd, ..] = counters.as_slice() else { return None };
    Some(Interface { name: name.trim(), received: [rb, rp, re, rd], sent: [sb, sp, se, sd] })
}

impl Interface<'_> {
    fn raw(self) -> Vec<Raw> {
        const METRICS: [(&str, &str); 4] = [
            ("system.network.io", "By/s"),
            ("system.network.packets", "{packet}/s"),
            ("system.network.errors", "{error}/s"),
            ("system.network.dropped", "{packet}/s"),
        ];
        let one = |direction, counters: [u64; 4]| {
            METRICS.into_iter().zip(counters).map(move |((metric, unit), counter)| {
                Raw::rate(metric, &[("device", self.name), ("direction", direction)], unit, counter, 1.0)
            })
        };
        one("receive", self.received).chain(one("transmit", self.sent)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headings_are_no_interfaces() {
        assert!(parse(" face |bytes    packets errs drop fifo frame compressed multicast|bytes").is_none());
        assert!(parse("Inter-|   Receive                                                |  Transmit").is_none());
        assert_eq!(parse("  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16").expect("one").sent, [9, 10, 11, 12]);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[ -~]{0,80}") {
            let _ = parse(&line);
        }
    }
}
