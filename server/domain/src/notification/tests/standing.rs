//! What is said of ways that do not work.

use super::*;
use crate::delivery::{Outcome, Told};
use crate::notification::standing::standing;
use crate::rule::Tier;
use rollcall_shared::Timestamp;

#[test]
fn a_channel_through_which_nothing_gets_for_five_minutes_is_named_and_is_no_way_until_something_does() {
    let mut desk = Desk::with_route();
    desk.breach(10, [1]);
    let message = *desk.s.world.delivery.deliveries.keys().next().expect("one");
    let channel = desk.channel;
    let conclude = |desk: &mut Desk, at: i64, outcome: Outcome| {
        let command = DeliveryCommand::Conclude { channel, told: Told::Message(message), outcome };
        desk.s.command(at, &Command::Delivery(command)).expect("noted");
    };
    conclude(&mut desk, 20, Outcome::Failed { reason: "connection refused".into(), retry_after: None });
    let check = |desk: &Desk, at: i64, works: bool, expected: &[&str]| {
        let standing = standing(&desk.s.world, Timestamp(at * 1_000));
        assert_eq!((standing.works, standing.problems.iter().map(String::as_str).collect::<Vec<_>>()), (works, expected.to_vec()));
    };
    check(&desk, 319, true, &[]);
    let named = "Pages: nothing has got through channel ops since 1970-01-01T00:00:20.000Z: connection refused";
    check(&desk, 320, false, &[named, "Pages: nobody would be told"]);
    conclude(&mut desk, 400, Outcome::Confirmed);
    check(&desk, 1_000, true, &[]);
}

#[test]
fn a_route_for_tickets_alone_tells_nobody_of_pages() {
    let mut desk = Desk::new();
    let check = |desk: &Desk, expected: (bool, bool), problems: &[&str]| {
        let standing = standing(&desk.s.world, Timestamp(0));
        assert_eq!((standing.works, standing.tells_tickets), expected);
        assert_eq!(standing.problems, problems);
    };
    let when = When { tiers: BTreeSet::from([Tier::Ticket]), ..When::default() };
    desk.set_route(Route { name: "Tickets".into(), when, ..route(desk.channel) });
    check(&desk, (false, true), &["no route that counts takes pages: nobody is told of them; when.tiers of a route says what it takes"]);
    desk.set_route(route(desk.channel));
    check(&desk, (true, true), &[]);
}

#[test]
fn a_page_that_was_given_up_is_named_at_once_until_it_is_sent_again_or_over() {
    let mut desk = Desk::with_route();
    desk.breach(10, [1]);
    let message = *desk.s.world.delivery.deliveries.keys().next().expect("one");
    let outcome = Outcome::Gone { reason: "410".into() };
    let command = DeliveryCommand::Conclude { channel: desk.channel, told: Told::Message(message), outcome };
    desk.s.command(20, &Command::Delivery(command)).expect("noted");
    let problems = |desk: &Desk| standing(&desk.s.world, Timestamp(20_000)).problems;
    let named = format!("channel ops: a page was given up, {message} last: 410; deliveries/{message}/resend sends it again");
    assert!(problems(&desk).contains(&named), "{:?}", problems(&desk));
    desk.recover(30, [1]);
    assert!(!problems(&desk).contains(&named));
}
