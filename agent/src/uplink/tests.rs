use super::*;
use crate::spool::{DEFAULT_AGE, LEAST_BYTES, SpoolLimits};
use rollcall_shared::message::{Payload, Report, SectionEntry};
use rollcall_shared::{Outcome, SectionName, Timestamp};

/// An agent's spool and uplink, a clock that is set by hand, and what the server would do.
struct Bench {
    _directory: tempfile::TempDir,
    spool: Spool,
    cache: SectionCache,
    uplink: Uplink,
    now: Duration,
}

impl Bench {
    fn new(messages: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let limits = SpoolLimits { bytes: LEAST_BYTES, age: DEFAULT_AGE };
        let mut spool = Spool::open(&directory.path().join("spool"), limits, 0, at(Duration::ZERO)).unwrap();
        let notes: Vec<Payload> = (0..messages).map(|number| note(&number.to_string())).collect();
        spool.append(&notes, at(Duration::ZERO)).unwrap();
        let cache = SectionCache::open(directory.path().join("sections")).unwrap();
        let uplink = Uplink::new(Duration::ZERO, Duration::from_secs(60), Jitter::new(1));
        Self { _directory: directory, spool, cache, uplink, now: Duration::ZERO }
    }

    /// The next request, after whatever wait it takes; and that wait.
    fn next(&mut self) -> (Duration, Request) {
        let due = self.uplink.deadline().unwrap();
        let wait = due.saturating_sub(self.now);
        self.now = self.now.max(due);
        (wait, self.uplink.poll(&mut self.spool, &self.cache, 0, at(self.now)).unwrap().unwrap())
    }

    /// The sequences of the next push.
    #[track_caller]
    fn push(&mut self) -> Vec<u64> {
        match self.next().1 {
            Request::Push(push) => push.messages.iter().map(|message| message.sequence).collect(),
            other => panic!("{other:?} instead of a push"),
        }
    }

    fn answer(&mut self, answer: Answer) -> Consequences {
        self.uplink.answered(answer, &mut self.spool, at(self.now)).unwrap()
    }

    fn acknowledge(&mut self, through: u64) -> Consequences {
        self.answer(Answer::Pushed(reply(through, Vec::new())))
    }

    fn refuse(&mut self, status: u16, code: Option<&str>) -> Consequences {
        let code = code.map(str::to_owned);
        self.answer(Answer::Failed(Failure::Refused(Refusal { status, code, detail: "no".into(), ..Refusal::default() })))
    }

    fn losses(&mut self) -> Vec<(u64, String)> {
        self.spool.append(&[], at(self.now)).unwrap();
        let messages = self.spool.batch(999, usize::MAX).unwrap();
        self.spool.landed();
        let loss = |payload| if let Payload::Loss(loss) = payload { Some((loss.first, loss.reason)) } else { None };
        messages.into_iter().filter_map(|message| loss(message.payload)).collect()
    }
}

fn at(monotonic: Duration) -> Reading {
    Reading { wall: Timestamp(1_800_000_000_000).plus(monotonic), monotonic }
}

fn note(text: &str) -> Payload {
    Payload::Goodbye { reason: text.to_owned(), at: Timestamp(0) }
}

fn reply(acknowledged: u64, wanted: Vec<ContentHash>) -> PushReply {
    PushReply { acknowledged, wanted, settings: None, server_time: Timestamp(0) }
}

