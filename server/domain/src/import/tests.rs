//! Files that people load.

use super::*;
use crate::ci::testing::{Fleet, server, system};
use crate::ci::{AttributeValue, CiEvent, RelationKind, Source};
use crate::{Command, Context, Event, Rejection};
use proptest::prelude::*;

/// A file: its first line are the headings, cells are separated by `|`.
fn table(text: &str) -> (Vec<String>, Vec<Row>) {
    let mut lines = text.trim().lines().map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
    let columns = lines.next().expect("headings");
    let cell = |text: String| (!text.is_empty()).then_some(AttributeValue::Text(text));
    let row = |(place, cells): (usize, Vec<String>)| Row {
        number: u32::try_from(place + 1).expect("few"),
        fault: cells.first().filter(|key| *key == "?").map(|_| Refusal { code: "ragged".into(), column: None, reason: "cut off".into() }),
        cells: cells.into_iter().map(cell).collect(),
    };
    let rows = lines.enumerate().map(row).collect();
    (columns, rows)
}

struct Loading<'a> {
    fleet: &'a mut Fleet,
    dry_run: bool,
    mirror: bool,
    class: Option<Class>,
}

impl Loading<'_> {
    /// Loads a file as the feed `racks`; what came of each row, and all events.
    fn load(&mut self, text: &str) -> (Vec<String>, Vec<Event>) {
        let (columns, rows) = table(text);
        let plan = Plan { class: self.class, ..Plan::new(None, &columns).expect("a plan") };
        let order = Order {
            name: "racks".into(),
            dry_run: self.dry_run,
            mirror: self.mirror,
            rows: u32::try_from(rows.len()).expect("few"),
            ignored: plan.ignored(),
        };
        let numbers: Vec<u32> = rows.iter().map(|row| row.number).collect();
        let started = self.fleet.decide("ada", &Command::Import(ImportCommand::Start(order.clone()))).expect("started");
        let Event::Import(ImportEvent::ImportStarted { import, .. }) = started[0] else { panic!("{started:?}") };
        let mut run = Run::new(import, &order, plan);
        let mut queue = Queue::new(rows, self.mirror);
        let mut events = Vec::new();
        while let Some(work) = queue.next(&mut run) {
            let mut taken = self.fleet.take(&mut run, &work);
            queue.note(&mut taken);
            events.append(&mut taken.events);
        }
        self.fleet.decide("ada", &Command::Import(ImportCommand::End { import, reason: None })).expect("ended");
        self.fleet.check();
        (told(&numbers, &events), events)
    }
}

/// One line for each row, in their order, and for each record that is missing.
fn told(numbers: &[u32], events: &[Event]) -> Vec<String> {
    let results = events.iter().filter_map(|event| match event {
        Event::Import(ImportEvent::ImportProgressed { results, .. }) => Some(results),
        _ => None,
    });
    let mut told: BTreeMap<(u32, String), String> =
        numbers.iter().map(|number| ((*number, String::new()), "unchanged".to_owned())).collect();
    for result in results.flatten() {
        let word = format!("{:?}", result.outcome).to_lowercase();
        let text = match &result.refusal {
            Some(refusal) => format!("{} {}", refusal.code, refusal.column.as_deref().unwrap_or("-")),
            None => word,
        };
        let key = if result.row == 0 { result.key.clone().unwrap_or_default() } else { String::new() };
        let row = if result.row == 0 { u32::MAX } else { result.row };
        told.insert((row, key.clone()), if key.is_empty() { text } else { format!("{key} {text}") });
    }
    told.into_values().collect()
}

impl Fleet {
    fn take(&mut self, run: &mut Run, work: &Work) -> Taken {
        self.now = Timestamp(self.now.0 + 1000);
        let actor = crate::Actor::Local;
        let mut context = Context { now: self.now, actor: actor.clone(), ids: &mut self.ids, content: &self.content };
        let taken = take(&self.world, run, work, &mut context);
        self.append(actor, taken.events.clone());
        taken
    }
}

