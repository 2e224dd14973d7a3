//! What a query is made of once it is understood: typed terms and how they are put together.

use super::pattern::Pattern;
use super::quantity::{Comparison, Moment};
use crate::ci::normalise::folded;
use crate::ci::{Class, Lifecycle, RelationKind};
use crate::id::CiId;

/// Terms put together. Made by [`Expression::all`], [`Expression::any`] and [`Expression::negated`], so that one meaning has one form:
/// no group of one, no group directly in a group of its kind, no double negation.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// One condition.
    Term(Term),
    /// What does not fulfil it.
    Not(Box<Expression>),
    /// What fulfils all of them.
    All(Vec<Expression>),
    /// What fulfils one of them.
    Any(Vec<Expression>),
}

impl Expression {
    /// All of these; `None` for none.
    #[must_use]
    pub fn all(parts: Vec<Self>) -> Option<Self> {
        let flat = parts.into_iter().flat_map(|part| if let Self::All(parts) = part { parts } else { vec![part] });
        Self::group(flat.collect(), Self::All)
    }

    /// One of these; `None` for none.
    #[must_use]
    pub fn any(parts: Vec<Self>) -> Option<Self> {
        let flat = parts.into_iter().flat_map(|part| if let Self::Any(parts) = part { parts } else { vec![part] });
        Self::group(flat.collect(), Self::Any)
    }

    fn group(mut parts: Vec<Self>, form: impl FnOnce(Vec<Self>) -> Self) -> Option<Self> {
        if parts.len() > 1 { Some(form(parts)) } else { parts.pop() }
    }

    /// What this is not.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Every term in it.
    pub fn terms(&self) -> Vec<&Term> {
        match self {
            Self::Term(term) => vec![term],
            Self::Not(inner) => inner.terms(),
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::terms).collect(),
        }
    }
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// A word: in the name, host name, serial number or an address; with wildcards, one of those as a whole.
    Word(Pattern),
    /// Of one of these classes or one that inherits from it.
    Class(Vec<Class>),
    /// At one of these points of life.
    Status(Vec<Lifecycle>),
    /// One of these records.
    Id(Vec<CiId>),
    /// A text of the record itself.
    Text(TextField, TextTest),
    /// Member of one of these groups.
    Group(Vec<String>),
    /// Has one of these attributes.
    Has(Vec<String>),
    /// The value of an attribute.
    Attribute(String, AttributeTest),
    /// Has one of these IP addresses, or one in these networks.
    Address(Vec<Network>),
    /// Has one of these packages.
    Package(Vec<PackageTest>),
    /// Listens on one of these ports.
    Listener(Vec<ListenerTest>),
    /// Something that a section of the inventory lists.
    Listed(Listing, Vec<Pattern>),
    /// How things stand with its agent.
    Agent(Vec<AgentState>),
    /// Whether a person's word and a measured value differ.
    Drift(bool),
    /// Whether it has been silent for so long that it may be retired.
    RetirementCandidate(bool),
    /// Whether it has incidents.
    Incident(IncidentTest),
    /// A moment in the life of the record.
    Moment(MomentField, Comparison, Moment),
    /// The record that contains it.
    Parent(Vec<Target>),
    /// A relation with one of these, read in the direction that the name says.
    Related(Relationship, Vec<Target>),
}

/// Texts of the record itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextField {
    /// What people call it.
    Name,
    /// A word of people.
    Tag,
    /// Where one of its values comes from: `agent`, `person`, or a feed by its name.
    Source,
}

/// What a text must be.
#[derive(Clone, Debug, PartialEq)]
pub enum TextTest {
    /// One of these, whatever the case, wildcards allowed.
    Is(Vec<Pattern>),
    /// One of these to the letter.
    Exactly(Vec<String>),
    /// With one of these in it, whatever the case.
    Contains(Vec<String>),
}

