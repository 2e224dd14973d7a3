//! Questions to systemd over D-Bus: which units are loaded and in what state, and how often services were restarted.
//!
//! Just as much of the protocol (D-Bus specification 0.41) as these need: one connection, calls, their answers. It never asks for
//! anything that changes something. All of a conversation shares one deadline, every message has a bound, and what comes back is
//! checked like any other input: a bus that hangs, lies or never ends costs its section, not the inventory.

use super::containers::{Deadline, connect};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

mod wire;

use wire::{Argument, Call, Cursor};

/// The bus that everybody may use.
const SYSTEM_BUS: &str = "/run/dbus/system_bus_socket";

/// systemd's own socket, which only root may use: it answers without a bus, and while one hangs.
const PRIVATE: &str = "/run/systemd/private";

/// systemd answers in milliseconds; under load it may take a second. This is for a whole conversation.
const PATIENCE: Duration = Duration::from_millis(2500);

/// systemd's own socket gets this to say that it is there; then the bus is asked.
const FIRST_PATIENCE: Duration = Duration::from_millis(500);

/// Bytes of one message: 1,000 units are described in 300 KiB.
const MESSAGE_BYTES: usize = 16 << 20;

/// Messages of one conversation, the signals that a bus sends to everyone among them.
const MESSAGES: usize = 10_000;

/// Units of one answer.
const UNITS: usize = 100_000;

/// Calls that wait for their answers at one time: a bus allows 128 (`max_replies_per_connection`).
const WAITING: usize = 64;

/// A loaded unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) load_state: String,
    pub(crate) active_state: String,
    pub(crate) sub_state: String,
    /// Its object on the bus.
    pub(crate) path: String,
}

const MANAGER: Call<'_> = Call {
    destination: "org.freedesktop.systemd1",
    path: "/org/freedesktop/systemd1",
    interface: "org.freedesktop.systemd1.Manager",
    member: "ListUnits",
    arguments: &[],
};

const PROPERTY: Call<'_> = Call { interface: "org.freedesktop.DBus.Properties", member: "Get", ..MANAGER };

/// systemd, as it answers on one connection.
pub(crate) struct Manager(Bus);

impl Manager {
    /// Connects to systemd, by its own socket where that is allowed, else by the bus.
    pub(crate) fn open() -> Result<Self, String> {
        if rustix::process::geteuid().is_root()
            && let Ok(bus) = Bus::open(PRIVATE, Deadline::after(FIRST_PATIENCE))
        {
            return Ok(Self(Bus { deadline: Deadline::after(PATIENCE), ..bus }));
        }
        Self::by_bus(SYSTEM_BUS, Deadline::after(PATIENCE)).map_err(|error| format!("{SYSTEM_BUS}: {error}"))
    }

    fn by_bus(path: &str, deadline: Deadline) -> Result<Self, String> {
        let mut bus = Bus::open(path, deadline)?;
        bus.hello()?;
        Ok(Self(bus))
    }

    /// All units that are loaded.
    pub(crate) fn units(&mut self) -> Result<Vec<Unit>, String> {
        parse_units(&self.0.call(&MANAGER)?)
    }

    /// The loaded units whose load, active or sub state is one of these.
    pub(crate) fn units_in(&mut self, states: &[&str]) -> Result<Vec<Unit>, String> {
        parse_units(&self.0.call(&Call { member: "ListUnitsFiltered", arguments: &[Argument::Texts(states)], ..MANAGER })?)
    }

    /// How often each of these services was restarted by systemd itself; none for one that does not say. Before version 235 none does.
    pub(crate) fn restarts(&mut self, paths: &[&str]) -> Result<Vec<Option<u32>>, String> {
        const ARGUMENTS: [Argument<'_>; 2] = [Argument::Text("org.freedesktop.systemd1.Service"), Argument::Text("NRestarts")];
        let mut restarts = Vec::with_capacity(paths.len());
        for paths in paths.chunks(WAITING) {
            let calls: Vec<_> = paths.iter().map(|path| Call { path, arguments: &ARGUMENTS, ..PROPERTY }).collect();
            restarts.extend(self.0.calls(&calls)?.iter().map(|answer| parse_count(answer.as_ref()?).ok()));
        }
        Ok(restarts)
    }
}

/// A body and its byte order.
struct Answer {
    body: Vec<u8>,
    big_endian: bool,
}

struct Bus {
    stream: UnixStream,
    deadline: Deadline,
    serial: u32,
    messages: usize,
}

impl Bus {
    /// Connects and says who is asking; the socket's own credentials prove it.
    fn open(path: &str, deadline: Deadline) -> Result<Self, String> {
        let stream = connect(path).map_err(|error| error.to_string())?;
        let mut bus = Self { stream, deadline, serial: 0, messages: 0 };
        let uid: String = rustix::process::geteuid().as_raw().to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
        // With the end of the conversation about who is asking already in it, as systemd's own clients do: systemd does not look
        // at a message that arrives together with a `BEGIN` until something else arrives.
        bus.send(format!("\0AUTH EXTERNAL {uid}\r\nBEGIN\r\n").as_bytes())?;
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
        Ok(bus)
    }

