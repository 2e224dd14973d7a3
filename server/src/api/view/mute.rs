//! Maintenance windows, freezes and silences, as they are shown and as people write them.

use super::Time;
use super::rule::Selector;
use crate::answer::ApiError;
use rollcall_domain::alert::external::suppress as external;
use rollcall_domain::alert::mute as domain;
use rollcall_domain::rule as rules;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// When a maintenance window holds.
#[derive(ToSchema)]
#[serde(tag = "repeats", rename_all = "snake_case")]
#[expect(dead_code, reason = "described here; read and written in the domain's form")]
pub enum Schedule {
    /// From one moment to another.
    Once {
        /// Begin.
        #[schema(value_type = Time)]
        from: Timestamp,
        /// End, not included.
        #[schema(value_type = Time)]
        to: Timestamp,
    },
    /// On days of the week, by the wall clock of a time zone.
    Weekly {
        /// Days.
        #[schema(example = json!(["saturday", "sunday"]))]
        weekdays: Vec<String>,
        /// Begin, `HH:MM`.
        #[schema(example = "02:30")]
        start: String,
        /// How long, ms.
        duration_ms: u64,
        /// IANA name.
        #[schema(example = "Europe/Berlin")]
        time_zone: String,
        /// Not before.
        #[schema(value_type = Option<Time>)]
        from: Option<Timestamp>,
        /// Not after.
        #[schema(value_type = Option<Time>)]
        to: Option<Timestamp>,
    },
    /// On days of the month, by the wall clock of a time zone. A day that a month does not have is left out.
    Monthly {
        /// Days by their number: 1 to 31, or -1 to -31 from the last one back.
        #[schema(example = json!([-1]))]
        days: Option<Vec<i8>>,
        /// Days by the weekday.
        #[schema(example = json!([{"nth": 2, "weekday": "tuesday"}]))]
        weekdays: Option<Vec<NthDay>>,
        /// Begin, `HH:MM`.
        #[schema(example = "22:00")]
        start: String,
        /// How long, ms.
        duration_ms: u64,
        /// IANA name.
        #[schema(example = "Europe/Berlin")]
        time_zone: String,
        /// Not before.
        #[schema(value_type = Option<Time>)]
        from: Option<Timestamp>,
        /// Not after.
        #[schema(value_type = Option<Time>)]
        to: Option<Timestamp>,
    },
}

/// One of the days of a month that are one weekday.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here; read and written in the domain's form")]
pub struct NthDay {
    /// Which of them: 1 to 5, or -1 to -5 from the last one back.
    nth: i8,
    /// The weekday.
    weekday: String,
}

/// From when to when a window holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Occurrence {
    /// Begin.
    pub from: Time,
    /// End, not included.
    pub to: Time,
}

/// Which alerts of other systems are meant: those that fulfil all that is given.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here; read and written in the domain's form")]
pub struct ExternalSelector {
    /// Told by one of these feeds.
    sources: Option<Vec<String>>,
    /// With one of these fingerprints.
    fingerprints: Option<Vec<String>>,
    /// With all of these labels.
    #[schema(example = json!({"alertname": "HostDown"}))]
    labels: Option<BTreeMap<String, String>>,
}

/// A maintenance window or a freeze as people write it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "Patch Sunday", "selector": {"tags": ["web"]},
    "schedule": {"repeats": "weekly", "weekdays": ["sunday"], "start": "02:00", "duration_ms": 7_200_000, "time_zone": "Europe/Berlin"}}))]
pub struct MaintenanceWindowInput {
    /// Why.
    reason: String,
    /// Alerts of which configuration items.
    #[serde(default)]
    #[schema(value_type = Option<Selector>)]
    selector: rules::Selector,
    /// Of which rules; all when empty.
    #[serde(default)]
    rules: Vec<String>,
    /// Which alerts of other systems, and those alone.
    #[serde(default)]
    #[schema(value_type = Option<ExternalSelector>)]
    external: Option<external::ExternalSelector>,
    /// When.
    #[schema(value_type = Schedule)]
    schedule: domain::Schedule,
}

/// A silence as people write it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "Known, fixed tomorrow", "rules": ["filesystem_space"], "expires_at": "2026-11-26T08:00:00Z"}))]
pub struct SilenceInput {
    /// Why.
    reason: String,
    /// Alerts of which configuration items.
    #[serde(default)]
    #[schema(value_type = Option<Selector>)]
    selector: rules::Selector,
    /// Of which rules; all when empty.
    #[serde(default)]
    rules: Vec<String>,
    /// Which alerts of other systems, and those alone.
    #[serde(default)]
    #[schema(value_type = Option<ExternalSelector>)]
    external: Option<external::ExternalSelector>,
    /// Begin; unless given now, or in a change when it began before.
    #[serde(default)]
    #[schema(value_type = Option<Time>)]
    starts_at: Option<Timestamp>,
    /// End.
    #[schema(value_type = Time)]
    expires_at: Timestamp,
}

