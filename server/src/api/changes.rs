//! What changed lately in the fleet, bundled; and what differs between two configuration items.

use super::extract::{Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::Time;
use super::view::change::{Bundle, CiComparison, RowDifference};
use super::view::word::RowChange;
use super::{Api, cis, past};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::Content;
use rollcall_domain::ci::changes::Change;
use rollcall_domain::ci::{self, compare};
use rollcall_domain::id::CiId;
use rollcall_shared::{ContentHash, Section, SectionName, Timestamp};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// How far back changes are listed unless said otherwise.
const LATELY: Duration = Duration::from_secs(7 * 86_400);

/// Which changes are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// From this moment on (RFC 3339); a week before now unless given. A month is kept.
    #[param(value_type = Option<Time>)]
    from: Option<Timestamp>,
    /// Up to this moment; now unless given.
    #[param(value_type = Option<Time>)]
    to: Option<Timestamp>,
    /// Of this kind.
    #[param(inline)]
    kind: Option<ChangeKind>,
    /// On this host.
    ci: Option<String>,
    /// With this text in one of the changes, whatever the case.
    q: Option<String>,
    /// On at least so many hosts.
    min_hosts: Option<u32>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What kind of thing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Software was installed, upgraded, downgraded or removed.
    Package,
    /// A value of the host.
    Attribute,
    /// A part, service or the like came, went or moved.
    Part,
    /// The host moved on in its life.
    Status,
}

/// What is to be compared.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CompareQuery {
    /// The one.
    #[param(example = "host_00000000000000000000000001")]
    left: String,
    /// The other; the same one unless given, which takes a moment to be of use.
    right: Option<String>,
    /// The left one as it was at this moment (RFC 3339); now unless given.
    #[param(value_type = Option<Time>)]
    left_at: Option<Timestamp>,
    /// The right one as it was at this moment; now unless given.
    #[param(value_type = Option<Time>)]
    right_at: Option<Timestamp>,
}

/// Lists what changed in the fleet, newest first: changes that the same hosts went through on one day are one item.
#[utoipa::path(get, path = "/api/v1/changes", tag = "cis", params(ChangeQuery),
    responses((status = 200, description = "A page.", body = Page<Bundle>)))]
pub async fn list_changes(
    State(api): State<Api>,
    Parameters(query): Parameters<ChangeQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<u64>::new("changes", query.limit, query.cursor.as_deref())?;
    let ci = query.ci.as_deref().map(str::parse::<CiId>).transpose();
    let ci = ci.map_err(|_| ApiError::invalid("ci", "must be the id of a configuration item"))?;
    let to = query.to.unwrap_or_else(|| api.engine.now());
    let from = query.from.unwrap_or_else(|| to.minus(LATELY));
    if from > to {
        return Err(ApiError::invalid("from", "must not be after to"));
    }
    let text = query.q.as_ref().map(|text| text.to_lowercase());
    let mut bundles = api.engine.read(|world| world.cmdb.changes.bundles(from, to));
    bundles.retain(|bundle| {
        ci.is_none_or(|ci| bundle.cis.binary_search(&ci).is_ok())
            && query.min_hosts.is_none_or(|least| bundle.cis.len() >= least as usize)
            && query.kind.is_none_or(|kind| bundle.changes.iter().any(|change| kind_of(change) == kind))
            && text.as_ref().is_none_or(|text| bundle.changes.iter().any(|change| change.to_string().to_lowercase().contains(text)))
    });
    let page = paging.page(
        bundles.iter().filter(|bundle| paging.after.is_none_or(|after| bundle.number < after)).map(|bundle| (bundle.number, bundle.into())),
    );
    Ok(format.list::<Bundle>(&page))
}

fn kind_of(change: &Change) -> ChangeKind {
    match change {
        Change::Package { .. } => ChangeKind::Package,
        Change::Attribute { .. } => ChangeKind::Attribute,
        Change::Part { .. } | Change::PartValue { .. } => ChangeKind::Part,
        Change::Status { .. } => ChangeKind::Status,
    }
}

/// Compares two configuration items, or one at two moments: values, tags, and the rows of every section.
///
/// Software is told as history tells it: a package in another version is an upgrade or downgrade, not a removal and an installation, and
/// rows of which only the time of installation differs are counted apart. `/api/v1/cis/{id}/differences` lists every row.
#[utoipa::path(get, path = "/api/v1/cis/compare", tag = "cis", params(CompareQuery),
    responses((status = 200, description = "What differs.", body = CiComparison),
        (status = 404, description = "There is no such item, or was none at that time.")))]
