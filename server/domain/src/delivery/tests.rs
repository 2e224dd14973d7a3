use super::retry::{Failure, GIVE_UP_AFTER, LONGEST_WAIT, REFUSED_ATTEMPTS};
use super::*;
use crate::ci::testing::{Fleet, server, system};
use crate::ci::{CiCommand, Class};
use crate::context::{CountingIds, NoContent};
use crate::{Actor, Command, Context, Event, Record, Rejection, World};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A world with one channel, whose log is kept and replayed.
struct Desk {
    fleet: Fleet,
    channel: ChannelId,
}

fn hook(name: &str) -> NewChannel {
    let kind = ChannelKind::Webhook { url: "https://receiver.example/hook".into() };
    NewChannel { name: name.into(), kind, enabled: true, wanted: Wanted::default() }
}

impl Desk {
    fn new() -> Self {
        let mut desk = Self { fleet: Fleet::with_agents([1]), channel: ChannelId(0) };
        desk.ask(DeliveryCommand::Create { id: None, channel: hook("other systems"), after: Some(0) }).expect("accepted");
        desk.channel = *desk.fleet.world.delivery.channels.keys().next().expect("there");
        for _ in 0..5 {
            desk.fleet.ci_events([]);
            desk.fleet.enrol(desk.fleet.world.revision.into());
        }
        desk
    }

    fn ask(&mut self, command: DeliveryCommand) -> Result<Vec<DeliveryEvent>, Rejection> {
        let events = self.fleet.decide("ann", &Command::Delivery(command))?;
        let ours = |event| match event {
            Event::Delivery(event) => Some(event),
            _ => None,
        };
        Ok(events.into_iter().filter_map(ours).collect())
    }

    fn conclude(&mut self, told: Told, outcome: Outcome) -> Vec<DeliveryEvent> {
        self.ask(DeliveryCommand::Conclude { channel: self.channel, told, outcome }).expect("never refused")
    }

    fn known(&self) -> &KnownChannel {
        &self.fleet.world.delivery.channels[&self.channel]
    }

    fn only(&self) -> &Delivery {
        self.fleet.world.delivery.deliveries.values().next().expect("one")
    }

    /// Fails with one outcome until nothing is tried any more; how often that was.
    fn exhaust(&mut self, told: &Told, outcome: &Outcome) -> u32 {
        for attempt in 1..200 {
            let events = self.conclude(told.clone(), outcome.clone());
            match events.last() {
                Some(DeliveryEvent::DeliveryFailed { next_attempt_at, .. }) => self.fleet.now = self.fleet.now.max(*next_attempt_at),
                _ => return attempt,
            }
        }
        panic!("tried without end");
    }
}

fn failed(reason: &str) -> Outcome {
    Outcome::Failed { reason: reason.into(), retry_after: None }
}

#[track_caller]
fn check(status: u16, expected: &str) {
    let word = match Outcome::of_status(status, None) {
        Outcome::Confirmed | Outcome::Partly { .. } => "confirmed",
        Outcome::Failed { .. } => "failed",
        Outcome::Refused { .. } => "refused",
        Outcome::Gone { .. } => "gone",
    };
    assert_eq!(word, expected, "{status}");
}

#[test]
fn a_status_says_whether_to_try_again() {
    for status in [200, 202, 204, 299] {
        check(status, "confirmed");
    }
    for status in [100, 301, 302, 307, 401, 403, 404, 408, 409, 425, 429, 500, 502, 503, 504, 999] {
        check(status, "failed");
    }
    for status in [400, 405, 413, 415, 422, 501] {
        check(status, "refused");
    }
    check(410, "gone");
}

#[test]
fn waits_double_up_to_an_hour_and_are_spread() {
    let wait = |attempts, random| {
        let failure = Failure { attempts, since: Timestamp(0), refused: false, retry_after: None, longest: LONGEST_WAIT };
        failure.next(Timestamp(0), random).map(|next| next.0)
    };
    for (attempts, longest) in [(1, 5_000), (2, 10_000), (3, 20_000), (9, 1_280_000), (10, 2_560_000), (11, 3_600_000), (1_000, 3_600_000)]
    {
        assert_eq!(wait(attempts, 500), Some(longest));
        assert_eq!(wait(attempts, 0), Some(longest / 2));
    }
}

