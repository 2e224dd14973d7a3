//! What other systems are handed.

use super::inventory::{Host, system};
use super::*;
use rollcall_shared::Section;
use rollcall_shared::section::{InterfaceAddress, NetworkInterface, Os};

fn interfaces() -> Section {
    let address = |text: &str, prefix, scope: &str| InterfaceAddress { address: text.parse().unwrap(), prefix, scope: scope.into() };
    let loopback = NetworkInterface { name: "lo".into(), kind: "loopback".into(), ..NetworkInterface::default() };
    let port = NetworkInterface {
        name: "eno1".into(),
        kind: "ethernet".into(),
        is_virtual: Some(false),
        mac: Some("0c:c4:7a:00:00:01".into()),
        speed_mbps: Some(10_000),
        addresses: vec![address("10.0.0.1", 24, "global"), address("fe80::1", 64, "link")],
        ..NetworkInterface::default()
    };
    Section::NetworkInterfaces(vec![loopback, port])
}

async fn host() -> Host {
    let mut host = Host::reported().await;
    let debian = Os { id: Some("debian".into()), name: Some("Debian GNU/Linux".into()), version: Some("12".into()), ..Os::default() };
    host.report(vec![system(), Section::Os(vec![debian]), interfaces(), super::inventory::disks()]).await;
    host
}

#[tokio::test]
async fn a_host_is_an_item_for_servicenow_with_its_parts_related() {
    let host = host().await;
    let payload = host.fixture.get("/api/v1/export/servicenow").await.ok().json();
    let items = payload["items"].as_array().unwrap();
    let (place, server) = items.iter().enumerate().find(|(_, item)| item["className"] == "cmdb_ci_linux_server").unwrap();
    assert_eq!(server["values"]["os"], "Debian GNU/Linux");
    assert_eq!(server["values"]["ip_address"], "10.0.0.1");
    assert_eq!(server["values"]["install_status"], "1");
    assert_eq!(server["sys_object_source_info"]["source_name"], "Rollcall");
    assert!(server["sys_object_source_info"]["source_native_key"].as_str().unwrap().starts_with("host_"));
    let disk = items.iter().position(|item| item["className"] == "cmdb_ci_disk").unwrap();
    let contains = serde_json::json!({"parent": place, "child": disk, "type": "Contains::Contained by"});
    assert!(payload["relations"].as_array().unwrap().contains(&contains), "{payload}");
    assert!(items.iter().all(|item| item["className"] != "cmdb_ci_spkg"), "{payload}");
    let products = host.fixture.get("/api/v1/export/servicenow?class=software_product").await.ok().json();
    assert_eq!(products["items"][0]["className"], "cmdb_ci_spkg");
}

#[tokio::test]
async fn exports_go_on_where_their_reader_was_and_can_begin_at_a_moment() {
    let host = host().await;
    for (path, list) in [("servicenow?", "items"), ("itop?organization=Demo&", "operations"), ("netbox?", "devices")] {
        let path = format!("/api/v1/export/{path}");
        let first = host.fixture.get(&format!("{path}limit=1")).await.ok();
        let (mut cursor, mut pages) = (first.header("x-next-cursor").to_owned(), 1);
        while !cursor.is_empty() {
            let next = host.fixture.get(&format!("{path}limit=1&cursor={cursor}")).await.ok();
            cursor = next.header("x-next-cursor").to_owned();
            pages += 1;
            assert!(pages < 20, "{path}");
        }
        assert!(list == "devices" || pages > 1, "{path}");
        let later = host.fixture.get(&format!("{path}updated_since=2026-12-24T00:00:00Z")).await.ok().json();
        assert_eq!(later[list], serde_json::json!([]), "{path}");
        for query in ["limit=0", "limit=501", "cursor=x", "updated_since=yesterday", "class=fridge"] {
            host.fixture.get(&format!("{path}{query}")).await.refused("invalid_parameter");
        }
    }
    host.fixture.get("/api/v1/export/itop").await.refused("invalid_parameter");
}

#[tokio::test]
async fn a_host_is_a_device_for_netbox_with_interfaces_and_addresses() {
    let host = host().await;
    let import = host.fixture.get("/api/v1/export/netbox?site=Berlin").await.ok().json();
    let name = import["devices"][0]["name"].clone();
    assert_eq!((&import["devices"][0]["site"], &import["devices"][0]["status"]), (&"Berlin".into(), &"active".into()));
    assert_eq!(
        import["interfaces"],
        serde_json::json!([{"device": name, "name": "eno1", "type": "other", "enabled": true, "mac_address": "0c:c4:7a:00:00:01", "speed": 10_000_000}])
    );
    assert_eq!(
        import["ip_addresses"],
        serde_json::json!([{"address": "10.0.0.1/24", "status": "active", "device": name, "interface": "eno1"}])
    );
}

