//! The API's description of itself: made from the handlers and the route list, served as OpenAPI 3.1 and as pages.
//!
//! What holds for every route of a shape (errors, headers, media types, roles) is added here from the route list, so that it
//! can neither be forgotten nor contradict what the gate does.

use super::Api;
use super::format::{Format, NEXT_CURSOR};
use super::routes::{Access, ROUTES, Route, Shape};
use crate::answer::{Code, PROBLEM_TYPE};
use axum::Router;
use axum::routing::get;
use std::collections::BTreeMap;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ArrayItems, ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Content, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder, Schema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

/// Where the interactive documentation is.
pub const DOCS: &str = "/api/docs";

/// Where the description is.
const DOCUMENT: &str = "/api/v1/openapi.json";

const TOKEN: &str = "api_token";

/// Name of the schema of `application/problem+json`; a `Problem` here is that of ITIL.
const REFUSAL: &str = "Error";

const ABOUT: &str = "Rollcall knows every machine you run, notices when one is failing, and files the ticket itself.\n\n\
    Lists are pages `{items, next_cursor}`; give `next_cursor` as `cursor` to go on, `limit` (1 to 1000) for the size of a page. Every \
    list is also served as `text/csv` and `application/x-ndjson` by `Accept`, with the cursor in the header `x-next-cursor`. Unknown \
    parameters and fields are refused. Errors are `application/problem+json` with a stable `code`. Single resources carry an `ETag`; \
    give it back in `If-Match` to change only what you saw. A POST with an `Idempotency-Key` takes effect once, however often it is \
    sent. Times are RFC 3339 in UTC; null is unknown, never zero.";

const TAGS: &[(&str, &str)] = &[
    ("reviews", "Doubts about the identity of things, which people settle."),
    ("classes", "What kinds of configuration items there are, and what to expect of each."),
    ("relations", "How configuration items belong together, and what a failure affects."),
    ("attributes", "Which attributes there are and which values they take."),
    ("contacts", "People and teams that own and support what is recorded."),
    ("groups", "Groups of configuration items."),
    ("dead-letters", "Inputs that were refused and set aside."),
    ("sources", "Who says what of configuration items, and what waits for somebody who may say it."),
    ("policy", "How things are identified and reconciled here."),
    ("imports", "Files that people load: each row one thing, taken in on its own."),
    ("software", "Software products: what they are, who may use them, where they are installed; bills of materials."),
    ("advisories", "What is known to be wrong with software, and on which hosts."),
    ("agents", "The programs on the hosts."),
    ("rules", "When a measured value is a matter for people."),
    ("alerts", "One rule on one configuration item."),
    ("incidents", "Work for people, mostly opened and resolved by machine."),
    ("problems", "Why incidents happen. A machine suspects, people confirm."),
    ("events", "Everything that happens, as it happens."),
    ("exports", "Configuration items in the shapes that other systems import."),
    ("channels", "Where other systems are told what happens: webhooks, signed as Standard Webhooks says."),
    ("deliveries", "Messages on their way through channels, and dead letters that can be sent again."),
    ("notifications", "Who is told of which incidents, together with which others, and what was told."),
    ("on-call", "Who is on call when, and who is told next when nobody takes notice."),
    ("tokens", "Who may join and who may use this API."),
    ("feeds", "Other systems that may deliver inventories, alerts or measurements, and where they do."),
    ("audit", "Who did what, and what was refused."),
];

/// Adds to the handlers' descriptions what the route list says of them.
pub fn describe(mut router: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    let document = router.get_openapi_mut();
    let license = LicenseBuilder::new().name("Apache-2.0 OR MIT").build();
    document.info =
        InfoBuilder::new().title("Rollcall").version(env!("CARGO_PKG_VERSION")).description(Some(ABOUT)).license(Some(license)).build();
    let mut tags: Vec<_> = TAGS.iter().map(|(name, about)| TagBuilder::new().name(*name).description(Some(*about)).build()).collect();
    tags.push(TagBuilder::new().name("probes").description(Some("How the server itself is.")).build());
    document.tags = Some(tags);
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API token: `rca_…`.")).build();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(bearer));
    components.schemas.insert(REFUSAL.into(), refusal_schema());
    components.responses.extend(shared_refusals().map(|(status, response)| (status, RefOr::T(response))));
    components.schemas.iter_mut().for_each(|(name, schema)| refer_to_items(name, schema));
    for route in ROUTES {
        if let Some(operation) = document.paths.paths.get_mut(route.path).and_then(|item| operation_of(item, route.method)) {
            complete(operation, route);
        }
    }
    crate::foreign::description::describe(document);
    router
}

