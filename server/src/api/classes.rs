//! The class model: what kinds of configuration items there are, how they are recognised, which attributes to expect.

use super::Api;
use super::cis::PageQuery;
use super::extract::{Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::class::ClassDescription;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::ci;

/// Lists the classes, by name.
#[utoipa::path(get, path = "/api/v1/classes", tag = "classes", params(PageQuery), responses((status = 200, description = "A page.", body = Page<ClassDescription>)))]
pub async fn list_classes(State(_api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<String>::new("classes", query.limit, query.cursor.as_deref())?;
    let mut classes = ci::Class::ALL;
    classes.sort_unstable_by_key(|class| class.as_str());
    let later = classes.into_iter().filter(|class| paging.after.as_deref().is_none_or(|after| class.as_str() > after));
    let page = paging.page(later.map(|class| (class.as_str().to_owned(), ClassDescription::from(class))));
    Ok(format.list(&page))
}

/// Shows one class with inherited attributes.
#[utoipa::path(get, path = "/api/v1/classes/{name}", tag = "classes", responses((status = 200, description = "The class.", body = ClassDescription)))]
pub async fn get_class(State(_api): State<Api>, Named(class): Named<ci::Class>) -> Result<Response, ApiError> {
    Ok(answer::json(&ClassDescription::from(class)))
}
