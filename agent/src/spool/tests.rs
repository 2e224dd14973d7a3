use super::*;
use proptest::prelude::*;
use rollcall_shared::message::Report;
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{Outcome, SectionName};
use std::collections::BTreeMap;

const LIMITS: SpoolLimits = SpoolLimits { bytes: LEAST_BYTES, age: DEFAULT_AGE };

fn at(seconds: u64) -> Reading {
    let monotonic = Duration::from_secs(seconds);
    Reading { wall: Timestamp(1_800_000_000_000).plus(monotonic), monotonic }
}

fn open(directory: &Path) -> Spool {
    Spool::open(directory, LIMITS, 0, at(0)).unwrap()
}

fn note(text: &str) -> Payload {
    Payload::Goodbye { reason: text.to_owned(), at: at(0).wall }
}

/// Of values that cannot be packed: each takes eight bytes and a half.
fn samples(values: u32, seconds: u64) -> Payload {
    let values = (0..values).map(|number| Some((f64::from(number) + 1.5).sqrt())).collect();
    let set = SampleSet { table: ContentHash::of(b"table"), at: at(seconds).wall, values };
    Payload::Samples(vec![set])
}

fn report(content: &[u8], seconds: u64) -> Payload {
    let entry = rollcall_shared::message::SectionEntry {
        name: SectionName::Os,
        outcome: Outcome::Complete,
        hash: Some(ContentHash::of(content)),
        reason: None,
        duration_us: 1,
        bytes_read: 1,
    };
    Payload::Report(Report { collected_at: at(seconds).wall, root: ContentHash::of(content), sections: vec![entry] })
}

fn everything(spool: &mut Spool) -> Vec<Message> {
    let all = spool.batch(usize::MAX, usize::MAX).unwrap();
    spool.landed();
    all
}

fn sequences(spool: &mut Spool) -> Vec<u64> {
    everything(spool).iter().map(|message| message.sequence).collect()
}

fn losses(spool: &mut Spool) -> Vec<Loss> {
    let loss = |message: Message| if let Payload::Loss(loss) = message.payload { Some(loss) } else { None };
    everything(spool).into_iter().filter_map(loss).collect()
}

fn newest_segment(directory: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "segment"));
    files.sort();
    files.pop().unwrap()
}

#[test]
fn what_was_appended_is_there_after_a_restart_until_it_is_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&[note("a"), note("b"), note("c")], at(0)).unwrap();
    spool.acknowledge(1);
    let epoch = spool.epoch();
    drop(spool);
    let mut spool = open(directory.path());
    assert_eq!(sequences(&mut spool), [2, 3]);
    assert_eq!(spool.epoch(), epoch);
}

#[test]
fn a_number_is_not_used_again_after_everything_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..5 {
        let mut spool = open(directory.path());
        spool.append(&[note("a"), samples(4_000, 1)], at(0)).unwrap();
        assert_eq!(sequences(&mut spool), [round * 2 + 1, round * 2 + 2]);
        spool.acknowledge(round * 2 + 2);
        assert_eq!(spool.unsent(), 0);
    }
    assert!(open(directory.path()).bytes() < 200_000);
}

#[test]
fn a_batch_is_bounded_by_messages_and_bytes_but_never_empty() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&[samples(100, 1), samples(100, 2), samples(100, 3)], at(0)).unwrap();
    assert_eq!(spool.batch(2, usize::MAX).unwrap().len(), 2);
    assert_eq!(spool.batch(9, 1).unwrap().len(), 1);
}

#[test]
fn a_full_spool_drops_the_oldest_samples_keeps_reports_and_says_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    let mut appended = 0;
    for round in 0..400 {
        let payload = if round % 50 == 0 { report(&[round as u8], round) } else { samples(200, round) };
        spool.append(&[payload], at(round)).unwrap();
        appended += 1;
        assert!(spool.bytes() <= LIMITS.bytes);
    }
    let messages = everything(&mut spool);
    let reports = messages.iter().filter(|message| matches!(message.payload, Payload::Report(_))).count();
    assert_eq!(reports, 8);
    assert!(messages.len() < appended);
    check_every_number_is_accounted_for(&messages, spool.next_sequence());
    let first = losses(&mut spool).remove(0);
    assert_eq!((first.first, first.reason.as_str(), first.from), (2, "spool full (256 KiB)", at(1).wall));
}