    /// A bus, unlike systemd's own socket, wants to hear this first.
    fn hello(&mut self) -> Result<(), String> {
        let name = "org.freedesktop.DBus";
        self.call(&Call { destination: name, path: "/org/freedesktop/DBus", interface: name, member: "Hello", arguments: &[] }).map(|_| ())
    }

    fn call(&mut self, call: &Call<'_>) -> Result<Answer, String> {
        let answer = self.calls(std::slice::from_ref(call))?.pop().flatten();
        answer.ok_or_else(|| format!("{} was answered with an error", call.member))
    }

    /// Sends calls together and waits for all answers; none for a call that was answered with an error.
    fn calls(&mut self, calls: &[Call<'_>]) -> Result<Vec<Option<Answer>>, String> {
        let first = self.serial + 1;
        let mut message = Vec::new();
        for call in calls {
            self.serial += 1;
            message.extend(call.message(self.serial));
        }
        self.send(&message)?;
        let mut answers: Vec<Option<Option<Answer>>> = calls.iter().map(|_| None).collect();
        while answers.iter().any(Option::is_none) {
            let Some((serial, answer)) = self.message()? else { continue };
            let place = serial.checked_sub(first).and_then(|place| answers.get_mut(usize::try_from(place).ok()?));
            if let Some(place) = place {
                *place = Some(answer);
            }
        }
        Ok(answers.into_iter().map(Option::flatten).collect())
    }

    /// The next message, when it is an answer: to which call, and what.
    fn message(&mut self) -> Result<Option<(u32, Option<Answer>)>, String> {
        self.messages += 1;
        if self.messages > MESSAGES {
            return Err("no answer among the messages".to_owned());
        }
        let head = wire::Head::parse(&self.receive(wire::HEAD)?)?;
        let fields_length = head.fields_length.next_multiple_of(8);
        let rest = fields_length.checked_add(head.body_length).filter(|&length| length <= MESSAGE_BYTES);
        let mut fields = self.receive(rest.ok_or("a message that is too large")?)?;
        let body = fields.split_off(fields_length);
        let serial = fields.get(..head.fields_length).and_then(|fields| wire::reply_serial(fields, head.big_endian));
        let answer = (head.kind == wire::METHOD_RETURN).then_some(Answer { body, big_endian: head.big_endian });
        Ok(serial.map(|serial| (serial, answer)))
    }

    fn send(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        while !bytes.is_empty() {
            let left = self.deadline.left().map_err(|error| error.to_string())?;
            self.stream.set_write_timeout(Some(left)).map_err(|error| error.to_string())?;
            let written = self.stream.write(bytes).map_err(|error| error.to_string())?;
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    fn receive(&mut self, length: usize) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let left = self.deadline.left().map_err(|error| error.to_string())?;
            self.stream.set_read_timeout(Some(left)).map_err(|error| error.to_string())?;
            match self.stream.read(rest).map_err(|error| error.to_string())? {
                0 => return Err("the connection was closed".to_owned()),
                read => filled += read,
            }
        }
        Ok(bytes)
    }
}

/// `a(…)`: the structs of an array, one after the other.
fn parse_array<T>(answer: &Answer, parse: impl Fn(&mut Cursor<'_>) -> Option<T>) -> Result<Vec<T>, String> {
    let mut cursor = Cursor::new(&answer.body, answer.big_endian);
    let length = cursor.number().ok_or("an answer that is no array")?;
    cursor.align(8);
    let end = cursor.position().saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(answer.body.len());
    let mut found = Vec::new();
    while cursor.position() < end && found.len() < UNITS {
        cursor.align(8);
        found.push(parse(&mut cursor).ok_or("an array that is cut short")?);
    }
    Ok(found)
}

/// `(ssssssouso)`: name, description, load, active and sub state, followed unit, path, job's number, type and path.
fn parse_units(answer: &Answer) -> Result<Vec<Unit>, String> {
    parse_array(answer, |cursor| {
        let mut text = || cursor.text().map(str::to_owned);
        let (name, description, load_state, active_state, sub_state) = (text()?, text()?, text()?, text()?, text()?);
        cursor.text()?;
        let path = cursor.text()?.to_owned();
        cursor.number()?;
        cursor.text()?;
        cursor.text()?;
        Some(Unit { name, description, load_state, active_state, sub_state, path })
    })
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

/// A message: its head, the call that it answers, and its body as each of the answers that are waited for.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    let Ok(head) = wire::Head::parse(bytes) else { return 0 };
    let rest = bytes.get(wire::HEAD..).unwrap_or_default();
    let fields = rest.get(..head.fields_length).unwrap_or(rest);
    let serial = wire::reply_serial(fields, head.big_endian);
    let body = rest.get(head.fields_length.next_multiple_of(8)..).unwrap_or_default();
    let answer = Answer { body: body.to_vec(), big_endian: head.big_endian };
    let units = parse_units(&answer).map_or(0, |units| units.len());
    units + usize::from(serial.is_some()) + usize::from(parse_count(&answer).is_ok())
}

#[cfg(test)]
mod tests;