/// A maintenance window or a freeze.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MaintenanceWindow {
    /// Its id.
    #[schema(example = "mute_00000000000000000000000001")]
    pub id: String,
    /// Why.
    pub reason: String,
    /// Whether it holds now.
    pub active: bool,
    /// Alerts of which configuration items.
    #[schema(value_type = Selector)]
    pub selector: rules::Selector,
    /// Of which rules; all when empty.
    pub rules: Vec<String>,
    /// Which alerts of other systems, and those alone.
    #[schema(value_type = Option<ExternalSelector>)]
    pub external: Option<external::ExternalSelector>,
    /// When.
    #[schema(value_type = Schedule)]
    pub schedule: domain::Schedule,
    /// When it holds now, or next; null when it is over.
    pub next: Option<Occurrence>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Time,
    /// Who changed it last; null when nobody did.
    pub changed_by: Option<String>,
    /// When it was changed last.
    pub changed_at: Option<Time>,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
    /// What people should know about it, such as that it names what is not there, each with its field. Whether it means any configuration item
    /// at all takes a look at them: that is said where one is shown, not in lists.
    pub warnings: Vec<String>,
}

/// A silence.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Silence {
    /// Its id.
    #[schema(example = "mute_00000000000000000000000001")]
    pub id: String,
    /// Why.
    pub reason: String,
    /// Whether it holds now.
    pub active: bool,
    /// Alerts of which configuration items.
    #[schema(value_type = Selector)]
    pub selector: rules::Selector,
    /// Of which rules; all when empty.
    pub rules: Vec<String>,
    /// Which alerts of other systems, and those alone.
    #[schema(value_type = Option<ExternalSelector>)]
    pub external: Option<external::ExternalSelector>,
    /// Begin.
    pub starts_at: Option<Time>,
    /// End.
    pub expires_at: Option<Time>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Time,
    /// Who changed it last; null when nobody did.
    pub changed_by: Option<String>,
    /// When it was changed last.
    pub changed_at: Option<Time>,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
    /// What people should know about it, such as that it names what is not there, each with its field. Whether it means any configuration item
    /// at all takes a look at them: that is said where one is shown, not in lists.
    pub warnings: Vec<String>,
}

impl MaintenanceWindowInput {
    /// The domain's form.
    pub fn into_domain(self, kind: domain::MuteKind) -> Result<domain::NewMute, ApiError> {
        let rules = ids(&self.rules)?;
        Ok(domain::NewMute { kind, reason: self.reason, selector: self.selector, rules, external: self.external, schedule: self.schedule })
    }
}

impl SilenceInput {
    /// The domain's form, with the begin that counts when none is given.
    pub fn into_domain(self, begin: Timestamp) -> Result<domain::NewMute, ApiError> {
        let rules = ids(&self.rules)?;
        let schedule = domain::Schedule::Once { from: self.starts_at.unwrap_or(begin), to: self.expires_at };
        Ok(domain::NewMute {
            kind: domain::MuteKind::Silence,
            reason: self.reason,
            selector: self.selector,
            rules,
            external: self.external,
            schedule,
        })
    }
}

impl MaintenanceWindow {
    /// As it is now, with what people should know about it.
    pub fn new(mute: &domain::Mute, now: Timestamp, warnings: Vec<String>) -> Self {
        Self {
            id: mute.id.to_string(),
            reason: mute.reason.clone(),
            active: mute.schedule.covers(now),
            selector: mute.selector.clone(),
            rules: mute.rules.iter().map(ToString::to_string).collect(),
            external: mute.external.clone(),
            schedule: mute.schedule.clone(),
            next: mute.schedule.next(now).map(|(from, to)| Occurrence { from: Time(from), to: Time(to) }),
            created_by: mute.created_by.clone(),
            created_at: Time(mute.created_at),
            changed_by: mute.changed_by.clone(),
            changed_at: mute.changed_at.map(Time),
            revision: mute.revision,
            warnings,
        }
    }
}

impl Silence {
    /// As it is now, with what people should know about it.
    pub fn new(mute: &domain::Mute, now: Timestamp, warnings: Vec<String>) -> Self {
        Self {
            id: mute.id.to_string(),
            reason: mute.reason.clone(),
            active: mute.schedule.covers(now),
            selector: mute.selector.clone(),
            rules: mute.rules.iter().map(ToString::to_string).collect(),
            external: mute.external.clone(),
            starts_at: mute.schedule.begins_at().map(Time),
            expires_at: mute.schedule.ends_at().map(Time),
            created_by: mute.created_by.clone(),
            created_at: Time(mute.created_at),
            changed_by: mute.changed_by.clone(),
            changed_at: mute.changed_at.map(Time),
            revision: mute.revision,
            warnings,
        }
    }
}

fn ids(names: &[String]) -> Result<Vec<rollcall_domain::id::RuleId>, ApiError> {
    let id = |(position, name): (usize, &String)| name.parse().map_err(|_| ApiError::invalid(format!("rules[{position}]"), "is no rule"));
    names.iter().enumerate().map(id).collect()
}
