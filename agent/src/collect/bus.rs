//! Two questions to systemd over D-Bus: which units are loaded and in what state, and how many have failed.
//!
//! Just as much of the protocol (D-Bus specification 0.41) as these need: one connection, one call, one answer. It never asks for
//! anything that changes something. Bounded in time and size; what comes back is checked like any other input.

use super::containers::connect;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

mod wire;

use wire::{Call, Cursor};

/// The bus that everybody may use, and systemd's own socket for machines without a bus, which only root may use.
const SYSTEM_BUS: &str = "/run/dbus/system_bus_socket";
const PRIVATE: &str = "/run/systemd/private";

/// systemd answers in milliseconds; under load it may take a second.
const PATIENCE: Duration = Duration::from_secs(2);

/// Bytes of one message: 1,000 units are described in 300 KiB.
const MESSAGE_BYTES: usize = 16 << 20;

/// Messages that are skipped while waiting for an answer: signals that the bus sends to everyone who connects.
const SKIPPED: usize = 64;

/// Units of one answer.
const UNITS: usize = 100_000;

/// A loaded unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) name: String,
    pub(crate) load_state: String,
    pub(crate) active_state: String,
    pub(crate) sub_state: String,
}

const MANAGER: Call<'_> = Call {
    destination: "org.freedesktop.systemd1",
    path: "/org/freedesktop/systemd1",
    interface: "org.freedesktop.systemd1.Manager",
    member: "ListUnits",
    arguments: &[],
};

/// All units that systemd has loaded.
pub(crate) fn units() -> Result<Vec<Unit>, String> {
    parse_units(&ask(&MANAGER)?)
}

/// How many units have failed.
pub(crate) fn failed_units() -> Result<u32, String> {
    let call = Call {
        interface: "org.freedesktop.DBus.Properties",
        member: "Get",
        arguments: &["org.freedesktop.systemd1.Manager", "NFailedUnits"],
        ..MANAGER
    };
    parse_count(&ask(&call)?)
}

fn ask(call: &Call<'_>) -> Result<Answer, String> {
    let by_bus = Bus::open(SYSTEM_BUS).and_then(|mut bus| {
        bus.hello()?;
        bus.call(call)
    });
    by_bus.or_else(|error| Bus::open(PRIVATE).and_then(|mut bus| bus.call(call)).map_err(|_| format!("{SYSTEM_BUS}: {error}")))
}

/// A body and its byte order.
struct Answer {
    body: Vec<u8>,
    big_endian: bool,
}

struct Bus {
    stream: UnixStream,
    serial: u32,
}

impl Bus {
    /// Connects and says who is asking; the socket's own credentials prove it.
    fn open(path: &str) -> Result<Self, String> {
        let stream = connect(path).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
        let mut bus = Self { stream, serial: 0 };
        let uid: String = rustix::process::getuid().as_raw().to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
        bus.send(format!("\0AUTH EXTERNAL {uid}\r\n").as_bytes())?;
        // `OK`, the server's 32 digits, and the end of the line.
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            if line.len() > 256 {
                return Err("the answer to AUTH has no end".to_owned());
            }
            line.extend(bus.receive(1)?);
        }
        if !line.starts_with(b"OK ") {
            return Err("the bus refuses this user".to_owned());
        }
        bus.send(b"BEGIN\r\n")?;
        Ok(bus)
    }

    /// A bus, unlike systemd's own socket, wants to hear this first.
    fn hello(&mut self) -> Result<(), String> {
        let name = "org.freedesktop.DBus";
        self.call(&Call { destination: name, path: "/org/freedesktop/DBus", interface: name, member: "Hello", arguments: &[] }).map(|_| ())
    }

    fn call(&mut self, call: &Call<'_>) -> Result<Answer, String> {
        self.serial += 1;
        let message = call.message(self.serial);
        self.send(&message)?;
        for _ in 0..SKIPPED {
            let head = self.receive(wire::HEAD)?;
            let head = wire::Head::parse(&head)?;
            let rest = head.fields_length.next_multiple_of(8).checked_add(head.body_length).filter(|&length| length <= MESSAGE_BYTES);
            let rest = self.receive(rest.ok_or("a message that is too large")?)?;
            let (fields, body) = rest.split_at(head.fields_length.next_multiple_of(8));
            if wire::reply_serial(&fields[..head.fields_length], head.big_endian) != Some(self.serial) {
                continue;
            }
            return match head.kind {
                wire::METHOD_RETURN => Ok(Answer { body: body.to_vec(), big_endian: head.big_endian }),
                _ => Err("the call was answered with an error".to_owned()),
            };
        }
        Err("no answer among the messages".to_owned())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.write_all(bytes).map_err(|error| error.to_string())
    }

    fn receive(&mut self, length: usize) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }
}

/// `a(ssssssouso)`: name, description, load, active and sub state, followed unit, path, job's number, type and path.
fn parse_units(answer: &Answer) -> Result<Vec<Unit>, String> {
    let mut cursor = Cursor::new(&answer.body, answer.big_endian);
    let length = cursor.number().ok_or("no array of units")?;
    cursor.align(8);
    let end = cursor.position().saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(answer.body.len());
    let mut units = Vec::new();
    while cursor.position() < end && units.len() < UNITS {
        units.push(parse_unit(&mut cursor).ok_or("a unit that is cut short")?);
    }
    Ok(units)
}

fn parse_unit(cursor: &mut Cursor<'_>) -> Option<Unit> {
    cursor.align(8);
    let name = cursor.text()?.to_owned();
    cursor.text()?;
    let (load_state, active_state, sub_state) = (cursor.text()?.to_owned(), cursor.text()?.to_owned(), cursor.text()?.to_owned());
    cursor.text()?;
    cursor.text()?;
    cursor.number()?;
    cursor.text()?;
    cursor.text()?;
    Some(Unit { name, load_state, active_state, sub_state })
}

/// A variant that holds a `u`.
fn parse_count(answer: &Answer) -> Result<u32, String> {
    let mut cursor = Cursor::new(&answer.body, answer.big_endian);
    let signature = cursor.signature().ok_or("no variant")?;
    if signature != "u" {
        return Err("the property is not a number".to_owned());
    }
    cursor.number().ok_or_else(|| "the property is cut short".to_owned())
}

#[cfg(test)]
mod tests;