#[test]
fn a_receiver_is_waited_for_as_long_as_it_asks_within_bounds() {
    let wait = |asked| {
        let failure = Failure {
            attempts: 1,
            since: Timestamp(0),
            refused: false,
            retry_after: Some(Duration::from_secs(asked)),
            longest: LONGEST_WAIT,
        };
        failure.next(Timestamp(0), 500).map(|next| next.0)
    };
    assert_eq!((wait(0), wait(90), wait(u64::MAX)), (Some(5_000), Some(90_000), Some(6 * 3_600_000)));
}

#[test]
fn what_does_not_get_through_becomes_a_dead_letter_after_a_day_and_the_feed_goes_on() {
    let mut desk = Desk::new();
    let (told, began) = (Told::Feed { revisions: vec![2, 3] }, desk.fleet.now);
    let first = desk.conclude(told.clone(), failed("the receiver answered 503"));
    assert!(matches!(first[..], [DeliveryEvent::DeliveryFailed { delivery: None, .. }]), "{first:?}");
    assert_eq!((desk.known().standing(), desk.known().cursor), (Standing::Retrying, 0));
    desk.exhaust(&told, &failed("the receiver answered 503"));
    assert!(desk.fleet.now.since(began) >= GIVE_UP_AFTER);
    assert_eq!((desk.known().standing(), desk.known().cursor, desk.known().health.died), (Standing::Healthy, 3, 1));
    assert_eq!(desk.only().content, Content::Records { revisions: vec![2, 3] });
    assert_eq!((desk.only().state, desk.only().last_error.as_deref()), (DeliveryState::Dead, Some("the receiver answered 503")));
    desk.fleet.check();
}

#[test]
fn what_is_refused_as_it_is_is_given_up_soon() {
    let mut desk = Desk::new();
    let refused = Outcome::Refused { reason: "the receiver answered 422".into() };
    assert_eq!(desk.exhaust(&Told::Feed { revisions: vec![2] }, &refused), REFUSED_ATTEMPTS);
    assert_eq!(desk.known().cursor, 2);
    desk.fleet.check();
}

#[test]
fn a_success_ends_the_retrying() {
    let mut desk = Desk::new();
    desk.conclude(Told::Feed { revisions: vec![2] }, failed("timed out"));
    desk.ask(DeliveryCommand::Advance { channel: desk.channel, cursor: 2, records: 1 }).expect("accepted");
    let health = &desk.known().health;
    assert_eq!((desk.known().standing(), health.attempts, health.delivered, health.failures), (Standing::Healthy, 0, 1, 1));
    assert!(health.last_success_at.is_some() && health.last_error.is_some());
    desk.fleet.check();
}

#[test]
fn a_cursor_never_goes_back_and_a_late_failure_tells_nothing() {
    let mut desk = Desk::new();
    let channel = desk.channel;
    desk.ask(DeliveryCommand::Advance { channel, cursor: 4, records: 4 }).expect("accepted");
    for late in [
        DeliveryCommand::Advance { channel, cursor: 3, records: 1 },
        DeliveryCommand::Advance { channel, cursor: 4, records: 0 },
        DeliveryCommand::Conclude { channel, told: Told::Feed { revisions: vec![3] }, outcome: failed("late") },
        DeliveryCommand::Conclude { channel: ChannelId(9), told: Told::Feed { revisions: vec![9] }, outcome: failed("gone") },
        DeliveryCommand::Conclude { channel, told: Told::Message(DeliveryId(9)), outcome: failed("gone") },
    ] {
        assert_eq!(desk.ask(late.clone()), Ok(Vec::new()), "{late:?}");
    }
    assert_eq!(desk.known().cursor, 4);
}

