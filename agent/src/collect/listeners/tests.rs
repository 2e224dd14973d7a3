use super::super::testing;
use super::*;
use crate::root::Root;

#[track_caller]
fn check(tree: &str, expected: &[(&str, &str, u16, Option<u32>)]) {
    let tree = testing::plant(tree);
    let root = Root::new(tree.path());
    let rows = collect(&Scope::new(&root)).expect("collected");
    let short: Vec<_> = rows.iter().map(|row| (row.protocol.as_str(), row.address.as_str(), row.port, row.pid)).collect();
    assert_eq!(short, expected);
}

const UDP: &str = "=== /proc/sys/net/ipv4/ip_local_port_range\n32768 60999\n=== /proc/7/stat\n7 (a) S 1\n=== /proc/7/fd/3 -> socket:[30]\n";

#[test]
fn workers_on_one_port_are_one_listener() {
    check(
        "=== /proc/net/tcp\n  sl\n 0: 00000000:0050 00000000:0000 0A 0:0 0:0 0 0 0 10 1\n 1: 00000000:0050 00000000:0000 0A 0:0 0:0 0 0 0 11 1\n\
=== /proc/41/stat\n41 (w) S 40\n=== /proc/41/fd/3 -> socket:[10]\n=== /proc/42/stat\n42 (w) S 40\n=== /proc/42/fd/3 -> socket:[11]\n=== /proc/40/stat\n40 (w) S 1\n",
        &[("tcp", "0.0.0.0", 80, Some(40))],
    );
}

#[test]
fn sockets_of_clients_are_left_out() {
    let table = "=== /proc/net/udp\n  sl\n 0: 00000000:C001 00000000:0000 07 0:0 0:0 0 0 0 30 1\n 1: 00000000:0035 00000000:0000 07 0:0 0:0 0 0 0 31 1\n";
    check(&format!("{UDP}{table}"), &[("udp", "0.0.0.0", 53, None)]);
}

#[test]
fn a_kernels_own_socket_on_a_clients_port_stays() {
    let both = |inode| {
        format!(
            "{UDP}=== /proc/net/udp\n  sl\n 0: 00000000:CA6C 00000000:0000 07 0:0 0:0 0 0 0 {inode} 1\n\
=== /proc/net/udp6\n  sl\n 0: 00000000000000000000000000000000:CA6C 00000000000000000000000000000000:0000 07 0:0 0:0 0 0 0 {inode} 1\n"
        )
    };
    check(&both(99), &[("udp", "0.0.0.0", 51_820, None), ("udp", "::", 51_820, None)]);
    check(&both(30), &[]);
}

#[test]
fn a_reserved_port_is_a_services() {
    let table = "=== /proc/sys/net/ipv4/ip_local_reserved_ports\n49153\n=== /proc/net/udp\n  sl\n 0: 00000000:C001 00000000:0000 07 0:0 0:0 0 0 0 30 1\n";
    check(&format!("{UDP}{table}"), &[("udp", "0.0.0.0", 49_153, Some(7))]);
}

/// Protocol, address, port.
type Place = (String, String, u16);

/// Name and number of the processes that hold a socket.
type Holders = BTreeSet<(String, u32)>;

/// `tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))`; `*` is both families.
fn listed(line: &str) -> Option<(Place, Holders)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (address, port) = words.get(4)?.rsplit_once(':')?;
    let address = address.split('%').next()?.trim_matches(['[', ']']);
    let address: IpAddr = if address == "*" { "::" } else { address }.parse().ok()?;
    let place = ((*words.first()?).to_owned(), address.to_canonical().to_string(), port.parse().ok()?);
    let users = line.split_once("users:(").map_or("", |(_, users)| users);
    let holder = |user: &str| {
        let (name, rest) = user.split_once("\",pid=")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    };
    Some((place, users.split("(\"").filter_map(holder).collect()))
}

/// What `ss` lists now; workers that share a place are put together. None without `ss`.
fn ss() -> Option<BTreeMap<Place, Holders>> {
    let output = std::process::Command::new("ss").arg("-lntupH").output().ok()?;
    let mut places: BTreeMap<Place, Holders> = BTreeMap::new();
    for (place, holders) in String::from_utf8_lossy(&output.stdout).lines().filter_map(listed) {
        places.entry(place).or_default().extend(holders);
    }
    Some(places)
}

#[test]
fn this_machines_listeners_and_their_owners_are_those_that_ss_lists() {
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let tcp6 = std::net::TcpListener::bind("[::1]:0").ok();
    let root = Root::live();
    let ephemeral = EphemeralPorts::read(&Scope::new(&root));
    let Some(before) = ss() else { return };
    let rows = collect(&Scope::new(&root)).expect("collected");
    let Some(after) = ss() else { return };
    let mine = |port| rows.iter().any(|row| row.port == port && row.pid == Some(std::process::id()));
    assert!(mine(tcp.local_addr().expect("an address").port()));
    assert!(tcp6.is_none_or(|tcp6| mine(tcp6.local_addr().expect("an address").port())));
    // Others begin and end to listen meanwhile: what was the same before and after was the same between.
    let is_client = |place: &Place| place.0 == "udp" && ephemeral.contains(place.2);
    let found: BTreeMap<Place, &Listener> = rows.iter().map(|row| ((row.protocol.clone(), row.address.clone(), row.port), row)).collect();
    for (place, holders) in before.iter().filter(|(place, holders)| !is_client(place) && after.get(place) == Some(holders)) {
        let row = found.get(place).unwrap_or_else(|| panic!("{place:?} is missing"));
        match row.pid.zip(row.process.clone()) {
            Some((pid, process)) => assert!(holders.contains(&(process, pid)), "{row:?} {holders:?}"),
            None => assert!(holders.is_empty(), "{row:?} {holders:?}"),
        }
    }
    let unknown = found.keys().find(|place| !before.contains_key(place) && !after.contains_key(place) && !is_client(place));
    assert!(unknown.is_none_or(|place| ephemeral.contains(place.2)), "{unknown:?}");
}
