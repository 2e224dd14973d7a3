//! The class model, relations and impact as the API shows them.

use super::*;
use rollcall_shared::section::{Connection, InterfaceAddress, Listener, NetworkInterface};

fn adapter() -> Section {
    let address = InterfaceAddress { address: "10.0.0.1".parse().unwrap(), prefix: 24, scope: "global".into() };
    Section::NetworkInterfaces(vec![NetworkInterface {
        name: "eno1".into(),
        kind: "ethernet".into(),
        addresses: vec![address],
        ..NetworkInterface::default()
    }])
}

fn listeners() -> Section {
    let row = |port, unit: &str| Listener {
        protocol: "tcp".into(),
        address: "0.0.0.0".into(),
        port,
        unit: Some(unit.into()),
        ..Listener::default()
    };
    Section::Listeners(vec![row(8080, "app.service"), row(6379, "redis.service")])
}

fn connections() -> Section {
    Section::Connections(vec![Connection {
        direction: "outbound".into(),
        protocol: "tcp".into(),
        remote_address: "127.0.0.1".into(),
        remote_port: Some(6379),
        unit: Some("app.service".into()),
        count: 1,
        ..Connection::default()
    }])
}

/// A host with two packages, a disk and two services of which one calls the other.
async fn serving() -> Host {
    let mut host = Host::enrolled().await;
    host.fixture.post(&format!("/api/v1/agents/{AGENT}/approve"), "").await.ok();
    host.report(vec![system(), adapter(), packages(&[("bash", "5.2"), ("openssl", "3.0.13")]), disks(), listeners(), connections()]).await;
    host
}

/// The relations of a page in words.
fn words(items: &[Value]) -> Vec<String> {
    let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
    let mut found: Vec<String> =
        items.iter().map(|item| ["from_name", "kind", "to_name"].map(|field| text(item, field)).join(" ")).collect();
    found.sort();
    found
}

#[tokio::test]
async fn the_class_model_is_shown_with_inherited_attributes() {
    let fixture = Fixture::new().await;
    let classes = fixture.get("/api/v1/classes?limit=1000").await.ok().items();
    assert_eq!((classes.len(), &classes[0]["name"]), (26, &"application_service".into()));
    let first = fixture.get("/api/v1/classes?limit=10").await.ok().json();
    let rest = fixture.get(&format!("/api/v1/classes?limit=1000&cursor={}", first["next_cursor"].as_str().unwrap())).await.ok().items();
    assert_eq!(rest.len(), 16);
    let hypervisor = fixture.get("/api/v1/classes/hypervisor").await.ok().json();
    assert_eq!(
        (&hypervisor["parent"], &hypervisor["dependence"], &hypervisor["id_prefix"]),
        (&"server".into(), &Value::Null, &"host_".into())
    );
    let memory = hypervisor["attributes"].as_array().unwrap().iter().find(|one| one["name"] == "memory_bytes").unwrap();
    assert_eq!((&memory["type"], &memory["unit"], &memory["inherited_from"]), (&"integer".into(), &"bytes".into(), &"host".into()));
    let web = fixture.get("/api/v1/classes/web_server").await.ok().json();
    assert_eq!((&web["dependence"], &web["servicenow_class"]), (&"runs_on".into(), &"cmdb_ci_web_server".into()));
    fixture.get("/api/v1/classes/fridge").await.refused("not_found");
}

#[tokio::test]
async fn the_relations_of_a_host_leave_its_software_out_unless_asked_for() {
    let host = serving().await;
    let all = host.get("/relations").await.ok().items();
    assert_eq!(words(&all), ["app runs_on web-1", "redis runs_on web-1", "web-1 contains =cmd|calc"]);
    let runs = all.iter().find(|item| item["from_name"] == "app").unwrap();
    assert_eq!((&runs["reverse"], &runs["source"]["kind"]), (&"runs".into(), &"agent".into()));
    let installed = host.get("/relations?kind=installed_on").await.ok().items();
    assert_eq!(words(&installed), ["bash installed_on web-1", "openssl installed_on web-1"]);
    assert_eq!(host.get("/relations?kind=runs_on").await.ok().items().len(), 2);
    let app = all.iter().find(|item| item["from_name"] == "app").unwrap()["from"].as_str().unwrap().to_owned();
    let of_app = host.fixture.get(&format!("/api/v1/cis/{app}/relations")).await.ok().items();
    assert_eq!(words(&of_app), ["app depends_on redis", "app runs_on web-1"]);
}

#[tokio::test]
async fn all_relations_are_listed_page_by_page_and_filtered() {
    let host = serving().await;
    let id = host.path().rsplit('/').next().unwrap().to_owned();
    let all = ["app depends_on redis", "app runs_on web-1", "redis runs_on web-1", "web-1 contains =cmd|calc"];
    let mut seen = Vec::new();
    let mut path = "/api/v1/relations?limit=1".to_owned();
    loop {
        let page = host.fixture.get(&path).await.ok().json();
        seen.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/relations?limit=1&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(words(&seen), all);
    for (query, expected) in [
        ("kind=depends_on".to_owned(), &all[..1]),
        ("kind=runs_on".to_owned(), &all[1..3]),
        ("kind=contains".to_owned(), &all[3..]),
        ("kind=member_of".to_owned(), &[]),
        (format!("to={id}"), &all[1..3]),
        (format!("from={id}"), &all[3..]),
        (format!("to={id}&kind=installed_on"), &["bash installed_on web-1", "openssl installed_on web-1"]),
        ("source=agent".to_owned(), &all),
        (format!("source=agent:{AGENT}"), &all),
        ("source=person".to_owned(), &[]),
        ("source=feed:glpi&kind=depends_on".to_owned(), &[]),
    ] {
        assert_eq!(words(&host.fixture.get(&format!("/api/v1/relations?{query}")).await.ok().items()), expected, "{query}");
    }
    for query in ["kind=likes", "from=x", "to=", "source=rumour"] {
        host.fixture.get(&format!("/api/v1/relations?{query}")).await.refused("invalid_parameter");
    }
}

#[tokio::test]
async fn impact_tells_what_is_affected_and_why() {
    let host = serving().await;
    let up = host.get("/impact").await.ok().json();
    assert_eq!((&up["direction"], &up["depth"], &up["truncated"]), (&"up".into(), &5.into(), &false.into()));
    let names = |json: &Value| -> Vec<String> {
        json["items"].as_array().unwrap().iter().map(|hit| hit["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&up), ["redis", "app"]);
    let redis = up["items"][0]["ci"].as_str().unwrap().to_owned();
    let affected = host.fixture.get(&format!("/api/v1/cis/{redis}/impact?direction=up&depth=1")).await.ok().json();
    assert_eq!((names(&affected), &affected["items"][0]["path"][0]["text"]), (vec!["app".to_owned()], &"app depends_on redis".into()));
    let needs = host.fixture.get(&format!("/api/v1/cis/{redis}/impact?direction=down")).await.ok().json();
    assert_eq!(names(&needs), ["web-1", "=cmd|calc"]);
    for query in ["depth=0", "depth=21", "depth=x", "direction=sideways"] {
        host.get(&format!("/impact?{query}")).await.refused("invalid_parameter");
    }
    host.fixture.get("/api/v1/cis/host_00000000000000000000000001/impact").await.refused("not_found");
}
