//! Who is on call when, and who is told next.

use super::Time;
use super::word::OnCallUnit;
use rollcall_domain::World;
use rollcall_domain::id::ContactId;
use rollcall_domain::notification::escalation as policies;
use rollcall_domain::notification::schedule as domain;
use rollcall_domain::notification::weekly;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// From one time of day to another, on days of the week, by the wall clock.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here; read and written in the domain's form")]
pub struct WeeklyHours {
    /// Days on which it begins.
    #[schema(example = json!(["saturday", "sunday"]))]
    weekdays: Vec<String>,
    /// Begin, `HH:MM`.
    #[schema(example = "22:00")]
    from: String,
    /// End, `HH:MM`, not included; on the next day when it is not after the begin.
    #[schema(example = "06:00")]
    to: String,
}

/// How long each member stays before the next one takes over.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OnCallRotation {
    /// How many.
    pub every: u32,
    /// Of what; days and weeks are those of the calendar.
    pub unit: OnCallUnit,
}

/// Members who take turns.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OnCallLayer {
    /// What people call it.
    pub name: String,
    /// Ids or names of the contacts, in the order of their turns; shown as ids.
    pub members: Vec<String>,
    /// When the first member begins, by the wall clock. Hand-offs are at this time of day.
    #[schema(example = "2026-11-30T09:00")]
    pub starts_at: String,
    /// How long a turn is.
    pub rotation: OnCallRotation,
    /// When the layer has somebody at all; always when empty.
    #[serde(default)]
    #[schema(value_type = Vec<WeeklyHours>)]
    pub hours: Vec<weekly::WeeklyHours>,
}

/// A schedule as people write it. Overrides are not part of it: they stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Web", "time_zone": "Europe/Berlin", "layers": [
    {"name": "Week", "members": ["Ada", "Grace"], "starts_at": "2026-11-30T09:00", "rotation": {"every": 1, "unit": "week"}}]}))]
pub struct OnCallScheduleInput {
    /// What people call it; no two schedules have one name.
    pub name: String,
    /// IANA name.
    pub time_zone: String,
    /// 1 to 10; the last one that has somebody counts.
    pub layers: Vec<OnCallLayer>,
}

/// Somebody who stands in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "2026-12-24T08:00:00Z", "to": "2026-12-27T08:00:00Z", "contact": "Grace"}))]
pub struct OnCallOverrideInput {
    /// Begin.
    #[schema(value_type = Time)]
    pub from: rollcall_shared::Timestamp,
    /// End, not included.
    #[schema(value_type = Time)]
    pub to: rollcall_shared::Timestamp,
    /// Id or name of the contact.
    pub contact: String,
}

/// Somebody stands in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OnCallOverride {
    /// Its id for ever.
    #[schema(example = "ovr_00000000000000000000000001")]
    pub id: String,
    /// Begin.
    pub from: Time,
    /// End, not included.
    pub to: Time,
    /// Id of the contact.
    pub contact: String,
}

/// A schedule: who is on call when.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OnCallSchedule {
    /// Its id for ever.
    #[schema(example = "sched_00000000000000000000000001")]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// IANA name.
    pub time_zone: String,
    /// The last one that has somebody counts.
    pub layers: Vec<OnCallLayer>,
    /// Above all layers; the last one counts.
    pub overrides: Vec<OnCallOverride>,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
}

impl From<&domain::KnownSchedule> for OnCallSchedule {
    fn from(known: &domain::KnownSchedule) -> Self {
        let schedule = &known.schedule;
        let layer = |layer: &domain::Layer| OnCallLayer {
            name: layer.name.clone(),
            members: super::texts(layer.members.iter()),
            starts_at: layer.starts_at.clone(),
            rotation: OnCallRotation { every: layer.rotation.every, unit: layer.rotation.unit.into() },
            hours: layer.hours.clone(),
        };
        let over = |one: &domain::Override| OnCallOverride {
            id: one.id.to_string(),
            from: Time(one.from),
            to: Time(one.to),
            contact: one.contact.to_string(),
        };
        Self {
            id: schedule.id.to_string(),
            name: schedule.name.clone(),
            time_zone: schedule.time_zone.clone(),
            layers: schedule.layers.iter().map(layer).collect(),
            overrides: schedule.overrides.iter().map(over).collect(),
            revision: known.revision,
        }
    }
}

/// Who is on call from one moment to another.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OnCallShift {
    /// Begin.
    pub from: Time,
    /// End, not included.
    pub to: Time,
    /// Id of the contact; null for a gap.
    pub contact: Option<String>,
    /// How it is called.
    pub name: Option<String>,
    /// Name of the layer whose turn it is.
    pub layer: Option<String>,
    /// Id of the override by which somebody stands in.
    pub r#override: Option<String>,
}

