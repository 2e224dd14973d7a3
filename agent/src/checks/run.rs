//! One run of one plugin: started without anything of the agent's, read with a bound, ended with all that it started.
//!
//! The plugin leads a process group of its own. Whichever way it ends, the group is killed before the plugin is reaped, while its
//! number cannot yet be another group's. What leaves the group (a daemon) leaves the run: nothing waits for it.

use super::State;
use super::config::{Account, CheckConfig};
use super::launcher;
use crate::clock::Clock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process_group, waitid};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// After SIGTERM, before SIGKILL.
const GRACE: Duration = Duration::from_secs(2);

/// How soon a run notices that the agent stops; and, on kernels before 5.3, that the plugin has ended.
const GLANCE: Duration = Duration::from_millis(100);

/// What the plugin finds instead of the agent's environment.
const ENVIRONMENT: [(&str, &str); 3] =
    [("LANG", "C"), ("LC_ALL", "C"), ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")];

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ran {
    pub(super) state: State,
    /// Why the state is not the plugin's own word.
    pub(super) reason: Option<String>,
    /// What it printed.
    pub(super) output: String,
}

impl Ran {
    pub(super) fn unknown(reason: impl Into<String>, output: String) -> Self {
        Self { state: State::Unknown, reason: Some(reason.into()), output }
    }
}

/// Runs a plugin to its end, at the latest a little after its timeout. `stop` ends it at once.
pub(super) fn run(config: &CheckConfig, account: Option<Account>, launcher: &Path, clock: &dyn Clock, stop: &AtomicBool) -> Ran {
    match start(config, account, launcher) {
        Ok(child) => Run::new(child, config).finish(config, clock, stop),
        Err(error) => Ran::unknown(format!("cannot be started: {error}"), String::new()),
    }
}

fn start(config: &CheckConfig, account: Option<Account>, program: &Path) -> std::io::Result<Child> {
    let mut command = Command::new(program);
    command.arg(launcher::WORD).args(config.limits().arguments(getpid())).args(&config.command);
    command.env_clear().envs(ENVIRONMENT).current_dir("/").process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(account) = account {
        // The standard library drops root's supplementary groups along with it.
        command.gid(account.gid).uid(account.uid);
    }
    command.spawn()
}

struct Run {
    child: Child,
    group: Pid,
    /// Readable once the plugin has ended.
    ended: Option<OwnedFd>,
    printed: Pipe,
    complained: Pipe,
    /// Bytes that may still be printed.
    room: usize,
}

/// Why a run was ended before the plugin ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    TimedOut,
    TooMuch,
    Stopped,
}

impl Run {
    fn new(mut child: Child, config: &CheckConfig) -> Self {
        let group = Pid::from_child(&child);
        let ended = rustix::process::pidfd_open(group, rustix::process::PidfdFlags::empty()).ok();
        let printed = Pipe::new(child.stdout.take().map(OwnedFd::from));
        let complained = Pipe::new(child.stderr.take().map(OwnedFd::from));
        Self { child, group, ended, printed, complained, room: config.max_output_bytes }
    }

    fn finish(mut self, config: &CheckConfig, clock: &dyn Clock, stop: &AtomicBool) -> Ran {
        let cut = self.watch(clock.now().monotonic + config.timeout(), clock, stop);
        if cut == Some(Cut::TimedOut) {
            // It may want to remove a lock or say how far it came.
            self.signal(Signal::TERM);
            self.watch(clock.now().monotonic + GRACE, clock, stop);
        }
        self.signal(Signal::KILL);
        self.read();
        let status = self.child.wait();
        let output = if self.printed.bytes.is_empty() { &self.complained.bytes } else { &self.printed.bytes };
        let output = String::from_utf8_lossy(output).into_owned();
        match (cut, status) {
            (Some(Cut::TimedOut), _) => Ran::unknown(format!("no result within {} s", config.timeout_seconds), output),
            (Some(Cut::TooMuch), _) => Ran::unknown(format!("printed more than {} bytes", config.max_output_bytes), output),
            (Some(Cut::Stopped), _) => Ran::unknown("the agent stopped", output),
            (None, Err(error)) => Ran::unknown(error.to_string(), output),
            (None, Ok(status)) => judged(status, output),
        }
    }

    /// Reads until the plugin has ended, or must be; then says why.
    fn watch(&mut self, deadline: Duration, clock: &dyn Clock, stop: &AtomicBool) -> Option<Cut> {
        loop {
            self.read();
            if self.has_ended() {
                return None;
            }
            if self.room == 0 {
                return Some(Cut::TooMuch);
            }
            if stop.load(Ordering::Relaxed) {
                return Some(Cut::Stopped);
            }
            let left = deadline.saturating_sub(clock.now().monotonic);
            if left.is_zero() {
                return Some(Cut::TimedOut);
            }
            self.wait(left.min(GLANCE));
        }
    }

    /// Until something happens, at most that long.
    fn wait(&self, most: Duration) {
        let pipes = [&self.printed, &self.complained].into_iter().filter_map(|pipe| pipe.source.as_ref()).map(AsFd::as_fd);
        let files = pipes.chain(self.ended.as_ref().map(AsFd::as_fd));
        let mut files: Vec<PollFd<'_>> = files.map(|file| PollFd::from_borrowed_fd(file, PollFlags::IN)).collect();
        // An interruption is something that happened.
        let _ = poll(&mut files, Timespec::try_from(most).ok().as_ref());
    }

    /// Without reaping it: as long as the plugin is a zombie, the group's number is its own.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // An error means that there is no such child: the wait that follows says so.
        waitid(WaitId::Pid(self.group), options).map_or(true, |status| status.is_some())
    }

    fn read(&mut self) {
        self.room = self.printed.read(self.room);
        self.room = self.complained.read(self.room);
    }

    /// A group that is gone needs no signal.
    fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.group, signal);
    }
}

/// One end of a pipe, and what came out of it.
struct Pipe {
    source: Option<OwnedFd>,
    bytes: Vec<u8>,
}

impl Pipe {
    fn new(source: Option<OwnedFd>) -> Self {
        // A pipe that would make the reader wait is not read at all.
        let source = source.filter(|source| rustix::fs::fcntl_setfl(source, OFlags::NONBLOCK).is_ok());
        Self { source, bytes: Vec::new() }
    }

    /// Takes what is there, at most `room` bytes; the room that is left.
    fn read(&mut self, mut room: usize) -> usize {
        let mut buffer = [0; 4096];
        while room > 0 && self.source.is_some() {
            let Some(source) = &self.source else { break };
            let most = room.min(buffer.len());
            match rustix::io::read(source, &mut buffer[..most]) {
                Ok(0) => self.source = None,
                Ok(length) => {
                    self.bytes.extend_from_slice(&buffer[..length]);
                    room -= length;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(_) => self.source = None,
            }
        }
        room
    }
}

/// The exit codes of Nagios plugins; whatever else a program may end with is unknown.
fn judged(status: ExitStatus, output: String) -> Ran {
    let said = |state| Ran { state, reason: None, output: String::new() };
    let ran = match (status.code(), status.signal()) {
        (Some(0), _) => said(State::Ok),
        (Some(1), _) => said(State::Warning),
        (Some(2), _) => said(State::Critical),
        (Some(3), _) => said(State::Unknown),
        (Some(code), _) => Ran::unknown(format!("exit code {code}"), String::new()),
        (None, Some(signal)) => Ran::unknown(format!("killed by signal {signal}"), String::new()),
        (None, None) => Ran::unknown("ended in an unknown way", String::new()),
    };
    Ran { output, ..ran }
}
