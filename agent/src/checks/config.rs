//! `[[check]]` of the agent's own configuration: nothing else can make the agent run a program, least of all a server.

use super::launcher::Limits;
use rustix::process::geteuid;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Checks of one agent; each has two series beside its values.
const CHECKS: usize = 128;

/// Bytes of a name.
const NAME_BYTES: usize = 64;

/// Bytes of a target: the longest fully qualified name.
const TARGET_BYTES: usize = 253;

/// An interpreter needs tens of MiB of address space before it does anything.
const LEAST_MEMORY: u64 = 16 << 20;

/// A day: beyond, a result says nothing about now.
const LONGEST: u64 = 86_400;

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckConfig {
    /// What its results are called.
    pub name: String,
    /// The plugin by its absolute path, and its arguments. No shell reads them.
    pub command: Vec<String>,
    /// What it is about, by its name, address or id; absent for this host. Its results are judged as a state of that.
    #[serde(default)]
    pub target: Option<String>,
    /// Whether `CRITICAL` means that the target is down, as with Nagios' host checks; it does unless said.
    #[serde(default)]
    pub means_down: Option<bool>,
    /// Time between two runs.
    #[serde(default = "minute")]
    pub interval_seconds: u64,
    /// After this it is ended.
    #[serde(default = "ten_seconds")]
    pub timeout_seconds: u64,
    /// Whom it runs as when the agent is root: never root itself. Absent for `nobody`, and for the agent's own user otherwise.
    #[serde(default)]
    pub user: Option<String>,
    /// Address space that each of its processes may have.
    #[serde(default = "memory")]
    pub memory_bytes: u64,
    /// What it may print; with more it is ended.
    #[serde(default = "output")]
    pub max_output_bytes: usize,
    /// Processes and threads that it may have at one time.
    #[serde(default = "processes")]
    pub max_processes: u64,
}

fn minute() -> u64 {
    60
}

fn ten_seconds() -> u64 {
    10
}

/// Perl and Python plugins map some 100 MiB, those with many libraries twice that.
fn memory() -> u64 {
    512 << 20
}

/// Nagios itself takes 8 KiB.
fn output() -> usize {
    64 << 10
}

fn processes() -> u64 {
    32
}

/// Why a check cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("check {name:?}: {key}: {why}")]
pub struct CheckError {
    /// Which check.
    pub name: String,
    /// Which of its keys.
    pub key: &'static str,
    /// What is wrong with it.
    pub why: String,
}

