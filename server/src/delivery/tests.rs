mod kinds;

use super::*;
use crate::api::show_to_outsiders;
use crate::clock::{Clock as _, ManualClock};
use crate::engine::{Engine, EngineConfig, Executed, Request as Asked};
use crate::entropy::SeededEntropy;
use crate::log;
use crate::store::Snapshot;
use crate::store::memory::MemoryStore;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rollcall_domain::contact::{ContactCommand, ContactKind};
use rollcall_domain::delivery::{ChannelKind, DeliveryCommand, DeliveryState, KnownChannel, NewChannel, Standing, Wanted};
use rollcall_domain::trust::decide::TrustCommand;
use rollcall_domain::{Actor, Command, World};
use rollcall_shared::Timestamp;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const NOW: Timestamp = Timestamp(1_795_235_460_000);

/// Longer than any test takes: what does not come by then never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a sender waits for a receiver that hangs.
const LIMIT: Duration = Duration::from_millis(300);

/// What a receiver does with a request.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Status(u16, &'static str),
    Hang,
    Close,
    Endless,
}

/// A request as it came.
#[derive(Clone, Debug)]
struct Received {
    head: String,
    body: serde_json::Value,
    text: String,
}

impl Received {
    fn header(&self, name: &str) -> &str {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
    }

    fn revisions(&self) -> Vec<u64> {
        self.body["data"]["records"].as_array().into_iter().flatten().map(|record| record["revision"].as_u64().unwrap()).collect()
    }
}

type Script = Arc<dyn Fn(usize, &Received) -> Answer + Send + Sync>;

/// A receiver on loopback that can misbehave, and what it confirmed.
struct Receiver {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<(Received, bool)>>>,
}

impl Receiver {
    async fn start(script: impl Fn(usize, &Received) -> Answer + Send + Sync + 'static) -> Self {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, seen) = (socket.local_addr().unwrap(), Arc::<Mutex<Vec<_>>>::default());
        let (script, kept): (Script, _) = (Arc::new(script), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&kept)));
            }
        });
        Self { address, seen }
    }

    fn requests(&self) -> Vec<(Received, bool)> {
        self.seen.lock().unwrap().clone()
    }

    /// Revisions that were confirmed, as they came.
    fn confirmed(&self) -> Vec<u64> {
        self.requests().iter().filter(|(_, confirmed)| *confirmed).flat_map(|(request, _)| request.revisions()).collect()
    }
}

