//! What the network stack lost or had to repeat: `/proc/net/{snmp,netstat,softnet_stat}`.

use super::Raw;
use crate::collect::Scope;

/// Reads the series.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    let text = |path: &str| scope.text_or_problem(path);
    let mut raw = text("/proc/net/snmp").map(|text| snmp(&text)).unwrap_or_default();
    raw.extend(text("/proc/net/netstat").into_iter().flat_map(|text| netstat(&text)));
    raw.extend(text("/proc/net/softnet_stat").into_iter().flat_map(|text| softnet(&text)));
    raw
}

/// One protocol of two lines: `Tcp: RtoAlgorithm RtoMin …` names what `Tcp: 1 200 …` counts.
struct Table<'a> {
    names: &'a str,
    numbers: &'a str,
}

impl<'a> Table<'a> {
    fn find(text: &'a str, protocol: &str) -> Option<Self> {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(protocol)?.strip_prefix(':'));
        Some(Self { names: lines.next()?, numbers: lines.next()? })
    }

    fn get(&self, name: &str) -> Option<u64> {
        let position = self.names.split_whitespace().position(|one| one == name)?;
        self.numbers.split_whitespace().nth(position)?.parse().ok()
    }
}

fn snmp(text: &str) -> Vec<Raw> {
    let mut raw = Vec::new();
    if let Some(tcp) = Table::find(text, "Tcp") {
        if let (Some(repeated), Some(sent)) = (tcp.get("RetransSegs"), tcp.get("OutSegs")) {
            raw.push(Raw::rate("system.network.tcp.retransmits", &[], "{segment}/s", repeated, 1.0));
            raw.push(Raw::share("system.network.tcp.retransmit.utilization", &[], repeated, sent.saturating_add(repeated)));
        }
        raw.extend(tcp.get("CurrEstab").map(|now| Raw::count("system.network.tcp.established", &[], "{connection}", now)));
    }
    if let Some(udp) = Table::find(text, "Udp") {
        let kinds =
            [("checksum", "InCsumErrors"), ("receive_buffer", "RcvbufErrors"), ("send_buffer", "SndbufErrors"), ("receive", "InErrors")];
        let read = |(kind, name)| Some(Raw::rate("system.network.udp.errors", &[("type", kind)], "{error}/s", udp.get(name)?, 1.0));
        raw.extend(kinds.into_iter().filter_map(read));
    }
    raw
}

fn netstat(text: &str) -> Vec<Raw> {
    let Some(tcp) = Table::find(text, "TcpExt") else { return Vec::new() };
    let metrics = [("system.network.tcp.listen_overflows", "ListenOverflows"), ("system.network.tcp.listen_drops", "ListenDrops")];
    metrics.into_iter().filter_map(|(metric, name)| Some(Raw::rate(metric, &[], "{connection}/s", tcp.get(name)?, 1.0))).collect()
}

/// A line a processor: packets, dropped, times that its share of time ran out, in hexadecimal.
fn softnet(text: &str) -> Vec<Raw> {
    let (mut dropped, mut squeezed) = (0_u64, 0_u64);
    for line in text.lines() {
        let mut columns = line.split_whitespace().skip(1).map(|column| u64::from_str_radix(column, 16));
        let (Some(Ok(lost)), Some(Ok(late))) = (columns.next(), columns.next()) else { return Vec::new() };
        (dropped, squeezed) = (dropped.saturating_add(lost), squeezed.saturating_add(late));
    }
    if text.is_empty() {
        return Vec::new();
    }
    vec![
        Raw::rate("system.network.softnet.dropped", &[], "{packet}/s", dropped, 1.0),
        Raw::rate("system.network.softnet.squeezed", &[], "{event}/s", squeezed, 1.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_found_by_its_name_wherever_it_stands() {
        let raw = snmp("Ip: A\nIp: 1\nTcp: OutSegs X RetransSegs\nTcp: 90 7 10\nUdp: InErrors\nUdp: 3\n");
        let expected = [
            Raw::rate("system.network.tcp.retransmits", &[], "{segment}/s", 10, 1.0),
            Raw::share("system.network.tcp.retransmit.utilization", &[], 10, 100),
            Raw::rate("system.network.udp.errors", &[("type", "receive")], "{error}/s", 3, 1.0),
        ];
        assert_eq!(raw, expected);
    }

    #[test]
    fn udplite_is_not_udp() {
        assert!(Table::find("UdpLite: InErrors\nUdpLite: 5\n", "Udp").is_none());
    }

    #[test]
    fn processors_are_summed() {
        let raw = softnet("000012a4 00000001 00000002 0\n00000019 0000000f 00000000 0\n");
        assert_eq!(raw[0], Raw::rate("system.network.softnet.dropped", &[], "{packet}/s", 16, 1.0));
        assert_eq!(softnet("000012a4 zz 0\n"), []);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "((Tcp|Udp|TcpExt):[ A-Za-z0-9]{0,30}\n){0,4}[ -~]{0,30}") {
            let _ = (snmp(&text), netstat(&text), softnet(&text));
        }
    }
}
