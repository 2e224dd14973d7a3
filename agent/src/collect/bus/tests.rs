//! A real bus where one is installed, answers as systemd writes them, and answers that lie.

use super::*;
use proptest::prelude::*;
use std::process::{Command, Stdio};

/// Marshals texts and numbers as a struct's members.
fn body(members: &[Result<u32, &str>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for member in members {
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        match member {
            Ok(number) => bytes.extend(number.to_le_bytes()),
            Err(text) => {
                bytes.extend(u32::try_from(text.len()).expect("short").to_le_bytes());
                bytes.extend(text.as_bytes());
                bytes.push(0);
            }
        }
    }
    bytes
}

fn answer(body: Vec<u8>) -> Answer {
    Answer { body, big_endian: false }
}

fn unit(name: &str, active: &str, sub: &str) -> Vec<u8> {
    body(&[Err(name), Err("A unit"), Err("loaded"), Err(active), Err(sub), Err(""), Err("/org/x"), Ok(0), Err(""), Err("/")])
}

#[test]
fn units_are_read_with_their_states() {
    let mut units = unit("ssh.service", "active", "running");
    units.resize(units.len().next_multiple_of(8), 0);
    units.extend(unit("backup.service", "failed", "failed"));
    let head = [u32::try_from(units.len()).expect("short").to_le_bytes(), [0; 4]].concat();
    let units = parse_units(&answer([head, units].concat())).expect("parsed");
    let short: Vec<_> = units.iter().map(|unit| (unit.name.as_str(), unit.active_state.as_str(), unit.sub_state.as_str())).collect();
    assert_eq!(short, [("ssh.service", "active", "running"), ("backup.service", "failed", "failed")]);
}

#[test]
fn a_count_is_a_number_in_a_variant() {
    assert_eq!(parse_count(&answer(vec![1, b'u', 0, 0, 3, 0, 0, 0])), Ok(3));
    assert_eq!(parse_count(&answer(vec![1, b's', 0, 0, 3, 0, 0, 0])), Err("the property is not a number".to_owned()));
    assert_eq!(parse_count(&answer(vec![1, b'u', 0])), Err("the property is cut short".to_owned()));
}

/// Starts a bus of its own; none where no bus is installed.
fn bus(directory: &std::path::Path) -> Option<(std::process::Child, String)> {
    let socket = directory.join("bus").to_str().expect("UTF-8").to_owned();
    let mut daemon = Command::new("dbus-daemon");
    daemon.args(["--session", "--nofork", "--nopidfile", "--print-address", &format!("--address=unix:path={socket}")]);
    let mut child = daemon.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    // The address is printed once the bus listens.
    let mut printed = [0; 1];
    child.stdout.as_mut().expect("piped").read_exact(&mut printed).ok()?;
    Some((child, socket))
}

#[test]
fn a_real_bus_answers() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some((mut daemon, socket)) = bus(directory.path()) else { return };
    let mut bus = Bus::open(&socket, Deadline::after(PATIENCE)).expect("a bus");
    bus.hello().expect("welcome");
    let name = "org.freedesktop.DBus";
    let call = Call { destination: name, path: "/org/freedesktop/DBus", interface: name, member: "NameHasOwner", arguments: &[Argument::Text(name)] };
    let owned = bus.call(&call).expect("an answer");
    assert_eq!(owned.body, [1, 0, 0, 0]);
    assert!(bus.call(&Call { member: "NoSuchMethod", ..call }).is_err());
    let together = bus.calls(&[call, Call { member: "NoSuchMethod", ..call }, call]).expect("answers");
    assert_eq!(together.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
    daemon.kill().expect("ended");
    daemon.wait().expect("ended");
}

#[test]
fn an_array_that_is_cut_short_is_an_error() {
    assert!(parse_units(&answer(vec![9, 0, 0, 0, 0, 0, 0, 0, 1])).is_err());
}

/// What a peer that writes `answer` and then keeps silent makes of a conversation.
fn conversation(answer: &'static [u8]) -> Result<Vec<Unit>, String> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("bus");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("bound");
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("asked");
        stream.write_all(answer).expect("answered");
        // Until the other side gives up.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let path = path.to_str().expect("UTF-8");
    let units = Bus::open(path, Deadline::after(Duration::from_millis(50))).map(Manager).and_then(|mut manager| manager.units());
    peer.join().expect("a peer");
    units
}

#[test]
fn a_bus_that_hangs_lies_or_refuses_is_left() {
    for answer in [&b""[..], b"REJECTED EXTERNAL\r\n", b"OK 0123456789\r\n", b"OK 0123456789\r\nnonsense nonsense nonsense", b"OK 0\r\nl\x02\x00\x01\xff\xff\xff\x7f\x01\x00\x00\x00\xff\xff\xff\x03"]
    {
        assert!(conversation(answer).is_err(), "{}", String::from_utf8_lossy(answer));
    }
}

#[test]
fn an_array_of_texts_is_marshalled() {
    let call = Call { member: "ListUnitsFiltered", arguments: &[Argument::Texts(&["failed", "x"])], ..MANAGER };
    let message = call.message(1);
    assert!(message.ends_with(b"\x12\0\0\0\x06\0\0\0failed\0\0\x01\0\0\0x\0"), "{message:?}");
    assert!(message.windows(6).any(|window| window == b"\x01g\0\x02as"));
}

proptest! {
    #[test]
    fn no_answer_panics(body in proptest::collection::vec(any::<u8>(), 0..120), big_endian in any::<bool>()) {
        let _ = wire::Head::parse(&body);
        let _ = wire::reply_serial(&body, big_endian);
        let answer = Answer { body, big_endian };
        let _ = (parse_units(&answer), parse_count(&answer));
    }
}
