//! A program that runs beside the test: its output goes to a file, and it ends with its owner.

use super::clock::{self, PATIENCE};
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Lines of a log that are worth repeating when something failed.
const TAIL: usize = 25;

/// Time that a program gets to end by itself when its owner goes.
const PARTING: Duration = Duration::from_secs(10);

/// A running program.
pub struct Process {
    child: Child,
    log: PathBuf,
    name: String,
}

/// What the kernel counted for a process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Consumption {
    /// User and system time, seconds.
    pub cpu_seconds: f64,
    /// Resident set now, bytes.
    pub rss_bytes: u64,
    /// Highest resident set so far, bytes.
    pub peak_rss_bytes: u64,
    /// Proportional set now, bytes: shared pages counted by their share.
    pub pss_bytes: u64,
}

impl Process {
    /// Starts a program; standard output and error are appended to `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(program: &Path, arguments: &[&str], log: &Path) -> Result<Self> {
        Self::start_with(program, arguments, log, None)
    }

    /// Starts a program with a variable in its environment.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_with(program: &Path, arguments: &[&str], log: &Path, variable: Option<(&str, &Path)>) -> Result<Self> {
        let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let output = File::options().create(true).append(true).open(log).with_context(|| log.display().to_string())?;
        let child = Command::new(program)
            .args(arguments)
            .envs(variable)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| program.display().to_string())?;
        Ok(Self { child, log: log.to_owned(), name })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Whether it still runs; an error with the end of its log when it does not.
    ///
    /// # Errors
    /// When it ended.
    pub fn ensure_alive(&mut self) -> Result<()> {
        let ended = self.ended()?;
        ensure!(ended.is_none(), "{} ended: {}\n{}", self.name, ended.map(|status| status.to_string()).unwrap_or_default(), self.tail());
        Ok(())
    }

    /// kill -9, and waits for the end.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits until it did.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        let name = format!("{} to end after SIGTERM", self.name);
        clock::until(PATIENCE, &name, || self.ended()).with_context(|| self.tail())
    }

    /// Sends a signal; none when it has ended.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.ended()?.is_none() {
            kill_process(Pid::from_child(&self.child), signal)?;
        }
        Ok(())
    }

    /// What it used so far.
    ///
    /// # Errors
    /// When it has ended.
    pub fn consumption(&self) -> Result<Consumption> {
        consumption(&format!("/proc/{}", self.id()))
    }

    /// The end of its log.
    #[must_use]
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        format!("last lines of {}:\n{}", self.log.display(), lines[lines.len().saturating_sub(TAIL)..].join("\n"))
    }

    /// Everything it wrote.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    /// Asks first: a script that started others must get to stop them.
    fn drop(&mut self) {
        let _ = self.signal(Signal::TERM);
        if clock::until(PARTING, "the end", || self.ended()).is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What a process below `/proc` used so far; `/proc/self` for this one.
///
/// # Errors
/// When it has ended, or the kernel's files are not as known.
pub fn consumption(directory: &str) -> Result<Consumption> {
    let kilobytes = |file: &str, key: &str| -> u64 {
        let text = std::fs::read_to_string(format!("{directory}/{file}")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or_default() * 1024
    };
    Ok(Consumption {
        cpu_seconds: cpu_seconds(directory)?,
        rss_bytes: kilobytes("status", "VmRSS:"),
        peak_rss_bytes: kilobytes("status", "VmHWM:"),
        pss_bytes: kilobytes("smaps_rollup", "Pss:"),
    })
}

/// User and system time of a process below `/proc`, seconds; a hundredth of what [`consumption`] takes.
///
/// # Errors
/// As [`consumption`].
pub fn cpu_seconds(directory: &str) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("{directory}/stat"))?;
    // The name may hold anything, so fields are counted behind its closing parenthesis: utime and stime are 14 and 15.
    let fields: Vec<&str> = stat.rsplit_once(')').context("stat has a name")?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).context("stat has times");
    Ok((ticks(11)? + ticks(12)?) / rustix::param::clock_ticks_per_second() as f64)
}

/// Tells people something about a test that is failing.
#[expect(clippy::print_stderr, reason = "a failing test shows what its server said")]
pub fn tell(text: &str) {
    eprintln!("{text}");
}
