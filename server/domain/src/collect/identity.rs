//! Which item a resource of OpenTelemetry or a target of Prometheus means, and what it is called among those of its feed.
//!
//! The judgement is that of external alerts ([`crate::alert::external::place`]), save that two labels name no host here: `device` is a disk
//! or an adapter of one in most measurements, and `nodename` stands on one series of a target.

use crate::World;
use crate::alert::external::place::{self, LABELS, port_of};
use crate::id::CiId;
use crate::trust::collector::{FEED, KEY_BYTES};
use crate::trust::feed::FeedName;
use rollcall_shared::Timestamp;
use std::collections::BTreeMap;

/// The port of a target whose host is an item, as OpenTelemetry calls it.
pub const SERVER_PORT: &str = "server.port";

/// What names no host in measurements.
const NO_NAMES: [&str; 2] = ["device", "nodename"];

/// What tells two resources of one host apart.
pub const APART: [&str; 4] = ["job", "service.namespace", "service.name", "service.instance.id"];

/// The node of a cluster, as OpenTelemetry calls it.
const CLUSTER_NODE: &str = "k8s.node.name";

/// What a resource or target says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    labels: BTreeMap<String, String>,
}

impl Resource {
    /// From labels or attributes, of which it keeps those that name it.
    pub fn of<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut kept: BTreeMap<String, String> = BTreeMap::new();
        let mut node = None;
        for (name, value) in labels {
            if value.is_empty() || value.len() > KEY_BYTES / 2 {
                continue;
            }
            if names(name) || APART.contains(&name) {
                kept.insert(name.to_owned(), value.to_owned());
            } else if name == CLUSTER_NODE {
                node = Some(value);
            }
        }
        if let Some(node) = node {
            kept.entry("node".into()).or_insert_with(|| node.to_owned());
        }
        Self { labels: kept }
    }

    /// Its labels.
    #[must_use]
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// The item that it means, and by which label.
    ///
    /// # Errors
    /// Why it means none, for people.
    pub fn place(&self, world: &World, now: Timestamp) -> Result<(CiId, String), String> {
        let naming = self.labels.iter().filter(|(name, _)| names(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
        let (ci, placed) = place::place(world, &naming, now)?;
        Ok((ci, placed.strip_prefix("label ").unwrap_or(&placed).to_owned()))
    }

    /// What its feed tells it apart by. A label that decided nothing is no part of it: a virtual host's name among the labels of a web
    /// server makes no other resource.
    #[must_use]
    pub fn key(&self, decisive: Option<&str>) -> String {
        // A target of Prometheus is its instance whatever else its series tell; a resource is what tells most.
        let usual = || ["instance"].into_iter().chain(LABELS).find(|name| names(name) && self.labels.contains_key(*name));
        let decisive = decisive.or_else(usual);
        let parts = self.labels.iter().filter(|(name, _)| decisive == Some(name.as_str()) || APART.contains(&name.as_str()));
        let mut key = parts.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",");
        if key.len() > KEY_BYTES {
            key.truncate((0..=KEY_BYTES).rev().find(|end| key.is_char_boundary(*end)).unwrap_or(0));
        }
        if key.is_empty() { "nameless".into() } else { key }
    }

    /// The attributes that a series of it has: its own, less what named the item, which would be another for each host, and what tells the
    /// item's resources apart. In order of their names.
    #[must_use]
    pub fn attributes(&self, own: BTreeMap<String, String>, decisive: &str, feed: &FeedName) -> Vec<(String, String)> {
        let mut all = own;
        let named = self.labels.get(decisive);
        if all.get(decisive) == named {
            all.remove(decisive);
        }
        for (name, value) in self.labels.iter().filter(|(name, _)| APART.contains(&name.as_str()) && *name != decisive) {
            all.entry(name.clone()).or_insert_with(|| value.clone());
        }
        if let Some(port) = named.and_then(|text| port_of(text)) {
            all.entry(SERVER_PORT.into()).or_insert_with(|| port.to_owned());
        }
        all.insert(FEED.into(), feed.to_string());
        // An empty value is the same as none, in rules as with Prometheus.
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }
}

fn names(label: &str) -> bool {
    LABELS.contains(&label) && !NO_NAMES.contains(&label)
}