#[test]
fn a_spool_full_of_reports_drops_the_oldest_of_them_and_stays_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    for round in 0..3000 {
        spool.append(&[report(&[1], round)], at(round)).unwrap();
        assert!(spool.bytes() <= LIMITS.bytes);
    }
    let messages = everything(&mut spool);
    check_every_number_is_accounted_for(&messages, spool.next_sequence());
}

#[test]
fn nothing_that_is_being_sent_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&[note("first")], at(0)).unwrap();
    while spool.append(&[samples(500, 1)], at(0)).is_ok() && spool.next_sequence() < 100 {
        spool.batch(usize::MAX, usize::MAX).unwrap();
    }
    assert!(matches!(spool.append(&[samples(4000, 1)], at(0)), Err(SpoolError::Full { .. })));
    assert_eq!(losses(&mut spool), []);
    spool.append(&[samples(4000, 1)], at(0)).unwrap();
}

#[test]
fn old_messages_go_with_a_declared_loss() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    for _ in 0..12 {
        spool.append(&[samples(500, 0)], at(0)).unwrap();
    }
    spool.append(&[note("fresh")], at(8 * 86_400)).unwrap();
    let losses = losses(&mut spool);
    assert_eq!((losses[0].first, losses[0].reason.as_str()), (1, "older than 7 days"));
    let messages = everything(&mut spool);
    check_every_number_is_accounted_for(&messages, spool.next_sequence());
}

#[test]
fn a_damaged_record_costs_itself_only() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&[note("a"), note("b"), note("c")], at(0)).unwrap();
    drop(spool);
    let path = newest_segment(directory.path());
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&path, bytes).unwrap();
    for _ in 0..3 {
        let mut spool = open(directory.path());
        assert_eq!(sequences(&mut spool), [1, 3, 4]);
        assert_eq!(losses(&mut spool).iter().map(|loss| (loss.first, loss.last)).collect::<Vec<_>>(), [(2, 2)]);
    }
}

#[test]
fn a_record_that_goes_bad_while_the_agent_runs_is_declared() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&[note("a"), note("b")], at(0)).unwrap();
    let path = newest_segment(directory.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes[30] ^= 4;
    fs::write(&path, bytes).unwrap();
    assert_eq!(sequences(&mut spool), [2]);
    assert!(spool.has_undeclared());
    spool.append(&[], at(0)).unwrap();
    assert_eq!(losses(&mut spool)[0].reason, "damaged on disk");
}

#[test]
fn what_never_got_a_number_gets_one_when_its_loss_is_declared() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.declare(at(1).wall, at(2).wall, "disk full");
    spool.declare(at(2).wall, at(3).wall, "disk full");
    spool.append(&[note("a")], at(3)).unwrap();
    assert_eq!(sequences(&mut spool), [2, 3]);
    assert_eq!((losses(&mut spool)[0].first, losses(&mut spool)[0].last), (1, 1));
}

#[test]
fn a_new_epoch_is_later_than_the_old_one_and_lasts() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), LIMITS, 5_000_000_000_000, at(0)).unwrap();
    assert_eq!(spool.epoch(), 5_000_000_000_001);
    spool.renew_epoch(17).unwrap();
    assert_eq!(open(directory.path()).epoch(), 5_000_000_000_002);
}

#[test]
fn the_content_that_messages_name_is_known_and_a_message_can_be_given_up_by_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&[samples(1, 1), report(b"os", 1)], at(0)).unwrap();
    let names: Vec<ContentHash> = spool.references().unwrap().into_iter().collect();
    let mut expected = vec![ContentHash::of(b"table"), ContentHash::of(b"os")];
    expected.sort();
    assert_eq!(names, expected);
    assert!(spool.set_aside_naming(&ContentHash::of(b"os"), "missing").unwrap());
    assert!(!spool.set_aside_naming(&ContentHash::of(b"os"), "missing").unwrap());
    spool.append(&[], at(0)).unwrap();
    assert_eq!(losses(&mut spool)[0].first, 2);
}

