//! Agents, without their keys.

use super::Time;
use super::word::AgentStatus;
use rollcall_domain::World;
use rollcall_domain::trust as domain;
use rollcall_shared::{AgentId, Timestamp};
use serde::Serialize;
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
}

impl Thresholds {
    fn new(world: &World, agent: AgentId, now: Timestamp) -> Self {
        let standing = world.thresholds(agent, now);
        Self { version: standing.version, applied: standing.applied, lines: standing.lines }
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
