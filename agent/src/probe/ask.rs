//! The agent's side: one connection, one bounded answer, from root only.

use super::{ANSWER_BYTES, Privileged, ProbeError, SCHEMA};
use rollcall_shared::wire;
use std::io::{self, Read};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The helper asks disks for their health, which takes a second each when they sleep.
const PATIENCE: Duration = Duration::from_secs(20);

/// The answer of the helper at `socket`; none when nothing is there.
pub(super) fn ask(socket: &Path) -> Result<Option<Privileged>, ProbeError> {
    let failed = |what| move |source| ProbeError::Io { path: socket.to_owned(), what, source };
    let stream = match UnixStream::connect(socket) {
        Ok(stream) => stream,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("connect")(error)),
    };
    check_peer(socket, &stream)?;
    // Nothing is ever said: what the helper answers depends on nothing but the machine.
    stream.shutdown(Shutdown::Write).map_err(failed("close for writing"))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed("set a time limit"))?;
    let mut frame = Vec::new();
    stream.take(ANSWER_BYTES as u64 + 1).read_to_end(&mut frame).map_err(failed("read"))?;
    let answer = wire::decode_within(SCHEMA, &frame, ANSWER_BYTES);
    answer.map(Some).map_err(|why| ProbeError::Malformed { path: socket.to_owned(), why })
}

/// A socket that systemd made for root, or the helper itself. A test's helper is the test's own user.
#[cfg(linux)]
fn check_peer(socket: &Path, stream: &UnixStream) -> Result<(), ProbeError> {
    let peer = rustix::net::sockopt::socket_peercred(stream).map_err(|source| ProbeError::Io {
        path: socket.to_owned(),
        what: "identify",
        source: source.into(),
    })?;
    let uid = peer.uid.as_raw();
    let is_test = cfg!(test) && peer.uid == rustix::process::geteuid();
    if uid == 0 || is_test { Ok(()) } else { Err(ProbeError::NotRoot { path: socket.to_owned(), uid }) }
}

/// Elsewhere the directory's permissions have to do.
#[cfg(not(linux))]
fn check_peer(_socket: &Path, _stream: &UnixStream) -> Result<(), ProbeError> {
    Ok(())
}