fn real(fleet: &mut Fleet) -> Loading<'_> {
    Loading { fleet, dry_run: false, mirror: false, class: None }
}

fn ci_events(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Ci(_))).count()
}

/// Loads a file into an empty server: dry, for real, and again.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let mut fleet = Fleet::with_agents([]);
    let (dry, events) = Loading { dry_run: true, ..real(&mut fleet) }.load(text);
    assert_eq!(dry, expected, "a dry run of {text}");
    assert_eq!(ci_events(&events), 0, "a dry run writes nothing");
    let (first, _) = real(&mut fleet).load(text);
    assert_eq!(first, expected, "{text}");
    let (again, events) = real(&mut fleet).load(text);
    let expected: Vec<&str> = expected.iter().map(|told| if *told == "inserted" { "unchanged" } else { *told }).collect();
    assert_eq!(again, expected, "again: {text}");
    assert_eq!(ci_events(&events), 0, "a file that is loaded again changes nothing");
}

#[test]
fn each_row_is_one_thing() {
    check(
        "key | class           | name   | serial  | tags\n\
         1   | server          | web-1  | SRV0001 | prod, env=live\n\
         2   | Network Device  | core   |         |\n\
         3   | business service| Shop   |         |",
        &["inserted", "inserted", "inserted"],
    );
}

#[test]
fn each_row_fails_on_its_own_with_its_column() {
    check(
        "key | class    | name  | status  | cpu_cores | prefix       | parent\n\
         1   | server   | web-1 |         | 8         |              |\n\
         1   | server   | web-2 |         | 8         |              |\n\
             | server   | web-3 |         |           |              |\n\
         4   | fridge   | web-4 |         |           |              |\n\
         5   | server   | web-5 | broken  |           |              |\n\
         6   | server   | web-6 |         | many      |              |\n\
         7   | network  | guest |         |           | 192.0.2.1/24 |\n\
         8   |          | what  |         |           |              |\n\
         9   | location | Hall  |         |           |              | nowhere\n\
         10  | disk     | sda   |         |           |              | 7\n\
         11  | location | Rack  | missing |           |              |",
        &[
            "inserted",
            "duplicate_key key",
            "no_key key",
            "class class",
            "status status",
            "invalid cpu_cores",
            "invalid prefix",
            "no_class -",
            "no_such_thing parent",
            "no_such_thing parent",
            "status status",
        ],
    );
}

#[test]
fn rows_may_refer_to_later_ones_but_not_in_a_circle() {
    check(
        "key  | class    | name   | parent | location\n\
         web  | server   | web-1  |        | Berlin/Hall 2\n\
         db   | server   | db-1   |        | hall\n\
         hall | location | Hall 2 | city   |\n\
         city | location | Berlin |        |\n\
         a    | location | A      | b      |\n\
         b    | location | B      | a      |",
        &["inserted", "inserted", "inserted", "inserted", "circle parent", "circle parent"],
    );
}