#[test]
fn a_receiver_that_is_gone_gets_nothing_until_its_channel_is_set_again() {
    let mut desk = Desk::new();
    desk.conclude(Told::Feed { revisions: vec![2] }, Outcome::Gone { reason: "the receiver answered 410".into() });
    assert_eq!((desk.known().standing(), desk.known().cursor), (Standing::Suspended, 0));
    let refused = desk.ask(DeliveryCommand::Test { id: desk.channel });
    assert!(matches!(refused, Err(Rejection::WrongState { .. })), "{refused:?}");
    let update = DeliveryCommand::Update { id: desk.channel, channel: hook("other systems"), expected: None };
    desk.ask(update.clone()).expect("accepted");
    assert_eq!(desk.known().standing(), Standing::Healthy);
    assert_eq!(desk.ask(update), Ok(Vec::new()), "what changes nothing writes nothing");
    desk.fleet.check();
}

#[test]
fn a_message_that_a_receiver_is_gone_for_is_a_dead_letter_that_says_so() {
    let mut desk = Desk::new();
    desk.ask(DeliveryCommand::Test { id: desk.channel }).expect("queued");
    let id = *desk.fleet.world.delivery.deliveries.keys().next().expect("one");
    desk.conclude(Told::Message(id), Outcome::Gone { reason: "the receiver answered 410".into() });
    let delivery = &desk.fleet.world.delivery.deliveries[&id];
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Dead, 1));
    assert_eq!(delivery.last_error.as_deref(), Some("the receiver answered 410"));
    assert_eq!(desk.known().standing(), Standing::Suspended);
    desk.fleet.check();
}

#[test]
fn a_dead_letter_is_sent_again_under_its_own_id() {
    let mut desk = Desk::new();
    desk.exhaust(&Told::Feed { revisions: vec![2] }, &Outcome::Refused { reason: "no".into() });
    let id = desk.only().id;
    desk.ask(DeliveryCommand::Resend { id }).expect("accepted");
    assert_eq!(desk.fleet.world.delivery.next_message(desk.channel).map(|(next, _)| (next.id, next.attempts)), Some((id, 0)));
    assert!(matches!(desk.ask(DeliveryCommand::Resend { id }), Err(Rejection::WrongState { .. })));
    desk.conclude(Told::Message(id), Outcome::Confirmed);
    assert_eq!((desk.only().id, desk.only().state), (id, DeliveryState::Delivered));
    assert!(desk.conclude(Told::Message(id), Outcome::Confirmed).is_empty(), "a second confirmation tells nothing");
    desk.fleet.check();
}

#[test]
fn tests_are_tried_again_too_and_their_number_has_a_bound() {
    let mut desk = Desk::new();
    for _ in 0..10 {
        desk.ask(DeliveryCommand::Test { id: desk.channel }).expect("accepted");
    }
    assert!(matches!(desk.ask(DeliveryCommand::Test { id: desk.channel }), Err(Rejection::Conflict(_))));
    let first = desk.only().id;
    desk.exhaust(&Told::Message(first), &failed("the connection was refused"));
    assert_eq!(desk.only().state, DeliveryState::Dead);
    assert_eq!(desk.known().cursor, 0, "the feed has its own turn");
    desk.fleet.check();
}

#[test]
fn dead_letters_expire_and_have_a_bound() {
    let mut desk = Desk::new();
    // Ids that come later than those of the letters below.
    desk.fleet.ids = CountingIds(1_000);
    let world = &mut desk.fleet.world;
    let dead = Delivery {
        id: DeliveryId(0),
        channel: desk.channel,
        content: Content::Test,
        state: DeliveryState::Dead,
        attempts: 1,
        created_at: Timestamp(0),
        failing_since: None,
        next_attempt_at: None,
        last_error: None,
        expires_at: Some(Timestamp(i64::MAX)),
        revision: 1,
        queued: 1,
    };
    for number in 0..DEAD as u128 {
        world.delivery.deliveries.insert(DeliveryId(number), Delivery { id: DeliveryId(number), ..dead.clone() });
    }
    let refused = Outcome::Refused { reason: "no".into() };
    desk.exhaust(&Told::Feed { revisions: vec![2] }, &refused);
    let kept = &desk.fleet.world.delivery.deliveries;
    assert_eq!((kept.len(), kept.contains_key(&DeliveryId(0))), (DEAD, false), "the oldest made room");
    let end = desk.fleet.now.plus(KEEP_DEAD);
    let mut ids = CountingIds(0);
    let context = Context { now: end, actor: Actor::System, ids: &mut ids, content: &NoContent };
    let expired = decide::tick(&desk.fleet.world, &context);
    assert!(matches!(&expired[..], [Event::Delivery(DeliveryEvent::DeliveriesExpired { deliveries })] if deliveries.len() == 1));
}

