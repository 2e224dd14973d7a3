//! Who may do what: every route, for every role and for nobody.

use super::*;
use crate::api::routes::{Access, ROUTES, Route, Shape};

/// A path of the route that names nothing that exists.
fn path_of(route: &Route) -> String {
    let kind = route.path.split('/').nth(3).unwrap_or_default();
    let id = match kind {
        "cis" => "host_00000000000000000000000001",
        "software" => "sw_00000000000000000000000001",
        "agents" => "agent_00000000000000000000000001",
        "alerts" => "alert_00000000000000000000000001",
        "assignment-rules" => "asr_00000000000000000000000001",
        "incidents" => "inc_00000000000000000000000001",
        "problems" => "prb_00000000000000000000000001",
        "channels" => "chan_00000000000000000000000001",
        "deliveries" => "dlv_00000000000000000000000001",
        "tokens" => "tok_7zzzzzzzzzzzzzzzzzzzzzzzzz",
        _ => "no_such_rule",
    };
    route.path.replace("{id}", id).replace("{name}", "packages")
}

async fn status(fixture: &Fixture, request: Request<Body>) -> StatusCode {
    // The body of a stream has no end: only the head is looked at.
    fixture.router.clone().oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn every_route_lets_in_its_roles_and_nobody_else() {
    let fixture = Fixture::new().await;
    for route in ROUTES {
        for role in Role::ALL {
            let found = status(&fixture, fixture.ask(role, route.method, &path_of(route), &[], None)).await;
            let allowed = !matches!(found, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            assert_eq!(allowed, route.access.roles().contains(&role), "{} {} as {}: {found}", route.method, route.path, role.as_str());
            assert!(!found.is_server_error(), "{} {}: {found}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn without_a_valid_token_only_the_public_routes_answer() {
    let fixture = Fixture::new().await;
    let join = token::new_join_token(&SeededEntropy::new(2), "pin", "url").text;
    let unknown = token::new_api_token(&SeededEntropy::new(3)).text;
    let admin = fixture.token(Role::Admin);
    let wrong = [
        None,
        Some(String::new()),
        Some(format!("Bearer {join}")),
        Some(format!("Bearer {unknown}")),
        Some(format!("Basic {admin}")),
        Some(admin.to_owned()),
        Some(format!("Bearer {}", "a".repeat(100_000))),
        Some(format!("Bearer {admin}0")),
    ];
    for route in ROUTES {
        for credential in &wrong {
            let mut request = Request::builder().method(route.method).uri(path_of(route));
            if let Some(credential) = credential {
                request = request.header(header::AUTHORIZATION, credential);
            }
            let reply = fixture.send(request.body(Body::empty()).unwrap()).await;
            if route.access == Access::Public {
                reply.ok();
            } else {
                reply.refused("unauthenticated");
                assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"rollcall\"");
            }
        }
    }
}

#[tokio::test]
async fn a_token_in_the_address_is_no_credential() {
    let fixture = Fixture::new().await;
    let uri = format!("/api/v1/me?token={}", fixture.token(Role::Admin));
    fixture.send(Request::get(uri).body(Body::empty()).unwrap()).await.refused("unauthenticated");
}

#[tokio::test]
async fn a_revoked_or_expired_token_ends_at_once() {
    let fixture = Fixture::new().await;
    let me = fixture.send(fixture.ask(Role::Viewer, "GET", "/api/v1/me", &[], None)).await.ok().json();
    assert_eq!(me["role"], "viewer");
    let id = me["token"]["id"].as_str().unwrap();
    fixture.put("DELETE", &format!("/api/v1/tokens/{id}"), &[], "").await.ok();
    fixture.send(fixture.ask(Role::Viewer, "GET", "/api/v1/me", &[], None)).await.refused("unauthenticated");
    fixture.clock.advance(DAY);
    fixture.get("/api/v1/me").await.refused("unauthenticated");
}

#[tokio::test]
async fn absent_and_impossible_ids_get_the_same_answer() {
    let fixture = Fixture::new().await;
    for id in
        ["inc_00000000000000000000000001", "inc_1", "host_00000000000000000000000001", "x", "%00", "%ff", "..%2f..%2fetc", &"9".repeat(300)]
    {
        let reply = fixture.get(&format!("/api/v1/incidents/{id}")).await;
        reply.refused("not_found");
        assert_eq!(reply.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn refusals_are_in_the_audit_log_but_cannot_fill_it() {
    let fixture = Fixture::new().await;
    let before = fixture.engine.read(|world| world.revision);
    for _ in 0..100 {
        fixture
            .send(fixture.ask(Role::Viewer, "POST", "/api/v1/tokens", &[("x-request-id", "req-7")], Some("{}")))
            .await
            .refused("forbidden");
    }
    assert_eq!(fixture.engine.read(|world| world.revision) - before, 60);
    let newest = &fixture.get("/api/v1/audit").await.ok().items()[0];
    assert_eq!((&newest["type"], &newest["event"]["code"]), (&"refused".into(), &"forbidden".into()));
    assert_eq!(newest["event"]["detail"], "POST /api/v1/tokens by a viewer");
    assert_eq!(newest["actor"]["name"], "the viewer");
    assert_eq!(newest["request_id"], "req-7", "what the caller was told leads to the entry");
}

#[tokio::test]
async fn viewers_do_not_see_tokens_in_the_feed_and_nobody_sees_secrets() {
    let fixture = Fixture::new().await;
    fixture.post("/api/v1/tokens", r#"{"kind": "join"}"#).await.ok();
    let ask = |role| fixture.ask(role, "GET", "/api/v1/events?subject=trust", &[("accept", "application/json")], None);
    assert!(fixture.send(ask(Role::Viewer)).await.ok().items().is_empty());
    assert_eq!(fixture.send(ask(Role::Auditor)).await.ok().items().len(), 6);
    for path in ["/api/v1/events", "/api/v1/audit", "/api/v1/tokens", "/api/v1/me"] {
        let text = fixture.get_as(path, "application/json").await.ok().text();
        assert!(!text.contains("secret") && !text.contains("hash"), "{path}: {text}");
    }
}

#[test]
fn shapes_agree_with_methods() {
    for route in ROUTES {
        let fits = match route.method {
            "GET" => matches!(route.shape, Shape::List | Shape::One | Shape::Stream | Shape::Text | Shape::File),
            "POST" => matches!(route.shape, Shape::Ask | Shape::Create | Shape::Act),
            "PUT" | "PATCH" => route.shape == Shape::Update,
            "DELETE" => matches!(route.shape, Shape::Delete | Shape::Withdraw),
            _ => false,
        };
        assert!(fits, "{} {}", route.method, route.path);
        let changes = route.method != "GET" && route.shape != Shape::Ask;
        assert!(!changes || !matches!(route.access, Access::Public | Access::Read), "{} {} changes something", route.method, route.path);
    }
}
