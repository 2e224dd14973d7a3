use super::*;
use crate::Command;
use crate::alert::scenario::{Scenario, rule};
use crate::incident::{Children, IncidentAction};
use crate::problem::{ProblemAction, ProblemCommand};
use proptest::prelude::*;

/// The name that a file gets; none when it is refused.
#[track_caller]
fn check(given: &str, expected: Option<&str>) {
    assert_eq!(clean_name(given).ok().as_deref(), expected, "{given:?}");
}

#[test]
fn a_name_has_no_path_and_nothing_that_does_not_print() {
    check("dmesg.log", Some("dmesg.log"));
    check("/var/log/dmesg.log", Some("dmesg.log"));
    check("C:\\fakepath\\Bild über alles.png", Some("Bild über alles.png"));
    check("../../etc/passwd", Some("passwd"));
    check(" a\r\nb\0.txt ", Some("ab.txt"));
    check("invoice\u{202e}fdp.exe", Some("invoicefdp.exe"));
    check(&"x".repeat(255), Some(&"x".repeat(255)));
    check(".bashrc", Some(".bashrc"));
    for refused in ["", " ", "/", "a/", ".", "..", "\u{200b}", "\u{7f}", &"x".repeat(256), &"ü".repeat(128)] {
        check(refused, None);
    }
}

#[test]
fn a_media_type_is_two_tokens_and_what_prints() {
    for good in ["text/plain", "text/plain; charset=utf-8", "application/vnd.ms-excel", "image/svg+xml", "Application/JSON"] {
        assert!(is_media_type(good), "{good}");
    }
    for bad in
        ["", "text", "text/", "/plain", "text/plain\r\nx: y", "te xt/plain", "text/plain; x=\u{e4}", &format!("a/{}", "b".repeat(127))]
    {
        assert!(!is_media_type(bad), "{bad}");
    }
}

proptest! {
    #[test]
    fn a_cleaned_name_stays_as_it_is_and_is_no_path(text in ".{0,300}") {
        if let Ok(name) = clean_name(&text) {
            prop_assert_eq!(clean_name(&name).ok(), Some(name.clone()));
            prop_assert!(!name.contains(['/', '\\']) && !name.chars().any(char::is_control) && name.len() <= NAME_BYTES);
        }
    }
}

fn file(name: &str, content: &str) -> NewAttachment {
    NewAttachment {
        name: name.into(),
        media_type: "text/plain".into(),
        size: content.len() as u64,
        hash: ContentHash::of(content.as_bytes()),
    }
}

fn attach_file(name: &str, content: &str) -> IncidentAction {
    IncidentAction::Attach(Box::new(file(name, content)))
}

fn opened() -> Scenario {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.value(10, 97.0);
    scenario.story();
    scenario
}

fn names(scenario: &Scenario) -> Vec<String> {
    scenario.world.incidents.incidents[&scenario.incident(1)].attachments.iter().map(|one| one.name.clone()).collect()
}

fn remove(scenario: &Scenario, place: usize) -> IncidentAction {
    let attachment = scenario.world.incidents.incidents[&scenario.incident(1)].attachments[place].id;
    IncidentAction::Detach { attachment, reason: "It shows a password.".into() }
}

#[test]
fn what_is_attached_is_kept_until_the_last_one_that_names_it_is_removed() {
    let mut scenario = opened();
    scenario.act(100, 1, attach_file("a.log", "one")).unwrap();
    scenario.act(101, 1, attach_file("/tmp/a.log", "one")).unwrap();
    assert_eq!(names(&scenario), ["a.log"], "the same file is attached once");
    scenario.act(102, 1, attach_file("b.log", "one")).unwrap();
    scenario.act(103, 1, attach_file("a.log", "two")).unwrap();
    assert_eq!(names(&scenario), ["a.log", "b.log", "a.log"]);
    let of = |scenario: &Scenario| named(&scenario.world);
    assert_eq!(of(&scenario), [ContentHash::of(b"one"), ContentHash::of(b"two")].into());
    let first = remove(&scenario, 0);
    scenario.act(104, 1, first.clone()).unwrap();
    assert_eq!(of(&scenario).len(), 2);
    assert!(matches!(scenario.act(105, 1, first), Err(Rejection::NotFound { .. })));
    scenario.act(106, 1, remove(&scenario, 0)).unwrap();
    assert_eq!(of(&scenario), [ContentHash::of(b"two")].into());
    scenario.story();
}

#[test]
fn what_cannot_be_attached_is_refused_with_the_reason() {
    let mut scenario = opened();
    let mut refused = |change: fn(&mut NewAttachment), field: &str| {
        let mut new = file("a.log", "one");
        change(&mut new);
        match scenario.act(100, 1, IncidentAction::Attach(Box::new(new))) {
            Err(Rejection::Invalid { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{other:?}"),
        }
    };
    refused(|new| new.name = "..".into(), "name");
    refused(|new| new.media_type = "banana".into(), "content-type");
    refused(|new| new.size = 0, "body");
    refused(|new| new.size = BYTES + 1, "body");
    for number in 0..PER_SUBJECT {
        scenario.act(101, 1, attach_file(&format!("{number}.log"), "one")).unwrap();
    }
    assert!(matches!(scenario.act(102, 1, attach_file("more.log", "one")), Err(Rejection::Conflict(_))));
    let nameless = IncidentAction::Detach { attachment: AttachmentId(1), reason: " ".into() };
    assert!(matches!(scenario.act(103, 1, nameless), Err(Rejection::Invalid { .. })));
    scenario.story();
}

#[test]
fn what_is_over_takes_no_more_attachments_and_gives_them_away() {
    let mut scenario = opened();
    scenario.act(100, 1, attach_file("a.log", "one")).unwrap();
    let resolve = IncidentAction::Resolve { close_code: "fixed".into(), notes: "Done.".into(), children: Children::Leave };
    scenario.act(101, 1, resolve).unwrap();
    scenario.act(102, 1, attach_file("b.log", "two")).unwrap();
    scenario.act(103, 1, IncidentAction::Close { notes: None }).unwrap();
    assert!(matches!(scenario.act(104, 1, attach_file("c.log", "three")), Err(Rejection::WrongState { .. })));
    scenario.act(105, 1, remove(&scenario, 0)).unwrap();
    assert_eq!(names(&scenario), ["b.log"]);
    scenario.story();
}

#[test]
fn a_problem_has_attachments_like_an_incident_and_both_share_content() {
    let mut scenario = opened();
    scenario.act(100, 1, attach_file("a.log", "one")).unwrap();
    let open = ProblemCommand::Open {
        title: "Logs fill up".into(),
        description: "Every night.".into(),
        priority: 3,
        group: None,
        applies_to: None,
        incidents: Vec::new(),
    };
    scenario.command(101, &Command::Problem(open)).unwrap();
    scenario.work(102, 1, ProblemAction::Attach(Box::new(file("b.log", "one")))).unwrap();
    let attachment = scenario.world.problems.problems[&scenario.problem(1)].attachments[0].id;
    scenario.act(103, 1, remove(&scenario, 0)).unwrap();
    assert_eq!(named(&scenario.world).len(), 1);
    scenario.work(104, 1, ProblemAction::Detach { attachment, reason: "Not needed.".into() }).unwrap();
    assert_eq!(all(&scenario.world).count(), 0);
    scenario.story();
}
