//! The real program against a small server of the same protocol: exit codes, enrolment, delivery once, stop and resume.
#![expect(clippy::unwrap_used, reason = "all of this is a test, helpers included")]

#[cfg(linux)]
#[path = "agent/checks.rs"]
mod checks;
#[cfg(linux)]
#[path = "agent/large.rs"]
mod large;
#[path = "agent/server.rs"]
mod server;

use rollcall_shared::message::Payload;
use rollcall_shared::{ContentHash, Section, SectionName};
use server::{Event, Server};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn agent(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall-agent"));
    command.args(arguments).env_remove("ROLLCALL_LOG").stdin(Stdio::null());
    command
}

#[track_caller]
fn check(arguments: &[&str], code: i32, expected: &str) -> Output {
    let output = agent(arguments).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(expected), "{text}");
    if code != 0 {
        assert!(output.stdout.is_empty(), "errors belong on standard error");
    }
    output
}

/// A running agent, killed when the test ends early.
struct Running(Child);

impl Running {
    fn start(state: &Path) -> Self {
        Self(agent(&["run", "--state", state.to_str().unwrap()]).spawn().unwrap())
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Bench {
    server: Server,
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { server: Server::start(), directory: tempfile::tempdir().unwrap() }
    }

    fn state(&self) -> std::path::PathBuf {
        self.directory.path().join("state")
    }

    fn enrol(&self, token: &str, code: i32, expected: &str) {
        let file = self.directory.path().join("token");
        std::fs::write(&file, token).unwrap();
        let state = self.state();
        let arguments = ["enrol", "--server", &self.server.url, "--token-file", file.to_str().unwrap(), "--state", state.to_str().unwrap()];
        check(&arguments, code, expected);
    }

    fn enrolled() -> Self {
        let bench = Self::new();
        bench.enrol(&bench.server.token(), 0, "status: approved");
        let config = "sample_interval_seconds = 0.2\npush_interval_seconds = 0.4\n[log]\nlevel = \"warn\"\n";
        std::fs::write(bench.state().join("agent.toml"), config).unwrap();
        bench
    }
}

#[test]
fn help_and_version_are_done_and_wrong_usage_is_two() {
    check(&["--help"], 0, "First steps on a new host");
    check(&["--version"], 0, "rollcall-agent 0.");
    for command in ["enrol", "run", "inventory", "health", "status", "support-bundle", "probe"] {
        check(&[command, "--help"], 0, "Examples:");
    }
    check(&[], 2, "Usage");
    check(&["run"], 2, "required");
    check(&["run", "--state", "a", "--config", "b"], 2, "cannot be used with");
    check(&["inventory", "--section", "packges"], 2, "known sections are");
    check(&["health", "--format", "yaml"], 2, "invalid value");
    check(&["inventory", "--explain", "os", "--section", "os"], 2, "cannot be used with");
}

#[test]
fn what_cannot_be_done_is_one_and_names_its_subject() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    check(&["run", "--state", &path("none")], 1, "none: no such state directory");
    check(&["run", "--config", &path("none.toml")], 1, "none.toml: no such configuration file");
    check(&["inventory", "--root", &path("none")], 1, "none: not a directory");
    check(&["inventory", "--section", "os", "--diff", &path("none.json")], 1, "none.json: no such file");
    std::fs::write(path("rubbish.json"), "{\"sections\": {\"os\": {\"rows\": [{\"no\": 1}]}}}").unwrap();
    check(
        &["inventory", "--section", "os", "--diff", &path("rubbish.json")],
        1,
        "rubbish.json: section os: rows and keys do not go together",
    );
    check(&["inventory", "--config", &path("none.toml")], 1, "none.toml: no such configuration file");
    check(&["status", "--state", &path("none")], 1, "none: no such state directory");
    std::fs::create_dir(directory.path().join("empty")).unwrap();
    check(&["status", "--state", &path("empty")], 1, "not enrolled");
    check(&["run", "--state", &path("empty")], 1, "not enrolled");
    std::fs::write(path("empty/agent.toml"), "satte = 1\n").unwrap();
    check(&["run", "--state", &path("empty")], 1, "agent.toml:1: satte: unknown field");
    let enrol = |server: &str| check(&["enrol", "--server", server, "--token-file", &path("t"), "--state", &path("s")], 1, "");
    assert!(String::from_utf8_lossy(&enrol("https://localhost:1").stderr).contains("cannot read the join token"));
    assert!(String::from_utf8_lossy(&enrol("http://localhost:1").stderr).contains("only https"));
}

