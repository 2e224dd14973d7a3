//! When a slow source is read, and what is said meanwhile.

use super::*;
use crate::clock::{Clock, SystemClock};
use rollcall_shared::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};

const EVERY: Duration = Duration::from_secs(30);

fn at(awake: u64, asleep: u64) -> Reading {
    Reading { wall: Timestamp(i64::try_from(awake + asleep).expect("small") * 1000), monotonic: Duration::from_secs(awake) }
}

fn sample(slow: &mut Slow, now: Reading) -> Vec<Option<f64>> {
    let mut measurements = Vec::new();
    slow.sample(now, &mut measurements);
    measurements.into_iter().map(|one| one.value).collect()
}

/// A gauge with the number of the reading and a counter that grows by 60 with each.
fn source() -> Slow {
    let readings = AtomicU64::new(0);
    let read = move |_: Reading| {
        let number = readings.fetch_add(1, Ordering::Relaxed) + 1;
        vec![vec![Raw::count("a", &[], "1", number), Raw::rate("b", &[], "1/s", number * 60, 1.0)]]
    };
    Slow::new("test", EVERY, 10, Box::new(read))
}

/// Samples until the reading that was started has come in.
fn sample_until_read(slow: &mut Slow, now: Reading) -> Vec<Option<f64>> {
    let (before, clock) = (slow.readings, SystemClock::new());
    loop {
        let values = sample(slow, now);
        if slow.readings > before {
            return values;
        }
        assert!(clock.now().monotonic < Duration::from_secs(60), "it is not read");
        std::thread::yield_now();
    }
}

#[test]
fn the_first_two_readings_come_at_once_and_the_rest_at_its_pace() {
    let mut slow = source();
    assert_eq!(sample(&mut slow, at(0, 0)), [Some(1.0), None]);
    assert_eq!(sample(&mut slow, at(10, 0)), [Some(2.0), Some(6.0)]);
    for seconds in [20, 30, 39] {
        assert_eq!(sample(&mut slow, at(seconds, 0)), [Some(2.0), Some(6.0)]);
    }
    assert_eq!(sample_until_read(&mut slow, at(40, 0)), [Some(3.0), Some(2.0)]);
}

#[test]
fn after_a_nights_sleep_nothing_is_known_until_it_is_read() {
    let mut slow = source();
    sample(&mut slow, at(0, 0));
    sample(&mut slow, at(10, 0));
    assert_eq!(sample(&mut slow, at(20, 28_800)), [None, None]);
    // The counters slept too: the rate is that of the ten seconds awake.
    assert_eq!(sample_until_read(&mut slow, at(20, 28_800)), [Some(3.0), Some(6.0)]);
}

#[test]
fn a_source_that_hangs_is_unknown_after_three_intervals_and_holds_up_nothing() {
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let mut is_first = true;
    let read = move |_: Reading| {
        if !std::mem::take(&mut is_first) {
            let _ = gate.recv();
        }
        vec![vec![Raw::count("a", &[], "1", 7)]]
    };
    let mut slow = Slow::new("test", EVERY, 10, Box::new(read));
    sample(&mut slow, at(0, 0));
    sample(&mut slow, at(30, 0));
    assert_eq!(sample(&mut slow, at(90, 0)), [Some(7.0)]);
    assert_eq!(sample(&mut slow, at(91, 0)), [None]);
    drop(release);
    assert_eq!(sample_until_read(&mut slow, at(121, 0)), [None], "what was read at 30 came too late");
    assert_eq!(sample_until_read(&mut slow, at(122, 0)), [Some(7.0)]);
}

#[test]
fn a_source_that_panics_is_read_again_next_time() {
    let mut readings = 0;
    let read = move |_: Reading| {
        readings += 1;
        assert!(readings != 2, "on purpose");
        vec![vec![Raw::count("a", &[], "1", readings)]]
    };
    let mut slow = Slow::new("test", EVERY, 10, Box::new(read));
    assert_eq!(sample(&mut slow, at(0, 0)), [Some(1.0)]);
    assert_eq!(sample_until_read(&mut slow, at(30, 0)), [None]);
    // Printing where it panicked costs so much that it is read less often now.
    assert_eq!(sample_until_read(&mut slow, at(330, 0)), [Some(3.0)]);
}

#[test]
fn a_source_that_is_dear_is_read_less_often() {
    let read = |_: Reading| {
        while processor_time_of_this_thread() < Duration::from_millis(45) {
            std::hint::spin_loop();
        }
        vec![vec![Raw::count("a", &[], "1", 1)]]
    };
    let mut slow = Slow::new("test", EVERY, 10, Box::new(read));
    sample_until_read(&mut slow, at(0, 0));
    assert!(slow.every >= Duration::from_secs(45) && slow.every <= EVERY * STRETCH, "{:?}", slow.every);
    assert!(!slow.is_due(at(44, 0)) && slow.is_due(at(300, 0)));
}
