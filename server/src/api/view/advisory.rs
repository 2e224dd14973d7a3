//! Advisories and what they mean here.

use super::Time;
use super::word::Rating;
use rollcall_domain::World;
use rollcall_domain::advisory::{self as domain, Exposure};
use rollcall_domain::id::CiId;
use serde::Serialize;
use utoipa::ToSchema;

/// Packages shown of one advisory; the record has them all.
const PACKAGES: usize = 20;

/// An advisory.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Advisory {
    /// Its id in its database.
    #[schema(example = "DSA-5764-1")]
    pub id: String,
    /// Other names of it.
    #[schema(example = json!(["CVE-2024-6119"]))]
    pub aliases: Vec<String>,
    /// In one sentence.
    pub summary: Option<String>,
    /// How bad it is; null when its database does not say.
    pub severity: Option<Rating>,
    /// Base score of CVSS 3, when there is a vector.
    #[schema(example = 7.5)]
    pub score: Option<f64>,
    /// The vector.
    pub vector: Option<String>,
    /// Affected packages, at most the first 20.
    #[schema(example = json!(["Debian:12 openssl"]))]
    pub packages: Vec<String>,
    /// Hosts that have an affected version.
    pub hosts: u64,
    /// When it was published.
    pub published: Option<Time>,
    /// When its database last changed it.
    pub modified: Time,
    /// When it was taken back.
    pub withdrawn: Option<Time>,
    /// When it came in here.
    pub imported_at: Time,
    /// Log revision of the last change; its entity tag.
    pub revision: u64,
}

impl Advisory {
    /// The view of an advisory with what it means here now.
    pub fn new(world: &World, known: &domain::KnownAdvisory) -> Self {
        let advisory = &known.advisory;
        let severity = advisory.severity.as_ref();
        let mut packages: Vec<String> = Vec::new();
        for affected in &advisory.affected {
            let name = format!("{} {}", affected.ecosystem, affected.name);
            if packages.len() < PACKAGES && !packages.contains(&name) {
                packages.push(name);
            }
        }
        Self {
            id: advisory.id.to_string(),
            aliases: advisory.aliases.clone(),
            summary: advisory.summary.clone(),
            severity: severity.map(|severity| severity.rating.into()),
            score: severity.and_then(|severity| severity.score_tenths).map(|tenths| f64::from(tenths) / 10.0),
            vector: severity.and_then(|severity| severity.vector.clone()),
            packages,
            hosts: world.advisories.host_set(&world.cmdb, &advisory.id).len(),
            published: advisory.published.map(Time),
            modified: Time(advisory.modified),
            withdrawn: advisory.withdrawn.map(Time),
            imported_at: Time(known.imported_at),
            revision: known.revision,
        }
    }
}

/// A host that an advisory means.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AffectedHost {
    /// The host.
    #[schema(example = "host_00000000000000000000000001")]
    pub ci: String,
    /// What people call it.
    pub name: Option<String>,
    /// The affected product.
    #[schema(example = "sw_00000000000000000000000001")]
    pub product: String,
    /// Its package name.
    pub package: Option<String>,
    /// Installed version.
    pub version: String,
    /// The version that was judged: that of the source package where advisories speak of those.
    pub judged_version: String,
    /// The first version that is not affected; null when none is known.
    pub fixed_version: Option<String>,
}

impl AffectedHost {
    /// The view of what is wrong on a host.
    pub fn new(world: &World, host: CiId, exposure: &Exposure<'_>) -> Self {
        let name = |id: CiId| world.cmdb.cis.get(&id).map(|ci| ci.name.clone());
        Self {
            ci: host.to_string(),
            name: name(host),
            product: exposure.product.to_string(),
            package: name(exposure.product),
            version: exposure.version.to_owned(),
            judged_version: exposure.judged_version.to_owned(),
            fixed_version: exposure.fixed.map(str::to_owned),
        }
    }
}

/// An advisory that means something on a host.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HostAdvisory {
    /// Its id in its database.
    #[schema(example = "DSA-5764-1")]
    pub id: String,
    /// Other names of it.
    pub aliases: Vec<String>,
    /// In one sentence.
    pub summary: Option<String>,
    /// How bad it is; null when its database does not say.
    pub severity: Option<Rating>,
    /// The affected product.
    #[schema(example = "sw_00000000000000000000000001")]
    pub product: String,
    /// Its package name.
    pub package: Option<String>,
    /// Installed version.
    pub version: String,
    /// The version that was judged: that of the source package where advisories speak of those.
    pub judged_version: String,
    /// The first version that is not affected; null when none is known.
    pub fixed_version: Option<String>,
}

impl HostAdvisory {
    /// The view of what is wrong.
    pub fn new(world: &World, exposure: &Exposure<'_>) -> Self {
        let advisory = &exposure.advisory.advisory;
        Self {
            id: advisory.id.to_string(),
            aliases: advisory.aliases.clone(),
            summary: advisory.summary.clone(),
            severity: advisory.severity.as_ref().map(|severity| severity.rating.into()),
            product: exposure.product.to_string(),
            package: world.cmdb.cis.get(&exposure.product).map(|ci| ci.name.clone()),
            version: exposure.version.to_owned(),
            judged_version: exposure.judged_version.to_owned(),
            fixed_version: exposure.fixed.map(str::to_owned),
        }
    }
}