/// Whom a check runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl CheckConfig {
    /// Time between two runs.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_seconds)
    }

    /// After this it is ended.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    /// What it asks of its target.
    #[must_use]
    pub(super) fn asks(&self) -> &'static str {
        if self.means_down.unwrap_or(true) { "up" } else { "state" }
    }

    /// After this its result says nothing any more.
    #[must_use]
    pub(super) fn patience(&self) -> Duration {
        self.interval() * 2 + self.timeout()
    }

    pub(super) fn limits(&self) -> Limits {
        Limits { memory_bytes: self.memory_bytes, processes: self.max_processes, cpu_seconds: self.timeout_seconds + 1 }
    }

    fn error(&self, key: &'static str, why: impl Into<String>) -> CheckError {
        CheckError { name: self.name.clone(), key, why: why.into() }
    }

    /// What can be judged without looking at the machine.
    fn validate(&self) -> Result<(), CheckError> {
        let is_name_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/' | ' ');
        if self.name.trim().is_empty() || self.name.len() > NAME_BYTES || !self.name.chars().all(is_name_character) {
            return Err(self.error("name", format!("1 to {NAME_BYTES} letters, digits, blanks or any of _-.:/")));
        }
        match self.command.first() {
            None => return Err(self.error("command", "is empty")),
            Some(program) if !program.starts_with('/') => return Err(self.error("command", format!("{program:?} is not an absolute path"))),
            Some(_) => {}
        }
        if self.command.iter().any(|argument| argument.contains('\0')) {
            return Err(self.error("command", "an argument holds NUL"));
        }
        if let Some(target) = &self.target
            && (target.trim().is_empty() || target.len() > TARGET_BYTES || target.chars().any(|c| c.is_control() || c.is_whitespace()))
        {
            return Err(self.error("target", format!("a name, an address or an id of 1 to {TARGET_BYTES} bytes without blanks")));
        }
        if self.target.is_none() && self.means_down.is_some() {
            return Err(self.error("means_down", "is for checks with a target"));
        }
        let within = |key, number: u64, least: u64, most: u64| {
            let is_within = (least..=most).contains(&number);
            if is_within { Ok(()) } else { Err(self.error(key, format!("{number} is not between {least} and {most}"))) }
        };
        within("interval_seconds", self.interval_seconds, 1, LONGEST)?;
        within("timeout_seconds", self.timeout_seconds, 1, self.interval_seconds.max(1))?;
        within("memory_bytes", self.memory_bytes, LEAST_MEMORY, 1 << 40)?;
        within("max_output_bytes", self.max_output_bytes as u64, 256, 1 << 20)?;
        within("max_processes", self.max_processes, 1, 1024)
    }

    /// The plugin is there, only root can change it, and whom it runs as is known.
    fn verify(&self) -> Result<Option<Account>, CheckError> {
        let program = Path::new(&self.command[0]);
        let facts = std::fs::metadata(program).map_err(|error| self.error("command", format!("{}: {error}", program.display())))?;
        if !facts.is_file() || facts.mode() & 0o111 == 0 {
            return Err(self.error("command", format!("{} is not a program", program.display())));
        }
        if !geteuid().is_root() {
            return match &self.user {
                None => Ok(None),
                Some(user) => Err(self.error("user", format!("{user:?}: only an agent that runs as root can run checks as another user"))),
            };
        }
        if let Some(path) = changeable(program) {
            return Err(self.error("command", format!("{} can be changed by others than root", path.display())));
        }
        let user = self.user.as_deref().unwrap_or("nobody");
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let account = account(&passwd, user).ok_or_else(|| self.error("user", format!("{user:?} is not in /etc/passwd")))?;
        if account.uid == 0 || account.gid == 0 {
            return Err(self.error("user", format!("{user:?} is root; checks run without privileges")));
        }
        Ok(Some(account))
    }
}

/// Judges all checks of a configuration file, before any of them runs.
///
/// # Errors
/// The first one that cannot be, and why.
pub(super) fn verified(configs: Vec<CheckConfig>, file: &Path) -> Result<Vec<(CheckConfig, Option<Account>)>, CheckError> {
    let Some(first) = configs.first() else { return Ok(Vec::new()) };
    if configs.len() > CHECKS {
        return Err(first.error("name", format!("{} checks; an agent runs at most {CHECKS}", configs.len())));
    }
    if geteuid().is_root()
        && let Some(path) = changeable(file)
    {
        return Err(first.error("command", format!("{} can be changed by others than root, and it says what root runs", path.display())));
    }
    let mut names = BTreeSet::new();
    let verify = |config: CheckConfig| {
        config.validate()?;
        if !names.insert(config.name.clone()) {
            return Err(config.error("name", "is used twice"));
        }
        let account = config.verify()?;
        Ok((config, account))
    };
    configs.into_iter().map(verify).collect()
}

/// The first of a file and the directories above it, by its own path and by where links lead, that others than root can change.
fn changeable(path: &Path) -> Option<PathBuf> {
    let real = std::fs::canonicalize(path).ok();
    let by_name = path.ancestors().map(Path::to_owned);
    let by_links = real.iter().flat_map(|real| real.ancestors()).map(Path::to_owned);
    by_name.chain(by_links).filter(|path| !path.as_os_str().is_empty()).find(|path| is_changeable(path))
}

fn is_changeable(path: &Path) -> bool {
    let Ok(facts) = std::fs::symlink_metadata(path) else { return true };
    let others_write = facts.mode() & 0o022 != 0;
    // In a sticky directory nobody can replace what is root's.
    let is_sticky = facts.is_dir() && facts.mode() & 0o1000 != 0;
    facts.uid() != 0 || (others_write && !is_sticky && !facts.is_symlink())
}

