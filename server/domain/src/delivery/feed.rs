//! Which records of the log a channel wants.

use crate::ci::{CiEvent, Class};
use crate::event::{Event, SUBJECTS};
use crate::id::{AlertId, CiId};
use crate::incident;
use crate::{Record, Rejection, World};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Types that one channel may name: there are fewer.
const TYPES: usize = 100;

/// Of what is no type so many are told: the longest name of one has half of that.
const TYPE_CHARACTERS: usize = 64;

/// What a webhook is told of. The other kinds are told of notifications alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Follows {
    /// Records of the log, as they come.
    Feed,
    /// What routes send to it.
    Notifications,
    /// Both.
    #[default]
    Both,
}

impl Follows {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::Notifications => "notifications",
            Self::Both => "both",
        }
    }
}

/// Which records are wanted. An empty set asks for nothing in particular: all pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Records, notifications or both.
    #[serde(default)]
    pub follows: Follows,
    /// About these: words of [`SUBJECTS`].
    #[serde(default)]
    pub subjects: BTreeSet<String>,
    /// Telling this, such as `incident_opened`.
    #[serde(default)]
    pub types: BTreeSet<String>,
    /// About configuration items of these classes, or of those that inherit from them. Records about no item are left out then.
    #[serde(default)]
    pub classes: BTreeSet<Class>,
}

impl Wanted {
    /// Refuses what no record can pass.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn check(&self) -> Result<(), Rejection> {
        let offered = |subject: &String| subject != "delivery" && SUBJECTS.contains(&subject.as_str());
        if !self.subjects.iter().all(offered) {
            let known: Vec<&str> = SUBJECTS.into_iter().filter(|subject| *subject != "delivery").collect();
            return Err(Rejection::invalid("subjects", format!("must be of {}", known.join(", "))));
        }
        if self.types.len() > TYPES {
            return Err(Rejection::invalid("types", format!("must be at most {TYPES}")));
        }
        let of_subjects = SUBJECTS.into_iter().filter(|subject| self.subjects.is_empty() || self.subjects.contains(*subject));
        let known: BTreeSet<&str> = of_subjects.filter(|subject| *subject != "delivery").flat_map(Event::types_of).copied().collect();
        match self.types.iter().find(|kind| !known.contains(kind.as_str())) {
            Some(wrong) if self.subjects.is_empty() => {
                let wrong = crate::incident::compose::cut(wrong, TYPE_CHARACTERS);
                let reason = format!("{wrong} is no type of event; they are such as incident_opened, as GET /api/v1/events shows them");
                Err(Rejection::invalid("types", reason))
            }
            Some(_) => {
                let known = known.into_iter().collect::<Vec<&str>>().join(", ");
                Err(Rejection::invalid("types", format!("must be of what happens to the subjects: {known}")))
            }
            None => Ok(()),
        }
    }

    /// Whether a record is wanted; `kind` is the name of its event.
    #[must_use]
    pub fn keeps(&self, world: &World, record: &Record, kind: &str) -> bool {
        let subject = record.event.subject();
        subject != "delivery"
            && (self.subjects.is_empty() || self.subjects.contains(subject))
            && (self.types.is_empty() || self.types.contains(kind))
            && (self.classes.is_empty() || items(world, &record.event).any(|id| self.keeps_item(world, id)))
    }

    fn keeps_item(&self, world: &World, id: CiId) -> bool {
        world.cmdb.cis.get(&id).is_some_and(|ci| self.classes.iter().any(|class| ci.class.is_a(*class)))
    }
}

/// The configuration items that an event is about.
fn items(world: &World, event: &Event) -> impl Iterator<Item = CiId> {
    let (one, more): (Option<CiId>, Vec<CiId>) = match event {
        Event::Ci(event) => (None, items_of(event)),
        Event::Alert(event) => {
            use crate::alert::AlertEvent as E;
            let external = |alert: &AlertId| world.alerts.external.by_id(*alert).and_then(|alert| alert.ci);
            let of = |alert| world.alerts.alerts.get(alert).map(|alert| alert.key.ci).or_else(|| external(alert));
            match event {
                E::AlertTransitioned { key, .. } | E::AlertWorsening { key, .. } => (Some(key.ci), Vec::new()),
                E::AlertSuppressed { alert, .. } | E::AlertAcknowledged { alert, .. } => (of(alert), Vec::new()),
                E::OutageBegan { outage } => (None, outage.hosts.iter().copied().collect()),
                E::OutageGrew { alerts, .. } => (None, alerts.values().copied().collect()),
                E::OutageShrank { returned, .. } => (None, returned.iter().copied().collect()),
                E::ExternalAlertChanged { alert, .. } => (alert.ci, Vec::new()),
                E::MuteSet { .. } | E::MuteChanged { .. } | E::MuteEnded { .. } | E::OutageEnded { .. } => (None, Vec::new()),
            }
        }
        Event::Incident(event) => {
            let incident = incident::fold::id(event).and_then(|id| world.incidents.incidents.get(&id));
            (incident.and_then(|incident| incident.primary_ci), Vec::new())
        }
        _ => (None, Vec::new()),
    };
    one.into_iter().chain(more)
}

fn items_of(event: &CiEvent) -> Vec<CiId> {
    match event {
        CiEvent::CiCreated { ci, .. }
        | CiEvent::HostIdentified { ci, .. }
        | CiEvent::FeedIdentified { ci, .. }
        | CiEvent::CiReclassified { ci, .. }
        | CiEvent::CiStatusChanged { ci, .. }
        | CiEvent::RetirementSuggested { ci, .. }
        | CiEvent::RetirementWithdrawn { ci }
        | CiEvent::CiMoved { ci, .. }
        | CiEvent::CiRenamed { ci, .. }
        | CiEvent::CiRekeyed { ci, .. }
        | CiEvent::TagsChanged { ci, .. }
        | CiEvent::AttributesChanged { ci, .. }
        | CiEvent::AttributeLocked { ci, .. }
        | CiEvent::AttributeUnlocked { ci, .. }
        | CiEvent::SectionChanged { ci, .. }
        | CiEvent::SoftwareChanged { ci, .. }
        | CiEvent::CiMerged { ci, .. }
        | CiEvent::CiUnmerged { ci, .. } => vec![*ci],
        CiEvent::ProductsDiscovered { products } => products.iter().map(|(product, ..)| *product).collect(),
        CiEvent::RelationsChanged { changes } => changes.iter().flat_map(|change| change.ends()).collect(),
        _ => Vec::new(),
    }
}