impl OnCallShift {
    /// A shift with the name of who has it.
    pub fn new(world: &World, shift: domain::Shift) -> Self {
        let (contact, because) = shift.duty.unzip();
        let (layer, standing_in) = match because {
            Some(domain::Because::Layer(name)) => (Some(name), None),
            Some(domain::Because::Override(id)) => (None, Some(id.to_string())),
            None => (None, None),
        };
        let known = contact.and_then(|id| world.contacts.contacts.get(&id));
        Self {
            from: Time(shift.span.from),
            to: Time(shift.span.to),
            contact: contact.as_ref().map(ContactId::to_string),
            name: known.map(|known| known.contact.name.clone()),
            layer,
            r#override: standing_in,
        }
    }
}

/// Who is on call in a schedule now, and who is next.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OnCall {
    /// Id of the schedule.
    pub schedule: String,
    /// How it is called.
    pub name: String,
    /// Who is on call now; its contact is null in a gap.
    pub now: Option<OnCallShift>,
    /// Who is next, as far as five weeks show.
    pub next: Option<OnCallShift>,
}

/// Whom a step tells: `{"kind": "contact", "contact": …}`, `{"kind": "schedule", "schedule": …}` or `{"kind": "channel", "channel": …}`.
#[derive(ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(dead_code, reason = "described here; read and written in the domain's form")]
pub enum EscalationTarget {
    /// A person or team.
    Contact {
        /// Id.
        contact: String,
    },
    /// Whoever is on call.
    Schedule {
        /// Id.
        schedule: String,
    },
    /// All that a channel reaches.
    Channel {
        /// Id.
        channel: String,
    },
}

/// Who is told, and when.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here; read and written in the domain's form")]
pub struct EscalationStep {
    /// How long after the step before, ms; the first one after the group was told, 0 for with it. Later ones at least a minute.
    after_ms: u64,
    /// Whom: several are told together.
    targets: Vec<EscalationTarget>,
}

/// An escalation policy as people write it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Web", "steps": [
    {"after_ms": 0, "targets": [{"kind": "schedule", "schedule": "sched_00000000000000000000000001"}]},
    {"after_ms": 900_000, "targets": [{"kind": "contact", "contact": "con_00000000000000000000000001"}]}]}))]
pub struct EscalationPolicyInput {
    /// What people call it; no two policies have one name.
    pub name: String,
    /// 1 to 10, in their order.
    #[schema(value_type = Vec<EscalationStep>)]
    pub steps: Vec<policies::Step>,
    /// Rounds after the first; none unless given.
    pub repeat: Option<u32>,
    /// How long after the last step the next round begins, ms; half an hour unless given.
    pub repeat_after_ms: Option<u64>,
    /// Id of the channel through which contacts are reached that say nothing else: at their mail address.
    pub mail_channel: Option<String>,
}

/// An escalation policy: who is told next when nobody takes notice.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EscalationPolicy {
    /// Its id for ever.
    #[schema(example = "esc_00000000000000000000000001")]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// In their order.
    #[schema(value_type = Vec<EscalationStep>)]
    pub steps: Vec<policies::Step>,
    /// Rounds after the first.
    pub repeat: u32,
    /// How long after the last step the next round begins, ms.
    pub repeat_after_ms: u64,
    /// Through which channel contacts are reached at their mail address.
    pub mail_channel: Option<String>,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
}

impl From<&policies::KnownPolicy> for EscalationPolicy {
    fn from(known: &policies::KnownPolicy) -> Self {
        let policy = known.policy.clone();
        Self {
            id: policy.id.to_string(),
            name: policy.name,
            steps: policy.steps,
            repeat: policy.repeat,
            repeat_after_ms: policy.repeat_after_ms,
            mail_channel: policy.mail_channel.map(|id| id.to_string()),
            revision: known.revision,
        }
    }
}

/// A way to reach a contact.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactMethod {
    /// Id of the channel.
    pub channel: String,
    /// Where on it: a mail address, a handle; absent where the channel is theirs alone. On a mail channel it is the contact's own
    /// mail unless given, never the channel's recipients.
    #[serde(default)]
    pub address: Option<String>,
}

/// How a contact is reached as people write it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"methods": [{"channel": "chan_00000000000000000000000001", "address": "@ada"}]}))]
pub struct ContactMethodsInput {
    /// At most 5, all of which are used; none for its mail address through the channel of the policy.
    pub methods: Vec<ContactMethod>,
}

/// How a contact is reached.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ContactMethods {
    /// Id of the contact.
    pub contact: String,
    /// All of them are used; when there are none, its mail address through the channel of the policy.
    pub methods: Vec<ContactMethod>,
    /// Revision of the last change, 0 when there was none; also its entity tag.
    pub revision: u64,
}
