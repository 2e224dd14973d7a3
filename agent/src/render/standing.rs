//! `rollcall-agent status`.

use super::table::{self, Column, safe, table};
use crate::identity::AgentFile;
use crate::run::status::Status;
use crate::uplink::Link;
use rollcall_shared::{Outcome, Timestamp};
use serde_json::{Value, json};
use std::fmt::Write;

/// What is known of an enrolled agent.
#[derive(Debug)]
pub struct Standing {
    /// Who it is.
    pub agent: AgentFile,
    /// What it last said of itself; none when it never ran.
    pub status: Option<Status>,
    /// Whether it runs now.
    pub is_running: bool,
    /// When its certificate ends.
    pub certificate_ends_at: Option<Timestamp>,
}

/// For people.
#[must_use]
pub fn status_table(standing: &Standing, now: Timestamp) -> String {
    let mut rows = vec![row("agent", format!("{}, enrolled {}", standing.agent.agent_id, ago(standing.agent.enrolled_at, now)))];
    rows.push(row("process", process(standing, now)));
    rows.push(row("server", server(standing, now)));
    if let Some(end) = standing.certificate_ends_at {
        rows.push(row(
            "certificate",
            if end < now { format!("ENDED {}", ago(end, now)) } else { format!("ends in {}", table::seconds(seconds(end, now))) },
        ));
    }
    let Some(status) = &standing.status else { return table(&[Column::left(""), Column::left("")], &rows) };
    let spool = status.spool;
    let used = format!("{} of {}", table::bytes(bytes(spool.bytes)), table::bytes(bytes(spool.limit_bytes)));
    rows.push(row("spool", format!("{} messages wait, {used}", spool.messages)));
    let every = |milliseconds: u64| table::seconds(bytes(milliseconds) / 1000.0);
    let intervals = status.intervals;
    let (sample, push, inventory) = (every(intervals.sample_ms), every(intervals.push_ms), every(intervals.inventory_ms));
    rows.push(row(
        "intervals",
        format!("sample {sample}, push {push}, inventory {inventory} (settings version {})", status.settings_version),
    ));
    let mut text = table(&[Column::left(""), Column::left("")], &rows);
    let _ = write!(text, "\n{}", sections(status, now));
    text
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}

fn process(standing: &Standing, now: Timestamp) -> String {
    match &standing.status {
        Some(status) if standing.is_running => {
            format!("running as {} since {}, version {}", status.pid, table::seconds(seconds(now, status.started_at)), status.agent_version)
        }
        Some(status) => format!("NOT RUNNING; it last said something {}", ago(status.written_at, now)),
        None => "never ran".to_owned(),
    }
}

fn server(standing: &Standing, now: Timestamp) -> String {
    let Some(status) = &standing.status else { return standing.agent.agent_url.clone() };
    let link = match status.link {
        Link::New => "not tried yet",
        Link::Up => "up",
        Link::Down => "DOWN",
        Link::Pending => "waiting for approval",
        Link::Revoked => "REVOKED",
    };
    let pushed = status.last_push_at.map_or_else(|| "nothing pushed yet".to_owned(), |at| format!("last push {}", ago(at, now)));
    let failure = status.last_failure.as_ref().map(|failure| format!("; {}", safe(failure))).unwrap_or_default();
    format!("{} {link}, {pushed}{failure}", status.server)
}

/// Complete ones in short; the others with their reasons, which is what people look for.
fn sections(status: &Status, now: Timestamp) -> String {
    let rows: Vec<Vec<String>> = status
        .sections
        .iter()
        .map(|section| {
            let looked = if section.looked_at.0 == 0 { String::new() } else { ago(section.looked_at, now) };
            let bytes_read = if section.bytes_read == 0 { String::new() } else { table::bytes(bytes(section.bytes_read)) };
            let duration = if section.outcome == Outcome::Skipped { String::new() } else { super::duration(section.duration_us) };
            let reason = section.reason.clone().unwrap_or_default();
            vec![section.name.to_string(), section.outcome.as_str().to_owned(), duration, bytes_read, looked, reason]
        })
        .collect();
    let columns = [
        Column::left("section"),
        Column::left("outcome"),
        Column::right("took"),
        Column::right("read"),
        Column::right("looked at"),
        Column::left("why"),
    ];
    table(&columns, &rows)
}

fn seconds(later: Timestamp, earlier: Timestamp) -> f64 {
    let milliseconds = u64::try_from(later.0.saturating_sub(earlier.0)).unwrap_or(0);
    bytes(milliseconds) / 1000.0
}

fn ago(then: Timestamp, now: Timestamp) -> String {
    format!("{} ago", table::seconds(seconds(now, then)))
}

/// Figures for display.
#[expect(clippy::cast_precision_loss, reason = "people read three digits of it")]
fn bytes(number: u64) -> f64 {
    number as f64
}

/// For programs.
#[must_use]
pub fn status_json(standing: &Standing) -> Value {
    json!({
        "agent": standing.agent,
        "running": standing.is_running,
        "certificate_ends_at": standing.certificate_ends_at,
        "status": standing.status,
    })
}
