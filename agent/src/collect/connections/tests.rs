use super::super::testing;
use super::*;
use crate::root::Root;
use std::fmt::Write;

const HEAD: &str = "=== /proc/net/tcp\n  sl  local_address rem_address\n";

/// A line of `/proc/net/tcp`.
fn line(local: &str, remote: &str, state: &str, inode: u64) -> String {
    let end = |text: &str| {
        let end: std::net::SocketAddrV4 = text.parse().expect("an address");
        format!("{:08X}:{:04X}", u32::from(*end.ip()).swap_bytes(), end.port())
    };
    format!(" 0: {} {} {state} 0:0 0:0 0 0 0 {inode} 1\n", end(local), end(remote))
}

fn short(row: &Connection) -> String {
    let port = |port: Option<u16>| port.map_or("-".to_owned(), |port| port.to_string());
    let (local, remote, process) = (port(row.local_port), port(row.remote_port), row.process.as_deref().unwrap_or("-"));
    format!("{} {} {local} {}:{remote} {process} {}", row.direction, row.protocol, row.remote_address, row.count)
}

#[track_caller]
fn check(lines: &[String], expected: &[&str]) {
    let processes = "=== /proc/5/comm\nweb\n=== /proc/5/stat\n5 (web) S 1\n=== /proc/5/fd/3 -> socket:[10]\n=== /proc/5/fd/4 -> socket:[20]\n=== /proc/6/comm\npostgres\n=== /proc/6/fd/4 -> socket:[11]\n";
    let tree = testing::plant(&format!("{processes}{HEAD}{}", lines.concat()));
    let root = Root::new(tree.path());
    let rows = collect(&Scope::new(&root)).expect("collected");
    assert_eq!(rows.iter().map(short).collect::<Vec<_>>(), expected);
}

const LISTEN: &str = "0A";
const ESTABLISHED: &str = "01";

#[test]
fn connections_to_a_listener_are_counted_by_peer() {
    let mut lines = vec![line("0.0.0.0:443", "0.0.0.0:0", LISTEN, 10)];
    lines.extend((0..5).map(|at| line("192.0.2.1:443", &format!("192.0.2.9:{}", 40_000 + at), ESTABLISHED, 100 + at)));
    lines.push(line("192.0.2.1:443", "192.0.2.9:50000", "06", 0));
    check(&lines, &["inbound tcp 443 192.0.2.9:- web 4"]);
}

#[test]
fn connections_to_others_are_counted_by_process_and_service() {
    let lines = [line("192.0.2.1:40000", "198.51.100.1:5432", ESTABLISHED, 20), line("192.0.2.1:40001", "198.51.100.1:5432", ESTABLISHED, 99)];
    check(&lines, &["outbound tcp - 198.51.100.1:5432 - 1", "outbound tcp - 198.51.100.1:5432 web 1"]);
}

#[test]
fn a_connection_inside_the_machine_appears_once() {
    let listener = line("0.0.0.0:5432", "0.0.0.0:0", LISTEN, 11);
    let inside = |address: &str| [line(&format!("{address}:40000"), &format!("{address}:5432"), ESTABLISHED, 20), line(&format!("{address}:5432"), &format!("{address}:40000"), ESTABLISHED, 30)].concat();
    check(&[listener.clone(), inside("127.0.0.1")], &["outbound tcp - 127.0.0.1:5432 web 1"]);
    check(&[listener, inside("192.0.2.1")], &["outbound tcp - 192.0.2.1:5432 web 1"]);
}

#[test]
fn a_listener_on_another_address_is_not_the_one() {
    let lines = [line("127.0.0.1:40000", "0.0.0.0:0", LISTEN, 10), line("192.0.2.1:40000", "192.0.2.9:22", ESTABLISHED, 20)];
    check(&lines, &["outbound tcp - 192.0.2.9:22 web 1"]);
}

#[test]
fn datagrams_count_when_both_ends_stay() {
    let lines = [line("192.0.2.1:68", "192.0.2.254:67", ESTABLISHED, 20), line("192.0.2.1:40000", "192.0.2.53:53", ESTABLISHED, 20)].concat();
    let tree = testing::plant(&format!("{HEAD}=== /proc/net/udp\n  sl\n{lines}"));
    let root = Root::new(tree.path());
    let rows = collect(&Scope::new(&root)).expect("collected");
    assert_eq!(rows.iter().map(short).collect::<Vec<_>>(), ["outbound udp - 192.0.2.254:67 - 1"]);
}

#[test]
fn a_machine_with_100_000_sockets_is_read_within_bounds() {
    let mut lines = line("0.0.0.0:443", "0.0.0.0:0", LISTEN, 10);
    for at in 0..100_000_u32 {
        let peer = std::net::Ipv4Addr::from(0x0a00_0000 + at / 10);
        let _ = write!(lines, "{}", line("192.0.2.1:443", &format!("{peer}:{}", 20_000 + at % 10), ESTABLISHED, u64::from(1000 + at)));
    }
    let tree = testing::plant(&format!("{HEAD}{lines}"));
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let rows = collect(&scope).expect("collected");
    assert_eq!(rows.len(), CONNECTIONS);
    assert!(rows.iter().all(|row| row.count == 8 && row.direction == "inbound"));
    assert!(scope.problems().is_some_and(|problems| problems.contains("of 10000 kinds")));
}

/// Processes that hold something and do nothing, until this is dropped.
struct Holders(Vec<std::process::Child>);

impl Drop for Holders {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn this_machines_connections_appear_and_the_agents_own_do_not() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let connect = || std::net::TcpStream::connect(address).expect("connected");
    let _own = connect();
    let hold = |stream| std::process::Command::new("sleep").arg("600").stdin(std::os::fd::OwnedFd::from(stream)).spawn().expect("sleeps");
    let _others = Holders((0..3).map(|_| hold(connect())).collect());
    let _served: Vec<_> = (0..4).map(|_| listener.accept().expect("accepted")).collect();
    let root = Root::live();
    let rows = collect(&Scope::new(&root)).expect("collected");
    let ours: Vec<_> = rows.iter().filter(|row| row.remote_port == Some(address.port()) || row.local_port == Some(address.port())).collect();
    let [row] = ours.as_slice() else { panic!("one row, not {ours:?}") };
    assert_eq!((row.direction.as_str(), row.remote_address.as_str(), row.count), ("outbound", "127.0.0.1", 2));
    assert_eq!(row.process.as_deref(), Some("sleep"));
}
