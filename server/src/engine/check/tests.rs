use super::*;
use rollcall_shared::message::{Content, SectionEntry};
use rollcall_shared::{ContentHash, SectionName, Timestamp};

fn push(payloads: Vec<Payload>) -> Push {
    let messages = (1..).zip(payloads).map(|(sequence, payload)| Message { sequence, payload }).collect();
    Push { epoch: 1, sent_at: Timestamp(0), settings_version: 0, messages }
}

fn set(values: Vec<Option<f64>>) -> SampleSet {
    SampleSet { table: ContentHash([0; 32]), at: Timestamp(0), values }
}

fn entry(name: SectionName, outcome: Outcome, hash: Option<ContentHash>) -> SectionEntry {
    SectionEntry { name, outcome, hash, reason: None, duration_us: 1, bytes_read: 1 }
}

fn report(sections: Vec<SectionEntry>) -> Payload {
    Payload::Report(Report { collected_at: Timestamp(0), root: root_hash(&sections), sections })
}

fn goodbye(reason: &str) -> Payload {
    Payload::Goodbye { reason: reason.to_owned(), at: Timestamp(0) }
}

#[track_caller]
fn check(push: &Push, expected: &str) {
    let found = check_push(push).map_or_else(|error| format!("{}: {error}", kind(&error)), |()| "good".to_owned());
    assert_eq!(found, expected);
}

fn kind(error: &EngineError) -> &'static str {
    match error {
        EngineError::Malformed(_) => "malformed",
        EngineError::TooLarge(_) => "too large",
        _ => "other",
    }
}

#[test]
fn a_correct_push_is_good() {
    let hash = Some(ContentHash([1; 32]));
    let sections = vec![entry(SectionName::Os, Outcome::Complete, hash), entry(SectionName::Users, Outcome::Failed, None)];
    let loss = Payload::Loss(Loss { first: 1, last: 9, from: Timestamp(0), to: Timestamp(1), reason: "spool full".into() });
    check(&push(vec![Payload::Samples(vec![set(vec![Some(1.0), None])]), report(sections), loss, goodbye("stopped")]), "good");
    check(&push(Vec::new()), "good");
}

#[test]
fn sequences_ascend_from_1() {
    let mut wrong = push(vec![goodbye("a"), goodbye("b")]);
    wrong.messages[1].sequence = 1;
    check(&wrong, "malformed: message 1 follows message 1: sequences ascend from 1");
    wrong.messages[0].sequence = 0;
    check(&wrong, "malformed: message 0 follows message 0: sequences ascend from 1");
}

#[test]
fn a_gap_is_no_error_here() {
    let mut gap = push(vec![goodbye("a"), goodbye("b")]);
    gap.messages[1].sequence = 7;
    check(&gap, "good");
}

#[test]
fn there_are_limits_to_everything() {
    check(&push(vec![goodbye("a"); 513]), "too large: 513 messages; at most 512 are taken");
    check(&push(vec![goodbye(&"a".repeat(4097))]), "too large: message 1: 4097 bytes of reason; at most 4096 are taken");
    check(&push(vec![Payload::Samples(vec![set(Vec::new()); 361])]), "too large: message 1: 361 sample sets; at most 360 are taken");
    check(
        &push(vec![Payload::Samples(vec![set(vec![None; 4097])])]),
        "too large: message 1: 4097 values of a sample set; at most 4096 are taken",
    );
}

#[test]
fn values_are_finite() {
    let with = |value| push(vec![Payload::Samples(vec![set(vec![Some(0.0), Some(value)])])]);
    check(&with(f64::NAN), "malformed: message 1: sample set 0: a value is NaN; what could not be measured is null");
    check(&with(f64::INFINITY), "malformed: message 1: sample set 0: a value is inf; what could not be measured is null");
}

#[test]
fn a_report_says_what_its_root_says() {
    let Payload::Report(mut wrong) = report(vec![entry(SectionName::Os, Outcome::Skipped, None)]) else { unreachable!() };
    wrong.root = ContentHash([0; 32]);
    let root = root_hash(&wrong.sections);
    let zero = "0".repeat(64);
    check(
        &push(vec![Payload::Report(wrong)]),
        &format!("malformed: message 1: the report's root is {zero} but its sections hash to {root}"),
    );
}

#[test]
fn a_section_is_named_once_and_has_content_when_something_was_read() {
    let hash = Some(ContentHash([1; 32]));
    let twice = vec![entry(SectionName::Os, Outcome::Complete, hash); 2];
    check(&push(vec![report(twice)]), "malformed: message 1: the report's sections are out of order or named twice");
    for (outcome, hash) in [(Outcome::Failed, hash), (Outcome::Skipped, hash), (Outcome::Complete, None), (Outcome::Partial, None)] {
        let wrong = push(vec![report(vec![entry(SectionName::Os, outcome, hash)])]);
        let name = outcome.as_str();
        check(&wrong, &format!("malformed: message 1: section os is {name}: a hash belongs to complete and partial ones alone"));
    }
}

#[test]
fn a_loss_is_a_range() {
    for (first, last) in [(0, 1), (2, 1)] {
        let loss = Payload::Loss(Loss { first, last, from: Timestamp(0), to: Timestamp(1), reason: String::new() });
        check(&push(vec![loss]), &format!("malformed: message 1: a loss of {first} to {last} is none: numbers ascend from 1"));
    }
}

#[test]
fn an_upload_holds_sections() {
    let bytes = Section::Users(Vec::new()).canonical().unwrap().1;
    assert!(check_upload(&Upload { sections: vec![Content(bytes.clone())] }).is_ok());
    let error = check_upload(&Upload { sections: vec![Content(bytes.clone()), Content(b"junk".to_vec())] }).unwrap_err();
    assert_eq!(error.to_string(), "sections[1]: not the canonical form of a section");
    let error = check_upload(&Upload { sections: vec![Content(bytes); 65] }).unwrap_err();
    assert_eq!((kind(&error), error.to_string().as_str()), ("too large", "65 sections; at most 64 are taken"));
}
