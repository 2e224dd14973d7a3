use super::*;
use crate::delivery::MessageStatus;
use crate::incident::IncidentState;
use proptest::prelude::*;

/// What happens in a random story.
#[derive(Clone, Debug)]
enum Move {
    Breach(u128),
    Recover(u128),
    Acknowledge(u64),
    Wait(i64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (1_u128..9).prop_map(Move::Breach),
        2 => (1_u128..9).prop_map(Move::Recover),
        1 => (1_u64..9).prop_map(Move::Acknowledge),
        3 => (1_i64..120).prop_map(Move::Wait),
    ];
    proptest::collection::vec(one, 1..40)
}

fn play(desk: &mut Desk, moves: &[Move]) -> i64 {
    let mut at = 0;
    for one in moves {
        match one {
            Move::Breach(n) => desk.breach(at, [*n]),
            Move::Recover(n) => desk.recover(at, [*n]),
            Move::Acknowledge(number) => {
                if desk.s.world.incidents.count >= *number && desk.s.act(at, *number, IncidentAction::Acknowledge).is_ok() {
                    desk.s.settle(at);
                }
            }
            Move::Wait(seconds) => {
                desk.wait(at..=at + seconds);
                at += seconds;
            }
        }
        at += 1;
    }
    desk.wait(at..=at + 130);
    at + 130
}

/// What was said of each group, in order.
fn said(desk: &Desk) -> BTreeMap<NotificationGroupId, Vec<Notification>> {
    let mut said: BTreeMap<NotificationGroupId, Vec<Notification>> = BTreeMap::new();
    for told in desk.s.world.notifications.history.values() {
        // That a part was acknowledged is told by itself.
        if told.cause != Cause::Acknowledged || told.status != MessageStatus::Firing {
            said.entry(told.group.expect("nobody watches")).or_default().push(told.clone());
        }
    }
    said
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_page_is_told_unless_it_was_over_or_attended_before_its_turn(moves in moves()) {
        let mut desk = Desk::with_route();
        play(&mut desk, &moves);
        for incident in desk.s.world.incidents.incidents.values() {
            let needs = matches!(incident.state, IncidentState::New | IncidentState::Assigned) && incident.acknowledged.is_none();
            let told = desk.s.world.notifications.history.values().any(|told| told.incidents.contains(&incident.id));
            prop_assert!(!needs || told, "{}", incident.number);
        }
        desk.told();
    }

    #[test]
    fn nothing_is_told_twice_and_after_notice_was_taken_only_how_it_stands(moves in moves()) {
        let mut desk = Desk::with_route();
        play(&mut desk, &moves);
        for told in said(&desk).values() {
            for pair in told.windows(2) {
                let news = pair[1].incidents.iter().any(|id| !pair[0].incidents.contains(id));
                prop_assert!(pair[0].status != pair[1].status || news, "{pair:?}");
                // "Resolved" may name what was over before anybody took notice.
                prop_assert!(pair[1].status != MessageStatus::Acknowledged || !news || pair[0].status != MessageStatus::Acknowledged);
            }
            // What joins is told at most once in an interval; what comes after all was over joins nothing.
            for together in told.split(|told| told.status == MessageStatus::Resolved) {
                let firing: Vec<&Notification> = together.iter().filter(|told| told.status == MessageStatus::Firing).collect();
                for pair in firing.windows(2) {
                    prop_assert!(pair[1].at.since(pair[0].at).as_secs() >= 60, "{pair:?}");
                }
            }
        }
    }
}
