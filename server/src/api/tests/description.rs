//! The API's description of itself.

use super::*;
use crate::api::routes::ROUTES;
use crate::api::{openapi, routes};
use crate::foreign::description::DOORS;
use std::collections::{BTreeMap, BTreeSet};

/// Set to write the golden file anew.
const UPDATE: &str = "ROLLCALL_UPDATE_GOLDEN";

async fn document() -> String {
    let fixture = Fixture::new().await;
    // Without a token: it tells nothing of this server's content.
    let reply = fixture.send(Request::get("/api/v1/openapi.json").body(Body::empty()).unwrap()).await.ok();
    assert_eq!(reply.header("content-type"), "application/json");
    reply.text()
}

#[tokio::test]
async fn the_description_is_the_golden_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/openapi.golden.json");
    let fixture = Fixture::new().await;
    let found = openapi::describe(routes::mount(&fixture.api)).into_openapi();
    let found = format!("{}\n", found.to_pretty_json().unwrap());
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(path, &found).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    let differs = golden.lines().zip(found.lines()).position(|(golden, found)| golden != found);
    assert!(golden == found, "openapi.golden.json differs from line {:?} on; {UPDATE}=1 writes it anew", differs.map(|line| line + 1));
}

#[tokio::test]
async fn the_description_and_the_route_list_have_the_same_routes() {
    let document: Value = serde_json::from_str(&document().await).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let described: BTreeSet<(String, &str)> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.as_str())))
        .collect();
    let doors = DOORS.iter().map(|door| ("POST".to_owned(), door.path));
    let listed: BTreeSet<(String, &str)> = ROUTES.iter().map(|route| (route.method.to_owned(), route.path)).chain(doors).collect();
    assert_eq!(described, listed);
    assert_eq!(ROUTES.len() + DOORS.len(), listed.len());
}

#[tokio::test]
async fn every_operation_tells_its_roles_errors_and_parameters() {
    let document: Value = serde_json::from_str(&document().await).unwrap();
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        let subject = format!("{} {}", route.method, route.path);
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{subject}");
        assert!(operation["responses"]["400"].is_object(), "{subject}");
        let open = route.access == crate::api::routes::Access::Public;
        assert_eq!(operation["x-required-roles"].is_array(), !open, "{subject}");
        assert_eq!(operation["responses"]["401"].is_object() && operation["security"].is_array(), !open, "{subject}");
        let named = operation["parameters"].as_array().into_iter().flatten().filter(|parameter| parameter["in"] == "path").count();
        assert_eq!(named, route.path.matches('{').count(), "{subject}");
        let described = operation["parameters"].as_array().into_iter().flatten().all(|parameter| parameter["description"].is_string());
        assert!(described, "{subject}");
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let text = document().await;
    let document: Value = serde_json::from_str(&text).unwrap();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

#[test]
fn every_schema_name_means_one_thing() {
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for (_, (schemas, ..)) in routes::handlers() {
        for (name, schema) in schemas {
            let schema = serde_json::to_value(schema).unwrap();
            if known.get(&name).is_some_and(|known| *known != schema) {
                twice.insert(name.clone());
            }
            known.insert(name, schema);
        }
    }
    assert!(twice.is_empty(), "different types under one name: {twice:?}");
}

#[tokio::test]
async fn every_operation_has_a_name_of_its_own() {
    let document: Value = serde_json::from_str(&document().await).unwrap();
    let operations = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let names: Vec<&str> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    let mut seen = BTreeSet::new();
    let twice: Vec<&str> = names.into_iter().filter(|name| !seen.insert(*name)).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[tokio::test]
async fn preconditions_are_described_where_they_are_heeded() {
    let document: Value = serde_json::from_str(&document().await).unwrap();
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        let subject = format!("{} {}", route.method, route.path);
        let takes = |name: &str| operation["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["name"] == name);
        assert_eq!(takes("if-match"), operation["responses"]["412"].is_object(), "{subject}");
        assert_eq!(takes("if-none-match"), operation["responses"]["304"].is_object(), "{subject}");
    }
    assert!(document["paths"]["/api/v1/groups/{id}"]["delete"]["responses"]["412"].is_object());
    assert!(document["paths"]["/api/v1/groups/{id}"]["get"]["responses"]["304"].is_object());
}

#[tokio::test]
async fn files_are_described_as_bytes() {
    let document: Value = serde_json::from_str(&document().await).unwrap();
    let schemas = &document["components"]["schemas"];
    for schema in [&schemas["FileContent"], &schemas["FileForm"]["properties"]["file"]] {
        assert_eq!((&schema["type"], &schema["format"]), (&"string".into(), &"binary".into()), "{schema}");
    }
    let attach = &document["paths"]["/api/v1/incidents/{id}/attachments"]["post"]["requestBody"]["content"];
    assert_eq!(attach["application/octet-stream"]["schema"]["$ref"], "#/components/schemas/FileContent");
}

#[tokio::test]
async fn refusals_and_problems_are_not_mixed_up() {
    let document: Value = serde_json::from_str(&document().await).unwrap();
    let schemas = &document["components"]["schemas"];
    assert!(schemas["Problem"]["properties"]["hypotheses"].is_object());
    assert!(schemas["Error"]["properties"]["code"]["enum"].as_array().unwrap().contains(&"not_found".into()));
}

#[tokio::test]
async fn the_interactive_documentation_loads_nothing_from_elsewhere() {
    let fixture = Fixture::new().await;
    let page = fixture.get("/api/docs/").await.ok();
    assert!(page.header("content-type").starts_with("text/html"));
    let text = page.text();
    assert!(text.contains("swagger-ui-bundle.js") && !text.contains("//cdn") && !text.contains("src=\"http"), "{text}");
    let initializer = fixture.get("/api/docs/swagger-initializer.js").await.ok();
    assert!(initializer.text().contains("/api/v1/openapi.json"), "{}", initializer.text());
}