#[tokio::test]
async fn what_itop_has_no_place_for_is_named() {
    let host = host().await;
    let answer = host.fixture.get("/api/v1/export/itop?organization=Demo").await.ok().json();
    let server = &answer["operations"][0];
    assert_eq!((&server["operation"], &server["class"]), (&"core/create".into(), &"Server".into()));
    assert_eq!((&server["fields"]["org_id"]["name"], &server["fields"]["managementip"]), (&"Demo".into(), &"10.0.0.1".into()));
    let skipped = answer["skipped"].as_array().unwrap();
    assert!(skipped.iter().any(|one| one["reason"] == "iTop has no class for disk"), "{answer}");
    let ids = host.fixture.engine.read(|world| {
        let exported = world.cmdb.cis.values().filter(|ci| ci.class.as_str() != "software_product" && ci.duplicate_of.is_none());
        exported.count()
    });
    assert_eq!(answer["operations"].as_array().unwrap().len() + skipped.len(), ids, "nothing disappears");
}

#[tokio::test]
async fn a_table_has_the_same_columns_on_every_page_and_formulas_are_text() {
    let host = host().await;
    let evil = r#"{"class": "printer", "name": "=HYPERLINK(\"http://evil\")", "attributes": {"serial": "@SUM(A1)"}}"#;
    host.fixture.post("/api/v1/cis", evil).await.ok();
    let (mut path, mut heads, mut text) = ("/api/v1/export/cis?format=csv&limit=2".to_owned(), Vec::new(), String::new());
    loop {
        let page = host.fixture.get(&path).await.ok();
        assert_eq!(page.header("content-type"), "text/csv; charset=utf-8");
        heads.push(page.text().lines().next().unwrap().to_owned());
        text.push_str(&page.text());
        let cursor = page.header("x-next-cursor");
        if cursor.is_empty() {
            break;
        }
        path = format!("/api/v1/export/cis?format=csv&limit=2&cursor={cursor}");
    }
    assert!(heads.len() > 1 && heads.iter().all(|head| *head == heads[0]), "{heads:?}");
    assert!(heads[0].starts_with("id,class,name,status,parent,tags,") && heads[0].ends_with(",other"), "{}", heads[0]);
    assert!(text.contains("\"'=HYPERLINK(\"\"http://evil\"\")\"") && text.contains("'@SUM(A1)"), "{text}");
    let lines = host.fixture.get("/api/v1/export/cis?format=ndjson&class=server").await.ok();
    let row: Value = serde_json::from_str(lines.text().lines().next().unwrap()).unwrap();
    assert_eq!((&row["os_id"], &row["ip_addresses"]), (&"debian".into(), &"10.0.0.1".into()));
    assert!(row.get("wwn").is_none(), "a server has no column of disks: {row}");
    host.fixture.get("/api/v1/export/cis?format=xml").await.refused("invalid_parameter");
}

#[tokio::test]
async fn exports_and_bills_are_of_what_a_query_or_a_group_selects() {
    let host = host().await;
    let fixture = &host.fixture;
    fixture.post("/api/v1/groups", r#"{"name": "web", "query": "name:web-*"}"#).await.ok();
    let ids = |reply: Reply| reply.items().iter().map(|row| row["class"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    for (query, count) in [("group:web", 1), ("class:server%20os:debian", 1), ("class:server%20os:rhel", 0)] {
        assert_eq!(ids(fixture.get(&format!("/api/v1/export/cis?query={query}")).await.ok()).len(), count, "{query}");
        let bill = fixture.get(&format!("/api/v1/software/sbom?query={query}")).await.ok().json();
        assert_eq!(bill["components"].as_array().map_or(0, Vec::len) > 0, count > 0, "{query}");
        let payload = fixture.get(&format!("/api/v1/export/servicenow?query={query}")).await.ok().json();
        assert_eq!(payload["items"].as_array().unwrap().is_empty(), count == 0, "{query}");
        for path in ["netbox?site=a", "itop?organization=a"] {
            fixture.get(&format!("/api/v1/export/{path}&query={query}")).await.ok();
        }
    }
    for path in ["export/cis?", "export/servicenow?", "export/netbox?site=a&", "export/itop?organization=a&", "software/sbom?"] {
        for query in ["class:fridge", "group:nowhere"] {
            fixture.get(&format!("/api/v1/{path}query={query}")).await.refused("invalid_parameter");
        }
    }
}
