//! Relations: those of one configuration item, all of them, and what follows from them when something fails.

use super::cis::find;
use super::extract::{Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::Time;
use super::view::relation::{Impact, Relation};
use super::view::word::{Direction, RelationKind};
use super::{Api, past};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::ci::{self, impact, relation};
use rollcall_domain::id::CiId;
use rollcall_shared::Timestamp;
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
    /// As they were at this moment (RFC 3339), without installations, which its packages then tell; as they are now unless given.
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
    let then = match query.as_of {
        Some(moment) => Some(past::relations_at(&api, id, moment, query.kind.map(|kind| kind.0)).await?),
        None => None,
    };
    let page = api.engine.read(|world| {
        find(world, id)?;
        let wanted = match then {
            Some(then) => sorted(then.into_iter()),
            None => of_one(world, id, query.kind),
        };
        let wanted = wanted.into_iter();
        let later = wanted.filter(|(key, _)| paging.after.as_ref().is_none_or(|after| key > after));
        Ok::<_, ApiError>(paging.page(later.map(|(key, relation)| (key, Relation::new(world, &relation)))))
    })?;
    Ok(format.list(&page))
}

/// Lists relations, by both sides and kind.
#[utoipa::path(get, path = "/api/v1/relations", tag = "relations", params(RelationQuery),
    responses((status = 200, description = "A page.", body = Page<Relation>)))]
pub async fn list_relations(
    State(api): State<Api>,
    Parameters(query): Parameters<RelationQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<Key>::new("all relations", query.limit, query.cursor.as_deref())?;
    let filter = Filter::new(&query)?;
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
    api.engine.read(|world| {
        find(world, id)?;
        let found = impact::walk(&world.cmdb, id, direction, depth);
        Ok(answer::json(&Impact::new(world, id, direction, depth, &found)))
    })
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