impl TextTest {
    /// Whether a text is so.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Is(patterns) => {
                let text = folded(text);
                patterns.iter().any(|pattern| pattern.matches_folded(&text))
            }
            Self::Exactly(texts) => texts.iter().any(|wanted| wanted == text),
            Self::Contains(parts) => {
                let text = folded(text);
                parts.iter().any(|part| text.contains(&folded(part)))
            }
        }
    }
}

/// What the value of an attribute must be.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeTest {
    /// The value as text; of several, one.
    Text(TextTest),
    /// The value as a number.
    Number(Comparison, f64),
    /// The value as yes or no.
    Boolean(bool),
    /// The value as a moment.
    Moment(Comparison, Moment),
    /// The value by its order: numbers as numbers, texts as versions.
    Order(Comparison, String),
}

/// An IP address, or all that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its first address: host bits are zero.
    pub address: std::net::IpAddr,
    /// Bits that count; all of them for a single address.
    pub prefix: u8,
}

impl Network {
    /// From `10.0.0.7` or `10.0.0.0/8`, of either family. Host bits are cleared.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: std::net::IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let fits = |prefix: &&str| prefix.len() <= 3 && prefix.bytes().all(|b| b.is_ascii_digit());
        let prefix = match prefix {
            None => bits,
            Some(prefix) => Some(prefix).filter(fits)?.parse().ok().filter(|&prefix| prefix <= bits)?,
        };
        Some(Self { address: masked(address, prefix), prefix })
    }

    /// Whether an address belongs to it.
    #[must_use]
    pub fn contains(&self, address: std::net::IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.prefix) == self.address
    }

    /// Whether it is one address.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.prefix == if self.address.is_ipv4() { 32 } else { 128 }
    }
}

fn masked(address: std::net::IpAddr, prefix: u8) -> std::net::IpAddr {
    match address {
        std::net::IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            std::net::Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        std::net::IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            std::net::Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

/// A package, in any version or in some.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageTest {
    /// Its name.
    pub name: Pattern,
    /// How its version must stand to which.
    pub version: Option<(Comparison, String)>,
}

/// A port with or without its protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTest {
    /// The port.
    pub port: u16,
    /// `tcp`, `udp`, ….
    pub protocol: Option<String>,
}

/// What sections list by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listing {
    /// System services; `.service` may be left out.
    Service,
    /// Local user accounts.
    User,
}

/// How things stand with an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AgentState {
    /// It reports.
    Online,
    /// It was found silent and has not spoken since.
    Silent,
    /// There is none, or it was never heard.
    None,
}

impl AgentState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Online, Self::Silent, Self::None];

    /// As written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Silent => "silent",
            Self::None => "none",
        }
    }
}

/// Which incidents count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IncidentTest {
    /// One on which work remains.
    Open,
    /// One, in whatever state.
    Any,
    /// None on which work remains.
    None,
}

impl IncidentTest {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Open, Self::Any, Self::None];

    /// As written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Any => "any",
            Self::None => "none",
        }
    }
}

/// Moments in the life of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MomentField {
    /// When it was last heard of.
    LastSeen,
    /// When the record was made.
    Created,
    /// When the record last changed.
    Updated,
}

impl MomentField {
    /// As written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LastSeen => "last_seen",
            Self::Created => "created",
            Self::Updated => "updated",
        }
    }
}

/// The other side of a relation.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// By its id.
    Id(CiId),
    /// By its name.
    Name(Pattern),
}

/// A kind of relation, read in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relationship {
    /// The kind.
    pub kind: RelationKind,
    /// Whether the wanted record is where the relation ends, not where it begins.
    pub reversed: bool,
}

impl Relationship {
    /// By its name in one direction or the other.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::all().find(|relationship| relationship.as_str() == name)
    }

    /// All of them that are stored: containment is `parent`, installations are `package`.
    pub fn all() -> impl Iterator<Item = Self> {
        let stored = RelationKind::ALL.into_iter().filter(|kind| !matches!(kind, RelationKind::Contains | RelationKind::InstalledOn));
        stored.flat_map(|kind| [false, true].map(|reversed| Self { kind, reversed }))
    }

    /// As written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        if self.reversed { self.kind.reverse() } else { self.kind.as_str() }
    }
}
