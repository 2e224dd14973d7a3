//! Other people's agents against a whole server.

use crate::admin::Ask;
use crate::engine::Request;
use crate::testing::{Reply, TestServer, post};
use crate::token;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use rollcall_domain::ci::policy::{InsertRight, InsertRule};
use rollcall_domain::ci::{AttributeValue, CiCommand, CiEvent, Class, DeadLetter, NewCi, Reporter, Source};
use rollcall_domain::trust::TrustEvent;
use rollcall_domain::trust::decide::TrustCommand;
use rollcall_domain::trust::feed::FeedKind;
use rollcall_domain::{Actor, Command, Event, Record};
use std::io::Write;

struct Scene {
    server: TestServer,
    secret: String,
}

const JSON: (&str, &str) = ("content-type", "application/json");
const DEVICE: &str = "srv1-2026-11-25-10-00-00";

impl Scene {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let secret = create(&server, "site", FeedKind::Glpi, &[]).await;
        Self { server, secret }
    }

    async fn send_as(&self, authorization: Option<&str>, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut connection = self.server.connect(self.server.server.api, None).await.unwrap();
        let mut all = headers.to_vec();
        all.extend(authorization.map(|value| ("authorization", value)));
        post(&mut connection, path, &all, body).await.unwrap()
    }

    async fn send(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.send_as(Some(&basic("site", &self.secret)), path, headers, body).await
    }

    async fn json(&self, body: &str) -> Reply {
        self.send("/front/inventory.php", &[JSON], body.as_bytes()).await
    }

    async fn inventory(&self, device: &str, content: &str) -> Reply {
        let body = format!(r#"{{"action": "inventory", "deviceid": "{device}", "itemtype": "Computer", "content": {content}}}"#);
        self.json(&body).await
    }

    async fn xml(&self, body: &[u8]) -> Reply {
        self.send("/ocsinventory", &[("content-type", "application/x-compress")], body).await
    }

    fn hosts(&self) -> usize {
        self.server.server.engine.read(|world| world.cmdb.natives.values().collect::<std::collections::BTreeSet<_>>().len())
    }

    /// Code and key of each dead letter, in order.
    fn letters(&self) -> Vec<(String, String)> {
        let told = |letter: &DeadLetter| match &letter.reporter {
            Reporter::Feed { key, .. } => (letter.code.as_str().to_owned(), key.clone()),
            Reporter::Agent(agent) => panic!("{agent}"),
        };
        let mut all: Vec<_> = self.server.server.engine.read(|world| world.cmdb.dead_letters.values().map(told).collect());
        all.sort();
        all
    }

    async fn records(&self) -> Vec<Record> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let page = self.server.server.engine.records(after, 500).await.unwrap();
            let Some(last) = page.last() else { return all };
            after = last.revision;
            all.extend(page);
        }
    }

    async fn refusals(&self) -> Vec<String> {
        let told = |record: Record| match record.event {
            Event::Trust(TrustEvent::Refused { code, detail }) => Some(format!("{code}: {detail}")),
            _ => None,
        };
        self.records().await.into_iter().filter_map(told).collect()
    }
}

async fn create(server: &TestServer, name: &str, kind: FeedKind, networks: &[&str]) -> String {
    let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
    server.server.tokens.create(Ask::CreateFeed { name: name.parse().unwrap(), kind, networks, ttl_s: None }).await.unwrap()
}

fn basic(name: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")))
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn inflate(bytes: &[u8]) -> String {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::ZlibDecoder::new(bytes), &mut text).unwrap();
    text
}

fn query(query: &str, more: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><REQUEST><DEVICEID>{DEVICE}</DEVICEID><QUERY>{query}</QUERY>{more}</REQUEST>")
}

const MACHINE: &str = r#"{"versionclient": "x", "hardware": {"name": "srv1", "uuid": "4c4c4544-0034-3010-8048-b6c04f503732", "vmsystem": "Physical"},
    "bios": {"ssn": "640HP72", "smanufacturer": "Dell Inc."}}"#;

#[track_caller]
fn check(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{}", String::from_utf8_lossy(&reply.body));
}

