//! The server's own figures, in Prometheus' text format.

pub mod fleet;

use super::Api;
use crate::answer;
use crate::collecting::Collecting;
use crate::engine::Counters;
use crate::remote_write::Figures;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::delivery::{DeliveryState, KnownChannel};
use rollcall_domain::id::ChannelId;
use rollcall_domain::{World, attachment};
use rollcall_shared::ContentHash;
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

/// Shows the server's own figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "probes",
    responses((status = 200, description = "Prometheus text format 0.0.4.", content_type = "text/plain", body = String)))]
pub async fn get_metrics(State(api): State<Api>) -> Response {
    let mut text = Exposition::default();
    text.counters(&api.engine.counters());
    let refused = api.site.refusals.snapshot();
    text.family("rollcall_refused_total", "counter", "Refused input by reason.", refused.iter().map(|(reason, count)| (*reason, *count)));
    let ready = u64::from(api.engine.health().ready);
    text.single("rollcall_ready", "gauge", "Whether writes are taken.", ready);
    api.engine.read(|world| {
        text.world(world);
        text.channels(world, |id| api.site.dispatch.position(id));
    });
    text.remotes(&api.site.remotes.figures());
    text.collected(&api.site.collecting, api.engine.read(|world| world.trust.collectors.len()));
    answer::body("text/plain; version=0.0.4; charset=utf-8", text.0)
}

