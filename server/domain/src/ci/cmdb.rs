//! Everything that is known of configuration items: the fold of their events, with the projections beside it.

use super::{
    Ci, Class, DeadLetter, Identified, Items, Merge, ReviewTask, Source, changes, ledger, lifecycle, parking, policy, relation, software,
    topology, voice,
};
use crate::actor::Actor;
use crate::id::{CiId, DeadLetterId, Family, TaskId};
use rollcall_shared::message::Loss;
use rollcall_shared::{AgentId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A source whose words are being withdrawn, in portions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revert {
    /// Why.
    pub reason: String,
    /// Who wants it.
    pub by: Actor,
    /// When it began; what the source says of CIs that came later stays.
    pub started_at: Timestamp,
    /// The last CI that is done.
    pub after: Option<CiId>,
    /// CIs that are done.
    pub cis: u64,
    /// The last CI whose relations are done; they go before anything else.
    #[serde(default)]
    pub relations_after: Option<CiId>,
    /// Whether all relations are done.
    #[serde(default)]
    pub relations_done: bool,
}

/// Everything known of configuration items.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cmdb {
    /// By id.
    #[serde(with = "super::items::frozen")]
    pub cis: Items,
    /// By class and natural key: components and products.
    #[serde(with = "super::packed")]
    pub keys: BTreeMap<(Class, String), CiId>,
    /// Identifier facts of hosts (`cloud:…`, `serial:…`, `uuid:…`, `board:…`, `chassis:…`, `mac:…`, `machine_id:…`, `name:…`), for
    /// identification.
    #[serde(with = "super::packed")]
    pub facts: BTreeMap<String, Vec<CiId>>,
    /// Components by the host that contains them.
    #[serde(with = "super::packed")]
    pub components: BTreeMap<CiId, BTreeSet<CiId>>,
    /// When each component was first and last seen in its host.
    #[serde(with = "super::packed")]
    pub contained: BTreeMap<CiId, (Timestamp, Timestamp)>,
    /// How each host was last identified.
    #[serde(with = "super::packed")]
    pub identifications: BTreeMap<CiId, Identified>,
    /// Which agent was last identified as each host.
    #[serde(default, with = "super::packed")]
    pub reporters: BTreeMap<CiId, AgentId>,
    /// Which host each key of a feed is: feed, key.
    #[serde(default, with = "crate::world::pairs")]
    pub natives: BTreeMap<(String, String), CiId>,
    /// Who made the records that no machine made: people, and their imports.
    #[serde(default)]
    pub origins: BTreeMap<CiId, Source>,
    /// When the newest inventory of each key of a feed was collected.
    #[serde(default, with = "crate::world::pairs")]
    pub deliveries: BTreeMap<(String, String), Timestamp>,
    /// When each system last delivered an inventory of an item that it knows, by item and name of the feed.
    #[serde(default)]
    pub delivered: BTreeMap<CiId, BTreeMap<String, Timestamp>>,
    /// Items that have been silent for so long that they may be retired.
    #[serde(default)]
    pub candidates: BTreeMap<CiId, lifecycle::Candidate>,
    /// Relations that are stored.
    #[serde(default)]
    pub links: relation::Links,
    /// How things are identified and reconciled.
    #[serde(default)]
    pub policy: policy::Policy,
    /// Log revision of the policy; its ETag.
    #[serde(default)]
    pub policy_revision: u64,
    /// Records that were merged into others, with what it takes to undo that.
    #[serde(default)]
    pub merges: BTreeMap<CiId, Merge>,
    /// What feeds say of records that others were merged into, by record and name of the feed.
    #[serde(default)]
    pub voices: BTreeMap<CiId, BTreeMap<String, voice::Voice>>,
    /// What changed lately in the fleet, bundled.
    #[serde(default)]
    pub changes: changes::Changes,
    /// When the policy was set.
    #[serde(default)]
    pub policy_set_at: Timestamp,
    /// Items whose proposals are to be weighed anew, as the policy or their class has changed.
    #[serde(default)]
    pub unsettled: BTreeSet<CiId>,
    /// When sources last confirmed all that they had said of an item; for sources with a refresh duration.
    #[serde(default)]
    pub confirmed: BTreeMap<CiId, Vec<(Source, Timestamp)>>,
    /// When people and feeds last said something new. When agents were last heard is known from their signs of life.
    #[serde(default, with = "crate::world::pairs")]
    pub heard: BTreeMap<Source, Timestamp>,
    /// Reports of machines that their source may not bring.
    #[serde(default)]
    pub parking: parking::Parking,
    /// Sources whose words are being withdrawn.
    #[serde(default, with = "crate::world::pairs")]
    pub reverts: BTreeMap<Source, Revert>,
    /// Work for people: open, and settled lately.
    pub reviews: BTreeMap<TaskId, ReviewTask>,
    /// Refused inputs that people should know of, oldest first; at most [`super::dead_letter::DEAD_LETTERS`].
    #[serde(default)]
    pub dead_letters: BTreeMap<DeadLetterId, DeadLetter>,
    /// Declared losses, latest last, at most 100 an agent.
    pub losses: BTreeMap<AgentId, Vec<(Timestamp, Loss)>>,
    /// How good all of it was, day by day.
    #[serde(default)]
    pub health: super::health::Health,
    /// How many CIs have each tag: a projection, rebuilt and never stored.
    #[serde(skip)]
    pub tags: BTreeMap<String, u64>,
    /// Which packages are installed where: a projection of section content, rebuilt and never stored.
    #[serde(skip)]
    pub software: software::SoftwareIndex,
    /// Whose word is where: a projection of the attributes, rebuilt and never stored.
    #[serde(skip)]
    pub ledger: ledger::Ledger,
    /// Who has which address and who calls whom: a projection as well.
    #[serde(skip)]
    pub topology: topology::Topology,
    /// Whose freshness is looked at next, and since when the server listens: never stored.
    #[serde(skip)]
    pub round: lifecycle::Round,
    /// Which records have what, for queries: a projection, rebuilt and never stored.
    #[serde(skip)]
    pub index: crate::query::Index,
}