#[test]
fn a_channel_begins_now_unless_it_is_told_otherwise() {
    let mut desk = Desk::new();
    let end = desk.fleet.world.revision;
    desk.ask(DeliveryCommand::Create { id: None, channel: hook("late"), after: None }).expect("accepted");
    assert_eq!(desk.fleet.world.delivery.channels.values().next_back().map(|known| known.cursor), Some(end));
    let beyond = desk.ask(DeliveryCommand::Create { id: None, channel: hook("future"), after: Some(end + 2) });
    assert!(matches!(beyond, Err(Rejection::Invalid { field, .. }) if field == "after"));
}

#[test]
fn a_rotated_secret_signs_beside_the_old_one_for_a_day() {
    let mut desk = Desk::new();
    assert_eq!(desk.known().signing(desk.fleet.now).collect::<Vec<u32>>(), [1]);
    desk.ask(DeliveryCommand::RotateSecret { id: desk.channel, expected: None }).expect("accepted");
    assert_eq!(desk.known().signing(desk.fleet.now).collect::<Vec<u32>>(), [2, 1]);
    assert_eq!(desk.known().signing(desk.fleet.now.plus(KEEP_SECRET)).collect::<Vec<u32>>(), [2]);
    desk.fleet.check();
}

#[track_caller]
fn check_new(change: impl FnOnce(&mut NewChannel), expected: Option<&str>) {
    let mut channel = hook("hook");
    change(&mut channel);
    let field = match Desk::new().ask(DeliveryCommand::Create { id: None, channel, after: None }) {
        Err(Rejection::Invalid { field, .. }) => Some(field),
        other => other.err().map(|other| other.to_string()),
    };
    assert_eq!(field.as_deref(), expected);
}

#[test]
fn a_channel_that_makes_no_sense_is_refused_by_field() {
    check_new(|_| (), None);
    check_new(|new| new.name = " ".into(), Some("name"));
    check_new(|new| new.name = "x".repeat(101), Some("name"));
    for url in ["", "https://a b", "https://a\n", &format!("https://{}", "x".repeat(2_000))] {
        check_new(|new| new.kind = ChannelKind::Webhook { url: url.into() }, Some("url"));
    }
    for subject in ["weather", "delivery", ""] {
        check_new(|new| new.wanted.subjects = [subject.to_owned()].into(), Some("subjects"));
    }
    check_new(|new| new.wanted.types = ["Incident".to_owned()].into(), Some("types"));
    check_new(|new| new.wanted.types = ["incident_opend".to_owned()].into(), Some("types"));
    check_new(|new| new.wanted.types = ["incident_opened".to_owned(), "ci_created".to_owned()].into(), None);
    let of_incidents =
        |kind: &str| Wanted { subjects: ["incident".to_owned()].into(), types: [kind.to_owned()].into(), ..Wanted::default() };
    check_new(|new| new.wanted = of_incidents("incident_opened"), None);
    check_new(|new| new.wanted = of_incidents("ci_created"), Some("types"));
}

#[test]
fn two_channels_never_have_one_name() {
    let mut desk = Desk::new();
    let again = desk.ask(DeliveryCommand::Create { id: None, channel: hook("Other  SYSTEMS"), after: None });
    assert!(matches!(again, Err(Rejection::Conflict(_))), "{again:?}");
}

#[test]
fn a_deleted_channel_takes_its_messages_with_it() {
    let mut desk = Desk::new();
    desk.ask(DeliveryCommand::Test { id: desk.channel }).expect("accepted");
    let stale = desk.ask(DeliveryCommand::Delete { id: desk.channel, expected: Some(1) });
    assert!(matches!(stale, Err(Rejection::Stale { .. })));
    desk.ask(DeliveryCommand::Delete { id: desk.channel, expected: None }).expect("accepted");
    assert_eq!(desk.fleet.world.delivery, Deliveries::default());
    desk.fleet.check();
}

