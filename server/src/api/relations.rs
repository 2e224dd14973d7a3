//! Relations: those of one configuration item, all of them, and what follows from them when something fails.

use super::cis::find;
use super::extract::{Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::past::Past;
use super::view::Time;
use super::view::relation::{Impact, Relation};
use super::view::word::{Direction, RelationKind};
use super::{Api, past};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::ci::{self, impact, relation};
use rollcall_domain::id::{CiId, Family};
use rollcall_shared::{Section, SectionName, Timestamp};
use serde::Deserialize;
use std::fmt;
use std::ops::Bound;
use std::str::FromStr;
use utoipa::IntoParams;

/// Which relations of one configuration item are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CiRelationQuery {
    /// Of this kind. Installations of software are shown with `installed_on` only: a host has thousands.
    kind: Option<RelationKind>,
    /// As they were at this moment (RFC 3339); as they are now unless given. Installations then can be asked of hosts alone.
    #[param(value_type = Option<Time>)]
    as_of: Option<Timestamp>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which relations are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RelationQuery {
    /// Of this kind. Installations of software are shown with `installed_on` together with `from` or `to` only.
    kind: Option<RelationKind>,
    /// Beginning at this configuration item.
    from: Option<String>,
    /// Ending at this configuration item.
    to: Option<String>,
    /// Told by such a source: `person`, `agent` or `feed`, or one of them, such as `agent:agent_00000000000000000000000001`.
    #[param(example = "agent")]
    source: Option<String>,
    /// As they were at this moment (RFC 3339); as they are now unless given. At most 2,000 configuration items are looked at for a
    /// page then, so it may be short, and even empty, while the cursor goes on. Installations then can be asked of hosts alone.
    #[param(value_type = Option<Time>)]
    as_of: Option<Timestamp>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which way to walk and how far.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImpactQuery {
    /// `up` to what its failure affects (the default), `down` to what it needs.
    direction: Option<Direction>,
    /// Relations in a path at most: 1 to 20, 5 unless given.
    depth: Option<u32>,
    /// As it was at this moment (RFC 3339); as it is now unless given. A walk then passes at most 2,000 configuration items.
    #[param(value_type = Option<Time>)]
    as_of: Option<Timestamp>,
}

/// Lists what a configuration item belongs together with, by both sides and kind.
#[utoipa::path(get, path = "/api/v1/cis/{id}/relations", tag = "cis", params(CiRelationQuery),
    responses((status = 200, description = "A page.", body = Page<Relation>)))]
pub async fn list_ci_relations(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<CiRelationQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<Key>::new("relations", query.limit, query.cursor.as_deref())?;
    if let Some(moment) = query.as_of {
        let (past, relations) = of_one_then(&api, id, query.kind, moment).await?;
        return Ok(format.list(&api.engine.read(|world| page_then(world, &past, &paging, relations))));
    }
    let page = api.engine.read(|world| {
        find(world, id)?;
        let wanted = of_one(world, id, query.kind).into_iter();
        let later = wanted.filter(|(key, _)| paging.after.as_ref().is_none_or(|after| key > after));
        Ok::<_, ApiError>(paging.page(later.map(|(key, relation)| (key, Relation::new(world, &relation)))))
    })?;
    Ok(format.list(&page))
}

/// Lists relations, by both sides and kind.
#[utoipa::path(get, path = "/api/v1/relations", tag = "relations", params(RelationQuery),
    responses((status = 200, description = "A page.", body = Page<Relation>),
        (status = 404, description = "At that time there was no such item.")))]
pub async fn list_relations(
    State(api): State<Api>,
    Parameters(query): Parameters<RelationQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<Key>::new("all relations", query.limit, query.cursor.as_deref())?;
    let filter = Filter::new(&query)?;
    if let Some(moment) = query.as_of {
        return Ok(format.list(&list_then(&api, &paging, &filter, moment).await?));
    }
    let page = api.engine.read(|world| {
        let later = filter.candidates(world, paging.after.as_ref());
        let wanted = later.filter(|(key, relation)| paging.after.as_ref().is_none_or(|after| key > after) && filter.keeps(relation));
        paging.page(wanted.map(|(key, relation)| (key, Relation::new(world, &relation))))
    });
    Ok(format.list(&page))
}

/// Shows what the failure of a configuration item affects, or what it needs, each with the relations that lead there.
#[utoipa::path(get, path = "/api/v1/cis/{id}/impact", tag = "relations", params(ImpactQuery),
    responses((status = 200, description = "What is affected.", body = Impact)))]
