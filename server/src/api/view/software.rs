//! Software products as the catalogue sees them, and where they are installed.

use super::word::Category;
use super::{Actor, Time, texts};
use rollcall_domain::World;
use rollcall_domain::catalogue::{self as domain, Because, Day};
use rollcall_domain::ci::{Ci, licence};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Texts listed of one kind: a product with more vendors than these is hardly one product.
const LISTED: usize = 20;

/// A software product.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Product {
    /// Its id for ever.
    #[schema(example = "sw_00000000000000000000000001")]
    pub id: String,
    /// Package name.
    pub name: String,
    /// Package URL without version, or manager and name.
    pub key: Option<String>,
    /// Package manager or type of package URL.
    pub manager: String,
    /// What the product is called, across distributions and versions in its name.
    #[schema(example = "Linux kernel")]
    pub product: String,
    /// Why it is called so.
    pub product_because: String,
    /// Who makes it.
    pub vendor: Option<String>,
    /// Which edition it is.
    pub edition: Option<String>,
    /// Whether it may be used.
    pub category: Category,
    /// Why.
    pub category_because: String,
    /// Licences that its packages state.
    pub licences: Vec<String>,
    /// Source packages that it is built from.
    pub sources: Vec<String>,
    /// Repositories that it came from.
    pub origins: Vec<String>,
    /// Hosts that have it, in whatever version.
    pub hosts: u64,
    /// Hosts that may have it, as people recorded it under its configuration item.
    pub licensed_installations: Option<i64>,
    /// Installed versions.
    pub versions: u64,
    /// The earliest end of life among the installed versions, when one is known.
    #[schema(example = "2026-09-07")]
    pub end_of_life: Option<String>,
    /// Decisions on it, the latest last.
    pub rulings: Vec<Ruling>,
    /// When it was first seen on any host.
    pub created_at: Time,
    /// Log revision of the last change; its entity tag.
    pub revision: u64,
}

/// What people choose for a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CategoryChoice {
    /// It may be used.
    Approved,
    /// It may not be used.
    Denied,
    /// Nobody has said, whatever rules say.
    Unclassified,
    /// What the rules say.
    ByRules,
}

impl CategoryChoice {
    fn of(category: Option<domain::Category>) -> Self {
        match category {
            Some(domain::Category::Approved) => Self::Approved,
            Some(domain::Category::Denied) => Self::Denied,
            Some(domain::Category::Unclassified) => Self::Unclassified,
            None => Self::ByRules,
        }
    }

    /// As the domain takes it.
    pub fn into_domain(self) -> Option<domain::Category> {
        match self {
            Self::Approved => Some(domain::Category::Approved),
            Self::Denied => Some(domain::Category::Denied),
            Self::Unclassified => Some(domain::Category::Unclassified),
            Self::ByRules => None,
        }
    }
}

/// What somebody decided about one product.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Ruling {
    /// Whether it may be used; by_rules leaves that to the rules again.
    pub category: CategoryChoice,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub by: Actor,
    /// When.
    pub at: Time,
}

impl Product {
    /// The view of a product with what is installed now.
    pub fn new(world: &World, rules: &[&domain::Rule], ci: &Ci) -> Self {
        let software = &world.cmdb.software;
        let standing = world.catalogue.standing(&world.cmdb, rules, ci);
        let mut versions = 0;
        let mut end_of_life: Option<Day> = None;
        for (version, _) in software.product_versions(ci.id) {
            versions += 1;
            let day = world.catalogue.cycle_of(&[standing.product, &ci.name], version).and_then(|cycle| cycle.end_of_life);
            end_of_life = end_of_life.into_iter().chain(day).min();
        }
        let listed = |of: fn(&rollcall_domain::ci::software::Details) -> Option<&str>| {
            let found: BTreeSet<&str> = software.pairs_of_product(ci.id).filter_map(|pair| of(pair.details)).collect();
            texts(found.into_iter().take(LISTED))
        };
        let rulings = world.catalogue.rulings.get(&ci.id).into_iter().flatten();
        Self {
            id: ci.id.to_string(),
            name: ci.name.clone(),
            key: ci.key.clone(),
            manager: domain::standing::manager_of(ci).to_owned(),
            product: standing.product.to_owned(),
            product_because: because(standing.product_because, "the package is called so"),
            vendor: standing.vendor.map(str::to_owned),
            edition: standing.edition.map(str::to_owned),
            category: standing.category.into(),
            category_because: because(standing.category_because, "nobody has decided"),
            licences: listed(|details| details.licence.as_deref()),
            sources: listed(|details| details.source.as_deref()),
            origins: listed(|details| details.origin.as_deref()),
            hosts: software.host_count(ci.id),
            licensed_installations: licence::licensed(ci),
            versions,
            end_of_life: end_of_life.map(|day| day.to_string()),
            rulings: rulings.map(Ruling::from).collect(),
            created_at: Time(ci.created_at),
            revision: world.catalogue.revision_of(ci),
        }
    }
}

fn because(reason: Because<'_>, otherwise: &str) -> String {
    match reason {
        Because::Ruling(ruling) => format!("{} decided it: {}", who(&ruling.by), ruling.reason),
        Because::Rule(rule) => match &rule.reason {
            Some(reason) => format!("rule {}: {reason}", rule.id),
            None => format!("rule {}", rule.id),
        },
        Because::Nothing => otherwise.to_owned(),
    }
}

