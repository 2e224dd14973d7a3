//! Feeds: other people's agents and monitoring that may deliver inventories, alerts or samples, each source with a secret of its own.
//!
//! A feed proves a site or a kind of agents, never one machine: everything that it delivers is of lower trust than what an agent
//! proves by its certificate. Its name becomes the source of values, so a name that was withdrawn can be renewed with another
//! secret and goes on being the same source. Invariant: a wrong name, a wrong secret, an end, a withdrawal and an address that
//! may not be used are one and the same refusal.

use super::TrustEvent;
use crate::actor::Actor;
use crate::{Context, Rejection, World};
use ipnet::IpNet;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

/// Feeds at most: one a site and kind of agent is what people make.
pub const FEEDS: usize = 1_000;

/// Networks of one feed.
pub const FEED_NETWORKS: usize = 64;

/// Characters of a name.
const NAME_LENGTH: usize = 64;

/// A feed's name, chosen by people; also the user of basic authentication.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct FeedName(String);

impl FeedName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FeedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no feed's name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be 1 to {NAME_LENGTH} lower-case letters, digits, dashes and underscores")]
pub struct NotAFeedName;

impl FromStr for FeedName {
    type Err = NotAFeedName;

    fn from_str(text: &str) -> Result<Self, NotAFeedName> {
        let fits = (1..=NAME_LENGTH).contains(&text.len());
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if fits && plain { Ok(Self(text.to_owned())) } else { Err(NotAFeedName) }
    }
}

impl<'de> Deserialize<'de> for FeedName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Whose agents deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedKind {
    /// GLPI agents: JSON, and XML from old ones.
    Glpi,
    /// OCS Inventory agents: XML.
    Ocs,
    /// FusionInventory agents: XML.
    Fusioninventory,
    /// An Alertmanager, or what speaks as one does: alerts.
    Alertmanager,
    /// OpenTelemetry's collector and libraries: measurements.
    Otlp,
    /// Prometheus, and what writes to remotes as it does: measurements.
    Prometheus,
}

impl FeedKind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Glpi, Self::Ocs, Self::Fusioninventory, Self::Alertmanager, Self::Otlp, Self::Prometheus];

    /// The name in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Glpi => "glpi",
            Self::Ocs => "ocs",
            Self::Fusioninventory => "fusioninventory",
            Self::Alertmanager => "alertmanager",
            Self::Otlp => "otlp",
            Self::Prometheus => "prometheus",
        }
    }

    /// Whether it delivers inventories of machines.
    #[must_use]
    pub fn brings_inventories(self) -> bool {
        matches!(self, Self::Glpi | Self::Ocs | Self::Fusioninventory)
    }

    /// Whether it delivers measurements of hosts.
    #[must_use]
    pub fn brings_measurements(self) -> bool {
        matches!(self, Self::Otlp | Self::Prometheus)
    }
}

/// A source of foreign inventories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feed {
    /// Chosen by people; the name of the source.
    pub name: FeedName,
    /// Whose agents.
    pub kind: FeedKind,
    /// SHA-256 of the secret, hexadecimal.
    pub secret_hash: String,
    /// Where its agents may be; empty for anywhere.
    pub networks: Vec<IpNet>,
    /// When it ends; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// Who made it, or renewed it last.
    pub created_by: Actor,
    /// When.
    pub created_at: Timestamp,
    /// Whether it was withdrawn.
    pub revoked: bool,
}

impl Feed {
    fn admits(&self, address: Option<IpAddr>, now: Timestamp) -> bool {
        // An IPv4 client of a socket that listens on both families has an IPv6 form.
        let address = address.map(|address| address.to_canonical());
        let is_near =
            self.networks.is_empty() || address.is_some_and(|address| self.networks.iter().any(|network| network.contains(&address)));
        is_near && !self.revoked && self.expires_at.is_none_or(|end| end > now)
    }
}

/// The feed that people want.
#[derive(Clone, Debug, PartialEq)]
pub struct NewFeed {
    /// Its name.
    pub name: FeedName,
    /// Whose agents.
    pub kind: FeedKind,
    /// SHA-256 of the secret, hexadecimal; the secret stays at the edge.
    pub secret_hash: String,
    /// Where its agents may be; empty for anywhere.
    pub networks: Vec<IpNet>,
    /// How long it lives; `None` for ever.
    pub ttl: Option<Duration>,
}

/// Decides to make a feed, or to renew one that was withdrawn.
///
/// # Errors
/// A name in use, too many feeds or networks, a life of no length.
pub fn create(world: &World, wanted: &NewFeed, context: &Context<'_>) -> Result<Vec<TrustEvent>, Rejection> {
    let feeds = &world.trust.feeds;
    match feeds.get(&wanted.name) {
        Some(known) if !known.revoked => {
            let reason = format!("feed {} exists; withdraw it first to give it another secret", wanted.name);
            return Err(Rejection::Conflict(reason));
        }
        None if feeds.len() >= FEEDS => return Err(Rejection::Conflict(format!("there are {FEEDS} feeds already"))),
        _ => {}
    }
    if wanted.networks.len() > FEED_NETWORKS {
        return Err(Rejection::invalid("networks", format!("at most {FEED_NETWORKS}")));
    }
    if wanted.ttl.is_some_and(|ttl| ttl.is_zero()) {
        return Err(Rejection::invalid("ttl", "must be more than nothing"));
    }
    let feed = Feed {
        name: wanted.name.clone(),
        kind: wanted.kind,
        secret_hash: wanted.secret_hash.clone(),
        networks: wanted.networks.clone(),
        expires_at: wanted.ttl.map(|ttl| context.now.plus(ttl)),
        created_by: context.actor.clone(),
        created_at: context.now,
        revoked: false,
    };
    Ok(vec![TrustEvent::FeedCreated { feed: Box::new(feed) }])
}

