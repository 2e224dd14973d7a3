//! The program between the agent and a plugin: takes the limits upon itself and becomes the plugin.
//!
//! Limits must hold from the plugin's first instruction on, and only a process of its own can have limits that the agent has not.
//! So the agent starts itself anew, already as the user of the check, with [`WORD`] in front. Nothing is read or kept.

use rustix::process::{Pid, Resource, Rlimit, Signal, getppid, getuid, set_parent_process_death_signal, setrlimit};
use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// The first argument that makes a launcher of the agent. Of no use to people, and so not part of the command line that they see.
pub const WORD: &str = "__launch-check";

/// What Nagios takes for unknown.
const UNKNOWN: u8 = 3;

/// Bytes of a file that a plugin may write: those that keep state between runs have kilobytes.
const FILE_BYTES: u64 = 64 << 20;

/// What a plugin may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Address space, bytes.
    pub memory_bytes: u64,
    /// Processes and threads at one time.
    pub processes: u64,
    /// Processor time, seconds.
    pub cpu_seconds: u64,
}

impl Limits {
    /// The arguments that stand between [`WORD`] and the command.
    pub(super) fn arguments(self, agent: Pid) -> [String; 4] {
        [self.memory_bytes, self.processes, self.cpu_seconds, u64::from(agent.as_raw_nonzero().get().unsigned_abs())]
            .map(|number| number.to_string())
    }
}

/// Becomes the plugin when these are a launcher's arguments, and then does not come back but for a failure.
/// None when they are not: the program is started by a person or an init system.
#[must_use]
pub fn launch(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next()? != WORD {
        return None;
    }
    let why = become_plugin(arguments);
    let _ = writeln!(std::io::stdout(), "the plugin cannot be run: {why}");
    Some(ExitCode::from(UNKNOWN))
}

fn become_plugin(mut arguments: impl Iterator<Item = OsString>) -> String {
    let mut number = || arguments.next()?.to_str()?.parse::<u64>().ok();
    let (Some(memory_bytes), Some(processes), Some(cpu_seconds), Some(agent)) = (number(), number(), number(), number()) else {
        return "the launcher's arguments are wrong".to_owned();
    };
    let Some(program) = arguments.next() else { return "there is no command".to_owned() };
    if let Err(error) = limit(Limits { memory_bytes, processes, cpu_seconds }, agent) {
        return error.to_string();
    }
    Command::new(&program).args(arguments).exec().to_string()
}

fn limit(limits: Limits, agent: u64) -> std::io::Result<()> {
    // Should the agent die, its checks go with it.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let is_orphan = getppid().is_none_or(|parent| u64::from(parent.as_raw_nonzero().get().unsigned_abs()) != agent);
    if is_orphan {
        return Err(std::io::Error::other("the agent is gone"));
    }
    // An agent without root may have been given capabilities by its init system, which programs inherit.
    rustix::thread::clear_ambient_capability_set()?;
    let set = |resource, most: u64| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    set(Resource::Core, 0)?;
    set(Resource::Fsize, FILE_BYTES)?;
    set(Resource::Cpu, limits.cpu_seconds)?;
    // The kernel counts all threads of a user together, wherever they come from.
    set(Resource::Nproc, limits.processes.saturating_add(threads_of_this_user()))?;
    // Last, since this program has more than some plugins may.
    set(Resource::As, limits.memory_bytes)?;
    Ok(())
}

/// Threads that this user has beside this program.
fn threads_of_this_user() -> u64 {
    let uid = getuid().as_raw();
    let own = std::process::id().to_string();
    let threads = |process: std::fs::DirEntry| {
        let name = process.file_name();
        let is_other = name.as_encoded_bytes().iter().all(u8::is_ascii_digit) && *name != *own;
        if !is_other || process.metadata().ok()?.uid() != uid {
            return None;
        }
        std::fs::read_dir(process.path().join("task")).ok().map(|tasks| tasks.count() as u64)
    };
    std::fs::read_dir("/proc").map_or(0, |processes| processes.flatten().filter_map(threads).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_people_launch_nothing() {
        let arguments = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        for words in [&[][..], &["rollcall-agent"], &["rollcall-agent", "run"], &["rollcall-agent", "run", WORD]] {
            assert!(launch(arguments(words)).is_none());
        }
    }

    #[test]
    fn wrong_arguments_are_said_to_be_wrong() {
        let say = |words: &[&str]| become_plugin(words.iter().map(OsString::from));
        assert!(say(&["1", "2"]).contains("arguments are wrong"));
        assert!(say(&["1", "2", "x", "4", "/bin/true"]).contains("arguments are wrong"));
        assert!(say(&["1", "2", "3", "4"]).contains("no command"));
    }
}