/// Types of the records of a small fleet that pass.
fn passing(wanted: &Wanted) -> BTreeSet<String> {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1))]).iter().for_each(drop);
    fleet.report(1, [crate::ci::testing::packages(&[("openssl", "3.0.13-1")])]);
    let host = fleet.id_of(1);
    let attributes = [("rack".to_owned(), Some(crate::ci::AttributeValue::Text("R1".into())))].into();
    fleet.command("ann", CiCommand::AssertAttributes { ci: host, attributes, expected: None }).expect("accepted");
    fleet.decide("ann", &Command::Delivery(DeliveryCommand::Create { id: None, channel: hook("hook"), after: None })).expect("accepted");
    let kind = |record: &Record| serde_json::to_value(&record.event).expect("JSON")["event"]["type"].as_str().expect("a type").to_owned();
    fleet.log.iter().filter(|record| wanted.keeps(&fleet.world, record, &kind(record))).map(kind).collect()
}

#[test]
fn a_channel_gets_what_it_wants_and_never_deliveries() {
    let all = passing(&Wanted::default());
    assert!(all.contains("agent_enrolled") && all.contains("ci_created") && !all.contains("channel_set"), "{all:?}");
    let agents = passing(&Wanted { subjects: ["trust".to_owned()].into(), ..Wanted::default() });
    assert_eq!(agents, ["agent_enrolled".to_owned(), "session_began".to_owned()].into());
    let changed = passing(&Wanted { types: ["attributes_changed".to_owned()].into(), ..Wanted::default() });
    assert_eq!(changed, ["attributes_changed".to_owned()].into());
    let hosts = passing(&Wanted { classes: [Class::Host].into(), ..Wanted::default() });
    assert!(hosts.contains("host_identified") && !hosts.contains("agent_enrolled") && !hosts.contains("products_discovered"), "{hosts:?}");
    let products = passing(&Wanted { classes: [Class::SoftwareProduct].into(), ..Wanted::default() });
    assert_eq!(products, ["products_discovered".to_owned()].into());
    assert!(passing(&Wanted { classes: [Class::Printer].into(), ..Wanted::default() }).is_empty());
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let retry_after = proptest::option::of(any::<u64>().prop_map(Duration::from_secs));
    (any::<u16>(), retry_after).prop_map(|(status, retry_after)| Outcome::of_status(status % 600, retry_after))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_receivers_answer_the_log_replays_and_the_cursor_only_grows(
        steps in proptest::collection::vec((0_u8..6, 0_u64..12, outcome(), 0_i64..100_000_000), 1..40),
    ) {
        let mut desk = Desk::new();
        for (kind, number, outcome, passed) in steps {
            let before = desk.known().cursor;
            desk.fleet.now = Timestamp(desk.fleet.now.0 + passed);
            let channel = desk.channel;
            let message = desk.fleet.world.delivery.deliveries.keys().next().copied().unwrap_or(DeliveryId(0));
            let command = match kind {
                0 => DeliveryCommand::Test { id: channel },
                1 => DeliveryCommand::Resend { id: message },
                2 => DeliveryCommand::Advance { channel, cursor: number, records: number },
                3 => DeliveryCommand::Conclude { channel, told: Told::Message(message), outcome },
                4 => DeliveryCommand::Update { id: channel, channel: hook("other systems"), expected: None },
                _ => DeliveryCommand::Conclude { channel, told: Told::Feed { revisions: vec![before + 1] }, outcome },
            };
            let _ = desk.ask(command);
            prop_assert!(desk.known().cursor >= before);
            prop_assert!(desk.fleet.world.delivery.deliveries.len() <= DEAD + WAITING);
        }
        desk.fleet.check();
    }
}

#[test]
fn an_empty_world_has_no_channels_and_says_so() {
    let mut ids = CountingIds(0);
    let mut context = Context { now: Timestamp(0), actor: Actor::Local, ids: &mut ids, content: &NoContent };
    let commands = [DeliveryCommand::Test { id: ChannelId(1) }, DeliveryCommand::Resend { id: DeliveryId(1) }];
    for command in commands {
        let refused = World::default().decide(&Command::Delivery(command), &mut context);
        assert!(matches!(refused, Err(Rejection::NotFound { .. })));
    }
}
