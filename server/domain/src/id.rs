//! Typed identifiers of the domain.

use rollcall_shared::{id, typed_id};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

typed_id! {
    /// An alert instance: one rule on one CI with one set of attributes.
    AlertId, "alert"
}
typed_id! {
    /// A maintenance window or a silence.
    MuteId, "mute"
}
typed_id! {
    /// An incident.
    IncidentId, "inc"
}
typed_id! {
    /// A rule that says who gets incidents.
    AssignmentRuleId, "asr"
}
typed_id! {
    /// A problem.
    ProblemId, "prb"
}
typed_id! {
    /// A file that is attached to an incident or a problem.
    AttachmentId, "att"
}
typed_id! {
    /// A join or API token.
    TokenId, "tok"
}
typed_id! {
    /// A rule of the software catalogue.
    SoftwareRuleId, "swr"
}
typed_id! {
    /// A piece of work for people, such as a suspected duplicate.
    TaskId, "task"
}

typed_id! {
    /// A group of configuration items.
    GroupId, "grp"
}
typed_id! {
    /// A person or team.
    ContactId, "con"
}
typed_id! {
    /// A way to tell another system what happens.
    ChannelId, "chan"
}
typed_id! {
    /// A message through a channel.
    DeliveryId, "dlv"
}
typed_id! {
    /// A rule of who is told of which incidents.
    RouteId, "route"
}
typed_id! {
    /// Who is on call when.
    ScheduleId, "sched"
}
typed_id! {
    /// Somebody stands in for somebody in a schedule.
    OverrideId, "ovr"
}
typed_id! {
    /// Who is told next when nobody takes notice.
    PolicyId, "esc"
}
typed_id! {
    /// Incidents that are told together, from the first until the last has ended.
    NotificationGroupId, "ngrp"
}
typed_id! {
    /// Something that was told to somebody.
    NotificationId, "ntf"
}
typed_id! {
    /// A file that people load.
    ImportId, "imp"
}
typed_id! {
    /// An input that was refused and set aside.
    DeadLetterId, "dead"
}
typed_id! {
    /// A report that waits for its machine.
    ParkedId, "parked"
}

/// Kinds of configuration items that have their own id prefix. A CI may change its class within its family, never its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Hosts of every class.
    Host,
    /// Disks.
    Disk,
    /// Memory modules.
    Memory,
    /// Network adapters.
    Network,
    /// Software products.
    Software,
    /// Services: of a host, or of the business.
    Service,
    /// Everything else.
    Other,
}

const FAMILIES: [(Family, &str); 7] = [
    (Family::Host, "host_"),
    (Family::Disk, "disk_"),
    (Family::Memory, "mem_"),
    (Family::Network, "nic_"),
    (Family::Software, "sw_"),
    (Family::Service, "svc_"),
    (Family::Other, "ci_"),
];

impl Family {
    /// What the ids of its items begin with.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        FAMILIES.iter().find(|(family, _)| *family == self).map_or("ci_", |(_, prefix)| prefix)
    }
}

/// A configuration item. Packed: millions of them are in indexes, and alignment would make 17 bytes 32.
#[repr(Rust, packed)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CiId {
    /// Decides the prefix.
    pub family: Family,
    /// Drawn once, never used again.
    pub bits: u128,
}

impl fmt::Display for CiId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.family.prefix())?;
        f.write_str(id::Digits::of(self.bits).as_str())
    }
}

impl fmt::Debug for CiId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CiId {
    type Err = id::NotAnId;

    fn from_str(text: &str) -> Result<Self, id::NotAnId> {
        FAMILIES
            .iter()
            .find_map(|&(family, prefix)| Some(Self { family, bits: id::decode(text.strip_prefix(prefix)?)? }))
            .ok_or(id::NotAnId("host, disk, mem, nic, sw, svc or ci"))
    }
}

impl Serialize for CiId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return (self.family, self.bits.to_be_bytes()).serialize(serializer);
        }
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CiId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let (family, bits) = Deserialize::deserialize(deserializer)?;
            return Ok(Self { family, bits: u128::from_be_bytes(bits) });
        }
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A rule's name, chosen by people: lower-case letters, digits and underscores, at most 64.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RuleId(String);

impl RuleId {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RuleId {
    type Err = id::NotAnId;

    fn from_str(text: &str) -> Result<Self, id::NotAnId> {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if fits { Ok(Self(text.to_owned())) } else { Err(id::NotAnId("lower-case letters, digits and underscores; in place of")) }
    }
}

impl<'de> Deserialize<'de> for RuleId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| de::Error::custom("a rule id is 1 to 64 lower-case letters, digits and underscores"))
    }
}