impl Cmdb {
    /// A copy of all that a snapshot stores, without the projections.
    pub(crate) fn without_projections(&self) -> Self {
        let Self {
            cis,
            keys,
            facts,
            components,
            contained,
            identifications,
            reporters,
            natives,
            origins,
            deliveries,
            delivered,
            candidates,
            links,
            policy,
            policy_revision,
            merges,
            voices,
            changes,
            policy_set_at,
            unsettled,
            confirmed,
            heard,
            parking,
            reverts,
            reviews,
            dead_letters,
            losses,
            health,
            tags: _,
            software: _,
            ledger: _,
            topology: _,
            round: _,
            index: _,
        } = self;
        Self {
            cis: cis.clone(),
            keys: keys.clone(),
            facts: facts.clone(),
            components: components.clone(),
            contained: contained.clone(),
            identifications: identifications.clone(),
            reporters: reporters.clone(),
            natives: natives.clone(),
            origins: origins.clone(),
            deliveries: deliveries.clone(),
            delivered: delivered.clone(),
            candidates: candidates.clone(),
            links: links.clone(),
            policy: policy.clone(),
            policy_revision: *policy_revision,
            merges: merges.clone(),
            voices: voices.clone(),
            changes: changes.clone(),
            policy_set_at: *policy_set_at,
            unsettled: unsettled.clone(),
            confirmed: confirmed.clone(),
            heard: heard.clone(),
            parking: parking.clone(),
            reverts: reverts.clone(),
            reviews: reviews.clone(),
            dead_letters: dead_letters.clone(),
            losses: losses.clone(),
            health: health.clone(),
            ..Self::default()
        }
    }

    /// The record that one was merged into; `None` for one that was not.
    #[must_use]
    pub fn survivor(&self, ci: CiId) -> Option<CiId> {
        self.merges.contains_key(&ci).then(|| self.cis.get(&ci)?.duplicate_of)?
    }

    /// An item's own id, and those of the records that were merged into it.
    pub fn records_of(&self, ci: CiId) -> impl Iterator<Item = CiId> {
        std::iter::once(ci).chain(self.merges.keys().copied().filter(move |lost| self.survivor(*lost) == Some(ci)))
    }

    /// Hosts of every class, in order of their ids. Other items are not gone over.
    pub fn hosts(&self) -> impl Iterator<Item = &Ci> {
        let of = |bits| CiId { family: Family::Host, bits };
        self.cis.range(of(u128::MIN)..=of(u128::MAX)).map(|(_, ci)| ci).filter(|ci| ci.class.is_a(Class::Host))
    }

    /// The record that stands for a thing: the CI itself, or the one that it is a duplicate of (there are no chains).
    #[must_use]
    pub fn record(&self, id: CiId) -> Option<&Ci> {
        let ci = self.cis.get(&id)?;
        ci.duplicate_of.and_then(|main| self.cis.get(&main)).or(Some(ci))
    }
}