/// The description and the pages that show it; both without a token, as they tell nothing of this server's content.
pub fn interactive(document: OpenApi) -> Router<Api> {
    let ui: Router<Api> = SwaggerUi::new(DOCS).url(DOCUMENT, document).into();
    ui.route("/", get(async || crate::answer::see("/api/docs/")))
}

/// The schema of a page repeats that of its items; a reference says the same in a line.
fn refer_to_items(name: &str, schema: &mut RefOr<Schema>) {
    let (Some(item), RefOr::T(Schema::Object(page))) = (name.strip_prefix("Page_"), schema) else { return };
    if let Some(RefOr::T(Schema::Array(items))) = page.properties.get_mut("items") {
        items.items = ArrayItems::RefOrSchema(Box::new(RefOr::Ref(Ref::from_schema_name(item))));
    }
}

fn operation_of<'a>(item: &'a mut PathItem, method: &str) -> Option<&'a mut Operation> {
    match method {
        "GET" => item.get.as_mut(),
        "PUT" => item.put.as_mut(),
        "POST" => item.post.as_mut(),
        "PATCH" => item.patch.as_mut(),
        "DELETE" => item.delete.as_mut(),
        _ => None,
    }
}

fn complete(operation: &mut Operation, route: &Route) {
    let parameters = operation.parameters.get_or_insert_default();
    parameters.splice(0..0, path_parameters(route.path).map(RefOr::T));
    parameters.extend(header_parameters(route.shape).into_iter().map(RefOr::T));
    if route.access != Access::Public {
        operation.security = Some(vec![SecurityRequirement::new(TOKEN, [""; 0])]);
        let roles: Vec<&str> = route.access.roles().iter().map(|role| role.as_str()).collect();
        let about = operation.description.take().filter(|text| !text.is_empty());
        let allowed = format!("Roles: {}.", roles.join(", "));
        operation.description = Some(about.map_or_else(|| allowed.clone(), |about| format!("{about}\n\n{allowed}")));
        operation.extensions = Some(Extensions::builder().add("x-required-roles", roles).build());
    }
    complete_success(operation, route.shape);
    for code in refusals(operation, route) {
        let reference = Ref::from_response_name(code.status().as_str());
        operation.responses.responses.insert(code.status().as_str().to_owned(), RefOr::Ref(reference));
    }
}

/// One response a status, shared by all operations, that lists the codes behind it.
fn shared_refusals() -> impl Iterator<Item = (String, Response)> {
    let mut by_status: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for code in Code::ALL {
        by_status.entry(code.status().as_str().to_owned()).or_default().push(code.as_str());
    }
    by_status.into_iter().map(|(status, codes)| {
        let content = Content::new(Some(Ref::from_schema_name(REFUSAL)));
        (status, ResponseBuilder::new().description(format!("Codes: {}.", codes.join(", "))).content(PROBLEM_TYPE, content).build())
    })
}

/// Every code that a route may answer with.
fn refusals(operation: &Operation, route: &Route) -> Vec<Code> {
    let mut codes = vec![Code::UnknownParameter, Code::InvalidParameter, Code::NotAcceptable, Code::Internal, Code::Unavailable];
    if route.access != Access::Public {
        codes.extend([Code::Unauthenticated, Code::Forbidden]);
    }
    // Where something is named in another way than by the path, the handler says so.
    if route.path.contains('{') || operation.responses.responses.contains_key(Code::NotFound.status().as_str()) {
        codes.push(Code::NotFound);
    }
    if operation.request_body.is_some() {
        codes.extend([Code::MalformedJson, Code::UnsupportedMediaType, Code::PayloadTooLarge]);
    }
    match route.shape {
        Shape::Act | Shape::Update | Shape::Delete => {
            codes.extend([Code::Conflict, Code::WrongState, Code::Stale, Code::TooManyRequests]);
        }
        Shape::Create | Shape::Withdraw => codes.extend([Code::Conflict, Code::WrongState, Code::TooManyRequests]),
        Shape::Stream => codes.push(Code::TooManyRequests),
        Shape::List | Shape::One | Shape::Ask | Shape::Text | Shape::File => {}
    }
    codes
}

