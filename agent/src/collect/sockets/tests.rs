use super::super::testing;
use super::*;
use crate::root::Root;
use proptest::prelude::*;

#[track_caller]
fn check(line: &str, protocol: Protocol, expected: Option<(State, &str, &str, u64)>) {
    let socket = parse(line, protocol).expect("a socket");
    let short = socket.as_ref().map(|socket| (socket.state, socket.local.to_string(), socket.remote.to_string(), socket.inode));
    assert_eq!(short, expected.map(|(state, local, remote, inode)| (state, local.to_owned(), remote.to_owned(), inode)));
}

#[test]
fn listening_sockets_are_told_from_connections() {
    use {Protocol::*, State::*};
    let rest = "00000000:00000000 00:00000000 00000000 0 0 4711 1 f 100";
    check(&format!("0: 0100007F:0016 00000000:0000 0A {rest}"), Tcp, Some((Listening, "127.0.0.1:22", "0.0.0.0:0", 4711)));
    check(&format!("0: 0100007F:0016 0100007F:9999 01 {rest}"), Tcp, Some((Established, "127.0.0.1:22", "127.0.0.1:39321", 4711)));
    check(&format!("0: 0100007F:0016 0100007F:9999 06 {rest}"), Tcp, None);
    check(&format!("0: 00000000:0044 00000000:0000 07 {rest}"), Udp, Some((Listening, "0.0.0.0:68", "0.0.0.0:0", 4711)));
    check(&format!("0: 00000000:0044 01000000:0035 01 {rest}"), Udp, Some((Established, "0.0.0.0:68", "0.0.0.1:53", 4711)));
    check(&format!("0: 00000000:0044 01000000:0035 07 {rest}"), Udp, None);
    let any = "00000000000000000000000000000000:0000";
    check(&format!("1: 00000000000000000000000001000000:0050 {any} 0A {rest}"), Tcp, Some((Listening, "[::1]:80", "[::]:0", 4711)));
}

#[test]
fn a_mapped_address_is_an_ipv4_address() {
    assert_eq!(endpoint("0000000000000000FFFF00000100007F:1F40").map(|end| end.to_string()).as_deref(), Some("127.0.0.1:8000"));
}

#[test]
fn the_kernels_answer_is_read() {
    let mut answer = vec![0; 72];
    answer[..4].copy_from_slice(&[INET, LISTEN, 0, 0]);
    answer[4..6].copy_from_slice(&443_u16.to_be_bytes());
    answer[8..12].copy_from_slice(&[192, 0, 2, 1]);
    answer[68..72].copy_from_slice(&4711_u32.to_ne_bytes());
    let socket = diagnosed(&answer, Protocol::Tcp).expect("a socket");
    assert_eq!((socket.local.to_string().as_str(), socket.inode, socket.state), ("192.0.2.1:443", 4711, State::Listening));
    assert_eq!(diagnosed(&answer[..71], Protocol::Tcp), None);
}

#[test]
fn a_malformed_line_is_a_problem_that_names_it() {
    let tree = testing::plant(
        "=== /proc/net/tcp\n  sl\n  0: 0100007F:0016 00000000:0000 0A 0:0 0:0 0 0 0 7 1\n  1: 0100007F 0A\n  2: 0100007F:0017 00000000:0000 0A 0:0 0:0 0 0 0 8 1\n",
    );
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    assert_eq!(read(&scope, Wanted::Listening).expect("sockets").len(), 2);
    assert!(scope.problems().is_some_and(|problems| problems.contains("/proc/net/tcp:3")));
}

#[test]
fn both_sources_of_this_machine_agree() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let root = Root::live();
    let scope = Scope::new(&root);
    let Some(asked) = ask_kernel(&scope, Wanted::Listening) else { return };
    let tables = read_tables(&scope, Wanted::Listening).expect("tables");
    let local = listener.local_addr().expect("an address");
    let ours = |sockets: &[Socket]| sockets.iter().find(|socket| socket.local == local).cloned().expect("our listener");
    assert_eq!(ours(&asked), ours(&tables));
}

#[test]
fn ports_that_clients_get_are_told_from_those_of_services() {
    let ports = EphemeralPorts { range: 32_768..=60_999, reserved: reserved_ports("40000,50000-50010,x") };
    assert!(ports.contains(33_000) && ports.contains(49_999));
    assert!(!ports.contains(51) && !ports.contains(40_000) && !ports.contains(50_005));
    assert_eq!(port_range("1024\t65535"), Some(1024..=65_535));
}

proptest! {
    #[test]
    fn no_line_panics(line in "[0-9]: [0-9A-Fé]{0,34}:?[0-9A-F]{0,5} [ -~]{0,80}", payload in proptest::collection::vec(any::<u8>(), 0..90)) {
        let _ = (parse(&line, Protocol::Tcp), endpoint(&line), port_range(&line), reserved_ports(&line));
        let _ = (diagnosed(&payload, Protocol::Udp), diagnosed(&payload, Protocol::Tcp));
    }
}