/// Text in the making. Label values are words of the program, never input.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    }

    fn family<L: Display>(&mut self, name: &str, kind: &str, help: &str, values: impl IntoIterator<Item = (L, u64)>) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        let label = name.trim_start_matches("rollcall_").trim_end_matches("_total");
        let label = match label {
            "refused" | "collected_refused" => "reason",
            "cis" => "class",
            _ => "state",
        };
        for (value, count) in values {
            let _ = writeln!(self.0, "{name}{{{label}=\"{value}\"}} {count}");
        }
    }

    fn counters(&mut self, counters: &Counters) {
        #[expect(clippy::cast_precision_loss, reason = "microseconds since the start fit 53 bits for 285 years")]
        let commit_seconds = counters.commit_us as f64 / 1e6;
        self.single("rollcall_pushes_total", "counter", "Pushes taken in.", counters.pushes);
        self.single("rollcall_samples_total", "counter", "Values taken in.", counters.samples);
        self.single("rollcall_duplicates_total", "counter", "Messages that had been taken in before.", counters.duplicates);
        self.single("rollcall_reports_total", "counter", "Inventories taken in.", counters.reports);
        self.single("rollcall_sections_total", "counter", "Section contents stored.", counters.sections);
        self.single("rollcall_log_records_total", "counter", "Log records written.", counters.records);
        self.single("rollcall_commits_total", "counter", "Group commits.", counters.commits);
        self.single("rollcall_commit_seconds_total", "counter", "Time spent in group commits.", commit_seconds);
        self.single("rollcall_rejections_total", "counter", "Inputs that the domain rejected.", counters.rejections);
        self.single("rollcall_panics_total", "counter", "Inputs whose judgement failed by a bug.", counters.panics);
        self.single("rollcall_overloads_total", "counter", "Inputs sent away because the queue was full.", counters.overloads);
        self.single("rollcall_journal_records", "gauge", "Journal records waiting for compaction.", counters.journal_records);
        self.single("rollcall_store_bytes", "gauge", "Bytes of the store.", counters.store_bytes);
    }

    fn world(&mut self, world: &World) {
        self.single("rollcall_log_revision", "gauge", "Revision of the state.", world.revision);
        self.family("rollcall_cis", "gauge", "Configuration items by class.", tally(world.cmdb.cis.values().map(|ci| ci.class.as_str())));
        let agents = world.trust.agents.values().map(|agent| word(&agent.status));
        self.family("rollcall_agents", "gauge", "Agents by status.", tally(agents));
        let alerts = world.alerts.alerts.values().map(|alert| word(&alert.state));
        self.family("rollcall_alerts", "gauge", "Alerts by state.", tally(alerts));
        let left_out = || world.telemetry.overfull().map(|(_, series)| series);
        self.single(
            "rollcall_overfull_agents",
            "gauge",
            "Agents and collectors that have more than is judged for one.",
            left_out().count(),
        );
        let help = "Series that rules are not judged for because an agent or collector has too many, once for each rule.";
        self.single("rollcall_unjudged_series", "gauge", help, left_out().sum::<usize>());
        let incidents = world.incidents.incidents.values().map(|incident| word(&incident.state));
        self.family("rollcall_incidents", "gauge", "Incidents by state.", tally(incidents));
        let problems = world.problems.problems.values().map(|problem| word(&problem.state));
        self.family("rollcall_problems", "gauge", "Problems by state.", tally(problems));
        let attached: BTreeMap<ContentHash, u64> = attachment::all(world).map(|one| (one.hash, one.size)).collect();
        self.single("rollcall_attachments", "gauge", "Files that are attached.", attachment::all(world).count());
        let bytes: u64 = attached.values().sum();
        self.single("rollcall_attachment_bytes", "gauge", "Bytes of attached files, each content once, as they came.", bytes);
    }

    /// What feeds measure.
    fn collected(&mut self, collecting: &Collecting, placed: usize) {
        let (taken, refused, unplaced) = collecting.figures();
        self.single("rollcall_collected_values_total", "counter", "Values of collectors taken in.", taken);
        let refused = refused.iter().map(|(reason, count)| (reason.as_str(), *count));
        self.family("rollcall_collected_refused_total", "counter", "Values of collectors refused, by reason.", refused);
        let states = [("placed", placed as u64), ("unplaced", unplaced as u64)];
        self.family("rollcall_collectors", "gauge", "Collectors by whether they mean an item.", states);
    }

    /// Of each remote that samples are pushed to; its name is of the configuration and plain.
    fn remotes(&mut self, remotes: &[Figures]) {
        let mut each = |name: &str, kind: &str, help: &str, value: &dyn Fn(&Figures) -> u64| {
            let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for remote in remotes {
                let _ = writeln!(self.0, "{name}{{remote=\"{}\"}} {}", remote.name, value(remote));
            }
        };
        let up = |remote: &Figures| u64::from(remote.up);
        each("rollcall_remote_write_up", "gauge", "Whether the last push of samples succeeded.", &up);
        each("rollcall_remote_write_samples_total", "counter", "Samples that a remote took.", &|remote| remote.samples);
        each("rollcall_remote_write_failures_total", "counter", "Pushes that failed.", &|remote| remote.failures);
        each("rollcall_remote_write_sent_seconds", "gauge", "When a remote last took samples; 0 for never.", &|remote| remote.sent_at_s);
    }

    /// Of each channel; its id is a word of the program, its name is not.
    fn channels(&mut self, world: &World, position: impl Fn(ChannelId) -> Option<u64>) {
        let known = &world.delivery.channels;
        let standing = tally(known.values().map(|known| known.standing().as_str()));
        self.family("rollcall_channels", "gauge", "Channels by state.", standing);
        let mut each = |name: &str, kind: &str, help: &str, value: &dyn Fn(&KnownChannel) -> u64| {
            let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (id, known) in known {
                let _ = writeln!(self.0, "{name}{{channel=\"{id}\"}} {}", value(known));
            }
        };
        let lag = |known: &KnownChannel| match position(known.channel.id) {
            _ if !known.channel.follows_feed() => 0,
            position => world.revision.saturating_sub(position.unwrap_or(known.cursor)),
        };
        let dead = |known: &KnownChannel| world.delivery.of(known.channel.id, DeliveryState::Dead).count() as u64;
        each("rollcall_channel_lag", "gauge", "Log records that a channel has not come past.", &lag);
        each("rollcall_channel_dead_letters", "gauge", "Deliveries that were given up.", &dead);
        each("rollcall_channel_records_total", "counter", "Records that receivers confirmed.", &|known| known.health.delivered);
        each("rollcall_channel_failures_total", "counter", "Requests that failed.", &|known| known.health.failures);
    }
}

fn tally<T: Ord>(words: impl Iterator<Item = T>) -> BTreeMap<T, u64> {
    words.fold(BTreeMap::new(), |mut counts, word| {
        *counts.entry(word).or_default() += 1;
        counts
    })
}

/// The name that an enumeration has in JSON.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