fn who(actor: &rollcall_domain::Actor) -> &str {
    match actor {
        rollcall_domain::Actor::Token { name, .. } => name,
        _ => "the local operator",
    }
}

impl From<&domain::Ruling> for Ruling {
    fn from(ruling: &domain::Ruling) -> Self {
        let category = CategoryChoice::of(ruling.category);
        Self { category, reason: ruling.reason.clone(), by: (&ruling.by).into(), at: Time(ruling.at) }
    }
}

/// A version of a product.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Version {
    /// As installed.
    #[schema(example = "3.0.13-1~deb12u1")]
    pub version: String,
    /// Hosts that have it.
    pub hosts: u64,
    /// The cycle of the product that it belongs to, when one is known.
    #[schema(example = "3.0")]
    pub cycle: Option<String>,
    /// Until when its makers care for it.
    #[schema(example = "2026-09-07")]
    pub end_of_life: Option<String>,
}

/// A product on a host.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Installation {
    /// The host.
    #[schema(example = "host_00000000000000000000000001")]
    pub ci: String,
    /// What people call it.
    pub name: Option<String>,
    /// Installed version.
    pub version: String,
    /// Until when its makers care for that version.
    #[schema(example = "2026-09-07")]
    pub end_of_life: Option<String>,
}

/// A rule of the catalogue.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SoftwareRule {
    /// Its id.
    #[schema(example = "swr_00000000000000000000000001")]
    pub id: String,
    /// Lower positions come first; of each field the first rule that says something counts.
    pub position: u32,
    /// Package manager that it is about.
    pub manager: Option<String>,
    /// Package name that it is about; `*` and `?` stand for text.
    pub name: Option<String>,
    /// Vendor that it is about; `*` and `?` stand for text.
    pub package_vendor: Option<String>,
    /// What the product is called.
    pub product: Option<String>,
    /// Who makes it.
    pub vendor: Option<String>,
    /// Which edition it is.
    pub edition: Option<String>,
    /// Whether it may be used.
    pub category: Option<Category>,
    /// Why.
    pub reason: Option<String>,
    /// Whether it comes with Rollcall.
    pub stock: bool,
    /// Who set it; null for those that come with Rollcall.
    pub set_by: Option<Actor>,
    /// When.
    pub set_at: Option<Time>,
    /// Log revision of the last change; its entity tag.
    pub revision: u64,
}

impl SoftwareRule {
    /// The view of a rule; `known` when people set it.
    pub fn new(rule: &domain::Rule, known: Option<&domain::KnownRule>) -> Self {
        Self {
            id: rule.id.to_string(),
            position: rule.position,
            manager: rule.pattern.manager.clone(),
            name: rule.pattern.name.clone(),
            package_vendor: rule.pattern.vendor.clone(),
            product: rule.product.clone(),
            vendor: rule.vendor.clone(),
            edition: rule.edition.clone(),
            category: rule.category.map(Into::into),
            reason: rule.reason.clone(),
            stock: known.is_none(),
            set_by: known.map(|known| (&known.by).into()),
            set_at: known.map(|known| Time(known.at)),
            revision: known.map_or(0, |known| known.revision),
        }
    }
}

/// A rule as people write it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"position": 10, "name": "telnet*", "category": "denied", "reason": "passwords in clear text"}))]
pub struct SoftwareRuleInput {
    /// Lower positions come first; 100 unless given.
    position: Option<u32>,
    /// Package manager, such as `dpkg` or `deb`.
    manager: Option<String>,
    /// Package name; `*` stands for any text, `?` for one character.
    name: Option<String>,
    /// Vendor or maintainer of the package, in the same way.
    package_vendor: Option<String>,
    /// What the product is called.
    product: Option<String>,
    /// Who makes it.
    vendor: Option<String>,
    /// Which edition it is.
    edition: Option<String>,
    /// Whether it may be used.
    category: Option<Category>,
    /// Why; needed with `category`.
    reason: Option<String>,
}

impl SoftwareRuleInput {
    /// As the domain takes it.
    pub fn into_domain(self, id: rollcall_domain::id::SoftwareRuleId) -> domain::Rule {
        domain::Rule {
            id,
            position: self.position.unwrap_or(100),
            pattern: domain::Pattern { manager: self.manager, name: self.name, vendor: self.package_vendor },
            product: self.product,
            vendor: self.vendor,
            edition: self.edition,
            category: self.category.map(|category| category.0),
            reason: self.reason,
        }
    }
}

/// A cycle of a product.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Cycle {
    /// Name of the product.
    #[schema(example = "OpenSSL")]
    pub product: String,
    /// What its versions begin with.
    #[schema(example = "3.0")]
    pub cycle: String,
    /// Until when its makers care for it.
    #[schema(example = "2026-09-07")]
    pub end_of_life: Option<String>,
}

impl From<&domain::Cycle> for Cycle {
    fn from(cycle: &domain::Cycle) -> Self {
        Self { product: cycle.product.clone(), cycle: cycle.cycle.clone(), end_of_life: cycle.end_of_life.map(|day| day.to_string()) }
    }
}
