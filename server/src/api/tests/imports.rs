//! Files that people load, through the API.

use super::*;
use serde_json::json;

const FILE: &str = "key;class;name;serial;location;tags\n\
    city;location;Berlin;;;\n\
    1;server;web-1;SRV0001;Berlin;prod\n\
    2;fridge;web-2;;;\n\
    1;server;web-3;;;\n";

impl Fixture {
    async fn load(&self, query: &str, kind: &str, file: &str) -> Reply {
        let request = Request::post(format!("/api/v1/imports?{query}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token(Role::AssetManager)))
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(file.to_owned()));
        self.send(request.unwrap()).await
    }
}

fn counts(import: &Value) -> [u64; 5] {
    ["inserted", "updated", "unchanged", "refused", "missing"].map(|name| import[name].as_u64().unwrap())
}

#[tokio::test]
async fn a_file_is_tried_loaded_and_loaded_again() {
    let fixture = Fixture::new().await;
    let dry = fixture.load("name=racks&dry_run=true", "text/csv", FILE).await.ok().json();
    assert_eq!((&dry["state"], counts(&dry)), (&"finished".into(), [2, 0, 0, 2, 0]), "{dry}");
    assert!(fixture.get("/api/v1/cis").await.ok().items().is_empty());
    let made = fixture.load("name=racks", "text/csv; charset=utf-8", FILE).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let real = made.json();
    assert_eq!(counts(&real), counts(&dry));
    let refused: Vec<Value> =
        real["refused_rows"].as_array().unwrap().iter().map(|row| json!([row["row"], row["code"], row["column"]])).collect();
    assert_eq!(refused, [json!([4, "class", "class"]), json!([5, "duplicate_key", "key"])]);
    let path = made.header("location").to_owned();
    let rows = fixture.get(&format!("{path}/rows?limit=1")).await.ok().json();
    let next = rows["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(rows["items"][0]["outcome"], "inserted");
    let rest = fixture.get(&format!("{path}/rows?cursor={next}")).await.ok().items();
    assert_eq!(rest.len(), 3);
    let csv = fixture.get_as(&format!("{path}/rows?outcome=refused"), "text/csv").await.ok().text();
    assert!(csv.starts_with("row,key,outcome,ci,code,column,reason\n4,2,refused,,class,class,"), "{csv}");
    let host = rest[0]["ci"].as_str().unwrap();
    let ci = fixture.get(&format!("/api/v1/cis/{host}")).await.ok().json();
    assert_eq!((&ci["name"], &ci["tags"], &ci["status"]), (&"web-1".into(), &json!(["prod"]), &"operational".into()));
    assert_eq!(ci["attributes"]["serial"]["source"], json!({"kind": "feed", "name": "import:racks"}));
    let relations = fixture.get(&format!("/api/v1/cis/{host}/relations")).await.ok().items();
    assert_eq!(relations[0]["kind"], "hosted_on");
    let again = fixture.load("name=racks", "text/csv", FILE).await.ok().json();
    assert_eq!(counts(&again), [0, 0, 2, 2, 0]);
    let mirror =
        fixture.load("name=racks&mode=mirror&class=location", "application/x-ndjson", r#"{"key": "city", "name": "Berlin"}"#).await;
    assert_eq!(mirror.ok().json()["missing"], 1);
    assert_eq!(fixture.get("/api/v1/imports?name=racks").await.ok().items().len(), 4);
}

#[tokio::test]
async fn a_mirror_with_a_row_that_cannot_be_read_takes_nothing_for_gone() {
    let fixture = Fixture::new().await;
    fixture.load("name=racks", "text/csv", "key,class,name\n1,cluster,a\n2,cluster,b\n").await.ok();
    let broken = fixture.load("name=racks&mode=mirror", "text/csv", "key,class,name\n1,cluster,a\n2,cluster\n").await.ok().json();
    assert_eq!((counts(&broken), &broken["refused_rows"][0]["row"]), ([0, 0, 1, 1, 0], &json!(3)), "{broken}");
    assert_eq!(broken["note"], "1 row could not be read as far as its key: nothing is taken for gone");
    let whole = fixture.load("name=racks&mode=mirror", "text/csv", "key,class,name\n1,cluster,a\n").await.ok().json();
    assert_eq!((counts(&whole), &whole["note"]), ([0, 0, 1, 0, 1], &Value::Null), "{whole}");
}

#[tokio::test]
async fn a_saved_mapping_says_what_columns_mean() {
    let fixture = Fixture::new().await;
    let path = "/api/v1/import_mappings/assets";
    let mapping = json!({"key": ["Asset No"], "class": "server", "columns": {"Host": "name", "S/N": "attribute:serial", "Team": "owner"}});
    let saved = fixture.put("PUT", path, &[], &mapping.to_string()).await.ok();
    assert_eq!(saved.json()["columns"]["Team"], "attribute:owner");
    for (wrong, field) in [
        (json!({"key": [], "columns": {"a": "name"}}), "key"),
        (json!({"key": ["a"], "columns": {}}), "columns"),
        (json!({"key": ["a"], "columns": {"a": "colour"}}), "columns.a"),
        (json!({"key": ["a"], "columns": {"a": "relation:contains"}}), "columns.a"),
        (json!({"key": ["a"], "columns": {"a": "name", "b": "name"}}), "columns.b"),
    ] {
        let refused = fixture.put("PUT", path, &[], &wrong.to_string()).await;
        refused.refused("invalid_parameter");
        assert_eq!(refused.json()["field"], field);
    }
    let file = "Asset No,Host,S/N,Team,Remarks\n4711,web-1,SRV0001,ops,=cmd\n";
    let import = fixture.load("name=assets", "text/csv", file).await.ok().json();
    assert_eq!((&import["inserted"], &import["ignored_columns"]), (&1.into(), &json!(["Remarks"])), "{import}");
    fixture.load("name=assets", "text/csv", "Host,S/N,Team\nweb-1,x,ops\n").await.refused("invalid_parameter");
    fixture.put("PUT", path, &[("if-match", "\"1\"")], &mapping.to_string()).await.refused("stale");
    fixture.put("DELETE", path, &[], "").await.ok();
    fixture.get(path).await.refused("not_found");
}

#[tokio::test]
async fn a_file_that_is_none_is_refused_before_its_first_row() {
    let fixture = Fixture::new().await;
    let before = fixture.engine.read(|world| world.revision);
    for (query, kind, file, code) in [
        ("name=racks", "application/json", "{}", "unsupported_media_type"),
        ("name=Racks", "text/csv", "name\nx", "invalid_parameter"),
        ("", "text/csv", "name\nx", "invalid_parameter"),
        ("name=racks", "text/csv", "", "invalid_parameter"),
        ("name=racks", "text/csv", "colour\nx", "invalid_parameter"),
        ("name=racks", "text/csv", "name,name\nx,y", "invalid_parameter"),
        ("name=racks&mode=delete", "text/csv", "name\nx", "invalid_parameter"),
    ] {
        fixture.load(query, kind, file).await.refused(code);
    }
    fixture.load("name=racks", "text/csv", &"x".repeat((16 << 20) + 1)).await.refused("payload_too_large");
    assert_eq!(fixture.engine.read(|world| world.revision), before);
}

#[tokio::test]
async fn a_large_file_is_taken_in_many_steps_under_one_key() {
    let fixture = Fixture::new().await;
    let rows: String = (0..1_000).map(|n| format!("{n},server,host-{n},SERIAL{n:05}\n")).collect();
    let file = format!("key,class,name,serial\n{rows}");
    let once = |file: String| {
        let mut request = fixture.ask(Role::Admin, "POST", "/api/v1/imports?name=many", &[("idempotency-key", "k")], Some(&file));
        request.headers_mut().insert(header::CONTENT_TYPE, "text/csv".parse().unwrap());
        request
    };
    let first = fixture.send(once(file.clone())).await.ok().json();
    assert_eq!(first["inserted"], 1_000);
    let again = fixture.send(once(file)).await.ok().json();
    assert_eq!(again["id"], first["id"]);
    assert_eq!(fixture.get("/api/v1/imports").await.ok().items().len(), 1);
    let rows = fixture.get(&format!("/api/v1/imports/{}/rows?limit=1000", first["id"].as_str().unwrap())).await.ok();
    assert_eq!((rows.items().len(), &rows.json()["next_cursor"]), (1_000, &Value::Null));
}
