use super::*;

/// Runs a command line and expects an exit code and what the two outputs contain; an empty text means an empty output.
#[track_caller]
fn check(line: &[&str], code: u8, out: &str, errors: &str) -> String {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let line = std::iter::once("rollcall-server").chain(line.iter().copied()).map(OsString::from);
    let found = main(line, &mut stdout, &mut stderr);
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(found, code, "{stdout}{stderr}");
    assert!(stdout.contains(out) && stdout.is_empty() == out.is_empty(), "{stdout}");
    assert!(stderr.contains(errors) && stderr.is_empty() == errors.is_empty(), "{stderr}");
    stdout
}

struct Made {
    _parent: tempfile::TempDir,
    data: String,
}

fn made(more: &[&str]) -> Made {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data").display().to_string();
    check(&[&["init", "--data", &data], more].concat(), 0, "rollcall-server run --data", "");
    Made { _parent: parent, data }
}

#[test]
fn help_is_an_answer_with_examples() {
    check(&["--help"], 0, "Examples:", "");
    for command in [&["init"][..], &["run"], &["token", "create"], &["verify"]] {
        check(&[command, &["--help"]].concat(), 0, "Example", "");
    }
    check(&["--version"], 0, "rollcall-server 0", "");
}

#[test]
fn wrong_usage_is_2() {
    check(&[], 2, "", "Usage:");
    check(&["dance"], 2, "", "unrecognized subcommand");
    check(&["run"], 2, "", "--data <DIR>|--config <FILE>");
    check(&["run", "--data", "x", "--config", "y"], 2, "", "cannot be used with");
    check(&["init", "--data", "x", "--listen", "everywhere"], 2, "", "--listen");
    check(&["init", "--data", "x", "--name", "not a name"], 2, "", "neither a DNS name nor an IP address");
    check(&["token", "create", "--data", "x", "--kind", "api", "--role", "king"], 2, "", "asset_manager");
    check(&["token", "create", "--data", "x", "--kind", "join", "--ttl", "soon"], 2, "", "such as 1h");
    check(&["token", "create", "--data", "x", "--kind", "join", "--uses", "0"], 2, "", "--uses");
}

#[test]
fn options_of_the_other_kind_of_token_are_wrong_usage() {
    let made = made(&[]);
    for (kind, option) in
        [("join", &["--role", "admin"][..]), ("join", &["--name", "x"]), ("api", &["--uses", "2"]), ("api", &["--auto-approve"])]
    {
        let line = [&["token", "create", "--data", &made.data, "--kind", kind], option].concat();
        check(&line, 2, "", &format!("{} cannot be used with --kind {kind}", option[0]));
    }
}

#[test]
fn a_second_init_fails_and_changes_nothing() {
    let made = made(&[]);
    let key = std::fs::read(std::path::Path::new(&made.data).join("ca/ca.key")).unwrap();
    check(&["init", "--data", &made.data], 1, "", "already is a Rollcall data directory; nothing was changed");
    assert_eq!(std::fs::read(std::path::Path::new(&made.data).join("ca/ca.key")).unwrap(), key);
}

#[test]
fn a_directory_that_is_none_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let data = empty.path().display().to_string();
    for line in [&["run"][..], &["verify"], &["token", "create", "--kind", "join"]] {
        check(&[line, &["--data", &data]].concat(), 1, "", "is not a Rollcall data directory");
    }
}

#[test]
fn a_bad_configuration_is_named_before_anything_is_bound() {
    let made = made(&[]);
    let file = std::path::Path::new(&made.data).join("rollcall.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:0\"\nlissten = 7\n").unwrap();
    check(&["run", "--config", &file.display().to_string()], 1, "", "rollcall.toml:2: lissten: unknown field");
}

#[test]
fn a_token_is_the_only_output_and_its_choices_reach_the_token() {
    let made = made(&["--name", "rollcall.example", "--listen", "127.0.0.1:9443"]);
    let token = check(&["token", "create", "--data", &made.data, "--kind", "join"], 0, "rcj_", "");
    let content = crate::token::read_join_token(&token).unwrap();
    assert_eq!(content.url, "https://rollcall.example:9443");
    assert_eq!(token.lines().count(), 1);
    let token = check(&["token", "create", "--data", &made.data, "--kind", "api", "--role", "admin", "--ttl", "12h"], 0, "rca_", "");
    assert_eq!(token.trim_end().len(), crate::token::API_TOKEN_CHARS);
}

#[test]
fn what_the_server_rejects_is_a_failure() {
    let made = made(&[]);
    check(&["token", "create", "--data", &made.data, "--kind", "join", "--ttl", "25h"], 1, "", "at most 24 h");
}

#[test]
fn a_log_is_intact_from_the_start_and_grows_with_each_token() {
    let made = made(&[]);
    check(&["verify", "--data", &made.data], 0, "intact: 0 log records", "");
    let records = || {
        check(&["token", "create", "--data", &made.data, "--kind", "join"], 0, "rcj_", "");
        let report = check(&["verify", "--data", &made.data], 0, "intact: ", "");
        report.split(' ').nth(1).and_then(|number| number.parse::<u64>().ok()).unwrap()
    };
    let first = records();
    assert_eq!(records(), first + 1);
}

#[test]
fn times_have_a_unit() {
    assert_eq!(parse_ttl("90s"), Ok(Duration::from_secs(90)));
    assert_eq!(parse_ttl("15m"), Ok(Duration::from_secs(900)));
    assert_eq!(parse_ttl("1h"), Ok(Duration::from_secs(3600)));
    assert_eq!(parse_ttl("30d"), Ok(Duration::from_secs(30 * 86_400)));
    for bad in ["", "h", "1", "0s", "-1h", "1.5h", "1w", "18446744073709551615d", "1é"] {
        assert!(parse_ttl(bad).is_err(), "{bad}");
    }
}
