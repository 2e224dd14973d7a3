//! Exports: configuration items in the shapes that other systems import.
//!
//! Each export is pulled page by page, in order of the ids, with `x-next-cursor`; `updated_since` makes the next pull a short one,
//! and the change feed says when it is worth it. An export says what Rollcall knows and nothing else: what is unknown is left out,
//! never empty or zero. Records that are duplicates of others are left out, as their other record stands for them.

pub mod flat;
pub mod itop;
pub mod netbox;
pub mod servicenow;

use super::selection;
use super::view::Time;
use super::view::word::Class;
use crate::answer::{self, ApiError};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::ci::{AttributeValue, Ci};
use rollcall_domain::id::CiId;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::ops::Bound;
use utoipa::IntoParams;

/// Items of one page unless the caller says otherwise.
const LIMIT_DEFAULT: u32 = 100;

/// Which configuration items are exported.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// Of this class or one that inherits from it.
    pub class: Option<Class>,
    /// Changed at this moment (RFC 3339) or later.
    #[param(value_type = Option<Time>)]
    pub updated_since: Option<Timestamp>,
    /// That fulfil this query; see `/api/v1/queries/check`. `group:name` selects a group.
    #[param(example = "group:web status:operational")]
    pub query: Option<String>,
    /// Configuration items of one page: 1 to 500, 100 unless given.
    pub limit: Option<u32>,
    /// `x-next-cursor` of the page before.
    pub cursor: Option<String>,
}

/// Which configuration items are wanted.
#[derive(Default)]
pub struct Selection<'a> {
    class: Option<rollcall_domain::ci::Class>,
    since: Option<Timestamp>,
    query: selection::Selection<'a>,
}

impl<'a> Selection<'a> {
    /// What a caller asks for.
    ///
    /// # Errors
    /// A query that is not understood.
    pub fn new(class: Option<Class>, since: Option<Timestamp>, query: Option<&'a str>, now: Timestamp) -> Result<Self, ApiError> {
        Ok(Self { class: class.map(|class| class.0), since, query: selection::Selection::new(query, now)? })
    }

    fn keeps(&self, ci: &Ci) -> bool {
        ci.duplicate_of.is_none()
            && self.class.is_none_or(|class| ci.class.is_a(class))
            && self.since.is_none_or(|since| ci.updated_at >= since)
    }

    /// Those that are wanted, by id.
    ///
    /// # Errors
    /// A query that cannot be answered.
    pub fn from<'w>(&'w self, world: &'w World, after: Bound<CiId>) -> Result<impl Iterator<Item = &'w Ci>, ApiError> {
        let matches = self.query.matches(world)?;
        let cis = world.cmdb.cis.range((after, Bound::Unbounded)).map(|(_, ci)| ci).filter(|ci| self.keeps(ci));
        Ok(cis.filter(move |ci| matches.as_ref().is_none_or(|matches| matches.contains(ci.id))))
    }
}

/// Items of one page.
fn limit(asked: Option<u32>, most: u32) -> Result<usize, ApiError> {
    let limit = asked.unwrap_or(LIMIT_DEFAULT);
    if (1..=most).contains(&limit) {
        return Ok(limit as usize);
    }
    Err(ApiError::invalid("limit", format!("must be 1 to {most}, not {limit}")))
}

/// A body that can be handed on as it is, with the cursor beside it.
fn hand_out<T: Serialize>(body: &T, cursor: Option<String>) -> Response {
    let mut response = answer::json(body);
    if let Some(cursor) = cursor.and_then(|cursor| HeaderValue::from_str(&cursor).ok()) {
        response.headers_mut().insert(HeaderName::from_static(super::format::NEXT_CURSOR), cursor);
    }
    response
}

/// The text of an attribute.
fn text<'a>(ci: &'a Ci, name: &str) -> Option<&'a str> {
    ci.attributes.get(name)?.text()
}

/// The whole number of an attribute.
fn number(ci: &Ci, name: &str) -> Option<i64> {
    match ci.attributes.get(name)?.value() {
        AttributeValue::Integer(number) => Some(*number),
        _ => None,
    }
}

/// The first of an attribute's texts.
fn first<'a>(ci: &'a Ci, name: &str) -> Option<&'a str> {
    match ci.attributes.get(name)?.value() {
        AttributeValue::List(texts) => texts.first().map(String::as_str),
        AttributeValue::Text(text) => Some(text),
        _ => None,
    }
}

/// A size in bytes as whole mebibytes, which is what the others count memory in.
fn mebibytes(ci: &Ci, name: &str) -> Option<i64> {
    number(ci, name).map(|bytes| bytes >> 20)
}