async fn serve(mut stream: TcpStream, script: Script, seen: Arc<Mutex<Vec<(Received, bool)>>>) -> io::Result<()> {
    loop {
        let request = read(&mut stream).await?;
        let answer = {
            let mut seen = seen.lock().unwrap();
            let answer = script(seen.len(), &request);
            seen.push((request, matches!(answer, Answer::Status(200..=299, _))));
            answer
        };
        match answer {
            Answer::Status(status, headers) => {
                stream.write_all(format!("HTTP/1.1 {status} x\r\n{headers}content-length: 0\r\n\r\n").as_bytes()).await?;
            }
            Answer::Hang => return std::future::pending().await,
            Answer::Close => return Ok(()),
            Answer::Endless => {
                stream.write_all(b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                loop {
                    stream.write_all(b"8\r\nendless \r\n").await?;
                }
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> io::Result<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = bytes.split_off(end);
    while body.len() < length && stream.read_buf(&mut body).await? > 0 {}
    Ok(Received { head, body: serde_json::from_slice(&body).unwrap(), text: String::from_utf8(body).unwrap() })
}

/// Every name is this machine: what a name that is made to point inward says.
struct Inward;

impl Names for Inward {
    fn look_up(&self, _host: &str) -> guard::LookedUp {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

/// An engine with a courier. Ended and begun again it is on the same store.
struct Office {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    engine: Engine,
    guard: Guard,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Office {
    async fn open() -> Self {
        let guard = Guard::new(&["127.0.0.0/8".parse().unwrap()], Arc::new(Inward));
        Self::with(Arc::new(MemoryStore::new()), Arc::new(ManualClock::at(NOW)), guard)
    }

    fn with(store: Arc<MemoryStore>, clock: Arc<ManualClock>, guard: Guard) -> Self {
        Self::of_server(7, store, clock, guard)
    }

    /// An office of the server with this key.
    fn of_server(key: u8, store: Arc<MemoryStore>, clock: Arc<ManualClock>, guard: Guard) -> Self {
        let entropy = Arc::new(SeededEntropy::new(1));
        let engine = Engine::start(EngineConfig::default(), store.clone(), clock.clone(), entropy).unwrap();
        let dispatch = Dispatch::new(Signer::new([key; 32]), guard.clone());
        let sender = Sender::with_limit(guard.clone(), LIMIT);
        let mails = MailSender::new(guard.clone()).with_limit(LIMIT);
        let courier = Courier { engine: engine.clone(), clock: clock.clone(), dispatch, sender, mails, show: show_to_outsiders };
        let stop = CancellationToken::new();
        let task = tokio::spawn(courier.run(stop.clone()));
        Self { store, clock, engine, guard, stop, task }
    }

    async fn close(self) -> (Arc<MemoryStore>, Arc<ManualClock>, Guard) {
        self.stop.cancel();
        self.task.await.unwrap();
        self.engine.shutdown().await;
        (self.store, self.clock, self.guard)
    }

    async fn ask(&self, command: Command) -> Executed {
        self.engine.execute(Asked { actor: Actor::Local, request_id: None, idempotency_key: None, command }).await.unwrap()
    }

    async fn channel(&self, url: String) -> ChannelId {
        let wanted = Wanted { subjects: ["contact".to_owned()].into(), ..Wanted::default() };
        let channel = NewChannel { name: "receiver".into(), kind: ChannelKind::Webhook { url }, enabled: true, wanted };
        self.ask(Command::Delivery(DeliveryCommand::Create { id: None, channel, after: None })).await;
        self.engine.read(|world| *world.delivery.channels.keys().next().unwrap())
    }

    /// Makes something happen that the channel wants; its revision.
    async fn happen(&self, name: &str) -> u64 {
        let command = ContactCommand::Add { name: name.into(), kind: ContactKind::Team, mail: None };
        self.ask(Command::Contact(command)).await.revision
    }

    async fn happen_often(&self, prefix: &str, count: u32) -> Vec<u64> {
        let mut revisions = Vec::new();
        for number in 0..count {
            revisions.push(self.happen(&format!("{prefix} {number}")).await);
        }
        revisions
    }

    /// Lets time pass, and wakes whoever rests with a record that no channel gets.
    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.ask(Command::Trust(TrustCommand::Refuse { code: "x".into(), detail: "x".into() })).await;
    }

    async fn until(&self, holds: impl Fn(&World) -> bool) {
        let mut revisions = self.engine.revisions();
        let waited = tokio::time::timeout(PATIENCE, async {
            while !self.engine.read(&holds) {
                revisions.changed().await.unwrap();
            }
        });
        waited.await.expect("it comes to pass");
    }

    async fn until_known(&self, channel: ChannelId, holds: impl Fn(&KnownChannel) -> bool) {
        self.until(|world| holds(&world.delivery.channels[&channel])).await;
    }

    fn known(&self, channel: ChannelId) -> KnownChannel {
        self.engine.read(|world| world.delivery.channels[&channel].clone())
    }
}

fn hook(receiver: &Receiver) -> String {
    format!("http://{}/hook", receiver.address)
}

/// What the receiver's own library would check (Standard Webhooks, "Verifying signatures").
fn is_signed(secret: &str, request: &Received) -> bool {
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let signed = format!("{}.{}.{}", request.header("webhook-id"), request.header("webhook-timestamp"), request.text);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    request.header("webhook-signature").split(' ').any(|one| one == format!("v1,{}", BASE64_STANDARD.encode(tag)))
}

#[tokio::test]
async fn what_a_channel_wants_arrives_signed_in_order_and_once() {
    let (office, receiver) = (Office::open().await, Receiver::start(|_, _| Answer::Status(204, "")).await);
    let channel = office.channel(hook(&receiver)).await;
    let expected = office.happen_often("team", 250).await;
    let last = *expected.last().unwrap();
    // Progress is noted at most every few seconds, so time has to pass before the last of it is.
    while office.known(channel).cursor < last {
        office.pass(Duration::from_secs(6)).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(receiver.confirmed(), expected);
    let secret = Signer::new([7; 32]).secret(channel, 1);
    for (request, _) in receiver.requests() {
        assert!(is_signed(&secret, &request), "{}", request.head);
        assert_eq!((request.header("content-type"), request.body["type"].as_str()), ("application/json", Some("rollcall.records")));
        assert_eq!(request.header("webhook-timestamp").len(), 10);
        assert!(request.revisions().len() <= 100);
    }
    assert_eq!((office.known(channel).standing(), office.known(channel).health.delivered), (Standing::Healthy, 250));
    office.close().await;
}

/// The first two requests go wrong; while they do, work goes on, and afterwards all is there in order.
#[track_caller]
fn check(first: Answer, reason: &'static str) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let receiver = Receiver::start(move |count, _| if count < 2 { first } else { Answer::Status(200, "") }).await;
        let office = Office::open().await;
        let channel = office.channel(hook(&receiver)).await;
        let mut expected = office.happen_often("before", 3).await;
        office.until_known(channel, |known| known.health.attempts == 1).await;
        assert_eq!(office.known(channel).standing(), Standing::Retrying, "{place}");
        let error = office.known(channel).health.last_error.unwrap().1;
        assert!(error.contains(reason), "{place}: {error}");
        expected.extend(office.happen_often("meanwhile", 3).await);
        office.pass(Duration::from_secs(120)).await;
        office.until_known(channel, |known| known.health.attempts == 2).await;
        office.pass(Duration::from_secs(120)).await;
        let last = *expected.last().unwrap();
        office.until_known(channel, |known| known.standing() == Standing::Healthy).await;
        while office.known(channel).cursor < last {
            office.pass(Duration::from_secs(6)).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(receiver.confirmed(), expected, "{place}");
        let requests = receiver.requests();
        assert_eq!(requests[0].0.header("webhook-id"), requests[1].0.header("webhook-id"), "{place}");
        assert_eq!(requests[0].0.text, requests[1].0.text, "{place}");
        office.close().await;
    }
}

#[tokio::test]
async fn a_receiver_that_fails_hangs_or_hangs_up_gets_everything_later() {
    check(Answer::Status(500, ""), "the receiver answered 500").await;
    check(Answer::Status(302, "location: http://169.254.169.254/\r\n"), "redirects are not followed").await;
    check(Answer::Status(429, "retry-after: 60\r\n"), "the receiver answered 429").await;
    check(Answer::Hang, "did not answer in time").await;
    check(Answer::Close, "").await;
}

#[tokio::test]
async fn a_receiver_says_how_long_to_wait() {
    let receiver = Receiver::start(|_, _| Answer::Status(503, "retry-after: 7200\r\n")).await;
    let office = Office::open().await;
    let channel = office.channel(hook(&receiver)).await;
    office.happen("team").await;
    office.until_known(channel, |known| known.health.attempts == 1).await;
    assert_eq!(office.known(channel).health.next_attempt_at, Some(NOW.plus(Duration::from_secs(7_200))));
    office.close().await;
}

#[tokio::test]
async fn an_answer_without_end_is_a_confirmation_and_costs_nothing() {
    let receiver = Receiver::start(|_, _| Answer::Endless).await;
    let office = Office::open().await;
    let channel = office.channel(hook(&receiver)).await;
    let revision = office.happen("team").await;
    office.until_known(channel, |known| known.cursor >= revision).await;
    office.close().await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_left_alone() {
    let receiver = Receiver::start(|_, _| Answer::Status(410, "")).await;
    let office = Office::open().await;
    let channel = office.channel(hook(&receiver)).await;
    office.happen("team").await;
    office.until_known(channel, |known| known.standing() == Standing::Suspended).await;
    office.happen("another").await;
    office.pass(Duration::from_secs(86_400)).await;
    assert_eq!(receiver.requests().len(), 1);
    office.close().await;
}

#[tokio::test]
async fn one_record_that_is_refused_does_not_take_the_others_with_it() {
    let answer = |request: &Received| if request.text.contains("poison") { Answer::Status(422, "") } else { Answer::Status(200, "") };
    let receiver = Receiver::start(move |_, request| answer(request)).await;
    let office = Office::open().await;
    let revision = office.engine.read(|world| world.revision);
    let mut expected = office.happen_often("before", 5).await;
    let poison = office.happen("poison").await;
    expected.extend(office.happen_often("after", 5).await);
    let wanted = Wanted { subjects: ["contact".to_owned()].into(), ..Wanted::default() };
    let kind = ChannelKind::Webhook { url: hook(&receiver) };
    let channel = NewChannel { name: "receiver".into(), kind, enabled: true, wanted };
    office.ask(Command::Delivery(DeliveryCommand::Create { id: None, channel, after: Some(revision) })).await;
    let channel = office.engine.read(|world| *world.delivery.channels.keys().next().unwrap());
    while office.known(channel).cursor < *expected.last().unwrap() {
        office.pass(Duration::from_secs(120)).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(receiver.confirmed(), expected);
    let dead = office.engine.read(|world| world.delivery.of(channel, DeliveryState::Dead).cloned().collect::<Vec<_>>());
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].content, rollcall_domain::delivery::Content::Records { revisions: vec![poison] });
    office.close().await;
}

/// A snapshot that did not thaw would be noticed by nobody: the log is read instead.
#[track_caller]
fn check_snapshot(world: &World) {
    let bytes = log::freeze(log::Head::default(), world).unwrap();
    let snapshot = Snapshot { revision: world.revision, journal_position: 0, bytes };
    let (_, thawed) = log::thaw(&snapshot).expect("it thaws");
    assert_eq!(thawed.delivery, world.delivery);
    assert_ne!(thawed.delivery, rollcall_domain::delivery::Deliveries::default());
}

#[tokio::test]
async fn a_dead_letter_that_is_sent_again_arrives_with_its_records() {
    let refuse = |count| if count < 5 { Answer::Status(400, "") } else { Answer::Status(200, "") };
    let receiver = Receiver::start(move |count, _| refuse(count)).await;
    let office = Office::open().await;
    let channel = office.channel(hook(&receiver)).await;
    let revision = office.happen("team").await;
    while office.known(channel).health.died == 0 {
        office.pass(Duration::from_secs(120)).await;
        tokio::task::yield_now().await;
    }
    office.engine.read(check_snapshot);
    let id = office.engine.read(|world| *world.delivery.deliveries.keys().next().unwrap());
    office.ask(Command::Delivery(DeliveryCommand::Resend { id })).await;
    office.until(|world| world.delivery.deliveries[&id].state == DeliveryState::Delivered).await;
    let (last, _) = receiver.requests().pop().unwrap();
    assert_eq!((last.header("webhook-id").to_owned(), last.revisions()), (id.to_string(), vec![revision]));
    office.close().await;
}

#[tokio::test]
async fn a_restart_in_the_middle_loses_nothing() {
    let receiver = Receiver::start(|count, _| if count == 1 { Answer::Hang } else { Answer::Status(200, "") }).await;
    let office = Office::open().await;
    let channel = office.channel(hook(&receiver)).await;
    let mut expected = vec![office.happen("first").await];
    office.until_known(channel, |known| known.cursor >= expected[0]).await;
    expected.extend(office.happen_often("second", 20).await);
    // The second request hangs now, and is broken off.
    let (store, clock, guard) = office.close().await;
    let office = Office::with(store, clock, guard);
    expected.extend(office.happen_often("third", 20).await);
    while office.known(channel).cursor < *expected.last().unwrap() {
        office.pass(Duration::from_secs(120)).await;
        tokio::task::yield_now().await;
    }
    let mut confirmed = receiver.confirmed();
    assert!(confirmed.is_sorted(), "{confirmed:?}");
    confirmed.dedup();
    assert_eq!(confirmed, expected);
    office.close().await;
}

#[tokio::test]
async fn a_test_tells_that_the_channel_works() {
    let receiver = Receiver::start(|_, _| Answer::Status(200, "")).await;
    let office = Office::open().await;
    let channel = office.channel(hook(&receiver)).await;
    office.ask(Command::Delivery(DeliveryCommand::Test { id: channel })).await;
    office.until(|world| world.delivery.of(channel, DeliveryState::Delivered).count() == 1).await;
    let (request, _) = receiver.requests().pop().unwrap();
    assert_eq!((request.body["type"].as_str(), request.header("webhook-id").starts_with("dlv_")), (Some("rollcall.test"), true));
    let data = &request.body["data"];
    assert!(data["title"].is_string() && data["incidents"].is_array() && data["acknowledge_url"].is_null(), "as a notification: {data}");
    assert!(data["incidents"].as_array().is_some_and(|all| all.iter().all(|one| one.get("url").is_some())), "where to read: {data}");
    assert!(is_signed(&Signer::new([7; 32]).secret(channel, 1), &request));
    office.close().await;
}

#[tokio::test]
async fn names_and_addresses_that_point_inward_are_never_called() {
    let receiver = Receiver::start(|_, _| Answer::Status(200, "")).await;
    let port = receiver.address.port();
    for (url, reason) in [
        (format!("https://hooks.example:{port}/"), "hooks.example is 127.0.0.1, a loopback address"),
        (format!("http://127.0.0.1:{port}/"), "127.0.0.1 is a loopback address"),
        (format!("http://hooks.example:{port}/"), "must begin with https://"),
    ] {
        let guard = Guard::new(&[], Arc::new(Inward));
        let office = Office::with(Arc::new(MemoryStore::new()), Arc::new(ManualClock::at(NOW)), guard);
        let channel = office.channel(url).await;
        office.happen("team").await;
        office.until_known(channel, |known| known.health.attempts == 1).await;
        let error = office.known(channel).health.last_error.unwrap().1;
        assert!(error.contains(reason), "{error}");
        office.close().await;
    }
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn a_disabled_channel_rests_and_goes_on_where_it_was() {
    let receiver = Receiver::start(|_, _| Answer::Status(200, "")).await;
    let office = Office::open().await;
    let id = office.channel(hook(&receiver)).await;
    let known = office.known(id);
    let set = |enabled| {
        let (name, kind, wanted) = (known.channel.name.clone(), known.channel.kind.clone(), known.channel.wanted.clone());
        Command::Delivery(DeliveryCommand::Update { id, channel: NewChannel { name, kind, enabled, wanted }, expected: None })
    };
    office.ask(set(false)).await;
    let revision = office.happen("team").await;
    assert!(receiver.requests().is_empty());
    office.ask(set(true)).await;
    office.until_known(id, |known| known.cursor >= revision).await;
    assert_eq!(receiver.confirmed(), [revision]);
    assert!(office.clock.now() >= NOW);
    office.close().await;
}
