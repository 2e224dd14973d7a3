use super::*;
use rollcall_shared::SectionName;

#[track_caller]
fn check(text: &str, expected: Result<Config, &str>) {
    let parsed = Config::parse(Path::new("agent.toml"), text).map_err(|error| error.to_string());
    match (parsed, expected) {
        (Ok(parsed), Ok(expected)) => assert_eq!(parsed, expected),
        (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
        (parsed, expected) => panic!("{parsed:?} instead of {expected:?}"),
    }
}

#[test]
fn an_empty_file_is_the_default() {
    check("", Ok(Config::default()));
}

/// The check of the configuration in which every key is given.
fn load() -> CheckConfig {
    CheckConfig {
        name: "load".to_owned(),
        command: ["/usr/lib/nagios/plugins/check_load", "-w", "5"].map(str::to_owned).to_vec(),
        target: Some("sw-core-1".to_owned()),
        means_down: Some(false),
        interval_seconds: 30,
        timeout_seconds: 5,
        user: Some("nagios".to_owned()),
        memory_bytes: 128 << 20,
        max_output_bytes: 4096,
        max_processes: 4,
    }
}

#[test]
fn every_key_is_read() {
    let text = r#"
state = "/var/lib/rollcall-agent"
root = "/mnt/image"
probe_socket = "/run/probe.sock"
spool_max_bytes = 1048576
sample_interval_seconds = 0.5
push_interval_seconds = 30
inventory_interval_seconds = 600

[exclude]
sections = ["users", "processes"]
packages = ["linux-*"]
paths = ["/srv/scratch"]
interfaces = ["tap*"]

[collect]
certificate_paths = ["/etc/tls"]
language_paths = []
extensions = "/srv/extensions"
cloud_metadata = true

[health]
processes = ["nginx"]
units = ["user.slice"]
max_services = 10

[[check]]
name = "load"
command = ["/usr/lib/nagios/plugins/check_load", "-w", "5"]
target = "sw-core-1"
means_down = false
interval_seconds = 30
timeout_seconds = 5
user = "nagios"
memory_bytes = 134217728
max_output_bytes = 4096
max_processes = 4

[log]
format = "json"
level = "debug"
"#;
    let expected = Config {
        state: Some("/var/lib/rollcall-agent".into()),
        root: Some("/mnt/image".into()),
        probe_socket: Some("/run/probe.sock".into()),
        health: HealthOptions { processes: vec!["nginx".to_owned()], units: vec!["user.slice".to_owned()], max_services: 10 },
        check: vec![load()],
        file: None,
        exclude: Exclude {
            sections: vec![SectionName::Users, SectionName::Processes],
            packages: vec!["linux-*".to_owned()],
            paths: vec!["/srv/scratch".to_owned()],
            interfaces: vec!["tap*".to_owned()],
        },
        collect: Collect {
            certificate_paths: vec!["/etc/tls".to_owned()],
            language_paths: Vec::new(),
            extensions: "/srv/extensions".to_owned(),
            cloud_metadata: true,
        },
        spool_max_bytes: Some(1 << 20),
        sample_interval_seconds: Some(Duration::from_millis(500)),
        push_interval_seconds: Some(Duration::from_secs(30)),
        inventory_interval_seconds: Some(Duration::from_mins(10)),
        log: LogConfig { format: LogFormat::Json, level: LogLevel::Debug },
    };
    check(text, Ok(expected));
}

#[test]
fn an_error_names_file_line_and_key() {
    check("state = \"/x\"\nstaet = \"/y\"\n", Err("agent.toml:2: staet: unknown field `staet`"));
    check("\n\nspool_max_bytes = 12\n", Err("agent.toml:3: spool_max_bytes: 12 is below 262144 bytes"));
    check("push_interval_seconds = 0\n", Err("agent.toml:1: push_interval_seconds: 0 is not between"));
    check("push_interval_seconds = nan\n", Err("agent.toml:1: push_interval_seconds: NaN is not between"));
    check("[exclude]\nsections = [\"packges\"]\n", Err("agent.toml:2: sections: unknown variant `packges`"));
    check("state = 7\n", Err("agent.toml:1: state: invalid type"));
    check("[log]\nlevel = \"loud\"\n", Err("agent.toml:2: level: unknown variant `loud`"));
    check("state = \n", Err("agent.toml:1: state: "));
}

#[test]
fn a_named_file_must_be_there_and_say_where_the_state_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.toml");
    assert!(matches!(Config::from_file(&path), Err(ConfigError::Absent(_))));
    std::fs::write(&path, "spool_max_bytes = 1048576\n").unwrap();
    assert!(matches!(Config::from_file(&path), Err(ConfigError::NoState(_))));
    let config = Config::from_state(directory.path()).unwrap();
    assert_eq!((config.state.as_deref(), config.spool_max_bytes), (Some(directory.path()), Some(1 << 20)));
}

#[test]
fn a_file_that_others_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.toml");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let error = Config::from_state(directory.path()).unwrap_err().to_string();
    assert!(error.contains("agent.toml: refused: others may write to it"), "{error}");
}

/// The sample that packages install.
fn sample() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/agent.toml");
    std::fs::read_to_string(path).expect("the sample")
}

#[test]
fn the_sample_is_the_default_in_the_usual_place() {
    check(&sample(), Ok(Config { state: Some("/var/lib/rollcall-agent".into()), ..Config::default() }));
}

#[test]
fn every_key_has_a_line_in_the_sample_and_every_line_is_a_key() {
    let text: String = sample()
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line)))
        .collect();
    let config = Config::parse(Path::new("agent.toml"), &text).expect("each line is a key");
    assert!(config.root.is_some() && config.spool_max_bytes.is_some() && config.inventory_interval_seconds.is_some());
    assert_eq!(config.collect, Collect::default(), "what the sample shows is the default");
    assert_eq!(config.health.max_services, HealthOptions::default().max_services);
    assert_eq!(config.check.len(), 1);
    let missing: Vec<&str> =
        KEYS.split_whitespace().filter(|key| !text.lines().any(|line| line.starts_with(&format!("{key} = ")))).collect();
    assert!(missing.is_empty(), "not in the sample: {missing:?}");
}

/// Every key of `every_key_is_read`.
const KEYS: &str = "state root probe_socket spool_max_bytes sample_interval_seconds push_interval_seconds inventory_interval_seconds \
    sections packages paths interfaces certificate_paths language_paths extensions cloud_metadata processes units max_services \
    name command target means_down interval_seconds timeout_seconds user memory_bytes max_output_bytes max_processes format level";
