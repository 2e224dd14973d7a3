//! Agents, without their keys.

use super::Time;
use super::word::{AgentStatus, Side};
use rollcall_domain::World;
use rollcall_domain::rule::thresholds::{Explained, explained};
use rollcall_domain::trust as domain;
use rollcall_shared::{AgentId, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An enrolled agent.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Agent {
    /// Drawn by the server.
    #[schema(example = "agent_00000000000000000000000001")]
    pub id: String,
    /// Whether its data counts.
    pub status: AgentStatus,
    /// What it called itself when it enrolled: a hint for people, no proof.
    pub hostname: Option<String>,
    /// Version it enrolled or last started with.
    pub agent_version: String,
    /// Address it enrolled from.
    pub address: Option<String>,
    /// The host it was identified as.
    pub ci: Option<String>,
    /// Join token it used.
    pub token: String,
    /// When it enrolled.
    pub enrolled_at: Time,
    /// When its certificate ends.
    pub certificate_expires_at: Time,
    /// When it last pushed, by the server's clock; null when it never did.
    pub last_seen_at: Option<Time>,
    /// Whether it has been silent for longer than its rules allow.
    pub silent: bool,
    /// Its clock minus the server's at its last push, ms; null when it never pushed.
    pub skew_ms: Option<i64>,
    /// Time between two of its pushes when nothing is urgent, ms: what it told, or the default that holds for one that told none. Its silence
    /// counts in it when it is longer than the default.
    #[schema(example = 60_000)]
    pub push_interval_ms: u64,
    /// The lines at which it pushes at once.
    pub thresholds: Thresholds,
    /// Why it was revoked or suspended.
    pub revoked_because: Option<String>,
    /// Copies of it that are refused and must be enrolled anew: what showed each.
    pub quarantined_copies: Vec<String>,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
}

/// Which lines an agent is to push at, and which it has. Both versions are the same but for the time until its next answer.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Thresholds {
    /// Version of what it should have: names the content.
    pub version: u64,
    /// Version that it worked with at its last push; 0 for none, null before it pushed since the server's start.
    pub applied: Option<u64>,
    /// Lines.
    pub lines: usize,
    /// Lines that it has no room for.
    pub left_out: usize,
}

impl Thresholds {
    fn new(world: &World, agent: AgentId, now: Timestamp) -> Self {
        let standing = world.thresholds(agent, now);
        Self { version: standing.version, applied: standing.applied, lines: standing.lines, left_out: standing.left_out }
    }
}

/// What an agent is told of the rules: it pushes at once when a value crosses one of these lines, in either direction. The server judges.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ThresholdTable {
    /// Names the content.
    pub version: u64,
    /// Version that the agent worked with at its last push; 0 for none, null before it pushed since the server's start.
    pub applied: Option<u64>,
    /// Time between two samples, ms.
    pub sample_interval_ms: u64,
    /// Time between two pushes when nothing is urgent, ms, unless the agent is configured otherwise.
    pub push_interval_ms: u64,
    /// Time between two inventories, ms.
    pub inventory_interval_ms: u64,
    /// The lines.
    pub lines: Vec<ThresholdLine>,
    /// Lines that it has no room for, in order of the rules' ids: values that cross them come with the next push.
    pub left_out: usize,
}

/// A line, and the rules that drew it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ThresholdLine {
    /// Metric it applies to, all instances.
    #[schema(example = "system.filesystem.utilization")]
    pub metric: String,
    /// Only series that have all of these attributes; empty for all.
    pub attributes: BTreeMap<String, String>,
    /// Which side is bad.
    pub side: Side,
    /// The line, in the metric's unit.
    pub value: f64,
    /// Ids of the rules.
    pub rules: Vec<String>,
}

impl ThresholdTable {
    /// The table of an agent at a moment.
    pub fn new(world: &World, agent: AgentId, now: Timestamp) -> Self {
        let Explained { settings, rules, left_out } = explained(world, agent, now);
        let lines = settings.thresholds.into_iter().zip(rules).map(|(line, rules)| ThresholdLine {
            metric: line.metric,
            attributes: line.attributes.into_iter().collect(),
            side: Side(line.side),
            value: line.value,
            rules: rules.iter().map(ToString::to_string).collect(),
        });
        Self {
            version: settings.version,
            applied: world.telemetry.applied(agent),
            sample_interval_ms: settings.sample_interval_ms,
            push_interval_ms: settings.push_interval_ms,
            inventory_interval_ms: settings.inventory_interval_ms,
            lines: lines.collect(),
            left_out,
        }
    }
}

impl Agent {
    /// The view of an agent with what its pushes tell, at a moment.
    pub fn new(world: &World, agent: &domain::Agent, now: Timestamp) -> Self {
        Self {
            id: agent.id.to_string(),
            status: agent.status.into(),
            hostname: agent.hostname.clone(),
            agent_version: agent.agent_version.clone(),
            address: agent.address.clone(),
            ci: agent.ci.map(|ci| ci.to_string()),
            token: agent.token.to_string(),
            enrolled_at: Time(agent.enrolled_at),
            certificate_expires_at: Time(agent.certificate_expires_at),
            last_seen_at: world.telemetry.last_seen(agent.id).map(Time),
            silent: world.telemetry.is_silent(agent.id),
            skew_ms: world.telemetry.skew_ms(agent.id),
            push_interval_ms: world.trust.push_interval_ms(agent.id),
            thresholds: Thresholds::new(world, agent.id, now),
            revoked_because: agent.revoked_because.clone(),
            quarantined_copies: world
                .trust
                .sessions
                .get(&agent.id)
                .map_or_else(Vec::new, |one| one.quarantined.values().cloned().collect()),
            revision: agent.revision,
        }
    }
}
