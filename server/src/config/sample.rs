//! The configuration file that `init` writes: every key, commented out unless it was chosen.

use super::{AGENT_ADDRESS, API_ADDRESS, Limits};

/// The sample with the choices of `init` filled in. Values are written as TOML, whatever they contain.
#[must_use]
pub fn render(listen: Option<&str>, agent_listen: Option<&str>, names: &[String]) -> String {
    let limits = Limits::default();
    let listen = choice("listen", listen, API_ADDRESS);
    let agent_listen = choice("agent_listen", agent_listen, AGENT_ADDRESS);
    let list: Vec<String> = names.iter().map(|name| toml::Value::from(name.as_str()).to_string()).collect();
    let names = if list.is_empty() {
        "# names = [\"rollcall.example\", \"192.0.2.7\"]".to_owned()
    } else {
        format!("names = [{}]", list.join(", "))
    };
    format!(
        r##"# Rollcall server. Every key is here; a line that begins with "# " and a key shows its default or an example.
# Changes take effect at the next start. Unknown keys are errors.

# Where the store, the certificates and the local socket are. Default: the directory of this file.
# data = "."

# API and console: address and port. "0.0.0.0:8443" or "[::]:8443" for all interfaces.
{listen}

# Agents: address and port. Only clients with a certificate of this server get through.
{agent_listen}

# Names and addresses under which agents and people reach this server, for its certificate. This machine's own name, localhost
# and the addresses above are always in it.
{names}

# Base URL of the API that join tokens carry. Default: the first of `names`, else the address above. Notifications hold links
# to incidents, and to acknowledge them, only if it is given.
# public_url = "https://rollcall.example:8443"

# Base URL of the agent listener that enrolled agents are told. Default: likewise.
# agent_url = "https://rollcall.example:8444"

[log]
# "text" or "json", on standard error.
# format = "text"
# error, warn, info, debug, trace, or a filter such as "info,rollcall_server=debug". The variable ROLLCALL_LOG wins.
# level = "info"

[retention]
# Days that samples are kept as they came.
# raw_samples_days = 14
# Days that their count, minimum, maximum, mean and last value are kept for every five minutes, and for every hour.
# five_minute_samples_days = 90
# hourly_samples_days = 730

[delivery]
# Channels call public addresses over HTTPS alone. Networks that they may call besides; with "127.0.0.0/8" over HTTP too.
# allowed_networks = ["10.20.0.0/16"]
# Credentials of channels in files, by the names that administrators use: replaced files take effect at once.
# credential_files = {{ pagerduty = "/etc/rollcall/pagerduty.key" }}

[remote_writes]
# Systems that the fleet's newest values are pushed to by Prometheus remote write 1.0, by name. `interval_seconds` is 30 unless given;
# `token_file` holds a bearer token; `match` and `query` choose metrics and hosts. How it goes: rollcall_remote_write_* of /metrics.
# mimir = {{ url = "https://mimir.example/api/v1/push", interval_seconds = 30, token_file = "mimir.token", match = ["system.*"], query = "tag:web" }}

[limits]
# Connections at once; more are closed at once.
# api_connections = {api}
# agent_connections = {agents}
# connections_per_agent = {per_agent}
# Refused enrolments that one address may cause in a minute before it gets 429.
# refused_enrolments_per_minute = {refused}
# Enrolments that one join token is good for in a minute.
# enrolments_per_token_per_minute = {per_token}
# Memory for bodies that agents are sending, in MiB; agents beyond it are asked to wait.
# ingest_memory_mib = {memory}
"##,
        api = limits.api_connections,
        agents = limits.agent_connections,
        per_agent = limits.connections_per_agent,
        refused = limits.refused_enrolments_per_minute,
        per_token = limits.enrolments_per_token_per_minute,
        memory = limits.ingest_memory_mib,
    )
}

fn choice(key: &str, chosen: Option<&str>, default: &str) -> String {
    match chosen {
        Some(value) => format!("{key} = {}", toml::Value::from(value)),
        None => format!("# {key} = \"{default}\""),
    }
}