#[tokio::test]
async fn a_glpi_agent_is_told_what_to_do_and_thanked() {
    let scene = Scene::start().await;
    let contact = scene
        .json(&format!(
            r#"{{"action": "contact", "deviceid": "{DEVICE}", "name": "GLPI-Agent", "version": "1.5", "enabled-tasks": ["inventory"]}}"#
        ))
        .await;
    let expected = serde_json::json!({"status": "ok", "expiration": 24, "tasks": {"inventory": {"server": "glpi", "version": "10.0.17"}}});
    assert_eq!((contact.status, contact.json()), (200, expected));
    let taken = scene.inventory(DEVICE, MACHINE).await;
    assert_eq!((taken.status, taken.json()), (200, serde_json::json!({"status": "ok", "expiration": 24})));
    assert_eq!(scene.hosts(), 1);
}

#[tokio::test]
async fn an_xml_agent_is_answered_in_the_form_in_which_it_asks() {
    let scene = Scene::start().await;
    let prolog = query("PROLOG", "");
    let send = "<REPLY><PROLOG_FREQ>24</PROLOG_FREQ><RESPONSE>SEND</RESPONSE></REPLY>";
    let plain = scene.xml(prolog.as_bytes()).await;
    assert_eq!((plain.status, String::from_utf8_lossy(&plain.body).as_ref()), (200, send));
    let packed = scene.xml(&zlib(prolog.as_bytes())).await;
    assert_eq!((packed.status, inflate(&packed.body).as_str()), (200, send));
    let zipped = scene.xml(&gzip(prolog.as_bytes())).await;
    assert!(zipped.status == 200 && zipped.body.starts_with(&[0x1f, 0x8b]) && zipped.head.contains("application/x-compress-gzip"));
    let speaks_json = [("content-type", "application/xml"), ("glpi-agent-id", "7d2b6a4e-7b0c-4e59-9d84-2b6f7ad0f7f0")];
    let welcome = scene.send("/glpi", &speaks_json, prolog.as_bytes()).await;
    assert_eq!(welcome.json()["tasks"]["inventory"]["server"], "glpi");
    let content = "<CONTENT><HARDWARE><NAME>srv1</NAME></HARDWARE><BIOS><SSN>640HP72</SSN></BIOS></CONTENT>";
    let taken = scene.send("/plugins/fusioninventory/", &[], &zlib(query("INVENTORY", content).as_bytes())).await;
    assert_eq!((taken.status, inflate(&taken.body).as_str()), (200, "<REPLY><RESPONSE>NO_ACCOUNT_UPDATE</RESPONSE></REPLY>"));
    assert_eq!(scene.hosts(), 1);
}

