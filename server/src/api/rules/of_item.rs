//! Which rules count for a configuration item, and as what.

use super::super::Api;
use super::super::cis::{PageQuery, find};
use super::super::extract::{Named, Parameters};
use super::super::format::Format;
use super::super::page::{Page, Paging};
use super::super::view::rule::CiRule;
use crate::answer::ApiError;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::id::{CiId, RuleId};
use rollcall_domain::rule::select::judges;

/// Lists the rules that count for a configuration item, by name: the levels, times and loudness that are held against it, and the override
/// that they come from. A rule that an override switches off for it is among them. Of an item that is out of use none is judged, which each says.
/// An item that has more series than are judged for one says with each rule how many are left out.
#[utoipa::path(get, path = "/api/v1/cis/{id}/rules", tag = "rules", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<CiRule>)))]
pub async fn list_ci_rules(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<RuleId>::new("ci_rules", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let ci = find(world, id)?;
        let rules = world.rules.rules.range(paging.ascending()).filter(|(_, known)| judges(&known.rule, world, ci));
        let left_out = world.telemetry.left_out(&world.trust, ci.id);
        let shown = rules.map(|(name, known)| (name.clone(), CiRule::new(&known.rule, (world, ci), left_out.get(name))));
        Ok::<_, ApiError>(paging.page(shown))
    })?;
    Ok(format.list(&page))
}
