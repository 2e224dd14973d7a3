//! Resolver configuration: `/etc/resolv.conf`, and what stands behind systemd-resolved's local stub: its upstream servers, and the
//! servers and domains of single interfaces. NetworkManager hands what it knows to either of them.
//!
//! A server or domain that two files name is one row, the first file's.

use super::network_interfaces::{is_noise, names_in};
use super::text::{assignments, tidy};
use super::{Failure, Scope};
use rollcall_shared::section::Dns;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// What programs read.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The same as systemd-resolved would have it without its stub.
const UPSTREAM: &str = "/run/systemd/resolve/resolv.conf";

/// Files by interface index: systemd-networkd's, and what other programs told systemd-resolved.
const LINKS: [&str; 2] = ["/run/systemd/netif/links", "/run/systemd/resolve/netif"];

/// Where systemd-resolved listens on this machine.
const STUBS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53)), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 54))];

/// Rows kept: the C library uses three servers and 256 bytes of domains, systemd-resolved some hundred of each.
const ROWS: usize = 10_000;

/// Files of interfaces looked at.
const LINK_FILES: usize = 10_000;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Dns>, Failure> {
    let own = scope.text(RESOLV_CONF)?;
    if own.is_none() && !scope.root().exists("/etc") {
        return Err(Failure::Skipped("there is no /etc".to_owned()));
    }
    let mut rows = parsed(scope, RESOLV_CONF, own.as_deref().unwrap_or_default());
    let is_stub = |row: &Dns| row.kind == "server" && row.value.parse().is_ok_and(|address| STUBS.contains(&address));
    if rows.iter().any(is_stub) || own.is_none() {
        let upstream = scope.text_or_problem(UPSTREAM).unwrap_or_default();
        rows.extend(parsed(scope, UPSTREAM, &upstream));
    }
    rows.extend(of_interfaces(scope));
    let mut seen = BTreeSet::new();
    rows.retain(|row| seen.insert((row.kind.clone(), row.value.clone(), row.interface.clone())));
    if rows.len() > ROWS {
        scope.problem(format_args!("{} entries beyond the limit of {ROWS} are left out", rows.len() - ROWS));
        rows.truncate(ROWS);
    }
    Ok(rows)
}

fn parsed(scope: &Scope<'_>, path: &str, text: &str) -> Vec<Dns> {
    let (entries, malformed) = parse(text);
    malformed.into_iter().for_each(|line| scope.problem(Failure::malformed(path, line, "not the address of a name server")));
    let row = |(kind, value): (&str, String)| Dns { kind: kind.to_owned(), value, interface: None, source: path.to_owned() };
    entries.into_iter().map(row).collect()
}