#[test]
fn an_inventory_and_health_need_no_server() {
    let output = check(&["inventory", "--section", "os", "--format", "json"], 0, "os");
    serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    let output = check(&["health", "--format", "json"], 0, "");
    serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
}

#[test]
fn an_inventory_is_compared_explained_and_billed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("earlier.json").to_str().unwrap().to_owned();
    let output = check(&["inventory", "--section", "os", "--format", "json"], 0, "os");
    std::fs::write(&path, &output.stdout).unwrap();
    check(&["inventory", "--section", "os", "--diff", &path], 0, "no difference");
    let mut earlier: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    earlier["sections"]["os"]["rows"][0]["kernel_release"] = "4.19.0".into();
    std::fs::write(&path, earlier.to_string()).unwrap();
    check(&["inventory", "--section", "os", "--diff", &path], 0, "kernel_release 4.19.0 →");
    check(&["inventory", "--explain", "os"], 0, "/etc/os-release");
    let bill = check(&["inventory", "--format", "cyclonedx"], 0, "").stdout;
    let bill: serde_json::Value = serde_json::from_slice(&bill).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    assert!(bill["components"].as_array().is_some_and(|components| components.iter().any(|one| one["type"] == "operating-system")));
}

#[test]
fn nothing_changes_between_two_inventories_but_what_runs() {
    // Other tests start and end programs meanwhile.
    const RUNNING: [&str; 5] = ["processes", "listeners", "connections", "databases", "web_servers"];
    let hashes = || -> Vec<(String, serde_json::Value)> {
        let output = check(&["inventory", "--format", "json"], 0, "").stdout;
        let inventory: serde_json::Value = serde_json::from_slice(&output).unwrap();
        let sections = inventory["sections"].as_object().unwrap();
        let quiet = sections.iter().filter(|(name, _)| !RUNNING.contains(&name.as_str()));
        quiet.map(|(name, section)| (name.clone(), serde_json::json!([section["outcome"], section["hash"]]))).collect()
    };
    let (before, after) = (hashes(), hashes());
    assert!(before.len() > 30);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
}

#[test]
fn a_configuration_leaves_out_what_it_names() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("agent.toml");
    std::fs::write(&config, "[exclude]\nsections = [\"processes\"]\ninterfaces = [\"lo\"]\n").unwrap();
    let output = check(&["inventory", "--config", config.to_str().unwrap(), "--format", "json"], 0, "");
    let inventory: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(inventory["sections"]["processes"].is_null());
    let interfaces = inventory["sections"]["network_interfaces"]["rows"].as_array().unwrap();
    assert!(interfaces.iter().all(|interface| interface["name"] != "lo"));
}

/// The content of an archive: `tar` knows no zstd on minimal systems.
fn unpacked(archive: &Path) -> String {
    let bytes = zstd::stream::decode_all(std::fs::File::open(archive).unwrap()).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn status_and_support_bundle_tell_how_the_agent_is_doing_and_no_secret() {
    let bench = Bench::enrolled();
    let state = bench.state().to_str().unwrap().to_owned();
    check(&["status", "--state", &state], 0, "never ran");
    let mut running = Running::start(&bench.state());
    bench.server.wait_for(|payload| matches!(payload, Payload::Report(_)).then_some(()));
    // The note is written after the answer: the next push comes after it.
    bench.server.wait_for(|payload| matches!(payload, Payload::Samples(_)).then_some(()));
    let output = check(&["status", "--state", &state], 0, "running as ");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(" up, last push ") && text.contains("packages") && text.contains("complete"), "{text}");
    let json: serde_json::Value = serde_json::from_slice(&check(&["status", "--state", &state, "--format", "json"], 0, "").stdout).unwrap();
    assert_eq!(json["running"], true);

    let archive = bench.directory.path().join("bundle.tar.zst");
    check(&["support-bundle", "--state", &state, "--output", archive.to_str().unwrap()], 0, "bundle.tar.zst: ");
    let content = unpacked(&archive);
    assert!(content.contains("inventory.json") && content.contains("\"sections\"") && content.contains("agent.key"), "the key is listed");
    let key = std::fs::read_to_string(bench.state().join("agent.key")).unwrap();
    assert!(
        !content.contains("PRIVATE KEY") && key.lines().filter(|line| line.len() > 20).all(|line| !content.contains(line)),
        "and not in it"
    );
    check(&["support-bundle", "--state", &state, "--output", archive.to_str().unwrap()], 1, "File exists");

    running.0.kill().unwrap();
    running.0.wait().unwrap();
    check(&["status", "--state", &state], 0, "NOT RUNNING");
}