#[test]
fn a_row_that_waits_in_vain_is_told_what_for() {
    let mut fleet = Fleet::with_agents([]);
    let text = "key | class    | name | parent\n\
                l1  | location | One  | l2\n\
                l2  | location | Two  | l1\n\
                l3  | location | Tri  | l4\n\
                l4  | location | Four | moon\n\
                l5  | fridge   | Five |\n\
                l6  | location | Six  | l5";
    let (_, events) = real(&mut fleet).load(text);
    let results = events.iter().filter_map(|event| match event {
        Event::Import(ImportEvent::ImportProgressed { results, .. }) => Some(results),
        _ => None,
    });
    let reasons: BTreeMap<&str, &str> =
        results.flatten().filter_map(|result| Some((result.key.as_deref()?, result.refusal.as_ref()?.reason.as_str()))).collect();
    for (key, part) in [
        ("l1", r#"the rows form a circle: "l1" (line 1) refers to "l2" (line 2) refers to "l1""#),
        ("l2", r#""l2" (line 2) refers to "l1""#),
        ("l3", r#"the row of "l4" (line 4) refers to something that is not there either"#),
        ("l4", r#""moon" is neither an id, nor a key of this file"#),
        ("l6", r#"the row of "l5" (line 5) was refused"#),
    ] {
        assert!(reasons[key].contains(part), "{key}: {}", reasons[key]);
    }
}

#[test]
fn two_rows_are_never_one_machine() {
    check(
        "key | class  | name  | serial  | manufacturer | uuid\n\
         1   | server | web-1 | SRV0001 | Dell Inc.    |\n\
         2   | server | web-2 | srv0001 | DELL INC.    |\n\
         3   | server | web-3 |         |              | 4c4c4544-0042-3510-8056-b9c04f4d3133\n\
         4   | server | web-4 |         |              | 44454c4c-4200-1035-8056-b9c04f4d3133\n\
         5   | server | web-5 |         |              |\n\
         6   | server | web-5 |         |              |\n\
         7   | server | web-7 | N/A     |              |",
        &["inserted", "same_thing -", "inserted", "same_thing -", "inserted", "same_thing -", "inserted"],
    );
}

#[test]
fn two_rows_are_never_one_thing() {
    check(
        "key | class            | name  | prefix\n\
         1   | network          | a     | 192.0.2.0/24\n\
         2   | network          | b     | 192.0.2.0/24\n\
         3   | business_service | Shop  |\n\
         4   | business_service | SHOP  |",
        &["inserted", "same_thing -", "inserted", "same_thing -"],
    );
}

#[test]
fn a_machine_that_reports_is_found_by_what_identifies_it_alone() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(7))]);
    let host = fleet.id_of(1);
    let file = "key | class | name | serial | manufacturer | uuid | owner\n\
         1 | server | srv7 | SRV00007 | Dell Inc. | | web team\n\
         2 | server | srv7 | | | | ops\n\
         3 | workstation | desk | | | 4c4c4544-0042-3510-8056-000000000007 | desk team";
    let (told, _) = real(&mut fleet).load(file);
    assert_eq!(told, ["updated", "inserted", "same_thing -"]);
    let ci = &fleet.world.cmdb.cis[&host];
    let owner = &ci.attributes["owner"];
    assert_eq!(*owner.source(), Source::Feed { name: "import:racks".into() });
    assert_eq!(*ci.attributes["serial"].source(), Source::Agent { id: rollcall_shared::AgentId(1) }, "an agent counts more than a file");
    assert_eq!(real(&mut fleet).load(file).0, ["unchanged", "unchanged", "same_thing -"]);
    let other = "key | class | name | serial | manufacturer\n1 | server | srv8 | OTHER777 | Dell Inc.";
    assert_eq!(real(&mut fleet).load(other).0, ["identity_conflict -"], "its key is one machine's, its serial number is not");
    let other = "key | class | name | serial | manufacturer\n9 | network_device | srv7 | SRV00007 | Dell Inc.";
    assert_eq!(real(&mut fleet).load(other).0, ["inserted"], "a switch with that number is no server");
}

#[test]
fn what_only_the_file_says_the_file_puts_right() {
    let mut fleet = Fleet::with_agents([]);
    real(&mut fleet).load(
        "key | class | name | serial | manufacturer\n1 | server | web-1 | SRV0001 | Dell Inc.\n2 | server | web-2 | SRV0002 | Dell Inc.",
    );
    let swapped =
        "key | class | name | serial | manufacturer\n1 | server | web-1 | SRV0009 | Dell Inc.\n2 | server | web-2 | SRV0001 | Dell Inc.";
    let (dry, _) = Loading { dry_run: true, ..real(&mut fleet) }.load(swapped);
    let (told, _) = real(&mut fleet).load(swapped);
    assert_eq!((dry, told), (vec!["updated".into(), "updated".into()], vec!["updated".to_owned(), "updated".to_owned()]));
}

#[test]
fn what_a_file_does_not_say_any_more_is_withdrawn_and_nothing_else() {
    let mut fleet = Fleet::with_agents([]);
    let file = |location: &str, model: &str| {
        format!(
            "key | class | name | location | model\n\
             a | location | Hall A | |\n\
             b | location | Hall B | |\n\
             1 | server | web-1 | {location} | {model}"
        )
    };
    real(&mut fleet).load(&file("a", "R640"));
    let id = fleet.world.cmdb.natives[&("import:racks".to_owned(), "1".to_owned())];
    let assert = crate::ci::CiCommand::AssertAttributes {
        ci: id,
        attributes: [("rack_units".to_owned(), Some(AttributeValue::Integer(2)))].into(),
        expected: None,
    };
    fleet.command("ben", assert).expect("asserted");
    let (told, _) = real(&mut fleet).load(&file("Hall B", ""));
    assert_eq!(told, ["unchanged", "unchanged", "updated"]);
    let ci = &fleet.world.cmdb.cis[&id];
    assert!(!ci.attributes.contains_key("model") && ci.attributes.contains_key("rack_units"));
    let hosted: Vec<CiId> = fleet.world.cmdb.links.from(id).filter(|one| one.kind == RelationKind::HostedOn).map(|one| one.to).collect();
    assert_eq!(hosted, [fleet.world.cmdb.natives[&("import:racks".to_owned(), "b".to_owned())]]);
}

#[test]
fn rows_that_are_gone_are_missing_only_in_a_mirror_and_come_back() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(7))]);
    let all =
        "key | class | name | serial | manufacturer\n1 | cluster | a | |\n2 | cluster | b | |\n3 | server | srv7 | SRV00007 | Dell Inc.";
    let one = "key | class | name\n1 | cluster | a";
    let wrong = "key | class | name\n1 | cluster | a\n2 | fridge | b";
    real(&mut fleet).load(all);
    assert_eq!(real(&mut fleet).load(one).0, ["unchanged"], "nothing disappears");
    let mirror = |fleet: &mut Fleet, dry_run, text: &str| Loading { mirror: true, dry_run, ..real(fleet) }.load(text).0;
    assert_eq!(mirror(&mut fleet, false, wrong), ["unchanged", "class class"], "a refused row is there");
    assert_eq!(mirror(&mut fleet, true, one), ["unchanged", "2 missing"]);
    assert_eq!(mirror(&mut fleet, false, one), ["unchanged", "2 missing"], "an agent reports from the third");
    assert_eq!(mirror(&mut fleet, false, one), ["unchanged"]);
    assert_eq!(real(&mut fleet).load(all).0, ["unchanged", "updated", "unchanged"]);
    let id = fleet.world.cmdb.natives[&("import:racks".to_owned(), "2".to_owned())];
    assert_eq!(fleet.world.cmdb.cis[&id].status, Lifecycle::Operational);
}

