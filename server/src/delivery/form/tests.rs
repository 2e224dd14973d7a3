use super::*;
use crate::delivery::Signer;
use lettre::Address;
use proptest::prelude::*;
use rollcall_domain::delivery::{ChannelKind, Wanted};
use rollcall_domain::id::ChannelId;
use serde_json::Value;
use std::path::Path;

/// Set to write the golden files anew.
const UPDATE: &str = "ROLLCALL_UPDATE_GOLDEN";

const NOW: Timestamp = Timestamp(1_795_235_460_000);

fn channel() -> Channel {
    let kind = ChannelKind::Slack { credential: None };
    Channel { id: ChannelId(3), name: "On call".into(), kind, enabled: true, wanted: Wanted::default() }
}

fn labels(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn incident(number: u128) -> MessageIncident {
    MessageIncident {
        id: IncidentId(number),
        number: format!("INC{number:07}"),
        title: format!("Filesystem /var is {} % full", 90 + number),
        description: "2.1 GB of 50 GB are free.\nIt grows by 1 GB an hour.".into(),
        open: true,
        priority: 2,
        severity: Some(Severity::Critical),
        ci: None,
        ci_name: Some(format!("db-{number}.example.org")),
        labels: labels(&[("rule", "filesystem_space"), ("class", "server"), ("location", "Berlin <1>")]),
        opened_at: NOW,
        acknowledged_by: None,
        resolved_at: None,
        runbook: Some("https://wiki.example/full".into()),
    }
}

fn told(status: MessageStatus) -> Message {
    let mut incidents = vec![incident(1), incident(2)];
    if status == MessageStatus::Resolved {
        for one in &mut incidents {
            (one.open, one.resolved_at) = (false, Some(Timestamp(NOW.0 + 60_000)));
        }
    }
    if status == MessageStatus::Acknowledged {
        incidents.iter_mut().for_each(|one| one.acknowledged_by = Some("Ada <ada@example.org>".into()));
    }
    Message {
        group: "route:storage/rule=filesystem_space".into(),
        labels: labels(&[("rule", "filesystem_space"), ("service", "Shop & co")]),
        status,
        severity: Severity::Critical,
        tier: Tier::Page,
        title: "2 filesystems are full on db-1 & db-2".into(),
        text: "Two servers of <Shop> run out of space.".into(),
        route: "storage".into(),
        step: 1,
        recipients: vec!["ann@example.org".into()],
        incidents,
        omitted: 3,
    }
}

fn links(base: Option<&str>) -> Links {
    Links::new(&Signer::new([7; 32]), base)
}

/// All forms of a message: Alertmanager's, Slack's, PagerDuty's, mail's.
fn forms(message: &Message, base: Option<&str>) -> (Value, Value, Vec<u8>, String) {
    let (channel, links) = (channel(), links(base));
    let telling = Telling { channel: &channel, delivery: DeliveryId(9), at: NOW, message, links: &links };
    let address = |text: &str| text.parse::<Address>().unwrap();
    let mail = mail::bytes(&telling, &address("rollcall@example.org"), &[address("ann@example.org"), address("bob@example.org")]).unwrap();
    (alertmanager::body(&telling), slack::body(&telling), pagerduty::body(&telling, "R0UT1NGKEY"), String::from_utf8(mail).unwrap())
}

#[track_caller]
fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/delivery/golden").join(name);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(text, golden, "{name}; {UPDATE}=1 writes it anew");
}

#[test]
fn each_receiver_gets_the_form_that_it_knows() {
    for (status, base) in [
        (MessageStatus::Firing, Some("https://rollcall.example")),
        (MessageStatus::Acknowledged, Some("https://rollcall.example")),
        (MessageStatus::Resolved, None),
    ] {
        let (alertmanager, slack, pagerduty, mail) = forms(&told(status), base);
        let json = |value: &Value| serde_json::to_string_pretty(value).unwrap() + "\n";
        let word = status.as_str();
        check(&format!("alertmanager_{word}.json"), &json(&alertmanager));
        check(&format!("slack_{word}.json"), &json(&slack));
        check(&format!("pagerduty_{word}.json"), &json(&serde_json::from_slice(&pagerduty).unwrap()));
        check(&format!("mail_{word}.eml"), &mail);
    }
}

#[test]
fn a_message_has_the_same_bytes_at_every_attempt() {
    let message = told(MessageStatus::Firing);
    let base = Some("https://rollcall.example");
    assert_eq!(forms(&message, base), forms(&message, base));
}

