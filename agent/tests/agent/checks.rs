//! Local checks with real plugins: little scripts that behave well, badly and worse.

use rollcall_agent::checks::{CheckConfig, Checks};
use rollcall_agent::clock::{Clock, Reading, SystemClock};
use rollcall_agent::health::Measurement;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Whatever a test waits for happens within seconds; this is for machines that are busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

struct Plugin {
    directory: tempfile::TempDir,
    clock: SystemClock,
}

impl Plugin {
    fn new(script: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let set = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        set(directory.path());
        let plugin = Self { directory, clock: SystemClock::new() };
        fs::write(plugin.path("check"), format!("#!/bin/sh\n{script}")).unwrap();
        // Where another user can reach it.
        fs::copy(env!("CARGO_BIN_EXE_rollcall-agent"), plugin.path("agent")).unwrap();
        fs::create_dir(plugin.path("out")).unwrap();
        fs::set_permissions(plugin.path("out"), fs::Permissions::from_mode(0o1777)).unwrap();
        for file in ["check", "agent"] {
            set(&plugin.path(file));
        }
        plugin
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn checks(&self, keys: &str) -> Checks {
        let text = format!("name = 'a'\ncommand = ['{}', '-w', 'a b']\n{keys}", self.path("check").display());
        let config: CheckConfig = toml::from_str(&text).unwrap();
        Checks::new(vec![config], self.directory.path(), self.path("agent"), Arc::new(self.clock)).unwrap()
    }

    /// The state, what was said, and the series of the first run.
    #[track_caller]
    fn run(&self, keys: &str) -> (String, String, Vec<Measurement>) {
        let mut checks = self.checks(keys);
        self.until("a result", || {
            // The first run is due within a minute.
            let now = self.clock.now();
            checks.poll(Reading { monotonic: now.monotonic + Duration::from_secs(60), ..now });
            checks.is_complete()
        });
        assert!(checks.changed() && !checks.changed());
        let [row] = <[_; 1]>::try_from(checks.rows()).unwrap();
        (row.state, row.output.unwrap_or_default(), checks.measurements(self.clock.now()))
    }

    #[track_caller]
    fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let start = self.clock.now().monotonic;
        while !is_so() {
            assert!(self.clock.now().monotonic - start < PATIENCE, "{what} has not come");
            std::thread::yield_now();
        }
    }
}

#[track_caller]
fn check(script: &str, keys: &str, state: &str, said: &str) {
    let (found, output, _) = Plugin::new(script).run(keys);
    assert!(found == state && output.contains(said), "{found}: {output}");
}

/// Whether a process is there and not merely waiting to be reaped.
fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn exit_codes_and_signals_are_states() {
    check("echo fine", "", "ok", "fine");
    check("echo hm; exit 1", "", "warning", "hm");
    check("echo bad; exit 2", "", "critical", "bad");
    check("echo what; exit 3", "", "unknown", "what");
    check("echo odd; exit 7", "", "unknown", "exit code 7: odd");
    check("echo dying; kill -9 $$", "", "unknown", "killed by signal 9: dying");
    check("echo on stderr >&2; exit 1", "", "warning", "on stderr");
    check("exec /no/such/program", "", "unknown", "exit code 127");
}

#[test]
fn arguments_reach_the_plugin_as_they_are_written() {
    check("echo \"$# $2\"", "", "ok", "2 a b");
}

#[test]
fn values_become_series() {
    let (_, _, measured) = Plugin::new("echo \"OK | time=250ms;1;2 'x y'=1,5\"").run("");
    let of = |metric: &str| measured.iter().filter(|one| one.series.metric == metric).map(|one| one.value).collect::<Vec<_>>();
    assert_eq!((of("check.state"), of("check.perfdata")), (vec![Some(0.0)], vec![Some(0.25)]));
    assert!(of("check.duration")[0].is_some_and(|seconds| seconds > 0.0 && seconds < 60.0));
}

#[test]
fn a_plugin_gets_nothing_of_the_agents() {
    let script = "env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort | tr '\\n' ' '; echo \"$(pwd) $(cat)\"";
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    check(script, "", "ok", &format!("LANG=C LC_ALL=C {path} /"));
    // What this program itself was started with is not what it opened.
    let is_kept = |fd: &String| {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
        flags.is_some_and(|flags| flags & rustix::fs::OFlags::CLOEXEC.bits() == 0)
    };
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let _opened = fs::File::open("/proc/self/exe").unwrap();
    let inherited: Vec<String> = fs::read_dir("/proc/self/fd").unwrap().map(name).filter(is_kept).collect();
    let (_, said, _) = Plugin::new("exec ls /proc/self/fd | tr '\\n' ' '").run("");
    // `ls` itself opens the folder, at the lowest number that is free.
    let found = said.split_whitespace().filter(|fd| !inherited.contains(&(*fd).to_owned())).count();
    assert!(found <= 1, "{said} beyond {inherited:?}");
}