pub async fn get_ci_impact(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<ImpactQuery>,
) -> Result<Response, ApiError> {
    let direction = query.direction.map_or(impact::Direction::Up, |direction| direction.0);
    let depth = query.depth.map_or(impact::DEPTH, |depth| depth as usize);
    if !(1..=impact::DEPTH_MAX).contains(&depth) {
        return Err(ApiError::invalid("depth", format!("must be 1 to {}, not {depth}", impact::DEPTH_MAX)));
    }
    if let Some(moment) = query.as_of {
        let (past, found) = past::walk(&api, id, (direction, depth), moment).await?;
        return Ok(answer::json(&Impact::new(past.world(), id, direction, depth, &found)));
    }
    api.engine.read(|world| {
        find(world, id)?;
        let found = impact::walk(&world.cmdb, id, direction, depth);
        Ok(answer::json(&Impact::new(world, id, direction, depth, &found)))
    })
}

/// Relations of one item at a moment, in order of their keys, with what is known of that moment.
async fn of_one_then(
    api: &Api,
    id: CiId,
    kind: Option<RelationKind>,
    moment: Timestamp,
) -> Result<(Past, Vec<(Key, ci::Relation)>), ApiError> {
    let kind = kind.map(|kind| kind.0);
    let wants_installations = kind == Some(ci::RelationKind::InstalledOn);
    if wants_installations && id.family == Family::Software {
        let reason = "on which hosts a product was is told by the package lists that they had: ask each host, or /api/v1/cis with a query";
        return Err(ApiError::invalid("as_of", reason));
    }
    let past = past::neighbourhood(api, id, moment).await?;
    let mut found = ci::past::relations(&past, id);
    if wants_installations {
        let hash = past.ci(id).and_then(|ci| ci.section(SectionName::Packages)).and_then(|state| state.hash);
        let section = match hash {
            Some(hash) => api.engine.section(hash).await?,
            None => None,
        };
        if let Some(Section::Packages(rows)) = section.as_deref() {
            found.extend(api.engine.read(|world| ci::past::installations(&past, &world.cmdb, id, rows)));
        }
    }
    Ok((past, sorted(found.into_iter().filter(|relation| kind.is_none_or(|kind| relation.kind == kind)))))
}

fn page_then(world: &World, past: &Past, paging: &Paging<Key>, relations: Vec<(Key, ci::Relation)>) -> Page<Relation> {
    let later = relations.into_iter().filter(|(key, _)| paging.after.as_ref().is_none_or(|after| key > after));
    paging.page(later.map(|(key, relation)| (key, Relation::then(past, world, &relation))))
}

/// Relations of all items, or of one, at a moment. Each item is folded from its own history, and brings those that begin at it.
async fn list_then(api: &Api, paging: &Paging<Key>, filter: &Filter, moment: Timestamp) -> Result<Page<Relation>, ApiError> {
    if let Some(end) = filter.from.or(filter.to) {
        let (past, mut relations) = of_one_then(api, end, filter.kind, moment).await?;
        relations.retain(|(_, relation)| filter.keeps(relation));
        return Ok(api.engine.read(|world| page_then(world, &past, paging, relations)));
    }
    let first = paging.after.as_ref().map_or(Bound::Unbounded, |after| Bound::Included(after.from));
    let (portions, mut more) =
        api.engine.read(|world| past::portions(world, world.cmdb.cis.range((first, Bound::Unbounded)).map(|(_, ci)| ci)));
    let (mut found, mut through) = (Vec::new(), None);
    for items in portions {
        if found.len() > paging.limit {
            more = true;
            break;
        }
        let mut reader = past::Reader::new(api, moment);
        reader.include(items.iter().copied().collect()).await?;
        let around = items.iter().flat_map(|id| reader.past.around(*id)).collect();
        reader.include(around).await?;
        let past = &reader.past;
        for id in items {
            let relations = relation::beginning_at(&past.world().cmdb, id, filter.kind.map(|kind| kind.0));
            let relations = sorted(relations.filter(|one| filter.keeps(one))).into_iter();
            let later = relations.filter(|(key, _)| paging.after.as_ref().is_none_or(|after| key > after));
            found.extend(
                api.engine.read(|world| later.map(|(key, relation)| (key, Relation::then(past, world, &relation))).collect::<Vec<_>>()),
            );
            through = Some(id);
        }
    }
    let is_full = found.len() > paging.limit;
    let mut page = paging.page(found.into_iter());
    if !is_full && more {
        page.next_cursor = through.map(|id| paging.cursor(&Key::last_of(id)));
    }
    Ok(page)
}

