use super::*;
use crate::clock::ManualClock;
use crate::delivery::Signer;
use crate::engine::EngineConfig;
use crate::entropy::SeededEntropy;
use crate::store::memory::MemoryStore;
use axum::body::Body;
use rollcall_domain::delivery::{ChannelKind, DeliveryCommand, NewChannel, Wanted};
use rollcall_domain::id::{ChannelId, RouteId};
use rollcall_domain::incident::NewIncident;
use rollcall_domain::notification::NotificationCommand;
use rollcall_domain::notification::route::{Route, When};
use rollcall_domain::rule::Grade;
use rollcall_shared::Timestamp;
use tower::ServiceExt as _;

const NOW: Timestamp = Timestamp(1_795_235_460_000);

/// A server with one open incident and one channel.
struct Fixture {
    router: Router,
    engine: Engine,
    links: Links,
    clock: Arc<ManualClock>,
    channel: ChannelId,
    incident: IncidentId,
}

impl Fixture {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let store = Arc::new(MemoryStore::new());
        let engine = Engine::start(EngineConfig::default(), store, clock.clone(), Arc::new(SeededEntropy::new(1))).unwrap();
        let links = Links::new(&Signer::new([7; 32]), Some("https://rollcall.example"));
        let router = router(AcknowledgeService::new(engine.clone(), links.clone(), clock.clone()));
        let kind = ChannelKind::Webhook { url: "https://receiver.example/".into() };
        let channel = NewChannel { name: "on call".into(), kind, enabled: true, wanted: Wanted::default() };
        run(&engine, Command::Delivery(DeliveryCommand::Create { id: None, channel, after: None })).await;
        let new = NewIncident { title: "<b>full</b>".into(), description: "It is full.".into(), ..NewIncident::default() };
        let open = IncidentCommand::Open(Box::new(new));
        run(&engine, Command::Incident(open)).await;
        let channel = engine.read(|world| *world.delivery.channels.keys().next().unwrap());
        let incident = engine.read(|world| *world.incidents.incidents.keys().next().unwrap());
        Self { router, engine, links, clock, channel, incident }
    }

    fn token(&self) -> String {
        let expires_at = NOW.plus(Duration::from_secs(60));
        let (channel, incidents) = (self.channel, vec![self.incident]);
        self.links.token(&Invitation { channel, expires_at, group: None, incidents, sent_to: "ann@example.org".into() })
    }

    async fn ask(&self, method: &str, token: &str) -> (u16, String) {
        self.send(method, token, String::new()).await
    }

    /// Presses the button of a page.
    async fn press(&self, token: &str, page: &str) -> (u16, String) {
        let (_, rest) = page.split_once("value=\"").expect("a form");
        let (ids, _) = rest.split_once('"').expect("its end");
        self.send("POST", token, format!("shown={ids}")).await
    }

    /// What is behind a link to read.
    async fn look(&self, links: &Links, incident: IncidentId) -> (u16, String) {
        let (channel, expires_at) = (self.channel, NOW.plus(Duration::from_secs(60)));
        let invitation = Invitation { channel, expires_at, group: None, incidents: vec![incident], sent_to: String::new() };
        let link = links.look(&invitation).expect("there is a base");
        self.request(Request::get(link.strip_prefix("https://rollcall.example").expect("of this server")), String::new()).await
    }

    async fn send(&self, method: &str, token: &str, form: String) -> (u16, String) {
        self.request(Request::builder().method(method).uri(format!("{ACKNOWLEDGE}{token}")), form).await
    }

    async fn request(&self, request: axum::http::request::Builder, form: String) -> (u16, String) {
        let mut request = request.body(Body::from(form)).unwrap();
        request.extensions_mut().insert(ClientAddress("192.0.2.1:5".parse().unwrap()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn acknowledged(&self) -> Option<Actor> {
        self.engine.read(|world| world.incidents.incidents[&self.incident].acknowledged.as_ref().map(|(_, by)| by.clone()))
    }
}

async fn run(engine: &Engine, command: Command) {
    engine.execute(EngineRequest { actor: Actor::Local, request_id: None, idempotency_key: None, command }).await.unwrap();
}

#[tokio::test]
async fn looking_changes_nothing_and_the_button_acknowledges_once() {
    let fixture = Fixture::new().await;
    let token = fixture.token();
    for method in ["GET", "HEAD", "GET"] {
        let (status, page) = fixture.ask(method, &token).await;
        assert_eq!(status, 200);
        assert!(
            method == "HEAD" || (page.contains("<button") && page.contains("INC0000001</a>: &lt;b&gt;full&lt;/b&gt; (open)")),
            "{page}"
        );
        assert_eq!(fixture.acknowledged(), None);
    }
    let (_, page) = fixture.ask("GET", &token).await;
    let (_, rest) = page.split_once("href=\"https://rollcall.example").expect("where to read of it");
    let (look, _) = rest.split_once('"').expect("its end");
    let (status, page) = fixture.request(Request::get(look), String::new()).await;
    assert!(status == 200 && page.contains("It is full."), "{page}");
    assert_eq!(fixture.ask("POST", &token).await.0, 200);
    let link = Actor::Link { channel: fixture.channel, name: "on call".into(), sent_to: "ann@example.org".into() };
    assert_eq!(fixture.acknowledged(), Some(link));
    let revision = fixture.engine.read(|world| world.revision);
    let (status, page) = fixture.ask("POST", &token).await;
    assert!(status == 200 && page.contains("(acknowledged)"), "{page}");
    assert_eq!(fixture.engine.read(|world| world.revision), revision);
    assert!(!fixture.ask("GET", &token).await.1.contains("<button"));
}

#[tokio::test]
async fn what_a_person_needs_to_know_of_an_incident_is_a_page_that_changes_nothing() {
    let fixture = Fixture::new().await;
    let act = |action| Command::Incident(IncidentCommand::Act { incident: fixture.incident, action, expected: None });
    for n in 1..=12 {
        run(&fixture.engine, act(IncidentAction::Note { text: format!("<script>note {n}.</script>\nmore"), public: false })).await;
    }
    let revision = fixture.engine.read(|world| world.revision);
    let (status, page) = fixture.look(&fixture.links, fixture.incident).await;
    assert_eq!(status, 200);
    let told = [
        "INC0000001 &lt;b&gt;full&lt;/b&gt;",
        "It is full.",
        "<dt>State</dt><dd>new</dd>",
        "&lt;script&gt;note 12.&lt;/script&gt;<br>more",
    ];
    told.iter().for_each(|text| assert!(page.contains(text), "{text}: {page}"));
    let untold = ["<b>full", "<script", "<form", "<button", "note 2."];
    untold.iter().for_each(|text| assert!(!page.contains(text), "{text}: {page}"));
    assert_eq!(fixture.engine.read(|world| world.revision), revision);
    let absent = fixture.look(&fixture.links, IncidentId(1)).await;
    assert!(absent.0 == 200 && absent.1.contains("There is no such incident"), "{}", absent.1);
    let other = Links::new(&Signer::new([8; 32]), Some("https://rollcall.example"));
    assert_eq!(fixture.look(&other, fixture.incident).await.0, 404);
    let acknowledging = Request::get(format!("/incident/{}", fixture.token()));
    assert_eq!(fixture.request(acknowledging, String::new()).await.0, 404);
    fixture.clock.advance(Duration::from_secs(61));
    assert_eq!(fixture.look(&fixture.links, fixture.incident).await.0, 410);
}

fn route(channel: ChannelId) -> Route {
    Route {
        id: RouteId(0),
        name: "Pages".into(),
        position: 1,
        enabled: true,
        when: When::default(),
        continues: false,
        channels: [channel].into(),
        escalation: None,
        group_by: [].into(),
        group_wait_ms: None,
        group_interval_ms: 60_000,
        repeat_interval_ms: None,
        quiet_hours: None,
        tell_resolved: true,
        tell_acknowledged: true,
        title: None,
        text: None,
    }
}

impl Fixture {
    /// Pages that are told together, and a link whose message named one of them beside an incident of no group.
    async fn told(&self, count: usize) -> String {
        let set = NotificationCommand::SetRoute { id: None, route: Box::new(route(self.channel)), expected: None };
        run(&self.engine, Command::Notification(set)).await;
        for number in 0..count {
            self.page(number).await;
        }
        let (group, told) = self.engine.read(|world| {
            let group = world.notifications.groups.values().next().expect("told of");
            (group.id, group.unattended().collect::<Vec<_>>())
        });
        assert_eq!(told.len(), count);
        let (channel, expires_at, incidents) = (self.channel, NOW.plus(Duration::from_secs(60)), vec![self.incident, told[0]]);
        self.links.token(&Invitation { channel, expires_at, group: Some(group), incidents, sent_to: String::new() })
    }

    async fn page(&self, number: usize) {
        let (impact, urgency) = (Some(Grade::High), Some(Grade::High));
        let title = format!("page {number}");
        let new = NewIncident { title, description: "It is full.".into(), impact, urgency, ..NewIncident::default() };
        run(&self.engine, Command::Incident(IncidentCommand::Open(Box::new(new)))).await;
    }

    fn unnoticed(&self) -> usize {
        self.engine.read(|world| world.incidents.incidents.values().filter(|one| one.acknowledged.is_none()).count())
    }
}

#[tokio::test]
async fn a_press_takes_notice_of_what_the_page_listed_and_of_nothing_that_came_after() {
    let fixture = Fixture::new().await;
    let token = fixture.told(3).await;
    let (_, page) = fixture.ask("GET", &token).await;
    for number in 0..3 {
        assert!(page.contains(&format!("page {number} (open)")), "{page}");
    }
    fixture.page(3).await;
    let (status, page) = fixture.press(&token, &page).await;
    assert!(status == 200 && page.contains("page 3 (open)") && page.contains("<button"), "{page}");
    assert_eq!(fixture.unnoticed(), 1);
    let (_, page) = fixture.press(&token, &page).await;
    assert!(page.contains("Thank you") && !page.contains("<button"), "{page}");
    assert_eq!(fixture.unnoticed(), 0);
}

#[tokio::test]
async fn a_press_without_the_page_takes_notice_of_what_the_message_named() {
    let fixture = Fixture::new().await;
    let token = fixture.told(3).await;
    assert_eq!(fixture.ask("POST", &token).await.0, 200);
    assert_eq!(fixture.unnoticed(), 2);
}

#[tokio::test]
async fn a_page_lists_fifty_and_says_how_many_more_there_are() {
    let fixture = Fixture::new().await;
    let token = fixture.told(60).await;
    let (_, page) = fixture.ask("GET", &token).await;
    assert!(page.matches("<li>").count() == 50 && page.contains("And 11 more"), "{page}");
    let (_, page) = fixture.press(&token, &page).await;
    assert_eq!((page.matches("(open)").count(), fixture.unnoticed()), (11, 11));
}

#[tokio::test]
async fn a_link_that_is_none_does_nothing_and_guessing_is_slowed() {
    let fixture = Fixture::new().await;
    let other = Links::new(&Signer::new([8; 32]), None);
    let invitation = fixture.links.read(&fixture.token(), NOW).unwrap();
    for token in ["x", &other.token(&invitation)] {
        assert_eq!(fixture.ask("POST", token).await.0, 404);
    }
    for _ in 0..REFUSED_PER_MINUTE {
        fixture.ask("GET", "x").await;
    }
    assert_eq!(fixture.ask("POST", &fixture.token()).await.0, 429);
    assert_eq!(fixture.acknowledged(), None);
}

#[tokio::test]
async fn a_link_ends_with_its_time_and_with_its_channel() {
    let fixture = Fixture::new().await;
    let token = fixture.token();
    run(&fixture.engine, Command::Delivery(DeliveryCommand::Delete { id: fixture.channel, expected: None })).await;
    assert_eq!(fixture.ask("POST", &token).await.0, 410);
    let fixture = Fixture::new().await;
    fixture.clock.advance(Duration::from_secs(61));
    assert_eq!(fixture.ask("POST", &fixture.token()).await.0, 410);
    assert_eq!(fixture.acknowledged(), None);
}