#[test]
fn nothing_is_taken_for_gone_when_a_row_could_not_be_read() {
    let mut fleet = Fleet::with_agents([]);
    real(&mut fleet).load("key | class | name\n1 | cluster | a\n2 | cluster | b");
    let mut mirror = |text: &str, expected: &[&str], note: Option<&str>| {
        let (told, _) = Loading { mirror: true, ..real(&mut fleet) }.load(text);
        assert_eq!(told, expected, "{text}");
        let run = fleet.world.imports.runs.values().next_back().expect("remembered");
        assert_eq!(run.note.as_deref(), note, "{text}");
    };
    let unread = Some("1 row could not be read as far as its key: nothing is taken for gone");
    mirror("key | class | name\n1 | cluster | a\n | cluster | b", &["unchanged", "no_key key"], unread);
    mirror("key | class | name\n1 | cluster | a\n? | cluster", &["unchanged", "ragged -"], unread);
    mirror("key | class | name\n1 | cluster | a", &["unchanged", "2 missing"], None);
}

#[test]
fn a_pre_registered_machine_and_its_row_are_told_by_people_apart_from_agents() {
    let mut fleet = Fleet::with_agents([1]);
    real(&mut fleet).load("key | class | name | serial | manufacturer | uuid\n1 | server | srv7 | SRV00007 | Dell Inc. | 4c4c4544-0042-3510-8056-000000000007");
    let id = fleet.world.cmdb.natives[&("import:racks".to_owned(), "1".to_owned())];
    fleet.report(1, [system(server(7))]);
    assert_eq!(fleet.id_of(1), id, "an agent finds the record that a file made");
    fleet.check();
}

