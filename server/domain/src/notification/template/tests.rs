use super::super::explain::example;
use super::*;
use proptest::prelude::*;
use rollcall_shared::Timestamp;

#[track_caller]
fn check(template: &str, expected: Result<&str, (usize, &str)>) {
    let message = example(Timestamp(0));
    match (Template::parse(template), expected) {
        (Ok(template), Ok(expected)) => assert_eq!(template.render(&message, 300), expected),
        (Err(error), Err((column, part))) => {
            assert_eq!(error.column, column, "{error}");
            assert!(error.reason.contains(part), "{error}");
        }
        (found, expected) => panic!("{template}: {found:?}, not {expected:?}"),
    }
}

#[test]
fn placeholders_are_replaced_and_braces_are_doubled() {
    for (template, expected) in [
        ("plain", "plain"),
        ("{severity}: {count} × {label.rule}", "critical: 3 × filesystem_space"),
        ("{ incident.ci }: {incident.number} P{incident.priority}", "web-1: INC0000001 P2"),
        ("{label.nothing|unknown}", "unknown"),
        ("{label.nothing}.", "."),
        ("{{{status}}}", "{firing}"),
        ("{{status}}", "{status}"),
        ("{incident.location}, {incident.class}", "Berlin, server"),
    ] {
        check(template, Ok(expected));
    }
}

#[test]
fn what_is_acknowledged_says_by_whom() {
    let mut message = example(Timestamp(0));
    message.incidents[0].acknowledged_by = Some("Ada".into());
    let render = |message: &Message, template| Template::parse(template).expect("one").render(message, 300);
    assert_eq!(render(&message, "{incident.acknowledged_by|nobody}"), "Ada");
    let lines = render(&message, "{incidents}");
    let marked: Vec<bool> = lines.lines().map(|line| line.ends_with(" (acknowledged by Ada)")).collect();
    assert_eq!(marked, [true, false, false]);
    message.incidents[0].open = false;
    assert!(!render(&message, "{incidents}").contains("Ada"));
    assert_eq!(render(&example(Timestamp(0)), "{incident.acknowledged_by|nobody}"), "nobody");
}

#[test]
fn what_is_wrong_is_named_with_its_position() {
    check("a {colour}", Err((4, "no placeholder colour; there are status")));
    check("äö {status", Err((4, "never closed")));
    check("x } y", Err((3, "closes nothing")));
    check("{}", Err((2, "no placeholder")));
    check("{label.}", Err((2, "no placeholder")));
    check(&"x".repeat(5_000), Err((1, "at most")));
}

#[test]
fn what_is_put_in_is_never_read_as_a_template() {
    let mut message = example(Timestamp(0));
    message.incidents[0].title = "{incident.id} }}".into();
    let template = Template::parse("{incident.title}").expect("one");
    assert_eq!(template.render(&message, 300), "{incident.id} }}");
}

#[test]
fn every_placeholder_says_something() {
    for (name, _) in PLACEHOLDERS {
        // The example has no item with an id, and nobody has acknowledged it.
        if !matches!(name, "incident.ci_id" | "incident.acknowledged_by") {
            let template = Template::parse(&format!("{{{name}}}")).expect("a placeholder");
            assert_ne!(template.render(&example(Timestamp(0)), 300), "", "{name}");
        }
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_rendered_has_a_bound(text in "[{}a|. äincdet]{0,40}", limit in 1_usize..50) {
        if let Ok(template) = Template::parse(&text) {
            prop_assert!(template.render(&example(Timestamp(0)), limit).chars().count() <= limit);
        }
    }
}