/// Ascending, and every number below `next` is a message or covered by a loss.
#[track_caller]
fn check_every_number_is_accounted_for(messages: &[Message], next: u64) {
    assert!(messages.is_sorted_by(|a, b| a.sequence < b.sequence));
    let mut missing: BTreeSet<u64> = (1..next).collect();
    for message in messages {
        missing.remove(&message.sequence);
        if let Payload::Loss(loss) = &message.payload {
            missing.retain(|number| !(loss.first..=loss.last).contains(number));
        }
    }
    assert!(missing.is_empty(), "{missing:?} are unaccounted for");
}

/// What happens to the spool in the model test.
#[derive(Clone, Debug)]
enum Step {
    Append(u8),
    /// An append that a crash cuts short at this fraction of its bytes.
    Torn(u8, u8),
    Acknowledge(u8),
    Restart,
    /// A bit of a segment flips while the agent is off; once in a history, for the loss that declares one flip may die of another.
    Flip(u16, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..4_u8).prop_map(Step::Append),
        2 => (1..4_u8, any::<u8>()).prop_map(|(count, cut)| Step::Torn(count, cut)),
        2 => any::<u8>().prop_map(Step::Acknowledge),
        1 => Just(Step::Restart),
        1 => (any::<u16>(), 0..8_u8).prop_map(|(place, bit)| Step::Flip(place, bit)),
    ];
    prop::collection::vec(step, 1..24)
}

/// The obligations: what was confirmed and is not acknowledged, by number.
struct Model {
    spool: Option<Spool>,
    directory: tempfile::TempDir,
    owed: BTreeMap<u64, String>,
    /// Every number that was ever confirmed, with its content: none may come back as something else.
    confirmed: BTreeMap<u64, String>,
    made: u32,
}

impl Model {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let spool = Some(open(directory.path()));
        Self { spool, directory, owed: BTreeMap::new(), confirmed: BTreeMap::new(), made: 0 }
    }

    fn spool(&mut self) -> &mut Spool {
        self.spool.as_mut().unwrap()
    }

    fn restart(&mut self) {
        self.spool = None;
        self.spool = Some(open(self.directory.path()));
    }

    fn append(&mut self, count: u8) -> Vec<(u64, String)> {
        let texts: Vec<String> = (0..count).map(|offset| format!("message {}", self.made + u32::from(offset))).collect();
        self.made += u32::from(count);
        let payloads: Vec<Payload> = texts.iter().map(|text| note(text)).collect();
        self.spool().append(&payloads, at(0)).unwrap();
        let next = self.spool().next_sequence();
        (next - u64::from(count)..next).zip(texts).collect()
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Append(count) => {
                let appended = self.append(*count);
                self.owed.extend(appended.clone());
                self.confirmed.extend(appended);
            }
            Step::Torn(count, cut) => {
                let before = fs::metadata(newest_or(self.directory.path())).map_or(0, |metadata| metadata.len());
                let earlier = newest_or(self.directory.path());
                self.append(*count);
                self.spool = None;
                let path = newest_segment(self.directory.path());
                let start = if path == earlier { before } else { 0 };
                let length = fs::metadata(&path).unwrap().len();
                let keep = start + (length - start) * u64::from(*cut) / 256;
                OpenOptions::new().write(true).open(&path).unwrap().set_len(keep).unwrap();
                self.restart();
            }
            Step::Acknowledge(fraction) => {
                let messages = everything(self.spool());
                let Some(message) = messages.get(messages.len() * usize::from(*fraction) / 256) else { return };
                let through = message.sequence;
                self.spool().acknowledge(through);
                self.owed.retain(|sequence, _| *sequence > through);
            }
            Step::Restart => self.restart(),
            Step::Flip(place, bit) => {
                self.spool = None;
                let path = newest_or(self.directory.path());
                let mut bytes = fs::read(&path).unwrap_or_default();
                if !bytes.is_empty() {
                    let place = usize::from(*place) % bytes.len();
                    bytes[place] ^= 1 << bit;
                    fs::write(&path, bytes).unwrap();
                }
                self.restart();
            }
        }
    }

    fn check(&mut self) {
        let messages = everything(self.spool());
        assert!(messages.is_sorted_by(|a, b| a.sequence < b.sequence));
        let mut owed = self.owed.clone();
        for message in &messages {
            match &message.payload {
                Payload::Goodbye { reason, .. } => {
                    if let Some(known) = self.confirmed.get(&message.sequence) {
                        assert_eq!(known, reason, "number {} came back as something else", message.sequence);
                    }
                    owed.remove(&message.sequence);
                }
                Payload::Loss(loss) => owed.retain(|number, _| !(loss.first..=loss.last).contains(number)),
                other => panic!("{other:?} was never appended"),
            }
        }
        assert!(owed.is_empty(), "{owed:?} are neither there nor declared lost; there are {messages:?}");
    }
}

