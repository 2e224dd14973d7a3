//! Reading, printing and refusing.

use super::*;
use proptest::prelude::*;

/// A text is understood, printed so, and its print is the same query.
#[track_caller]
fn check(text: &str, expected: &str) {
    let query = Query::parse(text).unwrap_or_else(|error| panic!("{error}\n{}", error.render(text)));
    assert_eq!(query.to_string(), expected);
    assert_eq!(Query::parse(expected).as_ref(), Ok(&query));
    let json = serde_json::to_string(&query).unwrap();
    assert_eq!(serde_json::from_str::<Query>(&json).unwrap(), query);
}

/// A text is refused at a place, with a message in which `expected` stands.
#[track_caller]
fn refused(text: &str, place: &str, expected: &str) {
    let error = Query::parse(text).expect_err(text);
    assert_eq!(text.get(error.span.clone()), Some(place), "{error}");
    assert!(error.message.contains(expected), "{error}");
    assert!(error.to_string().ends_with(&format!("at column {}", text[..error.span.start].chars().count() + 1)));
}

#[test]
fn conditions_are_read_and_printed_in_one_form() {
    check("", "");
    check("  ", "");
    check(
        "class:server os.id:debian package:openssl<3.0.13 tag:prod not status:retired last_seen>7d",
        "class:server os_id:debian package:openssl<3.0.13 tag:prod not status:retired last_seen>7d",
    );
    check("class:( server , Workstation )", "class:(server,workstation)");
    check("memory >= 16G", "memory_bytes>=16GiB");
    check("cpu.cores:(4,8)", "cpu_cores=4 or cpu_cores=8");
    check("status!=retired", "not status:retired");
    check("not not web", "web");
    check("-tag:prod -(a or b)", "not tag:prod not (a or b)");
    check("a b or c AND d", "a b or c d");
    check("(a or b) c", "(a or b) c");
    check("((a b)) (c)", "a b c");
    check("name:\"web *\" name:web-* name=Web name~x", "name:\"web *\" name:web-* name=Web name~x");
    check("\"or\" \"a:b\" \"-x\" \"say \\\"hi\\\"\"", "\"or\" \"a:b\" \"-x\" \"say \\\"hi\\\"\"");
    check("fe80::1 52:54:00:12:34:56 10.0.0.1", "\"fe80::1\" \"52:54:00:12:34:56\" 10.0.0.1");
    check("ip:10.1.2.3/8 address:(::1,10.0.0.1)", "ip:10.0.0.0/8 ip:(::1,10.0.0.1)");
    check("package:(openssl<3,\"lib x\">=1,curl)", "package:(openssl<3,\"lib x\">=1,curl)");
    check("package:g++", "package:g++");
    check("listener:443/TCP listener:22", "listener:443/tcp listener:22");
    check(
        "created:>2026-01-01 updated<1h booted_at<2026-01-01T00:00:00Z",
        "created>2026-01-01 updated<1h booted_at<2026-01-01T00:00:00.000Z",
    );
    check("has:os.id attribute.group:x rack:A12", "has:os_id attribute.group:x rack:A12");
    check(
        "runs_on:hv-1 used_by:shop parent:host_00000000000000000000000001",
        "runs_on:hv-1 used_by:shop parent:host_00000000000000000000000001",
    );
    check(
        "disk.used_bytes>5MB rack_units>3 kernel<6.1 warranty>5GB",
        "disk_used_bytes>5000000 rack_units>3 kernel<6.1 warranty>5000000000bytes",
    );
    check(
        "agent:silent drift:yes incident:open user:alice service:(nginx,ssh*)",
        "agent:silent drift:true incident:open user:alice service:(nginx,ssh*)",
    );
}

