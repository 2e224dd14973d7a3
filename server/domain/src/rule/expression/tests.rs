use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(text: &str, expected: Result<&[(&str, u64)], usize>) {
    let found = parse(text);
    let found = found.as_ref().map(|found| found.reads().iter().map(|read| (read.metric.as_str(), read.window_ms)).collect::<Vec<_>>());
    assert_eq!(found.map_err(|error| error.position), expected.map(<[_]>::to_vec), "{text}");
}

#[test]
fn metrics_and_windows_are_read_from_left_to_right() {
    check("a.b", Ok(&[("a.b", 0)]));
    check("avg(a.b{device=\"sda\", direction=\"read\"}, 10m) / last(c) * 100", Ok(&[("a.b", 600_000), ("c", 0)]));
    check("-(rate(a, 30s) - increase(b, 7d)) + 1.5e3", Ok(&[("a", 30_000), ("b", 604_800_000)]));
    check("ratio(avg(a, 1h), avg(b, 1h), 10)", Ok(&[("a", 3_600_000), ("b", 3_600_000)]));
    check("time_to(a, 6h, 1, above) / 3600", Ok(&[("a", 21_600_000)]));
    check("baseline(a)", Ok(&[("a", 0)]));
}

#[test]
fn a_colon_is_of_the_name_a_slash_divides_and_any_other_name_is_quoted() {
    check("job:cpu:rate5m > 1", Err(16));
    check("job:cpu:rate5m * 2", Ok(&[("job:cpu:rate5m", 0)]));
    check("system.memory.available/system.memory.limit", Ok(&[("system.memory.available", 0), ("system.memory.limit", 0)]));
    check("a/2", Ok(&[("a", 0)]));
    check("{\"disk/busy time\"}/{\"b\", device=\"sda\"}", Ok(&[("disk/busy time", 0), ("b", 0)]));
    check("rate({\"größe\", \"a b\"=\"x\"}, 5m)", Ok(&[("größe", 300_000)]));
    check("a{k8s.io/role=\"db\"}", Ok(&[("a", 0)]));
    check("{a=\"b\"}", Err(2));
    check("{\"a\"", Err(5));
    check("{\"a", Err(3));
}

#[test]
fn a_wrong_text_is_refused_with_the_position() {
    check("", Err(1));
    check("1 + 2", Err(1));
    check("a +", Err(4));
    check("a b", Err(3));
    check("(a", Err(3));
    check("avg(a)", Err(6));
    check("avg(a, 10)", Err(8));
    check("avg(a, 10w)", Err(8));
    check("frobnicate(a, 10m)", Err(1));
    check("a{device=\"x}", Err(11));
    check("a{device=x}", Err(10));
    check("a * 1e999", Err(5));
    check("a * é", Err(5));
    check("time_to(a, 6h, 1, sideways)", Err(27));
}

#[test]
fn cost_is_limited() {
    check(&vec!["a"; 17].join("+"), Err(34));
    check(&format!("{}a{}", "(".repeat(40), ")".repeat(40)), Err(17));
    check(&vec!["a"; 1_000_000].join("+"), Err(4_097));
    check(&"-".repeat(4_000), Err(17));
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_accepted_is_small(text in "[a-c0-9.,+*/(){}=\"\\- mshdvgratio_]{0,60}") {
        if let Ok(expression) = parse(&text) {
            prop_assert!((1..=LEAVES).contains(&expression.leaves()));
        }
    }

    #[test]
    fn no_characters_panic(text in ".{0,40}") {
        let _ = parse(&text);
    }
}