fn newest_or(directory: &Path) -> PathBuf {
    let any = fs::read_dir(directory).unwrap().any(|entry| entry.unwrap().path().extension().is_some_and(|found| found == "segment"));
    if any { newest_segment(directory) } else { directory.join("none") }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_confirmed_message_is_there_or_declared_lost(steps in steps()) {
        let mut model = Model::new();
        let mut flipped = false;
        for step in &steps {
            if matches!(step, Step::Flip(..)) && std::mem::replace(&mut flipped, true) {
                continue;
            }
            model.step(step);
            model.check();
        }
    }
}

#[test]
fn a_tail_cut_at_every_byte_loses_only_what_was_not_confirmed() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&[note("a")], at(0)).unwrap();
    let confirmed = fs::read(newest_segment(directory.path())).unwrap();
    spool.append(&[note("b"), note("c")], at(0)).unwrap();
    drop(spool);
    let whole = fs::read(newest_segment(directory.path())).unwrap();
    for length in confirmed.len()..=whole.len() {
        let copy = tempfile::tempdir().unwrap();
        fs::copy(directory.path().join("epoch"), copy.path().join("epoch")).unwrap();
        fs::write(index::segment_path(copy.path(), 1), &whole[..length]).unwrap();
        let mut spool = open(copy.path());
        let messages = everything(&mut spool);
        assert_eq!(messages[0].payload, note("a"), "cut at {length}");
        check_every_number_is_accounted_for(&messages, spool.next_sequence());
    }
}

#[test]
fn a_failed_append_changes_nothing_and_uses_no_number() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spool");
    let mut spool = open(&path);
    fs::rename(&path, directory.path().join("elsewhere")).unwrap();
    assert!(matches!(spool.append(&[note("a")], at(0)), Err(SpoolError::Io { what: "create", .. })));
    assert_eq!((spool.unsent(), spool.next_sequence()), (0, 1));
    fs::rename(directory.path().join("elsewhere"), &path).unwrap();
    spool.append(&[note("a")], at(0)).unwrap();
    assert_eq!(sequences(&mut spool), [1]);
}

#[test]
fn what_a_failed_append_left_behind_is_not_taken_for_the_messages_that_got_its_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&[note("a")], at(0)).unwrap();
    drop(spool);
    let mut left_behind = fs::read(index::segment_path(directory.path(), 1)).unwrap();
    record::write_message(&mut left_behind, 2, &wire::to_bincode(&note("never confirmed")).unwrap());
    fs::write(index::segment_path(directory.path(), 1), &left_behind).unwrap();
    let mut confirmed = Vec::new();
    record::write_message(&mut confirmed, 2, &wire::to_bincode(&note("confirmed")).unwrap());
    fs::write(index::segment_path(directory.path(), 2), &confirmed).unwrap();
    let payloads: Vec<Payload> = everything(&mut open(directory.path())).into_iter().map(|message| message.payload).collect();
    assert_eq!(payloads, [note("a"), note("confirmed")]);
}