#[test]
fn a_row_with_the_serial_number_of_a_machine_is_asked_about() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(7))]);
    let text = "serial | class | asset_tag\nSRV00007 | server | AT-9";
    assert_eq!(real(&mut fleet).load(text).0, ["inserted"]);
    let asked = |fleet: &Fleet| fleet.world.cmdb.reviews.values().map(|task| task.cis.clone()).collect::<Vec<_>>();
    let row = *fleet.world.cmdb.natives.values().next().expect("the row's");
    let mut both = vec![row, fleet.id_of(1)];
    both.sort();
    assert_eq!(asked(&fleet), [both.clone()]);
    assert_eq!(real(&mut fleet).load(text).0, ["unchanged"]);
    assert_eq!(asked(&fleet), [both], "asked once");
    let known = "serial | class | manufacturer\nSRV00007 | server | Dell";
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(7))]);
    assert_eq!(real(&mut fleet).load(known).0, ["updated"], "with its maker it is that machine");
}

#[test]
fn a_run_remembers_its_counts_and_its_first_refusals() {
    let mut fleet = Fleet::with_agents([]);
    real(&mut fleet).load("key | class | name\n1 | cluster | a\n2 | fridge | b\n3 | cluster | c");
    let run = fleet.world.imports.runs.values().next().expect("remembered");
    assert_eq!(run.counts, Counts { inserted: 2, refused: 1, ..Counts::default() });
    assert_eq!((run.state, run.refused.len(), run.refused[0].row), (State::Finished, 1, 2));
}

#[test]
fn a_run_that_was_cut_off_is_ended() {
    let mut fleet = Fleet::with_agents([]);
    let order = Order { name: "racks".into(), dry_run: false, mirror: false, rows: 1, ignored: Vec::new() };
    fleet.decide("ada", &Command::Import(ImportCommand::Start(order.clone()))).expect("started");
    let again = fleet.decide("ada", &Command::Import(ImportCommand::Start(order.clone())));
    assert!(matches!(again, Err(Rejection::Conflict(_))), "one at a time");
    let begun = fleet.world.imports.runs.values().next().expect("remembered").updated_at;
    let mut context =
        Context { now: Timestamp(begun.0 + 599_000), actor: crate::Actor::System, ids: &mut fleet.ids, content: &fleet.content };
    assert!(tick(&fleet.world, &context).is_empty());
    context.now = Timestamp(begun.0 + 601_000);
    let events = tick(&fleet.world, &context);
    fleet.append(crate::Actor::System, events);
    fleet.check();
    assert_eq!(fleet.world.imports.runs.values().next().map(|run| run.state), Some(State::Interrupted));
    for name in ["", "Racks", "a b", &"x".repeat(65)] {
        let order = Order { name: name.into(), ..order.clone() };
        assert!(fleet.decide("ada", &Command::Import(ImportCommand::Start(order))).is_err(), "{name}");
    }
}

/// Cells that meet each other often, good and bad ones.
fn cell() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "",
        "a",
        "b",
        "c",
        "server",
        "location",
        "network",
        "disk",
        "cluster",
        "fridge",
        "SRV0001",
        "SRV0002",
        "Dell Inc.",
        "192.0.2.0/24",
        "198.51.100.0/24",
        "retired",
        "operational",
        "4c4c4544-0042-3510-8056-b9c04f4d3133",
        "x",
        "A/B",
    ])
    .prop_map(str::to_owned)
}