/// The media types of lists and the headers of single resources.
fn complete_success(operation: &mut Operation, shape: Shape) {
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let served = Format::served(shape).iter().filter(|format| !matches!(format, Format::Json | Format::Text));
        for format in served {
            response.content.insert(format.media_type().into(), RefOr::T(Content::new(Some(text()))));
        }
        let (name, about) = match shape {
            Shape::List | Shape::Stream => (NEXT_CURSOR, "Where the next page begins; CSV and NDJSON only."),
            Shape::One | Shape::Create | Shape::Act | Shape::Update => ("etag", "Revision of the resource, when it has one."),
            Shape::File => ("etag", "Hash of the content."),
            Shape::Ask | Shape::Delete | Shape::Withdraw | Shape::Text => continue,
        };
        let header = HeaderBuilder::new().schema(Some(text())).description(Some(about)).build();
        response.headers.insert(name.into(), RefOr::T(header));
    }
    if matches!(shape, Shape::One | Shape::File) {
        let same = ResponseBuilder::new().description("The resource still has the entity tag that was sent.").build();
        operation.responses.responses.insert("304".into(), RefOr::T(same));
    }
}

fn path_parameters(path: &str) -> impl Iterator<Item = Parameter> + '_ {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| {
        parameter(name, ParameterIn::Path, Required::True, if name == "id" { "Id of the subject." } else { "Name of the subject." })
    })
}

fn header_parameters(shape: Shape) -> Vec<Parameter> {
    let header = |name, about| parameter(name, ParameterIn::Header, Required::False, about);
    let once = || header("idempotency-key", "Takes effect once for a token, path and key; 1 to 128 printable characters.");
    let seen = || header("if-match", "Only if the resource is still at this entity tag, such as \"17\".");
    match shape {
        Shape::Create => vec![once()],
        Shape::Act => vec![once(), seen()],
        Shape::Update | Shape::Delete => vec![seen()],
        Shape::One | Shape::File => vec![header("if-none-match", "304 when the resource still has this entity tag.")],
        Shape::List | Shape::Ask | Shape::Withdraw | Shape::Stream | Shape::Text => Vec::new(),
    }
}

fn parameter(name: &str, place: ParameterIn, required: Required, about: &str) -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String);
    ParameterBuilder::new().name(name).parameter_in(place).required(required).description(Some(about)).schema(Some(text)).build()
}

fn refusal_schema() -> RefOr<Schema> {
    let text = |about: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(about)).build();
    let number = |about: &str| ObjectBuilder::new().schema_type(Type::Integer).description(Some(about)).build();
    let codes = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("Stable name of the refusal."))
        .enum_values(Some(Code::ALL.iter().map(|code| code.as_str())));
    ObjectBuilder::new()
        .description(Some("A refusal or failure (RFC 9457)."))
        .property("type", text("`urn:rollcall:problem:` and the code."))
        .property("title", text("The status in words."))
        .property("status", ObjectBuilder::new().schema_type(Type::Integer).description(Some("HTTP status.")))
        .property("code", codes)
        .property("detail", text("What is wrong, and with what."))
        .property("field", text("The parameter or field that is wrong, when it is one."))
        .property("position", number("Where in a query it is wrong, in characters from 0."))
        .property("length", number("How many characters of it are wrong."))
        .property("request_id", text("Id of the request, as the server's log has it."))
        .required("type")
        .required("title")
        .required("status")
        .required("code")
        .required("detail")
        .into()
}