pub async fn compare_cis(State(api): State<Api>, Parameters(query): Parameters<CompareQuery>) -> Result<Response, ApiError> {
    let left = side(&api, "left", &query.left, query.left_at).await?;
    let right = side(&api, "right", query.right.as_deref().unwrap_or(&query.left), query.right_at).await?;
    let found = compared(&api, &left, &right, None).await?;
    Ok(answer::json(&CiComparison::new((&left, query.left_at), (&right, query.right_at), &found)))
}

/// What is to be compared with what, and which of the differences are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DifferenceQuery {
    /// The item that it is compared with; itself unless given, which takes a moment to be of use.
    right: Option<String>,
    /// The item as it was at this moment (RFC 3339); now unless given.
    #[param(value_type = Option<Time>)]
    left_at: Option<Timestamp>,
    /// The other as it was at this moment; now unless given.
    #[param(value_type = Option<Time>)]
    right_at: Option<Timestamp>,
    /// Rows of this section alone.
    #[param(example = "packages")]
    section: Option<String>,
    /// Rows that differ so alone.
    change: Option<RowChange>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists every row in which the sections of two configuration items differ, or of one at two moments: upgrades first, by section.
///
/// Give both moments for a list that does not change while it is read.
#[utoipa::path(get, path = "/api/v1/cis/{id}/differences", tag = "cis", params(DifferenceQuery),
    responses((status = 200, description = "A page.", body = Page<RowDifference>)))]
pub async fn list_ci_differences(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<DifferenceQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<u64>::new("differences", query.limit, query.cursor.as_deref())?;
    let section = query.section.as_deref().map(str::parse::<SectionName>).transpose();
    let section = section.map_err(|error| ApiError::invalid("section", error.to_string()))?;
    let own = id.to_string();
    let left = side(&api, "id", &own, query.left_at).await?;
    let right = side(&api, "right", query.right.as_deref().unwrap_or(&own), query.right_at).await?;
    let found = compared(&api, &left, &right, section).await?;
    let rows = found.sections.iter().filter(|one| section.is_none_or(|section| one.name == section));
    let rows = rows.flat_map(|section| section.rows.iter().flatten().map(|row| (section.name, row)));
    let wanted = rows.filter(|(_, row)| query.change.is_none_or(|change| row.change == change.0));
    let later = (0_u64..).zip(wanted).filter(|(place, _)| paging.after.is_none_or(|after| *place > after));
    Ok(format.list(&paging.page(later.map(|(place, (section, row))| (place, RowDifference::new(section, row))))))
}

/// Compares two items, with the rows of every section or of one.
async fn compared(api: &Api, left: &ci::Ci, right: &ci::Ci, only: Option<SectionName>) -> Result<compare::Comparison, ApiError> {
    let mut contents = Contents::default();
    for name in SectionName::ALL.iter().filter(|name| only.is_none_or(|only| only == **name)) {
        let hash = |ci: &ci::Ci| ci.section(*name).and_then(|state| state.hash);
        if hash(left) != hash(right) {
            for hash in [hash(left), hash(right)].into_iter().flatten() {
                let section = api.engine.section(hash).await?;
                contents.0.extend(section.map(|section| (hash, section)));
            }
        }
    }
    let mut found = compare::compare(left, right, &contents);
    // Two names of one contact are no difference.
    api.engine.read(|world| {
        let shown =
            |name: &str, value: &Option<ci::AttributeValue>| value.as_ref().map(|value| world.contacts.shown(name, value).into_owned());
        let before = found.attributes.len();
        found.attributes.retain(|(name, left, right)| shown(name, left) != shown(name, right));
        found.equal_attributes += before - found.attributes.len();
    });
    Ok(found)
}

async fn side(api: &Api, field: &str, id: &str, moment: Option<Timestamp>) -> Result<ci::Ci, ApiError> {
    let id: CiId = id.parse().map_err(|_| ApiError::invalid(field, "must be the id of a configuration item"))?;
    match moment {
        Some(moment) => past::ci_at(api, id, moment).await,
        None => api.engine.read(|world| cis::find(world, id).cloned()),
    }
}

/// The contents that a comparison needs.
#[derive(Default)]
struct Contents(BTreeMap<ContentHash, Arc<Section>>);

impl Content for Contents {
    fn section(&self, hash: &ContentHash) -> Option<Arc<Section>> {
        self.0.get(hash).cloned()
    }
}