/// Decides to withdraw a feed.
///
/// # Errors
/// There is none of this name.
pub fn revoke(world: &World, name: &FeedName) -> Result<Vec<TrustEvent>, Rejection> {
    let feed = world.trust.feeds.get(name).ok_or_else(|| Rejection::not_found("feed", name))?;
    let news = (!feed.revoked).then(|| TrustEvent::FeedRevoked { feed: name.clone() });
    Ok(news.into_iter().collect())
}

/// The feed behind a secret. `name` is the user of basic authentication; a bearer token comes without.
///
/// # Errors
/// [`Rejection::BadCredential`], whatever is wrong.
pub fn authenticate<'w>(
    world: &'w World,
    name: Option<&str>,
    secret_hash: &str,
    address: Option<IpAddr>,
    now: Timestamp,
) -> Result<&'w Feed, Rejection> {
    let mut feeds = world.trust.feeds.values().filter(|feed| name.is_none_or(|name| feed.name.as_str() == name));
    let feed = feeds.find(|feed| feed.secret_hash == secret_hash).ok_or(Rejection::BadCredential)?;
    feed.admits(address, now).then_some(feed).ok_or(Rejection::BadCredential)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{CountingIds, NoContent};
    use crate::trust::decide::{TrustCommand, command};

    const NOW: Timestamp = Timestamp(1_000_000);

    fn decide(world: &mut World, wanted: &TrustCommand) -> Result<(), Rejection> {
        let mut ids = CountingIds::default();
        let mut context = Context { now: NOW, actor: Actor::Local, ids: &mut ids, content: &NoContent };
        for event in command(world, wanted, &mut context)? {
            world.trust.apply(world.revision + 1, &event);
        }
        Ok(())
    }

    fn wanted(name: &str) -> NewFeed {
        NewFeed {
            name: name.parse().expect("a name"),
            kind: FeedKind::Glpi,
            secret_hash: "ab".into(),
            networks: vec!["10.0.0.0/8".parse().expect("a network"), "2001:db8::/32".parse().expect("a network")],
            ttl: Some(Duration::from_secs(60)),
        }
    }

    fn world() -> World {
        let mut world = World::default();
        decide(&mut world, &TrustCommand::CreateFeed(wanted("branch"))).expect("made");
        world
    }

    #[track_caller]
    fn check(name: Option<&str>, secret: &str, address: &str, now: Timestamp, expected: bool) {
        let world = world();
        let address = Some(address.parse().expect("an address"));
        assert_eq!(authenticate(&world, name, secret, address, now).is_ok(), expected, "{name:?} {secret} {address:?} {now}");
    }

    #[test]
    fn a_feed_is_known_by_name_and_secret_from_its_networks_until_it_ends() {
        check(Some("branch"), "ab", "10.1.2.3", NOW, true);
        check(None, "ab", "2001:db8::1", NOW, true);
        check(None, "ab", "::ffff:10.1.2.3", NOW, true);
        check(Some("other"), "ab", "10.1.2.3", NOW, false);
        check(Some("branch"), "cd", "10.1.2.3", NOW, false);
        check(Some("branch"), "ab", "192.0.2.1", NOW, false);
        check(Some("branch"), "ab", "10.1.2.3", NOW.plus(Duration::from_secs(60)), false);
    }

    #[test]
    fn an_unknown_address_is_in_no_network() {
        assert!(authenticate(&world(), None, "ab", None, NOW).is_err());
    }

    #[test]
    fn a_name_is_taken_until_it_is_withdrawn_and_then_renewed() {
        let mut world = world();
        let again = TrustCommand::CreateFeed(NewFeed { secret_hash: "cd".into(), ..wanted("branch") });
        assert!(matches!(decide(&mut world, &again), Err(Rejection::Conflict(_))));
        let withdrawal = TrustCommand::RevokeFeed("branch".parse().expect("a name"));
        decide(&mut world, &withdrawal).expect("withdrawn");
        decide(&mut world, &withdrawal).expect("withdrawing twice is harmless");
        assert!(authenticate(&world, None, "ab", Some([10, 0, 0, 1].into()), NOW).is_err());
        decide(&mut world, &again).expect("renewed");
        assert!(authenticate(&world, None, "cd", Some([10, 0, 0, 1].into()), NOW).is_ok());
        assert!(matches!(revoke(&world, &"nobody".parse().expect("a name")), Err(Rejection::NotFound { .. })));
    }

    #[test]
    fn names_are_plain() {
        for text in ["", "Branch", "a b", "a:b", "ä", &"x".repeat(65)] {
            assert_eq!(text.parse::<FeedName>(), Err(NotAFeedName), "{text}");
        }
    }
}