#[test]
fn a_change_is_reported_within_seconds_and_without_a_new_inventory() {
    let bench = Bench::enrolled();
    let extensions = bench.directory.path().join("extensions.d");
    std::fs::create_dir(&extensions).unwrap();
    let config = format!(
        "sample_interval_seconds = 60\npush_interval_seconds = 0.4\ninventory_interval_seconds = 3600\n[collect]\nextensions = {extensions:?}\n[log]\nlevel = \"warn\"\n"
    );
    std::fs::write(bench.state().join("agent.toml"), config).unwrap();
    let _running = Running::start(&bench.state());
    let report = |payload: &Payload| if let Payload::Report(report) = payload { Some(report.clone()) } else { None };
    let custom = |report: &rollcall_shared::message::Report| {
        report.sections.iter().find(|entry| entry.name == SectionName::Custom).cloned().unwrap()
    };
    let before = custom(&bench.server.wait_for(report));
    std::fs::write(extensions.join("rack.json"), r#"{"key": "rack", "row": 7}"#).unwrap();
    let after = custom(&bench.server.wait_for(report));
    assert_ne!(before.hash, after.hash);
    let Section::Custom(rows) = Section::decode(&bench.server.content(&after.hash.unwrap())).unwrap() else { panic!("custom") };
    assert_eq!(rows[0].extension, "rack");
}

#[test]
fn enrolment_is_made_once_and_refuses_another_authority_and_a_used_token() {
    let bench = Bench::new();
    bench.enrol(&bench.server.token_with_pin(&"0".repeat(64)), 1, "does not show the certificate authority");
    bench.server.refuse(401, "token_invalid", "the join token is not valid");
    bench.enrol(&bench.server.token(), 1, "401 (token_invalid): the join token is not valid");
    bench.enrol(&bench.server.token(), 0, "enrolled as agent_");
    bench.enrol(&bench.server.token(), 0, "already enrolled as agent_");
    let attempts = bench.server.attempts();
    assert_eq!(attempts.len(), 2, "the foreign server saw nothing, the last command asked nothing");
    assert_eq!(attempts[0], attempts[1], "a second attempt has the same name and the same key");
}

#[test]
fn everything_is_delivered_once_through_a_kill_a_refusal_and_a_stop() {
    let bench = Bench::enrolled();
    let mut running = Running::start(&bench.state());
    let report = bench.server.wait_for(|payload| if let Payload::Report(report) = payload { Some(report.clone()) } else { None });
    let os = report.sections.iter().find(|entry| entry.name == SectionName::Os).and_then(|entry| entry.hash).unwrap();
    assert!(matches!(Section::decode(&bench.server.content(&os)).unwrap(), Section::Os(_)));
    let table = bench.server.wait_for(|payload| if let Payload::Samples(sets) = payload { Some(sets[0].table) } else { None });
    assert!(matches!(Section::decode(&bench.server.content(&table)).unwrap(), Section::Series(_)));
    assert_eq!(ContentHash::of(&bench.server.content(&table)), table);

    running.signal(rustix::process::Signal::KILL);
    running.0.wait().unwrap();
    let mut running = Running::start(&bench.state());
    bench.server.wait_for(|payload| matches!(payload, Payload::Started { .. }).then_some(()));
    bench.server.refuse(503, "busy", "later");
    bench.server.wait_for(|payload| matches!(payload, Payload::Samples(_)).then_some(()));

    running.signal(rustix::process::Signal::TERM);
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    bench.server.wait_for(|payload| matches!(payload, Payload::Goodbye { .. }).then_some(()));
    bench.server.check_each_number_arrived();
}

#[test]
fn a_signal_makes_the_agent_report_again() {
    let bench = Bench::enrolled();
    let running = Running::start(&bench.state());
    let is_report = |payload: &Payload| matches!(payload, Payload::Report(_)).then_some(());
    bench.server.wait_for(is_report);
    running.signal(rustix::process::Signal::HUP);
    bench.server.wait_for(is_report);
}

#[test]
fn a_pending_agent_waits_for_approval_and_then_delivers() {
    let bench = Bench::enrolled();
    bench.server.refuse(403, "agent_pending", "waiting for approval");
    let _running = Running::start(&bench.state());
    bench.server.wait_for_event(|event| matches!(event, Event::Refused).then_some(()));
    bench.server.wait_for(|payload| matches!(payload, Payload::Started { .. }).then_some(()));
}

#[test]
fn two_agents_cannot_share_a_state_directory() {
    let bench = Bench::enrolled();
    let _running = Running::start(&bench.state());
    bench.server.wait_for(|payload| matches!(payload, Payload::Started { .. }).then_some(()));
    check(&["run", "--state", bench.state().to_str().unwrap()], 1, "another agent is running on this state directory");
}