#[test]
fn mails_of_a_group_refer_to_the_same_and_to_another_than_those_of_others() {
    let header = |mail: &str, name: &str| {
        let found = mail.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        found.trim().to_owned()
    };
    let mail = |message: &Message| forms(message, None).3;
    let (firing, resolved) = (mail(&told(MessageStatus::Firing)), mail(&told(MessageStatus::Resolved)));
    let other = mail(&Message { group: "another".into(), ..told(MessageStatus::Firing) });
    assert_eq!(header(&firing, "References:"), header(&resolved, "References:"));
    assert_ne!(header(&firing, "References:"), header(&other, "References:"));
    assert_eq!(header(&firing, "In-Reply-To:"), header(&firing, "References:"));
    assert!(header(&firing, "Message-ID:").starts_with("<dlv_"));
}

#[test]
fn a_link_to_acknowledge_is_there_only_while_there_is_something_to_acknowledge() {
    let is_there = |status, base| {
        let (alertmanager, slack, pagerduty, _) = forms(&told(status), base);
        let texts = [alertmanager.to_string(), slack.to_string(), String::from_utf8(pagerduty).unwrap()];
        texts.iter().filter(|text| text.contains("/acknowledge/")).count()
    };
    assert_eq!(is_there(MessageStatus::Firing, Some("https://rollcall.example")), 3);
    assert_eq!(is_there(MessageStatus::Firing, None), 0);
    assert_eq!(is_there(MessageStatus::Acknowledged, Some("https://rollcall.example")), 0);
    assert_eq!(is_there(MessageStatus::Resolved, Some("https://rollcall.example")), 0);
}

/// PagerDuty's limits: `dedup_key` 255, `summary` 1,024 characters, the event 512,000 bytes.
#[test]
fn an_event_that_is_too_large_is_cut_by_rule_and_says_so() {
    let mut message = told(MessageStatus::Firing);
    let quiet = MessageIncident { description: "\u{1F525}".repeat(20_000), title: "t".repeat(5_000), ..incident(1) };
    message.incidents = vec![quiet; 50];
    message.title = "é".repeat(2_000);
    message.group = "g".repeat(1_000);
    let bytes = forms(&message, Some("https://rollcall.example")).2;
    assert!(bytes.len() <= 512_000, "{}", bytes.len());
    let event: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(event["dedup_key"].as_str().unwrap().chars().count(), 255);
    assert_eq!(event["payload"]["summary"].as_str().unwrap().chars().count(), 1_024);
    let details = &event["payload"]["custom_details"];
    let (shown, more) = (details["incidents"].as_array().unwrap().len(), details["more_incidents"].as_u64().unwrap());
    assert!(shown > 0 && shown < 50, "{shown}");
    assert_eq!(shown as u64 + more, 53);
    assert!(details["cut"].as_str().unwrap().contains("512000 bytes"));
    let other = Message { group: "g".repeat(999) + "h", ..message };
    let other: Value = serde_json::from_slice(&forms(&other, None).2).unwrap();
    assert_ne!(other["dedup_key"], event["dedup_key"], "what was cut still tells groups apart");
}

#[test]
fn an_event_that_acknowledges_says_who_did_within_the_limits() {
    let by = |names: &[&str]| {
        let mut message = told(MessageStatus::Acknowledged);
        let named = |(number, name): (u128, &&str)| MessageIncident { acknowledged_by: Some((*name).to_owned()), ..incident(number) };
        message.incidents = (1..).zip(names).map(named).collect();
        let event: Value = serde_json::from_slice(&forms(&message, None).2).unwrap();
        (event["event_action"].clone(), event["payload"].clone())
    };
    let (action, payload) = by(&["bob", "ada", "bob"]);
    assert_eq!(action, "acknowledge");
    assert_eq!(payload["custom_details"]["acknowledged_by"], "ada, bob");
    assert_eq!(payload["summary"], "Acknowledged by ada, bob: 2 filesystems are full on db-1 & db-2");
    assert!(["source", "severity"].iter().all(|field| payload[field].is_string()), "a payload needs them: {payload}");
    let long: Vec<String> = (0..50).map(|n| format!("{n} {}", "x".repeat(500))).collect();
    let payload = by(&long.iter().map(String::as_str).collect::<Vec<_>>()).1;
    assert!(payload["summary"].as_str().unwrap().chars().count() <= 1_024);
}

