use super::*;

const PATH: &str = "/etc/rollcall/rollcall.toml";

#[track_caller]
fn check(text: &str, expected: &str) {
    let error = Config::parse(Path::new(PATH), text).expect_err(text).to_string();
    assert_eq!(error, format!("{PATH}:{expected}"), "{text}");
}

#[test]
fn an_empty_file_means_the_defaults() {
    let config = Config::parse(Path::new(PATH), "").unwrap();
    assert_eq!(config.listen.to_string(), API_ADDRESS);
    assert_eq!(config.agent_listen.to_string(), AGENT_ADDRESS);
    assert_eq!(config.data, Path::new("/etc/rollcall"));
    assert_eq!(config.limits, Limits::default());
}

#[test]
fn an_unknown_key_is_an_error_that_names_file_line_and_key() {
    let text = "listen = \"127.0.0.1:1\"\n\n[limits]\napi_conections = 5\n";
    let error = Config::parse(Path::new(PATH), text).unwrap_err();
    let ConfigError::Key { line, key, reason, .. } = error else { panic!("{error}") };
    assert_eq!((line, key.as_str()), (4, "limits.api_conections"));
    assert!(reason.contains("unknown field `api_conections`"), "{reason}");
}

#[test]
fn a_value_of_the_wrong_type_is_named() {
    let error = Config::parse(Path::new(PATH), "[retention]\nraw_samples_days = \"many\"\n").unwrap_err().to_string();
    assert!(error.starts_with(&format!("{PATH}:2: retention.raw_samples_days: invalid type: string \"many\"")), "{error}");
}

#[test]
fn values_that_do_not_fit_are_named_with_what_would() {
    check(
        "# comment\nlisten = \"everywhere\"\n",
        "2: listen: \"everywhere\" is not an address and a port such as \"127.0.0.1:8443\" or \"[::]:8443\"",
    );
    check("names = [\"good.example\",\n  \"not a name\"]\n", "2: names: \"not a name\" is neither a DNS name nor an IP address");
    check("[retention]\nraw_samples_days = 0\n", "2: retention.raw_samples_days: must be 1 to 3650, not 0");
    check(
        "[retention]\nfive_minute_samples_days = 10\n",
        "2: retention.five_minute_samples_days: must be at least raw_samples_days, 14, not 10",
    );
    check(
        "[retention]\nhourly_samples_days = 30\n",
        "2: retention.hourly_samples_days: must be at least five_minute_samples_days, 90, not 30",
    );
    check("[limits]\nconnections_per_agent = 65\n", "2: limits.connections_per_agent: must be 1 to 64, not 65");
    check(
        "[delivery]\nallowed_networks = [\n  \"10.0.0.0/33\"]\n",
        "3: delivery.allowed_networks: \"10.0.0.0/33\" is not a network such as \"10.0.0.0/8\" or \"fd00::/8\"",
    );
    check("public_url = \"http://x\"\n", "1: public_url: \"http://x\" is not a base URL such as \"https://rollcall.example:8443\"");
    check("agent_url = \"https://a@b\"\n", "1: agent_url: \"https://a@b\" is not a base URL such as \"https://rollcall.example:8443\"");
    check(
        "[log]\nlevel = \"rollcall=loud\"\n",
        "2: log.level: must be error, warn, info, debug, trace, or a filter such as \"info,rollcall_server=debug\"",
    );
}

#[test]
fn broken_syntax_names_the_line() {
    let error = Config::parse(Path::new(PATH), "listen = \"127.0.0.1:1\"\nnames = [\n").unwrap_err();
    assert!(matches!(error, ConfigError::Key { line: 2 | 3, .. }), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load(Path::new("/nonexistent/rollcall.toml")).unwrap_err().to_string();
    assert!(error.starts_with("/nonexistent/rollcall.toml: "), "{error}");
}

#[test]
fn urls_are_derived_from_names_then_addresses_then_the_machine() {
    let url = |text: &str| Config::parse(Path::new(PATH), text).unwrap().public_url(9, Some("box"));
    assert_eq!(url(""), "https://127.0.0.1:9");
    assert_eq!(url("listen = \"0.0.0.0:0\""), "https://box:9");
    assert_eq!(url("listen = \"[::1]:0\""), "https://[::1]:9");
    assert_eq!(url("names = [\"rollcall.example\"]\nlisten = \"0.0.0.0:0\""), "https://rollcall.example:9");
    assert_eq!(url("public_url = \"https://front.example/\""), "https://front.example");
}

#[test]
fn the_sample_is_valid_as_it_is() {
    let names = ["rollcall.example".to_owned(), "192.0.2.7".to_owned()];
    let text = render(Some("0.0.0.0:443"), None, &names);
    let config = Config::parse(Path::new(PATH), &text).unwrap();
    assert_eq!((config.listen.to_string().as_str(), config.names), ("0.0.0.0:443", names.to_vec()));
}

/// Uncommented, the sample must parse, and hold every key that the file format has: serde names them in its error.
#[test]
fn every_key_is_in_the_sample() {
    let sample = render(None, None, &[]);
    let is_key = |line: &&str| line.strip_prefix("# ").and_then(|rest| rest.split_once(" = ")).is_some_and(|(key, _)| !key.contains(' '));
    let text: String = sample.lines().map(|line| if is_key(&line) { &line[2..] } else { line }).map(|line| format!("{line}\n")).collect();
    let config = Config::parse(Path::new(PATH), &text).unwrap();
    assert_eq!((config.limits, config.raw_samples_days), (Limits::default(), 14));
    assert_eq!((config.five_minute_samples_days, config.hourly_samples_days), (90, 730));
    for table in ["", "[log]\n", "[retention]\n", "[limits]\n", "[delivery]\n"] {
        let error = Config::parse(Path::new(PATH), &format!("{table}zzz = 1\n")).unwrap_err().to_string();
        let known: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        assert!(!known.is_empty(), "{error}");
        for key in known {
            assert!(text.contains(&format!("\n{key} = ")) || text.contains(&format!("\n[{key}]")), "{key} is missing in the sample");
        }
    }
}
