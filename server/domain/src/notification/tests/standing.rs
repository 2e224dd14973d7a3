//! What is said of ways that do not work.

use super::*;
use crate::delivery::{Outcome, Told};
use crate::notification::standing::standing;
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