#[test]
fn what_people_opened_is_an_alert_with_a_severity_and_groups_have_labels_of_their_alerts() {
    let by_people = |number, priority| MessageIncident {
        severity: None,
        priority,
        labels: labels(&[("group", "DB team"), ("category", if number == 1 { "disk" } else { "network" })]),
        ..incident(number)
    };
    let message = Message {
        labels: labels(&[("group", "DB team"), ("category", "disk"), ("ci", "ci_1")]),
        incidents: vec![by_people(1, 2), by_people(2, 3)],
        ..told(MessageStatus::Firing)
    };
    let body = forms(&message, None).0;
    let severities: Vec<&Value> = body["alerts"].as_array().unwrap().iter().map(|alert| &alert["labels"]["severity"]).collect();
    assert_eq!(severities, ["critical", "warning"]);
    assert_eq!(body["groupLabels"], serde_json::json!({"group": "DB team"}));
}

#[test]
fn nothing_in_a_text_mentions_or_links_in_slack() {
    let message = Message { title: "<!channel> & <https://evil.example|here>".into(), ..told(MessageStatus::Firing) };
    let slack = forms(&message, None).1;
    assert_eq!(slack["blocks"][0]["text"]["text"], "Critical: &lt;!channel&gt; &amp; &lt;https://evil.example|here&gt;");
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\r\nBcc: victim@example.org\r\n".to_owned()),
        Just("\u{2028}\u{202e}\0\u{85}".to_owned()),
        Just("<!channel>&<script>\"'".to_owned()),
        Just("x".repeat(4_000)),
        Just("&".repeat(700)),
        Just("\r\n.\r\n--rollcall-".to_owned()),
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn message() -> impl Strategy<Value = Message> {
    (hostile(), hostile(), hostile(), hostile(), 0_usize..60).prop_map(|(title, text, group, other, count)| {
        let one = MessageIncident {
            title: title.clone(),
            description: text.clone(),
            number: other.clone(),
            ci_name: Some(other.clone()),
            acknowledged_by: Some(other.clone()),
            runbook: Some(other.clone()),
            labels: [(other.clone(), text.clone()), ("rule".into(), other.clone())].into(),
            ..incident(1)
        };
        let labels = [(other.clone(), text.clone()), ("rule".into(), other.clone())].into();
        Message { title, text, group, labels, route: other, incidents: vec![one; count], ..told(MessageStatus::Firing) }
    })
}

/// The texts of all blocks of a Slack message.
fn slack_texts(slack: &Value) -> Vec<String> {
    let attached = slack["attachments"][0]["blocks"].as_array().unwrap();
    let blocks = slack["blocks"].as_array().unwrap().iter().chain(attached);
    blocks.map(|block| block["text"]["text"].as_str().unwrap().to_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_texts_hold_every_form_stays_within_its_limits(message in message(), linked in any::<bool>()) {
        let (alertmanager, slack, pagerduty, mail) = forms(&message, linked.then_some("https://rollcall.example"));
        prop_assert_eq!(alertmanager["alerts"].as_array().unwrap().len(), message.incidents.len());
        let texts = slack_texts(&slack);
        prop_assert!(texts.len() <= 50 && texts[0].chars().count() <= 150);
        prop_assert!(texts.iter().all(|text| (1..=3_000).contains(&text.chars().count())), "{:?}", texts);
        prop_assert!(pagerduty.len() <= pagerduty::EVENT_BYTES);
        let event: Value = serde_json::from_slice(&pagerduty).unwrap();
        prop_assert!(event["dedup_key"].as_str().unwrap().chars().count() <= 255);
        prop_assert!((1..=1_024).contains(&event["payload"]["summary"].as_str().unwrap().chars().count()));
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        let names: Vec<&str> = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])).map(|line| line.split(':').next().unwrap()).collect();
        let known = ["From", "Date", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "To", "MIME-Version", "Content-Type"];
        prop_assert!(names.len() == known.len() && names.iter().all(|name| known.contains(name)), "{:?}", names);
        prop_assert!(mail.is_ascii() && !mail.replace("\r\n", "").contains(['\r', '\n']));
        prop_assert!(mail.lines().all(|line| line.len() <= 998));
    }

    #[test]
    fn a_line_is_one_line(text in hostile(), characters in 1_usize..300) {
        let line = line(&text, characters);
        prop_assert!(line.chars().count() <= characters && !line.chars().any(is_unseen));
        prop_assert!(paragraph(&text, characters).chars().count() <= characters);
    }
}
