//! Configuration items as a table: one row an item, one column an attribute.
//!
//! The columns follow from the class that is asked for and from what people defined, never from what happens to be on a page: all
//! pages of one export have the same ones. What has no column of its own is in `other`.

use super::Selection;
use crate::answer::ApiError;
use crate::api::Api;
use crate::api::extract::Parameters;
use crate::api::format::Format;
use crate::api::page::{Page, Paging};
use crate::api::view::Time;
use crate::api::view::word::{Class, Lifecycle};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::attribute::BUILT_IN;
use rollcall_domain::ci;
use rollcall_domain::ci::licence::{INSTALLATIONS, Installations};
use rollcall_domain::id::CiId;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::{IntoParams, ToSchema};

/// What every row begins with.
const FIXED: [&str; 9] = ["id", "class", "name", "status", "parent", "tags", "created_at", "updated_at", "revision"];

/// The column of attributes that have none.
const OTHER: &str = "other";

/// A form of the table.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TableFormat {
    /// `{items, next_cursor}`.
    Json,
    /// With a header line; cells that look like formulas begin with an apostrophe.
    Csv,
    /// An object a line.
    Ndjson,
}

/// Which configuration items are wanted, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TableQuery {
    /// `csv`, `ndjson` or `json`; what `Accept` says unless given.
    #[param(inline)]
    format: Option<TableFormat>,
    /// Of this class or one that inherits from it. It decides the columns, too.
    class: Option<Class>,
    /// Changed at this moment (RFC 3339) or later.
    #[param(value_type = Option<Time>)]
    updated_since: Option<Timestamp>,
    /// That fulfil this query; see `/api/v1/queries/check`. `group:name` selects a group.
    #[param(example = "group:web status:operational")]
    query: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A configuration item as a row.
#[derive(Debug, Serialize, ToSchema)]
pub struct TableRow {
    /// Its id for ever.
    #[schema(example = "host_00000000000000000000000001")]
    id: String,
    /// What it is.
    class: Class,
    /// What people call it.
    name: String,
    /// Where it is in its life.
    status: Lifecycle,
    /// What contains it.
    parent: Option<String>,
    /// Words of people, with semicolons between them.
    tags: Option<String>,
    /// When the record was made.
    created_at: Time,
    /// When it last changed.
    updated_at: Time,
    /// Revision of the last change.
    revision: u64,
    /// Attributes by name, each a column; several texts have semicolons between them.
    #[serde(flatten)]
    attributes: BTreeMap<String, Value>,
    /// Attributes that have no column.
    #[schema(value_type = Option<Object>)]
    other: Option<Map<String, Value>>,
}

/// Exports configuration items as a table with an attribute a column, by id. A value may not be known: then its cell is empty in CSV and
/// null in JSON.
#[utoipa::path(get, path = "/api/v1/export/cis", tag = "exports", params(TableQuery),
    responses((status = 200, description = "A page of rows; their fields are the columns.", body = Page<TableRow>)))]
pub async fn export_cis(State(api): State<Api>, Parameters(query): Parameters<TableQuery>, accepted: Format) -> Result<Response, ApiError> {
    let format = match query.format {
        None => accepted,
        Some(TableFormat::Json) => Format::Json,
        Some(TableFormat::Csv) => Format::Csv,
        Some(TableFormat::Ndjson) => Format::Ndjson,
    };
    let paging = Paging::<CiId>::new("export", query.limit, query.cursor.as_deref())?;
    let selection = Selection::new(query.class, query.updated_since, query.query.as_deref(), api.engine.now())?;
    let (columns, page) = api.engine.read(|world| {
        let columns = columns(world, query.class.map(|class| class.0));
        let cis = selection.from(world, paging.ascending().0)?;
        let installations = Installations::new(&world.cmdb);
        let page = paging.page(cis.map(|ci| (ci.id, row((world, &installations), ci, &columns))));
        Ok::<_, ApiError>((columns, page))
    })?;
    let all = FIXED.into_iter().chain(columns.iter().map(String::as_str)).chain([OTHER]).map(str::to_owned).collect();
    Ok(format.table(&page, all))
}

/// Attributes that have a column, in order of their names.
fn columns(world: &World, class: Option<ci::Class>) -> BTreeSet<String> {
    let wanted = |one: &ci::Class| class.is_none_or(|class| one.is_a(class));
    let classes: Vec<ci::Class> = ci::Class::ALL.into_iter().filter(wanted).collect();
    let expected = classes.iter().flat_map(|class| class.expected()).map(|(_, one)| one.name.to_owned());
    let of_people = BUILT_IN.iter().filter(|one| !one.measured);
    let of_people =
        of_people.filter(|one| one.classes.is_empty() || classes.iter().any(|class| one.classes.iter().any(|c| class.is_a(*c))));
    let defined = world.attributes.definitions.values().map(|known| &known.definition);
    let defined = defined.filter(|one| classes.iter().any(|class| one.applies_to(*class)));
    let names = expected.chain(of_people.map(|one| one.name.to_owned())).chain(defined.map(|one| one.name.clone()));
    // `name` and the like are fixed columns: an attribute of that name goes to the others.
    names.filter(|name| !FIXED.contains(&name.as_str()) && name != OTHER).collect()
}

fn row((world, installations): (&World, &Installations<'_>), ci: &ci::Ci, columns: &BTreeSet<String>) -> TableRow {
    let kept = |column: &str| ci.attributes.get(column).map(|attribute| flat(&world.contacts.shown(column, attribute.value())));
    let counted = |column: &str| installations.value(ci).filter(|_| column == INSTALLATIONS).map(|count| flat(&count));
    let value = |column: &String| counted(column).or_else(|| kept(column)).unwrap_or(Value::Null);
    let others = ci.attributes.iter().filter(|(name, _)| !columns.contains(*name));
    let others: Map<String, Value> = others.map(|(name, attribute)| (name.to_owned(), flat(attribute.value()))).collect();
    TableRow {
        id: ci.id.to_string(),
        class: ci.class.into(),
        name: ci.name.clone(),
        status: ci.status.into(),
        parent: ci.parent.map(|id| id.to_string()),
        tags: joined(ci.tags.iter()),
        created_at: Time(ci.created_at),
        updated_at: Time(ci.updated_at),
        revision: ci.revision,
        attributes: columns.iter().map(|column| (column.clone(), value(column))).collect(),
        other: (!others.is_empty()).then_some(others),
    }
}

/// Several texts are one cell.
fn flat(value: &ci::AttributeValue) -> Value {
    match value {
        ci::AttributeValue::List(texts) => json!(joined(texts.iter())),
        other => json!(other),
    }
}

fn joined<'a>(texts: impl Iterator<Item = &'a String>) -> Option<String> {
    let texts: Vec<&str> = texts.map(String::as_str).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}