#[test]
fn every_mistake_is_shown_where_it_is() {
    refused("class:server last_seen>yesterday", "yesterday", "last_seen wants an age such as 7d or a date");
    refused("class:sever", "sever", "class wants a class");
    refused("class<server", "<", "class goes with :");
    refused("class:", "", "class wants a value");
    refused("class:(server", "(", "not closed");
    refused("class:server,host", ",", "a comma only stands in a list");
    refused("(a or b", "(", "not closed");
    refused("a)", ")", "closes nothing");
    refused("a or", "", "a condition is missing");
    refused("or a", "or", "no condition before");
    refused("a and", "", "a condition is missing");
    refused(":x", ":x", "an operator stands between");
    refused("name:\"x", "\"", "do not end");
    refused("name:\"x\\n\"", "\\n", "only");
    refused("memory>=lots", "lots", "a size such as 16GiB");
    refused("cpu.cores>4G", "4G", "a number");
    refused("last_seen:7d", ":", "goes with <");
    refused("class>(a,b)", "(", "a list goes with");
    refused("package:openssl<", "<", "a version is missing");
    refused("package:bash<<6", "<", "an operator stands here after another");
    refused("package:(bash<6,zsh<=:5)", ":", "an operator stands here after another");
    refused("package:openssl!=3", "3", "a version goes with");
    refused("9x:y z:", "", "wants a value");
    refused("ip:10.0.0.0/33", "10.0.0.0/33", "a network");
    refused("listener:https", "https", "a port");
    refused("reboot_required:maybe", "maybe", "true or false");
    refused("id:web-1", "web-1", "the id of a configuration item");
    refused("été class:sever", "sever", "class wants");
    refused("\"\"", "\"\"", "nothing between");
    refused("a\u{7}b", "a\u{7}b", "control character");
}

#[test]
fn sizes_are_bounded() {
    refused(&"a ".repeat(2049), &"a ".repeat(2049)[LENGTH..], "at most 4096 bytes");
    refused(&"a ".repeat(257), "a", "at most 256 conditions");
    let deep = format!("{}a{}", "(".repeat(33), ")".repeat(33));
    refused(&deep, "(", "nested at most 32");
    assert!(Query::parse(&"-".repeat(4000)).is_err());
    assert!(Query::parse(&"(".repeat(LENGTH)).is_err());
}

#[test]
fn carets_stand_under_the_mistake() {
    let text = "tag:\u{e9}t\u{e9} class:sever and more";
    let rendered = Query::parse(text).unwrap_err().render(text);
    assert_eq!(rendered, format!("{text}\n              ^^^^^"));
    let long = format!("{} class:sever {}", "x ".repeat(100), "y ".repeat(100));
    let rendered = Query::parse(&long).unwrap_err().render(&long);
    assert!(rendered.lines().all(|line| line.chars().count() <= 130), "{rendered}");
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,6}", "[a-zA-Z0-9 \"\\\\:<>=~(),*?!.é-]{1,8}", Just("or".to_owned()), Just("-not".to_owned())]
}

fn pattern() -> impl Strategy<Value = pattern::Pattern> {
    use pattern::Pattern;
    prop_oneof![word().prop_map(Pattern::Exact), "[a-z]{0,3}[*?][a-z*-]{0,3}".prop_map(Pattern::Glob)]
}

fn comparison() -> impl Strategy<Value = quantity::Comparison> {
    use quantity::Comparison;
    prop::sample::select(vec![Comparison::Less, Comparison::AtMost, Comparison::AtLeast, Comparison::Greater])
}

fn moment() -> impl Strategy<Value = quantity::Moment> {
    use quantity::Moment;
    use rollcall_shared::Timestamp;
    prop_oneof![
        (0_u64..2_000_000_000).prop_map(|seconds| Moment::Age(seconds * 1000)),
        (0_i64..40_000).prop_map(|days| Moment::Day(Timestamp(days * 86_400_000))),
        (0_i64..4_000_000_000_000).prop_map(|ms| Moment::Instant(Timestamp(ms))),
    ]
}

fn text_test() -> impl Strategy<Value = term::TextTest> {
    use term::TextTest;
    prop_oneof![
        prop::collection::vec(pattern(), 1..3).prop_map(TextTest::Is),
        prop::collection::vec(word(), 1..3).prop_map(TextTest::Exactly),
        prop::collection::vec(word(), 1..3).prop_map(TextTest::Contains),
    ]
}