/// `name:x:uid:gid:…`.
fn account(passwd: &str, user: &str) -> Option<Account> {
    let fields = passwd.lines().find_map(|line| line.strip_prefix(user)?.strip_prefix(':'))?;
    let mut fields = fields.split(':').skip(1);
    Some(Account { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const GOOD: &str = "name = 'disk'\ncommand = ['/bin/true', '-w', '80']\n";

    fn parse(text: &str) -> CheckConfig {
        toml::from_str(text).expect("a check")
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut CheckConfig), key: &str, why: &str) {
        let mut config = parse(GOOD);
        change(&mut config);
        let error = config.validate().expect_err("refused");
        assert!(error.key == key && error.why.contains(why), "{error}");
    }

    #[test]
    fn wrong_values_are_refused_by_name_of_their_key() {
        assert_eq!(parse(GOOD).validate(), Ok(()));
        check(|config| config.name = "a\nb".into(), "name", "letters");
        check(|config| config.name = String::new(), "name", "letters");
        check(|config| config.command.clear(), "command", "empty");
        check(|config| config.command[0] = "check_disk".into(), "command", "absolute");
        check(|config| config.command[1] = "\0".into(), "command", "NUL");
        check(|config| config.interval_seconds = 0, "interval_seconds", "between 1 and");
        check(|config| config.timeout_seconds = 61, "timeout_seconds", "between 1 and 60");
        check(|config| config.memory_bytes = 1, "memory_bytes", "between");
        check(|config| config.max_output_bytes = 2 << 20, "max_output_bytes", "between");
        check(|config| config.target = Some(" ".into()), "target", "without blanks");
        check(|config| config.target = Some("x".repeat(254)), "target", "1 to 253");
        check(|config| config.means_down = Some(true), "means_down", "with a target");
        check(|config| config.max_processes = 0, "max_processes", "between");
        assert!(toml::from_str::<CheckConfig>(&format!("{GOOD}shell = true")).is_err());
        assert!(toml::from_str::<CheckConfig>("name = 'x'\ncommand = 'rm -rf /'").is_err());
    }

    #[test]
    fn a_name_is_used_once() {
        let twice = vec![parse(GOOD), parse(GOOD)];
        let error = verified(twice, Path::new("/")).expect_err("refused");
        assert_eq!((error.key, error.why.as_str()), ("name", "is used twice"));
    }

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let passwd = "rooty:x:7:8::/:\nroot:x:0:0::/:\nbroken:x:a:1\n";
        assert_eq!(account(passwd, "root"), Some(Account { uid: 0, gid: 0 }));
        assert_eq!((account(passwd, "broken"), account(passwd, "roo")), (None, None));
    }

    #[test]
    fn root_runs_nothing_that_others_can_change() {
        if !geteuid().is_root() {
            return;
        }
        let directory = tempfile::tempdir().expect("a temporary directory");
        let plugin = directory.path().join("check");
        std::fs::write(&plugin, "#!/bin/sh\n").expect("written");
        let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
        let config = CheckConfig { command: vec![plugin.display().to_string()], ..parse(GOOD) };
        let verify = |config: &CheckConfig, file: &Path| verified(vec![config.clone()], file).map(|_| ());
        set(&plugin, 0o755);
        assert_eq!(verify(&config, directory.path()), Ok(()));
        let as_root = CheckConfig { user: Some("root".into()), ..config.clone() };
        assert!(verify(&as_root, directory.path()).expect_err("refused").why.contains("is root"));
        set(&plugin, 0o757);
        let error = verify(&config, directory.path()).expect_err("refused").to_string();
        assert!(error.contains(&plugin.display().to_string()) && error.contains("others than root"), "{error}");
        set(&plugin, 0o644);
        assert!(verify(&config, directory.path()).expect_err("refused").why.contains("not a program"));
        set(&plugin, 0o755);
        set(directory.path(), 0o777);
        let error = verify(&config, directory.path()).expect_err("refused");
        assert!(error.why.contains(&directory.path().display().to_string()), "{error}");
    }
}