fn report(content: &[u8]) -> Payload {
    let hash = Some(ContentHash::of(content));
    let entry = SectionEntry { name: SectionName::Os, outcome: Outcome::Complete, hash, reason: None, duration_us: 0, bytes_read: 0 };
    Payload::Report(Report { collected_at: Timestamp(0), root: ContentHash::of(content), sections: vec![entry] })
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_is_acknowledged_leaves_the_spool_and_then_only_signs_of_life_follow() {
    let mut bench = Bench::new(3);
    assert_eq!(bench.push(), [1, 2, 3]);
    bench.acknowledge(3);
    let (wait, request) = bench.next();
    assert!((SECOND * 54..=SECOND * 60).contains(&wait), "{wait:?}");
    assert!(matches!(request, Request::Push(push) if push.messages.is_empty()));
}

#[test]
fn what_is_not_acknowledged_is_sent_again_at_once_while_there_is_progress_and_later_when_there_is_none() {
    let mut bench = Bench::new(3);
    bench.push();
    bench.acknowledge(1);
    assert_eq!(bench.uplink.deadline(), Some(bench.now));
    assert_eq!(bench.push(), [2, 3]);
    bench.acknowledge(1);
    let (wait, _) = bench.next();
    assert!(wait >= SECOND);
}

#[test]
fn wanted_content_is_uploaded_and_the_push_repeated() {
    let mut bench = Bench::new(0);
    bench.cache.put(&[(ContentHash::of(b"os"), b"os".to_vec())]).unwrap();
    bench.spool.append(&[report(b"os")], at(bench.now)).unwrap();
    assert_eq!(bench.push(), [1]);
    bench.answer(Answer::Pushed(reply(0, vec![ContentHash::of(b"os")])));
    assert_eq!(bench.next().1, Request::Upload(Upload { sections: vec![Content(b"os".to_vec())] }));
    bench.answer(Answer::Uploaded(UploadReply { stored: vec![ContentHash::of(b"os")] }));
    assert_eq!(bench.push(), [1]);
    bench.acknowledge(1);
    assert_eq!(bench.spool.unsent(), 0);
}

#[test]
fn content_that_the_server_wants_again_and_again_is_not_sent_for_ever() {
    let mut bench = Bench::new(0);
    bench.cache.put(&[(ContentHash::of(b"os"), b"os".to_vec())]).unwrap();
    bench.spool.append(&[report(b"os")], at(bench.now)).unwrap();
    let mut waited = Duration::ZERO;
    for _ in 0..12 {
        let (wait, request) = bench.next();
        waited += wait;
        bench.answer(match request {
            Request::Push(_) => Answer::Pushed(reply(0, vec![ContentHash::of(b"os")])),
            Request::Upload(_) => Answer::Uploaded(UploadReply { stored: Vec::new() }),
        });
    }
    assert!(waited >= SECOND);
}

#[test]
fn a_report_whose_content_went_missing_is_declared_lost_and_made_again() {
    let mut bench = Bench::new(1);
    bench.spool.append(&[report(b"gone")], at(bench.now)).unwrap();
    bench.push();
    bench.answer(Answer::Pushed(reply(1, vec![ContentHash::of(b"gone")])));
    assert_eq!(bench.push(), [3]);
    assert!(bench.acknowledge(3).report_again);
}

#[test]
fn a_poison_message_is_found_by_halves_and_set_aside_while_all_others_pass() {
    let mut bench = Bench::new(9);
    let poison = 6;
    for _ in 0..40 {
        if bench.spool.unsent() == 0 && !bench.spool.has_undeclared() {
            break;
        }
        let sequences = bench.push();
        if sequences.contains(&poison) {
            bench.refuse(400, Some("malformed"));
        } else {
            let through = sequences.last().copied().unwrap_or(0);
            bench.acknowledge(through);
        }
    }
    assert_eq!(bench.spool.unsent(), 0);
    assert_eq!(bench.spool.next_sequence(), 11, "nine messages and one loss");
}

#[test]
fn the_loss_of_a_poison_message_names_it_and_the_reason() {
    let mut bench = Bench::new(1);
    bench.push();
    bench.refuse(400, Some("malformed"));
    assert!(bench.push().is_empty());
    assert!(bench.acknowledge(0).report_again);
    let losses = bench.losses();
    assert_eq!(losses[0].0, 1);
    assert!(losses[0].1.contains("malformed"), "{losses:?}");
}

#[test]
fn nothing_is_given_up_when_even_an_empty_push_is_refused_or_when_it_is_not_rollcall_that_refuses() {
    for code in [Some("malformed"), None] {
        let mut bench = Bench::new(4);
        for _ in 0..30 {
            bench.next();
            bench.refuse(413, code);
        }
        assert_eq!(bench.losses(), []);
        assert!(bench.now >= SECOND * 30, "it must wait longer and longer");
    }
}

#[test]
fn a_pending_agent_asks_calmly_with_empty_pushes_and_sends_everything_once_approved() {
    let mut bench = Bench::new(2);
    assert_eq!(bench.push(), [1, 2]);
    bench.refuse(403, Some("agent_pending"));
    for _ in 0..5 {
        bench.uplink.hurry(at(bench.now));
        let (wait, request) = bench.next();
        assert!((SECOND * 5..=SECOND * 30).contains(&wait));
        assert!(matches!(request, Request::Push(push) if push.messages.is_empty()));
        bench.refuse(403, Some("agent_pending"));
    }
    assert!(bench.push().is_empty());
    bench.acknowledge(0);
    let (wait, _) = bench.next();
    assert_eq!(wait, Duration::ZERO);
}

#[test]
fn a_revoked_agent_asks_rarely() {
    let mut bench = Bench::new(1);
    bench.push();
    bench.refuse(410, Some("agent_revoked"));
    assert!(bench.next().0 >= SECOND * 900);
    assert_eq!(bench.spool.unsent(), 1);
}

#[test]
fn a_stale_epoch_is_replaced_by_one_that_is_later_than_both_clocks() {
    let mut bench = Bench::new(1);
    bench.push();
    let date = Some(Timestamp(2_000_000_000_000));
    let refusal = Refusal { status: 409, code: Some("stale_epoch".into()), date, ..Refusal::default() };
    assert!(bench.answer(Answer::Failed(Failure::Refused(refusal))).new_epoch);
    assert_eq!(bench.spool.epoch(), 2_000_000_000_000);
    assert_eq!(bench.push(), [1]);
}

#[test]
fn a_server_that_knows_later_messages_gets_a_new_epoch_and_nothing_is_forgotten() {
    let mut bench = Bench::new(2);
    bench.push();
    assert!(bench.acknowledge(900).new_epoch);
    assert_eq!(bench.push(), [1, 2]);
}

#[test]
fn a_busy_server_is_left_alone_as_long_as_it_asks() {
    let mut bench = Bench::new(1);
    bench.push();
    let refusal = Refusal { status: 503, code: Some("busy".into()), retry_after: Some(SECOND * 40), ..Refusal::default() };
    bench.answer(Answer::Failed(Failure::Refused(refusal)));
    bench.uplink.hurry(at(bench.now));
    let (wait, _) = bench.next();
    assert!((SECOND * 40..=SECOND * 50).contains(&wait), "{wait:?}");
}

#[test]
fn an_unreachable_server_is_tried_less_and_less_often_and_what_is_urgent_waits_too() {
    let mut bench = Bench::new(1);
    let mut longest = Duration::ZERO;
    for _ in 0..60 {
        let (wait, _) = bench.next();
        longest = longest.max(wait);
        bench.answer(Answer::Failed(Failure::Unreachable("connection refused".into())));
        bench.uplink.hurry(at(bench.now));
        assert!(bench.uplink.deadline().unwrap() >= bench.now + SECOND);
    }
    assert!(longest > SECOND * 100 && longest <= SECOND * 300, "{longest:?}");
}

#[test]
fn an_urgent_push_is_made_at_once_while_the_server_answers() {
    let mut bench = Bench::new(1);
    bench.push();
    bench.acknowledge(1);
    bench.spool.append(&[note("urgent")], at(bench.now)).unwrap();
    bench.uplink.hurry(at(bench.now));
    assert_eq!(bench.push(), [2]);
}

#[test]
fn what_was_spooled_during_a_sign_of_life_follows_at_once() {
    let mut bench = Bench::new(0);
    assert!(bench.push().is_empty());
    bench.spool.append(&[note("urgent")], at(bench.now)).unwrap();
    bench.acknowledge(0);
    let (wait, _) = bench.next();
    assert_eq!(wait, Duration::ZERO);
}