fn attribute() -> impl Strategy<Value = Term> {
    use term::AttributeTest;
    let named = |names: &[&str]| prop::sample::select(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    prop_oneof![
        (named(&["os_id", "rack", "group", "memory", "mac"]), text_test())
            .prop_map(|(name, test)| Term::Attribute(name, AttributeTest::Text(test))),
        (named(&["memory_bytes", "cpu_cores"]), comparison(), 0_u64..1 << 50)
            .prop_map(|(name, comparison, number)| Term::Attribute(name, AttributeTest::Number(comparison, number as f64))),
        (named(&["booted_at", "rack"]), comparison(), moment())
            .prop_map(|(name, comparison, moment)| Term::Attribute(name, AttributeTest::Moment(comparison, moment))),
        any::<bool>().prop_map(|value| Term::Attribute("reboot_required".into(), AttributeTest::Boolean(value))),
        (comparison(), "[0-9]{1,3}\\.[0-9]{1,3}[ce~]?")
            .prop_map(|(comparison, version)| Term::Attribute("kernel".into(), AttributeTest::Order(comparison, version))),
    ]
}

fn term_of_any_kind() -> impl Strategy<Value = Term> {
    use crate::ci::{Class, Lifecycle};
    use term::{ListenerTest, Listing, Network, PackageTest, Relationship, Target, TextField};
    let target = prop_oneof![
        pattern().prop_map(Target::Name),
        any::<u128>().prop_map(|bits| Target::Id(crate::id::CiId { family: crate::id::Family::Host, bits }))
    ];
    let target = prop::collection::vec(target, 1..3);
    let package = (pattern(), prop::option::of((comparison(), word())))
        .prop_filter(
            "a bare name ends at an operator",
            |(name, _)| !matches!(name, pattern::Pattern::Glob(glob) if glob.contains(['<', '>', '='])),
        )
        .prop_map(|(name, version)| PackageTest { name, version });
    prop_oneof![
        pattern().prop_map(Term::Word),
        prop::sample::subsequence(Class::ALL.to_vec(), 1..4).prop_map(Term::Class),
        Just(Term::Status(vec![Lifecycle::Retired, Lifecycle::InStock])),
        (prop::sample::select(vec![TextField::Name, TextField::Tag, TextField::Source]), text_test())
            .prop_map(|(field, test)| Term::Text(field, test)),
        prop::collection::vec(word(), 1..3).prop_map(Term::Group),
        Just(Term::Has(vec!["ip_addresses".into(), "memory".into(), "class".into()])),
        attribute(),
        (any::<u32>(), 0_u8..=32).prop_map(|(bits, prefix)| {
            let text = format!("{}/{prefix}", std::net::Ipv4Addr::from_bits(bits));
            Term::Address(Network::parse(&text).into_iter().collect())
        }),
        prop::collection::vec(package, 1..3).prop_map(Term::Package),
        (any::<u16>(), prop::option::of("[a-z]{3}")).prop_map(|(port, protocol)| Term::Listener(vec![ListenerTest { port, protocol }])),
        prop::collection::vec(pattern(), 1..3).prop_map(|patterns| Term::Listed(Listing::Service, patterns)),
        any::<bool>().prop_map(Term::Drift),
        (comparison(), moment()).prop_map(|(comparison, moment)| Term::Moment(term::MomentField::LastSeen, comparison, moment)),
        (target, prop::sample::select(Relationship::all().collect::<Vec<_>>()))
            .prop_map(|(targets, relationship)| Term::Related(relationship, targets)),
    ]
}

fn expression() -> impl Strategy<Value = Expression> {
    term_of_any_kind().prop_map(Expression::Term).prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(Expression::negated),
            prop::collection::vec(inner.clone(), 1..4).prop_filter_map("some", Expression::all),
            prop::collection::vec(inner, 1..4).prop_filter_map("some", Expression::any),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(root in expression()) {
        let query = Query { root: Some(root) };
        prop_assume!(query.to_string().len() <= LENGTH);
        let text = query.to_string();
        let read = Query::parse(&text);
        prop_assert_eq!(read.as_ref(), Ok(&query), "{}", text);
    }

    #[test]
    fn no_text_panics_and_what_is_understood_prints_back(text in "[a-z:=<>~!()\", *?.0-9é\u{7}\t-]{0,60}") {
        match Query::parse(&text) {
            Ok(query) => prop_assert_eq!(Query::parse(&query.to_string()), Ok(query)),
            Err(error) => {
                prop_assert!(text.get(error.span.clone()).is_some());
                prop_assert!(error.render(&text).contains('^'));
            }
        }
    }

    #[test]
    fn no_sequence_of_words_panics(words in prop::collection::vec(prop::sample::select(vec!["class", ":", "server", "(", ")", "not", "-", "or", "and", ",", "\"x y\"", "<", "7d", "package:a<1", "ip:", "10.0.0.0/8", " ", " "]), 0..20)) {
        let text = words.concat();
        if let Ok(query) = Query::parse(&text) {
            prop_assert_eq!(Query::parse(&query.to_string()), Ok(query));
        }
    }
}