#[tokio::test]
async fn nobody_is_let_in_without_a_secret_and_guessing_ends() {
    let scene = Scene::start().await;
    let asked = scene.send_as(None, "/glpi", &[JSON], &vec![b' '; 1 << 20]).await;
    check(&asked, 401, "unauthenticated");
    assert!(asked.head.contains("www-authenticate: basic realm=\"rollcall\""), "{}", asked.head);
    assert_eq!(scene.refusals().await, Vec::<String>::new(), "agents always ask first");
    let good = format!("Bearer {}", scene.secret);
    assert_eq!(scene.send_as(Some(&good), "/glpi", &[JSON], br#"{"action": "contact", "deviceid": "x"}"#).await.status, 200);
    for wrong in [basic("site", "rcf_wrong"), basic("other", &scene.secret), "Bearer rca_x".to_owned(), "Negotiate x".to_owned()] {
        check(&scene.send_as(Some(&wrong), "/glpi", &[JSON], b"{}").await, 401, "unauthenticated");
    }
    let told = scene.refusals().await;
    assert_eq!(told.len(), 4);
    assert!(told[0].contains("site") && !told.join("").contains(&scene.secret), "{told:?}");
    for _ in 0..26 {
        scene.send_as(Some(&basic("site", "guess")), "/glpi", &[JSON], b"{}").await;
    }
    let limited = scene.send_as(Some(&basic("site", "guess")), "/glpi", &[JSON], b"{}").await;
    check(&limited, 429, "too_many_requests");
    assert!(limited.head.contains("retry-after"));
}

#[tokio::test]
async fn a_feed_ends_with_its_withdrawal_and_holds_for_its_networks_and_its_kind() {
    let scene = Scene::start().await;
    let contact = br#"{"action": "contact", "deviceid": "x"}"#;
    let far = create(&scene.server, "far", FeedKind::Glpi, &["192.0.2.0/24"]).await;
    check(&scene.send_as(Some(&basic("far", &far)), "/glpi", &[JSON], contact).await, 401, "unauthenticated");
    let near = create(&scene.server, "near", FeedKind::Ocs, &["127.0.0.0/8"]).await;
    check(&scene.send_as(Some(&basic("near", &near)), "/glpi", &[JSON], contact).await, 403, "forbidden");
    let prolog = query("PROLOG", "");
    assert_eq!(scene.send_as(Some(&basic("near", &near)), "/ocsinventory", &[], prolog.as_bytes()).await.status, 200);
    scene.server.trust(TrustCommand::RevokeFeed("near".parse().unwrap())).await;
    check(&scene.send_as(Some(&basic("near", &near)), "/ocsinventory", &[], prolog.as_bytes()).await, 401, "unauthenticated");
    assert!(token::hash_of(&near) != near);
}

#[tokio::test]
async fn what_cannot_be_done_is_said_so() {
    let scene = Scene::start().await;
    for action in ["netdiscovery", "get", "register"] {
        check(&scene.json(&format!(r#"{{"action": "{action}", "deviceid": "x"}}"#)).await, 501, "unsupported_action");
    }
    check(&scene.xml(query("SNMPQUERY", "").as_bytes()).await, 501, "unsupported_action");
    let printer = r#"{"action": "inventory", "deviceid": "x", "itemtype": "Printer", "content": {"versionclient": "x"}}"#;
    check(&scene.json(printer).await, 501, "unsupported_action");
    let strange = scene.send("/glpi", &[("content-type", "image/png")], b"{}").await;
    check(&strange, 415, "unsupported_media_type");
}

#[tokio::test]
async fn malformed_and_hostile_bodies_are_refused_and_leave_a_word_of_it() {
    let scene = Scene::start().await;
    for body in ["", "{", "[]", "plain", "{\"action\": \"contact\"}", "\x1f\u{8b}", "x\u{9c}"] {
        check(&scene.json(body).await, 400, "malformed_inventory");
    }
    let laughs = "<!DOCTYPE lolz [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;&a;\">]><REQUEST><QUERY>&b;</QUERY></REQUEST>";
    check(&scene.xml(laughs.as_bytes()).await, 400, "malformed_inventory");
    check(&scene.xml(&zlib("<A>".repeat(1_000_000).as_bytes())).await, 400, "malformed_inventory");
    check(&scene.xml(&zlib(&vec![b' '; 40 << 20])).await, 413, "payload_too_large");
    check(&scene.json(&"[".repeat(100_000)).await, 400, "malformed_inventory");
    let rows = format!(
        r#"{{"action": "inventory", "deviceid": "x", "content": {{"softwares": [{}{{}}]}}}}"#,
        r#"{"name":"x"},"#.repeat(1_000_000)
    );
    check(&scene.send("/glpi", &[], &gzip(rows.as_bytes())).await, 413, "payload_too_large");
    let cut = zlib(query("PROLOG", "").as_bytes());
    check(&scene.xml(&cut[..cut.len() - 8]).await, 400, "malformed_inventory");
    let declared = scene.send("/glpi", &[JSON, ("x-pad", "1")], &vec![b' '; (8 << 20) + 1]).await;
    check(&declared, 413, "payload_too_large");
    assert_eq!(scene.hosts(), 0);
    let letters = scene.letters();
    assert!(
        letters.iter().all(|(code, key)| ["malformed_inventory", "report_refused"].contains(&code.as_str()) && key != "&b;"),
        "{letters:?}"
    );
    assert!(letters.contains(&("report_refused".into(), "x".into())), "too many values of a machine that is known by its key: {letters:?}");
}

#[tokio::test]
async fn what_an_admitted_feed_is_refused_is_a_dead_letter() {
    let scene = Scene::start().await;
    let engine = &scene.server.server.engine;
    let xxe = query("INVENTORY", "<CONTENT><HARDWARE><NAME>&xxe;</NAME></HARDWARE></CONTENT>");
    check(&scene.xml(xxe.as_bytes()).await, 400, "malformed_inventory");
    check(&scene.json(r#"{"action": "inventory", "deviceid": "cut-1", "content": {"#).await, 400, "malformed_inventory");
    check(&scene.json("{").await, 400, "malformed_inventory");
    let mut policy = rollcall_domain::ci::policy::Policy::default();
    policy.reconciliation.insert.push(InsertRule { source: None, class: None, right: InsertRight::Refuse });
    let set = |policy| {
        let command = Command::Ci(CiCommand::SetPolicy { policy: Box::new(policy), expected: None });
        let actor = Actor::Token { id: rollcall_domain::id::TokenId(1), name: "ada".into() };
        engine.execute(Request { actor, request_id: None, idempotency_key: None, command })
    };
    set(policy).await.unwrap();
    check(&scene.inventory(DEVICE, MACHINE).await, 403, "forbidden");
    let expected = [("forbidden", DEVICE), ("malformed_inventory", ""), ("malformed_inventory", "cut-1"), ("malformed_inventory", DEVICE)];
    let letters = scene.letters();
    assert_eq!(letters, expected.map(|(code, key)| (code.to_owned(), key.to_owned())));
    let audited = scene.refusals().await;
    for told in ["malformed_inventory: an inventory of site (cut-1): ", "forbidden: an inventory of site (srv1-2026-11-25-10-00-00): "] {
        assert!(audited.iter().any(|line| line.starts_with(told)), "{told}: {audited:?}");
    }
    assert!(!audited.iter().any(|line| line.starts_with("conflict")), "{audited:?}");
    set(Default::default()).await.unwrap();
    assert_eq!(scene.inventory(DEVICE, MACHINE).await.status, 200);
    assert!(!scene.letters().iter().any(|(_, key)| key == DEVICE), "what counts answers what was refused before");
}

#[tokio::test]
async fn a_feed_cannot_flood_people_with_its_refusals() {
    let scene = Scene::start().await;
    for number in 0..80 {
        check(&scene.json(&format!(r#"{{"deviceid": "m{number}", "#)).await, 400, "malformed_inventory");
    }
    assert_eq!((scene.letters().len(), scene.refusals().await.len()), (60, 60));
}

#[tokio::test]
async fn an_older_inventory_is_refused_aloud_and_changes_nothing() {
    let scene = Scene::start().await;
    let at = |date: &str, name: &str| {
        MACHINE.replace("\"srv1\"", &format!("\"{name}\"")).replacen('{', &format!("{{\"accesslog\": {{\"logdate\": \"{date}\"}}, "), 1)
    };
    assert_eq!(scene.inventory(DEVICE, &at("2020-06-12 14:19:54", "newer")).await.status, 200);
    check(&scene.inventory(DEVICE, &at("2020-06-11 14:19:54", "older")).await, 409, "conflict");
    assert_eq!(scene.inventory(DEVICE, &at("2020-06-12 14:19:54", "newer")).await.status, 200, "the same again is harmless");
    let names: Vec<String> = scene.server.server.engine.read(|world| world.cmdb.cis.values().map(|ci| ci.name.clone()).collect());
    assert_eq!(names, ["newer"]);
    assert!(scene.refusals().await.iter().any(|told| told.starts_with("conflict: ") && told.contains("collected at 2020-06-11")));
    assert!(scene.letters().is_empty(), "nothing is lost by it");
}

#[tokio::test]
async fn an_inventory_that_is_set_aside_is_refused_in_the_words_of_the_agent() {
    let scene = Scene::start().await;
    let engine = &scene.server.server.engine;
    let actor = Actor::Token { id: rollcall_domain::id::TokenId(1), name: "ada".into() };
    let run = async |command| {
        let request = Request { actor: actor.clone(), request_id: None, idempotency_key: None, command: Command::Ci(command) };
        engine.execute(request).await.unwrap()
    };
    let mut policy = rollcall_domain::ci::policy::Policy::default();
    policy.identification.reject_ambiguous.insert(Class::Host);
    run(CiCommand::SetPolicy { policy: Box::new(policy), expected: None }).await;
    for name in ["one", "two"] {
        let (attributes, tags) = (std::collections::BTreeMap::new(), Vec::new());
        let new = NewCi { class: Class::Server, name: name.into(), status: None, parent: None, attributes, tags };
        let made = run(CiCommand::Create(Box::new(new))).await;
        let Event::Ci(CiEvent::CiCreated { ci, .. }) = made.records[0].event else { panic!("{made:?}") };
        let said = [("serial", "640HP72"), ("manufacturer", "Dell Inc.")];
        let attributes = said.map(|(name, value)| (name.to_owned(), Some(AttributeValue::Text(value.into())))).into();
        run(CiCommand::AssertAttributes { ci, attributes, expected: None }).await;
    }
    let content =
        "<CONTENT><HARDWARE><NAME>srv1</NAME></HARDWARE><BIOS><SSN>640HP72</SSN><SMANUFACTURER>Dell Inc.</SMANUFACTURER></BIOS></CONTENT>";
    for _ in 0..2 {
        let refused = scene.inventory(DEVICE, MACHINE).await;
        let said = refused.json();
        assert_eq!((refused.status, &said["status"], &said["expiration"]), (409, &"error".into(), &24.into()), "{said}");
        assert!(said["message"].as_str().unwrap().starts_with("ambiguous_identity: "), "{said}");
        let packed = scene.xml(&zlib(query("INVENTORY", content).as_bytes())).await;
        let text = inflate(&packed.body);
        assert!(packed.status == 409 && text.starts_with("<REPLY><ERROR>ambiguous_identity: "), "{text}");
    }
    let letters = engine.read(|world| world.cmdb.dead_letters.len());
    assert_eq!((letters, scene.hosts()), (1, 0));
    run(CiCommand::SetPolicy { policy: Box::default(), expected: None }).await;
    assert_eq!(scene.inventory(DEVICE, MACHINE).await.status, 200);
    assert!(engine.read(|world| world.cmdb.dead_letters.is_empty()));
}

#[tokio::test]
async fn a_new_device_id_goes_on_with_the_host_of_the_old_one() {
    let scene = Scene::start().await;
    let content = "<CONTENT><HARDWARE><NAME>nameless</NAME></HARDWARE></CONTENT>";
    assert_eq!(scene.xml(query("INVENTORY", content).as_bytes()).await.status, 200);
    let renamed =
        query("INVENTORY", &format!("{content}<OLD_DEVICEID>{DEVICE}</OLD_DEVICEID>")).replacen(DEVICE, "srv2-2027-01-01-00-00-00", 1);
    assert_eq!(scene.xml(renamed.as_bytes()).await.status, 200);
    assert_eq!(scene.hosts(), 1);
    let stranger = query("INVENTORY", content).replace(DEVICE, "srv3-2027-01-01-00-00-00");
    assert_eq!(scene.xml(stranger.as_bytes()).await.status, 200);
    assert_eq!(scene.hosts(), 2, "a name alone merges nothing");
}

#[tokio::test]
async fn two_feeds_describe_one_machine_by_its_serial_number() {
    let scene = Scene::start().await;
    let other = create(&scene.server, "ocs", FeedKind::Ocs, &[]).await;
    scene.inventory(DEVICE, MACHINE).await;
    let content = "<CONTENT><HARDWARE><NAME>srv1</NAME><UUID>4C4C4544-0034-3010-8048-B6C04F503732</UUID><VMSYSTEM>Physical</VMSYSTEM></HARDWARE><BIOS><SSN>640HP72</SSN><SMANUFACTURER>Dell Inc.</SMANUFACTURER></BIOS></CONTENT>";
    let xml = query("INVENTORY", content).replace(DEVICE, "other-2026-01-01-00-00-00");
    assert_eq!(scene.send_as(Some(&basic("ocs", &other)), "/ocsinventory", &[], xml.as_bytes()).await.status, 200);
    assert_eq!(scene.hosts(), 1);
    let sources: Vec<Source> = scene.server.server.engine.read(|world| {
        let host = world.cmdb.cis.values().next().unwrap();
        host.attributes["serial"].proposals().iter().map(|proposal| proposal.source().clone()).collect()
    });
    assert_eq!(sources, [Source::Feed { name: "ocs".into() }, Source::Feed { name: "site".into() }]);
}

fn example(name: &str) -> Option<Vec<u8>> {
    let folder = std::path::PathBuf::from(std::env::var_os("ROLLCALL_TEST_DATA")?).join("inventory_format");
    Some(std::fs::read(folder.join(name)).unwrap())
}

#[tokio::test]
async fn a_real_release_upgrade_is_853_upgrades_163_installations_and_12_removals() {
    let scene = Scene::start().await;
    for file in ["computer_3.json", "computer_3_updated.json"] {
        let Some(body) = example(file) else { return };
        let reply = scene.send("/glpi", &[("content-type", "application/x-compress-zlib")], &zlib(&body)).await;
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    }
    let (mut upgrades, mut installs, mut removals) = (0, 0, 0);
    for record in scene.records().await {
        let Event::Ci(CiEvent::SoftwareChanged { changes, .. }) = record.event else { continue };
        upgrades += changes.iter().filter(|change| change.before.is_some() && change.after.is_some()).count();
        installs += changes.iter().filter(|change| change.before.is_none()).count();
        removals += changes.iter().filter(|change| change.after.is_none()).count();
    }
    assert_eq!((upgrades, installs, removals), (853, 163, 12));
    assert_eq!(scene.hosts(), 1);
    let found = scene.server.server.engine.read(|world| {
        let host = world.cmdb.natives.values().next().unwrap();
        world.cmdb.cis[host].clone()
    });
    let now = &found.sections_of(Some("site")).unwrap()[&rollcall_shared::SectionName::Packages];
    let mut before = found.clone();
    let state = before.feeds.get_mut("site").unwrap().get_mut(&rollcall_shared::SectionName::Packages).unwrap();
    state.hash = Some(now.history[0].1);
    let content = scene.server.server.engine.history().content;
    let compared = rollcall_domain::ci::compare::compare(&before, &found, &content);
    let packages = compared.sections.iter().find(|section| section.name == rollcall_shared::SectionName::Packages).unwrap();
    use rollcall_domain::ci::compare::RowChange as C;
    let counts = [C::Upgraded, C::Downgraded, C::Added, C::Removed].map(|change| packages.count(change));
    assert_eq!(counts, [Some(853), Some(0), Some(163), Some(12)]);
    assert!(packages.count(C::Bookkeeping) > Some(1_000), "{:?}", packages.count(C::Bookkeeping));
}

#[tokio::test]
async fn a_partial_inventory_adds_and_renews_and_removes_nothing() {
    let scene = Scene::start().await;
    for file in ["computer_1.json", "computer_1_partial_volumes.json", "computer_1_partial_softs.json"] {
        let Some(body) = example(file) else { return };
        assert_eq!(scene.send("/glpi", &[JSON], &body).await.status, 200, "{file}");
    }
    assert_eq!(scene.hosts(), 1);
    let engine = &scene.server.server.engine;
    let versions: Vec<String> = engine.read(|world| {
        let host = *world.cmdb.natives.values().next().unwrap();
        let products = world.cmdb.software.packages_of(host);
        let named = products.iter().filter(|(product, _)| world.cmdb.cis[product].name == "gitg");
        named.map(|(_, version)| (*version).to_owned()).collect()
    });
    assert_eq!(versions, ["3.33.0-1.fc31"]);
    let missing =
        engine.read(|world| world.cmdb.cis.values().filter(|ci| ci.status != rollcall_domain::ci::Lifecycle::Operational).count());
    assert_eq!(missing, 0, "what a partial inventory does not mention is not missing");
}