/// Kinds and values of a `resolv.conf`, and the lines that the resolver would not understand. Of several `search` and `domain` lines
/// the last one holds, resolv.conf(5).
fn parse(text: &str) -> (Vec<(&'static str, String)>, Vec<usize>) {
    let (mut entries, mut search, mut malformed) = (Vec::new(), Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let mut words = line.split_whitespace();
        let Some(keyword) = words.next().filter(|word| !word.starts_with(['#', ';'])) else { continue };
        match keyword {
            "nameserver" => match words.next().filter(|word| is_address(word)) {
                Some(address) => entries.push(("server", address.to_owned())),
                None => malformed.push(number),
            },
            "search" | "domain" => search = words.filter_map(domain).map(|name| ("search", name)).collect(),
            "options" => entries.extend(words.filter_map(tidy).map(|option| ("option", option))),
            _ => {}
        }
    }
    entries.append(&mut search);
    (entries, malformed)
}

/// An address, an IPv6 one maybe with its zone.
fn is_address(word: &str) -> bool {
    let address = word.split_once('%').map_or(word, |(address, _)| address);
    address.parse::<IpAddr>().is_ok() && tidy(word).as_deref() == Some(word)
}

/// Without the dot of the root, but for the root itself.
fn domain(name: &str) -> Option<String> {
    tidy(name.strip_suffix('.').filter(|name| !name.is_empty() && *name != "~").unwrap_or(name))
}

fn of_interfaces(scope: &Scope<'_>) -> Vec<Dns> {
    let mut rows = Vec::new();
    let mut names = None;
    for folder in LINKS {
        for file in scope.list(folder).into_iter().take(LINK_FILES) {
            let path = format!("{folder}/{file}");
            let Some(index) = file.parse::<u32>().ok() else { continue };
            let entries = scope.text_or_problem(&path).map(|text| parse_link(&text)).unwrap_or_default();
            if entries.is_empty() {
                continue;
            }
            let names = names.get_or_insert_with(|| names_in(scope));
            let interface = names.get(&index).cloned().unwrap_or(file);
            if is_noise(&interface) {
                continue;
            }
            let row = |(kind, value): (&str, String)| Dns { kind: kind.to_owned(), value, interface: Some(interface.clone()), source: path.clone() };
            rows.extend(entries.into_iter().map(row));
        }
    }
    rows
}

/// `DNS=` and `SERVERS=` list servers, `DOMAINS=` domains, `ROUTE_DOMAINS=` those that only choose the interface: they are written
/// `~domain`, as systemd-resolved does.
fn parse_link(text: &str) -> Vec<(&'static str, String)> {
    let mut entries = Vec::new();
    for (key, value) in assignments(text) {
        let words = value.split_whitespace();
        match key {
            "DNS" | "SERVERS" => entries.extend(words.filter_map(|word| Some(("server", tidy(word.split('#').next()?)?)))),
            "DOMAINS" => entries.extend(words.filter_map(domain).map(|name| ("search", name))),
            "ROUTE_DOMAINS" => entries.extend(words.filter_map(domain).map(|name| ("search", format!("~{}", name.trim_start_matches('~'))))),
            _ => {}
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use crate::root::Root;
    use proptest::prelude::*;

    #[track_caller]
    fn check(tree: &str, expected: &[&str], problems: Option<&str>) {
        let tree = testing::plant(tree);
        let root = Root::new(tree.path());
        let scope = Scope::new(&root);
        let rows = collect(&scope).expect("collected");
        let short: Vec<String> = rows.iter().map(|row| format!("{} {} {} {}", row.kind, row.value, row.interface.as_deref().unwrap_or("-"), row.source)).collect();
        assert_eq!(short, expected);
        assert_eq!(scope.problems().as_deref(), problems);
    }

    #[test]
    fn the_last_list_of_domains_holds() {
        check(
            "=== /etc/resolv.conf\n# x\n; y\nnameserver 192.0.2.53\nnameserver fe80::1%eth0 ; z\ndomain a.example\nsearch b.example. c.example\noptions ndots:2 rotate\nsortlist 10.0.0.0\n",
            &[
                "server 192.0.2.53 - /etc/resolv.conf",
                "server fe80::1%eth0 - /etc/resolv.conf",
                "option ndots:2 - /etc/resolv.conf",
                "option rotate - /etc/resolv.conf",
                "search b.example - /etc/resolv.conf",
                "search c.example - /etc/resolv.conf",
            ],
            None,
        );
    }

    #[test]
    fn behind_a_stub_stand_the_servers_that_it_asks() {
        check(
            "=== /etc/resolv.conf -> ../run/systemd/resolve/stub-resolv.conf\n=== /run/systemd/resolve/stub-resolv.conf\nnameserver 127.0.0.53\nsearch a.example\n\
=== /run/systemd/resolve/resolv.conf\nnameserver 192.0.2.1\nsearch a.example\n\
=== /run/systemd/netif/links/2\nADMIN_STATE=configured\nDNS=192.0.2.1 2001:db8::53#dns.example\nDOMAINS=a.example\nROUTE_DOMAINS=corp.example .\n\
=== /run/systemd/netif/links/3\nDNS=192.0.2.9\n=== /run/systemd/resolve/netif/2\nSERVERS=192.0.2.2\nDOMAINS=~lab.example\n\
=== /sys/class/net/eth0/ifindex\n2\n=== /sys/class/net/docker0/ifindex\n3\n",
            &[
                "server 127.0.0.53 - /etc/resolv.conf",
                "search a.example - /etc/resolv.conf",
                "server 192.0.2.1 - /run/systemd/resolve/resolv.conf",
                "server 192.0.2.1 eth0 /run/systemd/netif/links/2",
                "server 2001:db8::53 eth0 /run/systemd/netif/links/2",
                "search a.example eth0 /run/systemd/netif/links/2",
                "search ~corp.example eth0 /run/systemd/netif/links/2",
                "search ~. eth0 /run/systemd/netif/links/2",
                "server 192.0.2.2 eth0 /run/systemd/resolve/netif/2",
                "search ~lab.example eth0 /run/systemd/resolve/netif/2",
            ],
            None,
        );
    }

    #[test]
    fn a_server_without_an_address_is_a_problem() {
        let problem = "/etc/resolv.conf:2: not the address of a name server";
        check("=== /etc/resolv.conf\nnameserver 192.0.2.1\nnameserver dns.example\n", &["server 192.0.2.1 - /etc/resolv.conf"], Some(problem));
    }

    #[test]
    fn a_machine_without_a_resolver_has_no_rows() {
        check("=== /etc/\n", &[], None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "((nameserver|search|domain|options|DNS=|DOMAINS=|ROUTE_DOMAINS=)[ -~é\n]{0,12}){0,6}") {
            let _ = (parse(&text), parse_link(&text));
        }
    }
}