#[test]
fn a_plugin_of_roots_agent_is_nobody_without_groups_and_capabilities() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    check("echo \"$(id -un) $(grep Groups: /proc/self/status | tr -d '\\t ')\"", "", "ok", "nobody Groups:");
    check("grep -c 'Cap[EPA].*:.0000000000000000' /proc/self/status", "", "ok", "3");
}

#[test]
fn limits_hold() {
    check("ulimit -c; ulimit -v", "memory_bytes = 268435456", "ok", "0");
    check("ulimit -v", "memory_bytes = 268435456", "ok", "262144");
    check("ulimit -t", "timeout_seconds = 7", "ok", "8");
}

#[test]
fn a_timeout_kills_children_and_their_children() {
    let plugin = Plugin::new("");
    let out = plugin.path("out").display().to_string();
    let script = format!(
        "#!/bin/sh\ntrap '' TERM\n(trap '' TERM; (trap '' TERM; sh -c 'echo $$ > {out}/pid; exec sleep 1000') & wait) &\necho begun\nwhile :; do sleep 1000; done\n"
    );
    fs::write(plugin.path("check"), script).unwrap();
    let (state, said, _) = plugin.run("timeout_seconds = 2");
    assert_eq!((state.as_str(), said.as_str()), ("unknown", "no result within 2 s: begun"));
    let pid = fs::read_to_string(plugin.path("out/pid")).unwrap();
    plugin.until("the end of the grandchild", || !is_alive(&pid));
}

#[test]
fn what_a_plugin_leaves_behind_ends_with_it() {
    let plugin = Plugin::new("sleep 1000 & echo \"$!\"");
    let (state, pid, _) = plugin.run("");
    assert_eq!(state, "ok");
    plugin.until("the end of what was left behind", || !is_alive(&pid));
}

#[test]
fn a_gigabyte_of_output_is_not_read() {
    let plugin = Plugin::new("echo \"$$\"; head -c 1000000000 /dev/zero | tr '\\0' x");
    let (state, said, _) = plugin.run("max_output_bytes = 4096");
    assert!(state == "unknown" && said.starts_with("printed more than 4096 bytes: "), "{said}");
    let pid = said.rsplit(' ').next().unwrap().to_owned();
    plugin.until("the end of the plugin", || !is_alive(&pid));
}

#[test]
fn a_fork_bomb_is_limited_and_ends() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let plugin = Plugin::new("");
    let out = plugin.path("out").display().to_string();
    // Each of them waits, so that only the limit ends the growth.
    let bomb = format!("#!/bin/sh\necho $$ >> {out}/pids\n\"$0\" & \"$0\" & sleep 1000\n");
    fs::write(plugin.path("check"), bomb).unwrap();
    // Unknown, or what a shell says that cannot fork: the limit may hit the first one too.
    let (state, _, _) = plugin.run("timeout_seconds = 2\nmax_processes = 16");
    assert_ne!(state, "ok");
    let pids = fs::read_to_string(plugin.path("out/pids")).unwrap();
    // Of those that the limit ends, the numbers were written too; growth without it would be thousands.
    assert!(pids.lines().count() < 500, "{}", pids.lines().count());
    plugin.until("the end of all of them", || pids.lines().all(|pid| !is_alive(pid)));
}

#[test]
fn an_agent_that_stops_ends_its_checks() {
    let plugin = Plugin::new("");
    let out = plugin.path("out").display().to_string();
    fs::write(plugin.path("check"), format!("#!/bin/sh\necho $$ > {out}/new; mv {out}/new {out}/pid; sleep 1000\n")).unwrap();
    let mut checks = plugin.checks("");
    plugin.until("the start", || {
        let now = plugin.clock.now();
        checks.poll(Reading { monotonic: now.monotonic + Duration::from_secs(60), ..now });
        plugin.path("out/pid").exists()
    });
    let pid = fs::read_to_string(plugin.path("out/pid")).unwrap();
    assert!(is_alive(&pid));
    drop(checks);
    assert!(!is_alive(&pid), "dropping waits for the end");
}