/// What a list of relations is sorted by; its text is the cursor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    from: CiId,
    kind: ci::RelationKind,
    to: CiId,
    source: String,
}

impl Key {
    fn of(relation: &ci::Relation) -> Self {
        let source = match &relation.source {
            ci::Source::Person { name } => format!("person:{name}"),
            ci::Source::Agent { id } => format!("agent:{id}"),
            ci::Source::Feed { name } => format!("feed:{name}"),
        };
        Self { from: relation.from, kind: relation.kind, to: relation.to, source }
    }

    /// Behind every relation that begins at an item.
    fn last_of(from: CiId) -> Self {
        let to = CiId { family: Family::Other, bits: u128::MAX };
        Self { from, kind: ci::RelationKind::ManagedBy, to, source: "~".to_owned() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.from, self.kind.as_str(), self.to, self.source)
    }
}

impl FromStr for Key {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.splitn(4, ' ');
        let mut word = || words.next().ok_or(());
        let from = word()?.parse().map_err(|_| ())?;
        let kind = word()?;
        let kind = ci::RelationKind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or(())?;
        Ok(Self { from, kind, to: word()?.parse().map_err(|_| ())?, source: word()?.to_owned() })
    }
}

/// Relations of one item in order of their keys.
fn of_one(world: &World, id: CiId, kind: Option<RelationKind>) -> Vec<(Key, ci::Relation)> {
    let kind = kind.map(|kind| kind.0);
    let mut found: Vec<ci::Relation> = relation::kept(&world.cmdb, id).collect();
    if kind == Some(ci::RelationKind::InstalledOn) {
        found.extend(relation::installations(&world.cmdb, id));
    }
    sorted(found.into_iter().filter(|relation| kind.is_none_or(|kind| relation.kind == kind)))
}

fn sorted(relations: impl Iterator<Item = ci::Relation>) -> Vec<(Key, ci::Relation)> {
    let mut keyed: Vec<_> = relations.map(|relation| (Key::of(&relation), relation)).collect();
    keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
    keyed
}

struct Filter {
    kind: Option<RelationKind>,
    from: Option<CiId>,
    to: Option<CiId>,
    source: Option<String>,
}

impl Filter {
    fn new(query: &RelationQuery) -> Result<Self, ApiError> {
        let id = |field, text: &Option<String>| -> Result<Option<CiId>, ApiError> {
            let id = text.as_deref().map(str::parse).transpose();
            id.map_err(|_| ApiError::invalid(field, "must be the id of a configuration item"))
        };
        let source = query.source.clone();
        let is_source = |text: &String| matches!(text.split(':').next(), Some("person" | "agent" | "feed"));
        if source.as_ref().is_some_and(|source| !is_source(source)) {
            return Err(ApiError::invalid("source", "must be person, agent or feed, alone or with a name such as feed:glpi"));
        }
        Ok(Self { kind: query.kind, from: id("from", &query.from)?, to: id("to", &query.to)?, source })
    }

    /// Relations in order of their keys, from about `after` on. Those of one end are few; else each item brings those that begin at it,
    /// and kinds that are stored alone need no look at other items.
    fn candidates<'a>(&self, world: &'a World, after: Option<&Key>) -> Box<dyn Iterator<Item = (Key, ci::Relation)> + 'a> {
        if let Some(end) = self.from.or(self.to) {
            return Box::new(of_one(world, end, self.kind).into_iter());
        }
        let cmdb = &world.cmdb;
        let first = after.map(|after| after.from);
        let is_computed = self.kind.is_none_or(|kind| matches!(kind.0, ci::RelationKind::Contains | ci::RelationKind::RunsOn));
        if !is_computed {
            return Box::new(cmdb.links.beginning_at(first).flat_map(|stored| sorted(stored.iter().cloned())));
        }
        let items = cmdb.cis.range((first.map_or(Bound::Unbounded, Bound::Included), Bound::Unbounded)).map(|(id, _)| *id);
        let kind = self.kind.map(|kind| kind.0);
        Box::new(items.flat_map(move |id| sorted(relation::beginning_at(cmdb, id, kind))))
    }

    fn keeps(&self, relation: &ci::Relation) -> bool {
        let told_by = |wanted: &String| {
            let source = Key::of(relation).source;
            source == *wanted || source.split_once(':').is_some_and(|(kind, _)| kind == wanted)
        };
        self.kind.is_none_or(|kind| relation.kind == kind.0)
            && self.from.is_none_or(|from| relation.from == from)
            && self.to.is_none_or(|to| relation.to == to)
            && self.source.as_ref().is_none_or(told_by)
    }
}
