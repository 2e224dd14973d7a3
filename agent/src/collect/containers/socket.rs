//! One HTTP GET over a unix socket, bounded in time and size.

use crate::clock::{Clock, SystemClock};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A daemon that is alive answers in milliseconds, with thousands of containers in a second; this is for a whole exchange.
const PATIENCE: Duration = Duration::from_secs(3);

/// When to stop waiting for a daemon, however it keeps one waiting. It decides about nothing but that.
pub(crate) struct Deadline {
    clock: SystemClock,
    limit: Duration,
}

impl Deadline {
    /// That much time from now.
    pub(crate) fn after(limit: Duration) -> Self {
        Self { clock: SystemClock::new(), limit }
    }

    /// The time that is left.
    ///
    /// # Errors
    /// When none is.
    pub(crate) fn left(&self) -> io::Result<Duration> {
        let left = self.limit.checked_sub(self.clock.now().monotonic).filter(|left| !left.is_zero());
        left.ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, format!("no whole answer within {} ms", self.limit.as_millis())))
    }
}

/// Bytes of an answer; a container is described in 1 to 4 KiB.
const ANSWER_BYTES: usize = 16 << 20;

/// The body of a successful answer.
pub(super) fn get(path: &str, target: &str) -> Result<Vec<u8>, String> {
    let answer = exchange(path, target).map_err(|error| error.to_string())?;
    body(&answer)
}

fn exchange(path: &str, target: &str) -> io::Result<Vec<u8>> {
    let deadline = Deadline::after(PATIENCE);
    let mut stream = connect(path)?;
    stream.set_write_timeout(Some(deadline.left()?))?;
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        stream.set_read_timeout(Some(deadline.left()?))?;
        match stream.read(&mut chunk)? {
            0 => return Ok(answer),
            read if answer.len() + read > ANSWER_BYTES => break,
            read => answer.extend_from_slice(chunk.get(..read).unwrap_or_default()),
        }
    }
    Err(io::Error::other(format!("the answer is longer than {ANSWER_BYTES} bytes")))
}

/// A daemon that accepts nobody any more refuses at once instead of holding the agent in its queue.
pub(crate) fn connect(path: &str) -> io::Result<UnixStream> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// Takes status, headers and chunks off an answer that ended with its connection.
pub(super) fn body(answer: &[u8]) -> Result<Vec<u8>, String> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or("the answer has no end of headers")?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let rest = &answer[end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        return Err(format!("answered with status {:?}", status.chars().take(8).collect::<String>()));
    }
    let is_chunked = lines.filter_map(|line| line.split_once(':')).any(|(name, value)| {
        name.eq_ignore_ascii_case("transfer-encoding") && value.trim().eq_ignore_ascii_case("chunked")
    });
    if is_chunked { unchunked(rest) } else { Ok(rest.to_vec()) }
}

fn unchunked(mut rest: &[u8]) -> Result<Vec<u8>, String> {
    let mut body = Vec::with_capacity(rest.len());
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").ok_or("a chunk has no length")?;
        let length = std::str::from_utf8(&rest[..end]).ok().and_then(|line| usize::from_str_radix(line.split(';').next()?.trim(), 16).ok());
        let length = length.ok_or("a chunk's length is not a number")?;
        if length == 0 {
            return Ok(body);
        }
        let chunk = rest[end + 2..].get(..length).ok_or("a chunk is cut short")?;
        body.extend_from_slice(chunk);
        rest = rest[end + 2 + length..].strip_prefix(b"\r\n").ok_or("a chunk has no end")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::net::UnixListener;

    #[track_caller]
    fn check(answer: &str, expected: Result<&str, &str>) {
        assert_eq!(body(answer.as_bytes()), expected.map(|body| body.as_bytes().to_vec()).map_err(str::to_owned));
    }

    #[test]
    fn bodies_are_read_with_and_without_chunks() {
        check("HTTP/1.0 200 OK\r\nX: y\r\n\r\n[]", Ok("[]"));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n1\r\n[\r\n1;x\r\n]\r\n0\r\n\r\n", Ok("[]"));
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n[", Err("a chunk is cut short"));
        check("HTTP/1.1 403 Forbidden\r\n\r\n", Err("answered with status \"403\""));
        check("", Err("the answer has no end of headers"));
    }

    #[test]
    fn a_daemon_is_asked_over_its_socket() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("docker.sock");
        let listener = UnixListener::bind(&path).expect("bound");
        let daemon = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("asked");
            let mut request = [0; 4096];
            let read = stream.read(&mut request).expect("a request");
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n[]").expect("answered");
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        assert_eq!(get(path.to_str().expect("UTF-8"), "/list"), Ok(b"[]".to_vec()));
        assert!(daemon.join().expect("a daemon").starts_with("GET /list HTTP/1.1\r\n"));
    }

    proptest! {
        #[test]
        fn no_answer_panics(answer in proptest::collection::vec(any::<u8>(), 0..100), chunks in "([0-9a-f]{1,17}\r\n[ -~]{0,9}\r\n){0,4}") {
            let _ = body(&answer);
            let _ = unchunked(&answer);
            let _ = unchunked(chunks.as_bytes());
        }
    }
}
