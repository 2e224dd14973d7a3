//! A host as its agent reports it, seen through the API.

mod model;

use super::*;
use rollcall_domain::ci::CiCommand;
use rollcall_domain::trust::Agent;
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::message::{Content, Message, Payload, Push, Report, SectionEntry, Upload, root_hash};
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::section::{Disk, Os, Package, System, Virtualisation};
use rollcall_shared::{AgentId, ContentHash, Outcome, Section};

const AGENT: AgentId = AgentId(7);

/// A fixture with one agent and how far it has counted.
pub(super) struct Host {
    pub(super) fixture: Fixture,
    sequence: u64,
}

impl Host {
    pub(super) async fn enrolled() -> Self {
        let fixture = Fixture::new().await;
        let made = fixture.post("/api/v1/tokens", r#"{"kind": "join"}"#).await.ok().json();
        let secret_hash = token::hash_of(&token::read_join_token(made["secret"].as_str().unwrap()).unwrap().secret);
        let agent = Agent {
            id: AGENT,
            status: AgentStatus::Pending,
            enrolment_id: "0".repeat(32),
            public_key: "key".into(),
            token: made["token"]["id"].as_str().unwrap().parse().unwrap(),
            hostname: Some("web-1".into()),
            agent_version: "0.1.0".into(),
            address: Some("192.0.2.7".into()),
            enrolled_at: NOW,
            certificate_expires_at: NOW.plus(DAY),
            certificate: "CERTIFICATE".into(),
            ci: None,
            revoked_because: None,
            revision: 0,
        };
        run(&fixture.engine, Command::Trust(TrustCommand::Enrol { secret_hash, agent: Box::new(agent) })).await;
        Self { fixture, sequence: 0 }
    }

    /// An approved host with an inventory.
    pub(super) async fn reported() -> Self {
        let mut host = Self::enrolled().await;
        host.fixture.post(&format!("/api/v1/agents/{AGENT}/approve"), "").await.ok();
        host.report(vec![system(), os(), packages(&[("bash", "5.2"), ("openssl", "3.0.13")]), disks()]).await;
        host
    }

    async fn push(&mut self, payload: Payload) {
        self.sequence += 1;
        let messages = vec![Message { sequence: self.sequence, payload }];
        let push = Push { epoch: 1, sent_at: self.fixture.engine.now(), settings_version: 0, messages };
        let reply = self.fixture.engine.push(AGENT, push).await.unwrap();
        assert_eq!(reply.acknowledged, self.sequence);
    }

    async fn upload(&self, section: Section) -> ContentHash {
        let (hash, bytes) = section.canonical().unwrap();
        self.fixture.engine.upload(AGENT, Upload { sections: vec![Content(bytes)] }).await.unwrap();
        hash
    }

    pub(super) async fn report(&mut self, sections: Vec<Section>) {
        let report = self.prepare(sections).await;
        self.push(Payload::Report(report)).await;
    }

    /// Another system delivers an inventory.
    pub(super) async fn deliver(&self, key: &str, sections: Vec<Section>) {
        self.deliver_as("glpi", key, sections).await;
    }

    /// This system delivers an inventory.
    pub(super) async fn deliver_as(&self, feed: &str, key: &str, sections: Vec<Section>) {
        let report = Box::new(self.prepare(sections).await);
        run(&self.fixture.engine, Command::Ci(CiCommand::Deliver { feed: feed.into(), key: key.into(), former: None, report })).await;
    }

    async fn prepare(&self, sections: Vec<Section>) -> Report {
        let mut entries = Vec::new();
        for section in sections {
            let name = section.name();
            let hash = Some(self.upload(section).await);
            entries.push(SectionEntry { name, outcome: Outcome::Complete, hash, reason: None, duration_us: 1, bytes_read: 1 });
        }
        entries.sort_by_key(|entry| entry.name);
        Report { collected_at: self.fixture.engine.now(), root: root_hash(&entries), sections: entries }
    }

    /// One value for each series, measured now.
    pub(super) async fn measure(&mut self, series: &[(&str, &str)], values: Vec<Option<f64>>) {
        let row =
            |(metric, mount): &(&str, &str)| Series { metric: (*metric).into(), attributes: vec![("mountpoint".into(), (*mount).into())] };
        self.sample(series.iter().map(row).collect(), values).await;
    }

    /// One value for each series of a table in its order, measured now.
    pub(super) async fn sample(&mut self, table: Vec<Series>, values: Vec<Option<f64>>) {
        let table = self.upload(Section::Series(table)).await;
        let at = self.fixture.engine.now();
        self.push(Payload::Samples(vec![SampleSet { table, at, values }])).await;
    }

    /// The state of a check about another item, now.
    pub(super) async fn probe(&mut self, check: &str, target: &str, state: f64) {
        let attributes = [("asks", "up"), ("check", check), ("target", target)].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let series = Series { metric: "check.target_state".into(), attributes: attributes.to_vec() };
        let table = self.upload(Section::Series(vec![series])).await;
        let at = self.fixture.engine.now();
        self.push(Payload::Samples(vec![SampleSet { table, at, values: vec![Some(state)] }])).await;
    }

    pub(super) fn path(&self) -> String {
        let id = self.fixture.engine.read(|world| world.trust.agents[&AGENT].ci.unwrap());
        format!("/api/v1/cis/{id}")
    }

    pub(super) async fn get(&self, rest: &str) -> Reply {
        self.fixture.get(&format!("{}{rest}", self.path())).await
    }
}

pub(super) fn system() -> Section {
    Section::System(vec![System {
        manufacturer: Some("Dell Inc.".into()),
        product: Some("PowerEdge R640".into()),
        serial: Some("7XK2M13".into()),
        uuid: Some("4c4c4544-0058-4b10-8032-b7c04f4d3133".into()),
        machine_id: Some("5a2f7f0cbd6f4d0c9d5a6c1d2e3f4a5b".into()),
        hostname: Some("web-1".into()),
        virtualisation: Some(Virtualisation::Physical),
        ..System::default()
    }])
}

pub(super) fn os() -> Section {
    Section::Os(vec![Os { id: Some("debian".into()), version: Some("12".into()), ..Os::default() }])
}

pub(super) fn packages(list: &[(&str, &str)]) -> Section {
    let package = |(name, version): &(&str, &str)| Package {
        name: (*name).into(),
        version: (*version).into(),
        manager: "dpkg".into(),
        architecture: Some("amd64".into()),
        ..Package::default()
    };
    Section::Packages(list.iter().map(package).collect())
}

pub(super) fn disks() -> Section {
    Section::Disks(vec![Disk { name: "sda".into(), model: Some("=cmd|calc".into()), serial: Some("S4NB123".into()), ..Disk::default() }])
}

#[tokio::test]
async fn an_agent_waits_is_approved_and_is_revoked() {
    let host = Host::enrolled().await;
    let fixture = &host.fixture;
    let path = format!("/api/v1/agents/{AGENT}");
    let pending = fixture.get(&path).await.ok();
    assert_eq!(
        (&pending.json()["status"], &pending.json()["hostname"], &pending.json()["ci"]),
        (&"pending".into(), &"web-1".into(), &Value::Null)
    );
    assert!(!pending.text().contains("CERTIFICATE"));
    let tag = pending.header("etag").to_owned();
    let approved = fixture.put("POST", &format!("{path}/approve"), &[("if-match", &tag)], "").await.ok();
    assert_eq!(approved.json()["status"], "approved");
    fixture.put("POST", &format!("{path}/revoke"), &[("if-match", &tag)], r#"{"reason": "stolen"}"#).await.refused("stale");
    let revoked = fixture.post(&format!("{path}/revoke"), r#"{"reason": "stolen"}"#).await.ok().json();
    assert_eq!((&revoked["status"], &revoked["revoked_because"]), (&"revoked".into(), &"stolen".into()));
    fixture.post(&format!("{path}/approve"), "").await.refused("wrong_state");
    assert_eq!(fixture.get("/api/v1/agents?status=revoked").await.ok().items().len(), 1);
    assert_eq!(fixture.get("/api/v1/agents?status=pending").await.ok().items().len(), 0);
}

#[tokio::test]
async fn an_agent_shows_the_push_interval_that_it_told() {
    let host = Host::reported().await;
    let path = format!("/api/v1/agents/{AGENT}");
    assert_eq!(host.fixture.get(&path).await.ok().json()["push_interval_ms"], 60_000);
    let push = Push { epoch: 1, sent_at: host.fixture.engine.now(), settings_version: 0, messages: Vec::new() };
    host.fixture.engine.push_every(AGENT, push, Some(300_000)).await.unwrap();
    assert_eq!(host.fixture.get(&path).await.ok().json()["push_interval_ms"], 300_000);
}

#[tokio::test]
async fn a_host_is_found_by_what_is_known_of_it() {
    let host = Host::reported().await;
    for (query, expected) in [
        ("class=host", 1),
        ("class=server", 1),
        ("class=workstation", 0),
        ("class=disk", 1),
        ("class=software_product", 2),
        ("status=operational&class=host", 1),
        ("status=retired", 0),
        ("name=web-1", 1),
        ("q=WEB", 1),
        ("attribute=os_id:debian", 1),
        ("attribute=os_id:fedora", 0),
    ] {
        assert_eq!(host.fixture.get(&format!("/api/v1/cis?{query}")).await.ok().items().len(), expected, "{query}");
    }
    let id = host.path().rsplit('/').next().unwrap().to_owned();
    assert_eq!(host.fixture.get(&format!("/api/v1/cis?parent={id}")).await.ok().items().len(), 1);
    for query in ["class=fridge", "parent=x", "attribute=os_id", "status=lost"] {
        host.fixture.get(&format!("/api/v1/cis?{query}")).await.refused("invalid_parameter");
    }
    let me = host.fixture.get(&format!("/api/v1/agents?ci={id}")).await.ok().items();
    assert_eq!((&me[0]["ci"], &me[0]["last_seen_at"]), (&id.into(), &"2026-11-21T04:31:00.000Z".into()));
}

#[tokio::test]
async fn every_value_of_a_host_tells_its_source() {
    let host = Host::reported().await;
    let ci = host.get("").await.ok().json();
    let os = &ci["attributes"]["os_id"];
    assert_eq!((&os["value"], &os["source"]["kind"], &os["drift"]), (&"debian".into(), &"agent".into(), &false.into()));
    let identification = host.get("/identification").await.ok().json();
    assert_eq!(identification["operation"], "INSERT");
    assert!(!identification["attempts"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_person_asserts_and_withdraws_beside_what_was_measured() {
    let host = Host::reported().await;
    let path = host.path();
    let tag = host.get("").await.header("etag").to_owned();
    let patch = r#"{"attributes": {"owner": "web team", "os_id": "ubuntu"}}"#;
    let ask = |body| host.fixture.ask(Role::AssetManager, "PATCH", &path, &[], Some(body));
    let now = host.fixture.send(ask(patch)).await.ok().json();
    assert_eq!(now["attributes"]["owner"]["source"], serde_json::json!({"kind": "person", "name": "the asset_manager"}));
    assert_eq!(now["attributes"]["os_id"]["drift"], true);
    host.fixture.put("PATCH", &path, &[("if-match", &tag)], patch).await.refused("stale");
    let now = host.fixture.send(ask(r#"{"attributes": {"os_id": null}}"#)).await.ok().json();
    assert_eq!((&now["attributes"]["os_id"]["value"], &now["attributes"]["os_id"]["drift"]), (&"debian".into(), &false.into()));
    let now = host.fixture.send(ask(r#"{"status": "maintenance", "reason": "new fans"}"#)).await.ok().json();
    assert_eq!(now["status"], "maintenance");
    for body in
        [r#"{"status": "maintenance"}"#, "{}", r#"{"status": "retired", "reason": "x", "attributes": {}}"#, r#"{"attributes": {"a": {}}}"#]
    {
        host.fixture.send(ask(body)).await.refused("invalid_parameter");
    }
    host.fixture.send(ask(r#"{"class": "host"}"#)).await.refused("unknown_parameter");
    let history = host.get("/history").await.ok().items();
    assert!(history.iter().map(|record| record["revision"].as_u64().unwrap()).is_sorted_by(|a, b| a > b));
    assert_eq!((&history[0]["type"], &history[0]["event"]["reason"]), (&"ci_status_changed".into(), &"new fans".into()));
}

#[tokio::test]
async fn sections_are_shown_as_they_are_and_as_they_were() {
    let mut host = Host::reported().await;
    host.fixture.clock.advance(DAY / 2);
    host.report(vec![packages(&[("bash", "5.2"), ("openssl", "3.0.14")])]).await;
    let names: Vec<Value> = host.get("/sections").await.ok().items().iter().map(|section| section["name"].clone()).collect();
    assert_eq!(names, ["system", "os", "disks", "packages"]);
    let versions = |content: &Value| content["items"].as_array().unwrap().iter().map(|row| row["version"].clone()).collect::<Vec<_>>();
    let now = host.get("/sections/packages").await.ok().json();
    assert_eq!((versions(&now), &now["outcome"]), (vec!["5.2".into(), "3.0.14".into()], &"complete".into()));
    let then = host.get("/sections/packages?as_of=2026-11-21T05:00:00Z").await.ok().json();
    assert_eq!(
        (versions(&then), &then["outcome"], &then["since"]),
        (vec!["5.2".into(), "3.0.13".into()], &Value::Null, &"2026-11-21T04:31:00.000Z".into())
    );
    host.get("/sections/packages?as_of=2020-01-01T00:00:00Z").await.refused("not_found");
    host.get("/sections/packages?as_of=tuesday").await.refused("invalid_parameter");
    host.get("/sections/users").await.refused("not_found");
    host.get("/sections/fridges").await.refused("not_found");
    let page = host.get("/sections/packages?limit=1").await.ok().json();
    let rest = host.get(&format!("/sections/packages?limit=1&cursor={}", page["next_cursor"].as_str().unwrap())).await.ok().json();
    assert_eq!((&rest["items"][0]["name"], &rest["next_cursor"]), (&"openssl".into(), &Value::Null));
    let csv = host.fixture.get_as(&format!("{}/sections/disks", host.path()), "text/csv").await.ok().text();
    assert!(csv.contains("'=cmd|calc"), "{csv}");
}

#[tokio::test]
async fn software_is_listed_with_its_hosts() {
    let mut host = Host::reported().await;
    host.report(vec![packages(&[("bash", "5.2"), ("openssl", "3.0.14")])]).await;
    let found = host.fixture.get("/api/v1/software?name=openssl").await.ok().items();
    assert_eq!((found.len(), &found[0]["hosts"]), (1, &1.into()));
    let path = format!("/api/v1/software/{}/installations", found[0]["id"].as_str().unwrap());
    let installed = host.fixture.get(&path).await.ok().items();
    assert_eq!((installed.len(), &installed[0]["name"], &installed[0]["version"]), (1, &"web-1".into(), &"3.0.14".into()));
    assert!(host.fixture.get(&format!("{path}?version=3.0.13")).await.ok().items().is_empty());
    let id = host.path().rsplit('/').next().unwrap().to_owned();
    host.fixture.get(&format!("/api/v1/software/{id}/installations")).await.refused("not_found");
    assert_eq!(host.get("/relations?kind=installed_on").await.ok().items().len(), 2);
    assert_eq!(host.get("/relations?kind=contains").await.ok().items().len(), 1);
}

#[tokio::test]
async fn samples_come_in_buckets_with_gaps_as_null() {
    let mut host = Host::reported().await;
    let series = [("system.filesystem.utilization", "/"), ("system.filesystem.utilization", "/var")];
    for value in [0.1, 0.2, 0.6] {
        host.fixture.clock.advance(Duration::from_secs(60));
        host.measure(&series, vec![Some(value), None]).await;
        if value == 0.2 {
            host.fixture.clock.advance(Duration::from_secs(60));
        }
    }
    host.fixture.clock.advance(Duration::from_secs(1));
    let path = "/samples?metric=system.filesystem.utilization";
    let found = host.get(&format!("{path}&from=-4m&step=2m")).await.ok().items();
    assert_eq!((found.len(), &found[0]["attributes"]["mountpoint"], &found[0]["step_ms"]), (1, &"/".into(), &120_000.into()));
    let points = found[0]["points"].as_array().unwrap();
    let lasts: Vec<&Value> = points.iter().map(|point| &point["last"]).collect();
    assert_eq!(lasts, [&Value::Null, &Value::from(0.2), &Value::from(0.6)], "{points:?}");
    let minutes = host.get(&format!("{path}&from=-4m&step=1m")).await.ok().items();
    let averages: Vec<&Value> = minutes[0]["points"].as_array().unwrap().iter().map(|point| &point["avg"]).collect();
    assert!(averages.contains(&&Value::Null) && averages.contains(&&Value::from(0.2)), "{averages:?}");
    assert!(host.get(&format!("{path}&attribute=mountpoint:/var")).await.ok().items().is_empty());
    assert!(host.get("/samples?metric=no.such").await.ok().items().is_empty());
    let newest = host.get("/samples").await.ok().items();
    assert_eq!(newest.len(), 2);
    assert_eq!((&newest[0]["points"][0]["last"], &newest[1]["points"][0]["last"]), (&Value::from(0.6), &Value::Null));
    let csv = host.fixture.get_as(&format!("{}{path}&from=-4m&step=2m", host.path()), "text/csv").await.ok().text();
    assert!(csv.starts_with("at,metric,unit,attributes,avg,min,max,last,count\n") && csv.lines().count() == 4, "{csv}");
    for query in ["from=-1h", "metric=m&from=-4000d", "metric=m&step=0s", "metric=m&step=1", "metric=m&from=now", "metric=m&attribute=x"] {
        host.get(&format!("/samples?{query}")).await.refused("invalid_parameter");
    }
}

#[tokio::test]
async fn the_top_of_the_fleet_is_of_now_or_of_a_window_and_many_hosts_come_in_one_answer() {
    let mut host = Host::reported().await;
    let series =
        [("system.filesystem.utilization", "/"), ("system.filesystem.utilization", "/srv"), ("system.filesystem.utilization", "/var")];
    for values in [[0.9, 0.2, 0.2], [0.1, 0.6, 0.2]] {
        host.fixture.clock.advance(Duration::from_secs(300));
        host.measure(&series, values.map(Some).to_vec()).await;
    }
    host.fixture.clock.advance(Duration::from_secs(60));
    let path = "/api/v1/samples/top?metric=system.filesystem.utilization";
    let mounts = |reply: Reply| -> Vec<(u64, String, f64)> {
        let one = |item: &Value| {
            let mount = item["attributes"]["mountpoint"].as_str().unwrap().to_owned();
            (item["rank"].as_u64().unwrap(), mount, item["value"].as_f64().unwrap())
        };
        reply.ok().items().iter().map(one).collect()
    };
    let placed =
        |list: &[(u64, &str, f64)]| list.iter().map(|(rank, mount, value)| (*rank, (*mount).to_owned(), *value)).collect::<Vec<_>>();
    assert_eq!(mounts(host.fixture.get(path).await), placed(&[(1, "/srv", 0.6), (2, "/var", 0.2), (3, "/", 0.1)]));
    assert_eq!(mounts(host.fixture.get(&format!("{path}&order=lowest&limit=1")).await), placed(&[(1, "/", 0.1)]));
    let window = format!("{path}&window=1h&aggregation=max&limit=2");
    assert_eq!(mounts(host.fixture.get(&window).await), placed(&[(1, "/", 0.9), (2, "/srv", 0.6)]));
    let ties = mounts(host.fixture.get(&format!("{path}&window=1h&aggregation=min&order=highest")).await);
    assert_eq!(ties, placed(&[(1, "/srv", 0.2), (2, "/var", 0.2), (3, "/", 0.1)]), "equal ones in order of their attributes");
    assert!(host.fixture.get(&format!("{path}&query=tag:none")).await.ok().items().is_empty());
    for wrong in ["aggregation=max", "window=0s", "window=32d", "attribute=x", "query=((", "order=up"] {
        host.fixture.get(&format!("{path}&{wrong}")).await.refused("invalid_parameter");
    }
    let fleet = "/api/v1/samples?metric=system.filesystem.utilization&attribute=mountpoint:/&step=5m&from=-10m";
    let found = host.fixture.get(fleet).await.ok().items();
    let series = &found[0]["series"][0];
    assert_eq!((found.len(), &found[0]["name"], &series["resolution"]), (1, &"web-1".into(), &"5m".into()));
    let averages: Vec<&Value> =
        series["points"].as_array().unwrap().iter().map(|point| &point["avg"]).filter(|avg| !avg.is_null()).collect();
    assert_eq!(averages, [&Value::from(0.9), &Value::from(0.1)]);
    let csv = host.fixture.get_as(fleet, "text/csv").await.ok().text();
    assert!(csv.starts_with("at,ci,name,metric,unit,attributes,avg,min,max,last,count\n") && csv.contains("web-1"), "{csv}");
    host.fixture.clock.advance(Duration::from_secs(1_000));
    assert!(host.fixture.get(path).await.ok().items().is_empty(), "what is a quarter of an hour old is not of now");
}

#[tokio::test]
async fn prometheus_reads_the_newest_values_and_the_alerts_of_the_fleet() {
    let mut host = Host::reported().await;
    let series = [("system.filesystem.inodes.utilization", "/"), ("system.filesystem.utilization", "/\"x")];
    for _ in 0..3 {
        host.fixture.clock.advance(Duration::from_secs(300));
        host.measure(&series, vec![Some(0.99), Some(0.25)]).await;
    }
    let id = host.path().rsplit('/').next().unwrap().to_owned();
    let text = host.fixture.get("/api/v1/fleet_metrics").await.ok().text();
    for line in [
        format!("rollcall_host_up{{ci=\"{id}\",host=\"web-1\"}} 1"),
        format!("system_filesystem_utilization{{ci=\"{id}\",host=\"web-1\",mountpoint=\"/\\\"x\"}} 0.25"),
        "# TYPE system_filesystem_inodes_utilization untyped".to_owned(),
        "# HELP system_filesystem_inodes_utilization Inodes in use. [1]".to_owned(),
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\n{text}");
    }
    let alert = text.lines().find(|line| line.starts_with("rollcall_alert{")).expect("an alert");
    assert!(alert.contains("alertname=\"filesystem_inodes\",alertstate=\"firing\"") && alert.contains("mountpoint=\"/\""), "{alert}");
    let some = host.fixture.get("/api/v1/fleet_metrics?match=system.filesystem.inodes.*").await.ok().text();
    assert!(some.contains("inodes_utilization{") && !some.contains("system_filesystem_utilization"), "{some}");
    assert!(host.fixture.get("/api/v1/fleet_metrics?query=tag:none").await.ok().text().is_empty());
    host.fixture.get("/api/v1/fleet_metrics?query=((").await.refused("invalid_parameter");
}

#[tokio::test]
async fn a_breach_is_an_alert_and_an_incident_on_its_host() {
    let mut host = Host::reported().await;
    let series = [("system.filesystem.utilization", "/var")];
    for _ in 0..20 {
        host.fixture.clock.advance(Duration::from_secs(60));
        host.measure(&series, vec![Some(0.97)]).await;
    }
    let id = host.path().rsplit('/').next().unwrap().to_owned();
    let alerts = host.fixture.get(&format!("/api/v1/alerts?ci={id}&state=firing&rule=filesystem_space")).await.ok().items();
    assert_eq!((alerts.len(), &alerts[0]["attributes"]["mountpoint"], &alerts[0]["severity"]), (1, &"/var".into(), &"warning".into()));
    host.fixture.get(&format!("/api/v1/alerts/{}", alerts[0]["id"].as_str().unwrap())).await.ok();
    assert!(host.fixture.get("/api/v1/alerts?severity=critical").await.ok().items().is_empty());
    let incidents = host.fixture.get(&format!("/api/v1/incidents?ci={id}&open=true")).await.ok().items();
    assert_eq!((incidents.len(), &incidents[0]["id"], &incidents[0]["channel"]), (1, &alerts[0]["incident"], &"monitoring".into()));
    let breach = &incidents[0]["breach"];
    assert_eq!((&breach["rule"], &breach["value"], &breach["alert"]), (&"filesystem_space".into(), &0.97.into(), &alerts[0]["id"]));
    let metrics = host.fixture.get("/metrics").await.ok().text();
    assert!(
        metrics.contains("rollcall_alerts{state=\"firing\"} 1\n") && metrics.contains("rollcall_agents{state=\"approved\"} 1\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn repeats_become_a_problem_that_people_work_on() {
    let mut host = Host::reported().await;
    let series = [("system.filesystem.utilization", "/var")];
    for _ in 0..3 {
        for value in [0.97; 10].into_iter().chain([0.5; 20]) {
            host.fixture.clock.advance(Duration::from_secs(60));
            host.measure(&series, vec![Some(value)]).await;
        }
    }
    let problems = host.fixture.get("/api/v1/problems?open=true").await.ok().items();
    assert_eq!((problems.len(), &problems[0]["number"], &problems[0]["origin"]["kind"]), (1, &"PRB0000001".into(), &"recurrence".into()));
    let path = format!("/api/v1/problems/{}", problems[0]["id"].as_str().unwrap());
    let incidents = host.fixture.get(&format!("{path}/incidents")).await.ok().items();
    let numbers: Vec<&Value> = incidents.iter().map(|incident| &incident["number"]).collect();
    assert_eq!(numbers, ["INC0000003", "INC0000002", "INC0000001"]);
    assert!(!host.fixture.get(&format!("{path}/evidence")).await.ok().items().is_empty());
    for (action, body, state) in [
        ("acknowledge", "", "assess"),
        ("assign", r#"{"group": "storage"}"#, "assess"),
        ("notes", r#"{"text": "logs are never rotated"}"#, "assess"),
        ("advance", r#"{"state": "root_cause_analysis"}"#, "root_cause_analysis"),
        ("describe", r#"{"known_error": true, "workaround": "delete old logs"}"#, "root_cause_analysis"),
        ("advance", r#"{"state": "fix_in_progress"}"#, "fix_in_progress"),
        ("resolve", r#"{"notes": "rotated"}"#, "resolved"),
        ("close", r#"{"notes": "quiet for a week"}"#, "closed"),
        ("reopen", r#"{"reason": "and again"}"#, "root_cause_analysis"),
        ("cancel", r#"{"reason": "the disk is meant to be full"}"#, "cancelled"),
    ] {
        let now = host.fixture.post(&format!("{path}/{action}"), body).await.ok().json();
        assert_eq!(now["state"], state, "{action}: {now}");
    }
    let now = host.fixture.get(&path).await.ok().json();
    assert_eq!((&now["workaround"], &now["group"], &now["known_error"]), (&"delete old logs".into(), &"storage".into(), &true.into()));
    host.fixture.post(&format!("{path}/judge"), r#"{"factor": "none", "verdict": "confirmed"}"#).await.refused("wrong_state");
    assert!(host.fixture.get("/api/v1/problems?open=true").await.ok().items().is_empty());
}

#[tokio::test]
async fn what_was_refused_is_set_aside_where_people_see_it() {
    let mut host = Host::reported().await;
    // A section by a name that its content has not: the report is acknowledged, for it would be refused again, and set aside.
    let hash = host.upload(os()).await;
    let name = rollcall_shared::SectionName::System;
    let entry = SectionEntry { name, outcome: Outcome::Complete, hash: Some(hash), reason: None, duration_us: 1, bytes_read: 1 };
    let (sections, collected_at) = (vec![entry], host.fixture.engine.now());
    host.push(Payload::Report(Report { collected_at, root: root_hash(&sections), sections })).await;
    let [letter] = &host.fixture.get("/api/v1/dead_letters").await.ok().items()[..] else { panic!("one letter") };
    assert_eq!((&letter["code"], &letter["agent"], &letter["feed"]), (&"report_refused".into(), &AGENT.to_string().into(), &Value::Null));
    assert!(
        letter["id"].as_str().unwrap().starts_with("dead_") && letter["reason"].as_str().unwrap().contains("is a section os"),
        "{letter}"
    );
    assert_eq!((&letter["at"], &letter["count"]), (&letter["first_at"], &1.into()));
    for (query, count) in [
        ("code=report_refused", 1),
        ("code=too_many_candidates", 0),
        (&format!("agent={AGENT}"), 1),
        ("agent=agent_00000000000000000000000001", 0),
        ("feed=glpi", 0),
        ("ci=host_00000000000000000000000001", 0),
    ] {
        assert_eq!(host.fixture.get(&format!("/api/v1/dead_letters?{query}")).await.ok().items().len(), count, "{query}");
    }
    for query in ["code=x", "agent=x", "ci=x"] {
        host.fixture.get(&format!("/api/v1/dead_letters?{query}")).await.refused("invalid_parameter");
    }
    let audit = host.fixture.get("/api/v1/audit").await.ok().text();
    assert!(audit.contains("report_refused") && !audit.contains("session_began"), "{audit}");
}
