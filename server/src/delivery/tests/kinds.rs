//! Channels of each kind, from a press of the test button to what their receivers got.

use super::*;
use rollcall_domain::Event;
use rollcall_domain::delivery::{Delivery, DeliveryEvent, Security};
use rollcall_domain::id::DeliveryId;

const ID: ChannelId = ChannelId(77);

fn pagerduty(receiver: &Receiver) -> ChannelKind {
    let credential = Vault::of(&Signer::new([7; 32])).seal(ID, "R0UT1NGKEY", [1; 32]).unwrap();
    ChannelKind::PagerDuty { url: hook(receiver), credential: Some(credential) }
}

impl Office {
    async fn make(&self, id: ChannelId, kind: ChannelKind) {
        let channel = NewChannel { name: format!("channel {id}"), kind, enabled: true, wanted: Wanted::default() };
        self.ask(Command::Delivery(DeliveryCommand::Create { id: Some(id), channel, after: None })).await;
    }

    async fn press(&self, id: ChannelId) -> DeliveryId {
        let executed = self.ask(Command::Delivery(DeliveryCommand::Test { id })).await;
        let queued = executed.records.iter().find_map(|record| match &record.event {
            Event::Delivery(DeliveryEvent::DeliveryQueued { delivery }) => Some(delivery.id),
            _ => None,
        });
        queued.unwrap()
    }

    async fn until_delivery(&self, id: DeliveryId, holds: impl Fn(&Delivery) -> bool) {
        self.until(|world| world.delivery.deliveries.get(&id).is_some_and(&holds)).await;
    }

    async fn until_delivered(&self, id: DeliveryId) {
        self.until_delivery(id, |delivery| delivery.state == DeliveryState::Delivered).await;
    }
}

#[tokio::test]
async fn pagerduty_gets_an_event_with_its_key_and_no_signature() {
    let (office, receiver) = (Office::open().await, Receiver::start(|_, _| Answer::Status(202, "")).await);
    office.make(ID, pagerduty(&receiver)).await;
    let id = office.press(ID).await;
    office.until_delivered(id).await;
    let requests = receiver.requests();
    let (request, end) = (&requests[0].0, &requests[1].0);
    assert_eq!((&end.body["event_action"], &end.body["dedup_key"]), (&"resolve".into(), &request.body["dedup_key"]));
    assert_eq!((&request.body["routing_key"], &request.body["event_action"]), (&"R0UT1NGKEY".into(), &"trigger".into()));
    assert_eq!(request.body["dedup_key"], format!("test:{id}"));
    assert_eq!(request.header("webhook-signature"), "");
    office.happen("team").await;
    assert_eq!(receiver.requests().len(), 2, "it is not told of the feed");
    office.close().await;
}

#[tokio::test]
async fn alertmanager_s_form_is_signed_and_slack_s_is_not() {
    let (office, receiver) = (Office::open().await, Receiver::start(|_, _| Answer::Status(200, "")).await);
    office.make(ID, ChannelKind::Alertmanager { url: hook(&receiver) }).await;
    let id = office.press(ID).await;
    office.until_delivered(id).await;
    let (request, _) = receiver.requests().pop().unwrap();
    assert_eq!((&request.body["version"], &request.body["status"]), (&"4".into(), &"firing".into()));
    assert!(is_signed(&Signer::new([7; 32]).secret(ID, 1), &request));
    let slack = ChannelId(78);
    let credential = Vault::of(&Signer::new([7; 32])).seal(slack, &hook(&receiver), [1; 32]).unwrap();
    office.make(slack, ChannelKind::Slack { credential: Some(credential) }).await;
    let id = office.press(slack).await;
    office.until_delivered(id).await;
    let (request, _) = receiver.requests().pop().unwrap();
    assert_eq!((request.body["blocks"][0]["type"].as_str(), request.header("webhook-signature")), (Some("header"), ""));
    office.close().await;
}

#[tokio::test]
async fn a_receiver_that_is_busy_is_heeded_and_one_that_refuses_makes_a_dead_letter_that_can_be_sent_again() {
    let answer = |count| match count {
        0 => Answer::Status(429, "retry-after: 90\r\n"),
        1..=4 => Answer::Status(400, ""),
        _ => Answer::Status(202, ""),
    };
    let (office, receiver) = (Office::open().await, Receiver::start(move |count, _| answer(count)).await);
    office.make(ID, pagerduty(&receiver)).await;
    let id = office.press(ID).await;
    office.until_delivery(id, |delivery| delivery.attempts == 1).await;
    assert_eq!(office.engine.read(|world| world.delivery.deliveries[&id].next_attempt_at), Some(NOW.plus(Duration::from_secs(90))));
    assert_eq!(office.known(ID).standing(), Standing::Retrying);
    while office.engine.read(|world| world.delivery.deliveries[&id].state) != DeliveryState::Dead {
        office.pass(Duration::from_secs(120)).await;
        tokio::task::yield_now().await;
    }
    office.ask(Command::Delivery(DeliveryCommand::Resend { id })).await;
    office.until_delivered(id).await;
    let keys: std::collections::BTreeSet<String> =
        receiver.requests().iter().map(|(request, _)| request.body["dedup_key"].as_str().unwrap().to_owned()).collect();
    assert_eq!((receiver.requests().len(), keys.len()), (7, 1));
    assert_eq!(office.known(ID).standing(), Standing::Healthy);
    office.close().await;
}

#[tokio::test]
async fn receivers_that_hang_hold_up_neither_other_channels_nor_work() {
    let office = Office::open().await;
    let (stuck, good) = (Receiver::start(|_, _| Answer::Hang).await, Receiver::start(|_, _| Answer::Status(202, "")).await);
    let mute = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = mute.local_addr().unwrap().port();
    let (host, sender, recipients) = ("127.0.0.1".into(), "a@example.org".into(), vec!["b@example.org".into()]);
    let mail = ChannelKind::Mail { host, port, security: Security::None, username: None, sender, recipients, credential: None };
    let (first, second) = (ChannelId(1), ChannelId(2));
    office.make(first, ChannelKind::Alertmanager { url: hook(&stuck) }).await;
    office.make(second, mail).await;
    office.make(ID, pagerduty(&good)).await;
    let stuck = [office.press(first).await, office.press(second).await];
    for _ in 0..5 {
        let id = office.press(ID).await;
        office.until_delivered(id).await;
        office.happen(&format!("team of {id}")).await;
    }
    for id in stuck {
        office.until_delivery(id, |delivery| delivery.attempts == 1).await;
        let error = office.engine.read(|world| world.delivery.deliveries[&id].last_error.clone()).unwrap();
        assert!(error.contains("did not answer in time"), "{error}");
    }
    office.close().await;
}

#[tokio::test]
async fn a_log_that_is_restored_beside_another_key_says_so() {
    let (office, receiver) = (Office::open().await, Receiver::start(|_, _| Answer::Status(202, "")).await);
    office.make(ID, pagerduty(&receiver)).await;
    let (store, clock, guard) = office.close().await;
    let office = Office::of_server(8, store, clock, guard);
    let id = office.press(ID).await;
    office.until_delivery(id, |delivery| delivery.attempts == 1).await;
    let error = office.known(ID).health.last_error.unwrap().1;
    assert!(error.contains("delivery.key") && error.contains("PUT"), "{error}");
    assert!(receiver.requests().is_empty());
    office.close().await;
}
