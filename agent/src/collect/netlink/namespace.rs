//! For tests: a network namespace of their own to build links, routes and rules in, so that the machine's stay as they are.
//!
//! A thread cannot change its namespace without privileges, so the test program runs itself again, inside, with one test.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Names the namespace that a test runs in.
const INSIDE: &str = "ROLLCALL_TEST_NAMESPACE";

struct Namespace(String);

impl Drop for Namespace {
    fn drop(&mut self) {
        run(&["ip", "netns", "del", &self.0]);
    }
}

fn run(command: &[&str]) -> bool {
    let [program, arguments @ ..] = command else { return false };
    Command::new(program).args(arguments).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs `check` inside a new namespace in which the lines of `setup` were given to `ip`, or to `nft` where they begin so; lines that fail (a kernel without that kind of
/// link) are skipped. `test` is the full name of the calling test. Without root or `ip` nothing runs.
#[track_caller]
pub(crate) fn inside(test: &str, setup: &str, check: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return check();
    }
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let namespace = Namespace(format!("rollcall-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    if !rustix::process::geteuid().is_root() || !run(&["ip", "netns", "add", &namespace.0]) {
        return;
    }
    for line in setup.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let head: &[&str] = if line.starts_with("nft ") { &["ip", "netns", "exec", &namespace.0] } else { &["ip", "-n", &namespace.0] };
        let words: Vec<&str> = head.iter().copied().chain(line.split_whitespace()).collect();
        run(&words);
    }
    let program = std::env::current_exe().expect("the test program");
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &namespace.0]).arg(program).args(["--exact", test, "--nocapture"]).env(INSIDE, &namespace.0);
    let output = command.output().expect("run");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