fn file() -> impl Strategy<Value = String> {
    let class =
        prop::sample::select(vec!["server", "host", "virtual_machine", "location", "network", "business_service", "disk", "cluster", ""]);
    let row = (prop::sample::select(vec!["1", "2", "3", "4", "5"]), class, prop::collection::vec(cell(), 8));
    prop::collection::vec(row, 1..9).prop_map(|rows| {
        let heading = "key | class | name | parent | location | serial | manufacturer | uuid | prefix | status".to_owned();
        let lines = rows.into_iter().map(|(key, class, cells)| format!("{key} | {class} | {}", cells.join(" | ")));
        std::iter::once(heading).chain(lines).collect::<Vec<_>>().join("\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_dry_run_says_what_the_real_one_does_and_a_second_one_changes_nothing(before in file(), text in file(), mirror: bool) {
        let mut fleet = Fleet::with_agents([1]);
        fleet.report(1, [system(server(7))]);
        real(&mut fleet).load(&before);
        let (dry, written) = Loading { dry_run: true, mirror, ..real(&mut fleet) }.load(&text);
        prop_assert_eq!(ci_events(&written), 0);
        let (told, _) = Loading { mirror, ..real(&mut fleet) }.load(&text);
        prop_assert_eq!(&dry, &told);
        let (_, events) = Loading { mirror, ..real(&mut fleet) }.load(&text);
        let changes: Vec<_> = events.iter().filter(|event| matches!(event, Event::Ci(_))).collect();
        prop_assert!(changes.is_empty(), "{:?}", changes);
    }
}

#[test]
fn what_a_row_makes_is_the_files_word() {
    let mut fleet = Fleet::with_agents([]);
    let (_, events) = real(&mut fleet).load("key | class | name\n1 | cluster | a");
    let made = events.iter().find_map(|event| match event {
        Event::Ci(CiEvent::CiCreated { source, .. }) => Some(source.clone()),
        _ => None,
    });
    assert_eq!(made, Some(Source::Feed { name: "import:racks".into() }));
}

#[test]
fn what_is_known_of_software_is_loaded_and_no_software_is_made() {
    use crate::ci::testing::packages;
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1)), packages(&[("bash", "5.2")])]);
    let is_bash = |ci: &&crate::ci::Ci| ci.class == Class::SoftwareProduct && ci.name == "bash";
    let (id, key) = fleet.world.cmdb.cis.values().find(is_bash).map(|ci| (ci.id, ci.key.clone().expect("a key"))).expect("a product");
    let before = fleet.world.cmdb.cis.len();
    let file = format!("key|name|licensed_installations|licence_ends\n{key}|GNU Bash|40|2027-01-31\nnothing||1|\n{id}||7|\n");
    let load = |fleet: &mut Fleet| Loading { class: Some(Class::SoftwareProduct), ..real(fleet) }.load(&file).0;
    assert_eq!(load(&mut fleet), ["updated", "unknown_product key", "same_thing -"]);
    assert_eq!(load(&mut fleet), ["unchanged", "unknown_product key", "same_thing -"]);
    let bash = &fleet.world.cmdb.cis[&id];
    assert_eq!((crate::ci::licence::licensed(bash), bash.name.as_str()), (Some(40), "bash"));
    assert_eq!(fleet.world.cmdb.cis.len(), before);
    let (told, _) =
        Loading { class: Some(Class::SoftwareProduct), mirror: true, ..real(&mut fleet) }.load("key|licensed_installations\nother|1\n");
    assert_eq!(told, ["unknown_product key"], "what is in no file any more is still installed");
    let wrong = format!("key|licensed_installations\n{key}|-1\n");
    let told = Loading { class: Some(Class::SoftwareProduct), ..real(&mut fleet) }.load(&wrong).0;
    assert_eq!(told, ["invalid licensed_installations"]);
}
