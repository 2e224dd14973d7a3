use super::*;
use crate::alert::scenario::{Scenario, host, rule, seconds};
use crate::incident::IncidentEvent;
use crate::rule::{Asks, Comparison, Level, Levels, Predicate, Term};
use crate::{Event, Record};
use rollcall_shared::sample::{SampleSet, Series};

const MINUTE_MS: u64 = 60_000;

/// A rule on a condition with one line.
fn judged(condition: Condition, raise: f64) -> Rule {
    let clear = raise;
    let levels = Levels { warning: Some(Level { raise, clear, and: None, for_ms: None }), critical: None };
    Rule { condition, levels, ..rule("load") }
}

fn term(metric: &str, reduce: Reduce, window_ms: u64) -> Term {
    Term { metric: metric.into(), attributes: BTreeMap::new(), reduce, window_ms }
}

fn threshold(reduce: Reduce, window_ms: u64) -> Condition {
    Condition::Threshold { metric: "m".into(), attributes: BTreeMap::new(), reduce, window_ms, side: Side::Above }
}

/// A chart in lines that people can read; moments in seconds.
fn told(chart: &Chart) -> Vec<String> {
    let secs = |at: Timestamp| at.0 / 1_000;
    let mut lines = vec![format!("{} to {}", secs(chart.from), secs(chart.to))];
    lines.extend(chart.all_series().iter().zip(chart.reads()).map(|(one, read)| {
        let of = one.ci.map(|_| " elsewhere").unwrap_or_default();
        let attributes: String = one.attributes.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        let made = read.map(|read| format!(": {:?} over {} s", read.function, read.window_ms / 1_000)).unwrap_or_default();
        format!("{}{attributes}{of}{made}", one.metric)
    }));
    lines.push(format!("{:?} {:?} {:?}", chart.lines_of(), chart.side, chart.warning));
    lines.extend(chart.references.iter().map(|reference| match reference {
        Reference::Target { series, value } => format!("{series} target {value}"),
        Reference::Trend { series, at, value, per_second, reaches_at } => {
            format!("{series} trend {value} at {} by {per_second}, reached at {:?}", secs(*at), reaches_at.map(secs))
        }
        Reference::Minimum { series, value } => format!("{series} minimum {value}"),
        Reference::Usual { series, hours } => {
            let hours: Vec<String> =
                hours.iter().map(|hour| format!("{}: {} ± {}", secs(hour.at), hour.usual.median, hour.usual.deviation)).collect();
            format!("{series} usual {}", hours.join(", "))
        }
        Reference::LastSeen { at } => format!("last seen {}", secs(*at)),
    }));
    lines
}

#[track_caller]
fn chart_of(scenario: &Scenario) -> &Chart {
    let incident = scenario.world.incidents.incidents.values().next().expect("an incident");
    incident.breach.as_ref().and_then(|breach| breach.chart.as_ref()).expect("a chart")
}

/// What the chart of a rule's incident shows after values of `m` and `n`, each with its second.
#[track_caller]
fn check(rule: Rule, values: &[(i64, Option<f64>, Option<f64>)], expected: &[&str]) {
    let mut scenario = Scenario::new(vec![rule]);
    values.iter().for_each(|&(at, m, n)| scenario.pair(at, m, n));
    assert_eq!(told(chart_of(&scenario)), expected);
    scenario.replay();
}

#[test]
fn a_threshold_shows_its_series_and_lines_of_it_where_they_are_in_its_unit() {
    let high = [(7_200, Some(96.0), None)];
    check(judged(threshold(Reduce::Last, 0), 85.0), &high, &["-3600 to 8100", "m: Reduce(Last) over 0 s", "Series Above Some(85.0)"]);
    let rate = judged(threshold(Reduce::Rate, 10 * MINUTE_MS), 0.5);
    let grows = [(60, Some(0.0), None), (240, Some(90.0), None), (420, Some(360.0), None)];
    check(rate, &grows, &["-10380 to 1320", "m: Reduce(Rate) over 600 s", "Judged Above Some(0.5)"]);
}

#[test]
fn an_increase_shows_the_minimum_that_it_is_counted_from_and_all_of_its_window() {
    let rule = judged(threshold(Reduce::Increase, 7 * 86_400_000), 0.0);
    let grows = [(700_000, Some(0.0), None), (700_060, Some(1.0), None)];
    check(rule, &grows, &["95260 to 700960", "m: Reduce(Increase) over 604800 s", "Judged Above Some(0.0)", "0 minimum 0"]);
}

#[test]
fn a_ratio_and_an_expression_show_all_that_they_are_made_of() {
    let (part, whole) = (term("m", Reduce::Last, 0), term("n", Reduce::Max, 10 * MINUTE_MS));
    let ratio = Condition::Ratio { part, whole, floor: 0.0, side: Side::Above };
    let values = [(10, Some(1.0), Some(100.0)), (310, Some(60.0), Some(100.0)), (320, Some(60.0), Some(100.0))];
    let series = ["m: Reduce(Last) over 0 s", "n: Reduce(Max) over 600 s"];
    check(judged(ratio, 0.5), &values, &["-10490 to 1210", series[0], series[1], "Judged Above Some(0.5)"]);
    let expression = Condition::Expression { value: "m + 2 * n - m".into(), side: Side::Above };
    let last = ["m: Reduce(Last) over 0 s", "n: Reduce(Last) over 0 s", "m: Reduce(Last) over 0 s"];
    check(judged(expression, 150.0), &values[..1], &["-10790 to 910", last[0], last[1], last[2], "Judged Above Some(150.0)"]);
}

#[test]
fn a_series_of_fewer_attributes_is_told_as_it_is() {
    let expression = Condition::Expression { value: "n / m".into(), side: Side::Above };
    let mut scenario = Scenario::new(vec![judged(expression, 5.0)]);
    let of = |metric: &str, mount: &[(&str, &str)]| Series {
        metric: metric.into(),
        attributes: mount.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    let table = scenario.table(vec![of("m", &[]), of("n", &[("mountpoint", "/a")]), of("n", &[("mountpoint", "/b")])]);
    scenario.push(10, 1, vec![SampleSet { table, at: seconds(10), values: vec![Some(2.0), Some(4.0), Some(40.0)] }], Vec::new());
    let shown = told(chart_of(&scenario));
    assert_eq!(shown[1..3], ["n mountpoint=/b: Reduce(Last) over 0 s", "m: Reduce(Last) over 0 s"]);
}

#[test]
fn a_forecast_shows_what_it_runs_into_and_when() {
    let forecast = Condition::Forecast {
        metric: "m".into(),
        attributes: BTreeMap::new(),
        window_ms: 12 * MINUTE_MS,
        target: 100.0,
        side: Side::Above,
    };
    let grows: Vec<_> = (0..8).map(|minute| (minute * 60, Some(f64::from(i32::try_from(minute).expect("few"))), None)).collect();
    check(
        judged(forecast, 86_400.0),
        &grows,
        &[
            "-10440 to 1260",
            "m: Forecast { target: 100.0, side: Above } over 720 s",
            "Judged Below Some(86400.0)",
            "0 target 100",
            "0 trend 6 at 360 by 0.016666666666666666, reached at Some(6000)",
        ],
    );
}

#[test]
fn an_absence_shows_what_fell_silent_and_when_it_last_came() {
    let absent = Condition::Absent { metric: "m".into(), attributes: BTreeMap::new(), after_ms: 10 * MINUTE_MS };
    let values = [(60, Some(1.0), Some(1.0)), (120, None, Some(1.0)), (700, None, Some(1.0))];
    check(judged(absent, 0.0), &values, &["-10100 to 1600", "m", "Judged Above None", "last seen 60"]);
}

/// Three weeks with 100, 110 and 120 in one hour, and a value in that hour of the fourth.
fn fourth_week(side: Side, value: f64) -> Scenario {
    let baseline = Condition::Baseline { metric: "m".into(), attributes: BTreeMap::new(), side };
    let mut scenario = Scenario::new(vec![judged(baseline, 4.0)]);
    let week = 7 * 86_400;
    for (place, value) in (0..).zip([100.0, 110.0, 120.0]) {
        scenario.pair(place * week, Some(value), None);
        scenario.pair(place * week + 3_600, Some(1_000.0), None);
        scenario.pair(place * week + 7_200, Some(1_000.0), None);
    }
    scenario.pair(3 * week, Some(value), None);
    scenario
}

#[test]
fn what_is_far_below_the_usual_is_a_breach_where_that_is_the_bad_side() {
    let scenario = fourth_week(Side::Below, 50.0);
    let reason = &scenario.world.alerts.alerts.values().next().expect("an alert").reason;
    assert_eq!(reason, "distance of m below what is usual at this hour is 6 deviations, above 4 deviations");
    assert_eq!(chart_of(&scenario).deviation(seconds(3 * 7 * 86_400), 50.0), Some(6.0));
    for (side, value) in [(Side::Below, 500.0), (Side::Above, 50.0)] {
        assert!(fourth_week(side, value).world.alerts.alerts.is_empty(), "{side:?} {value}");
    }
}

#[test]
fn a_baseline_shows_what_is_usual_hour_by_hour() {
    let scenario = fourth_week(Side::Above, 500.0);
    let week = 7 * 86_400;
    let chart = chart_of(&scenario);
    assert_eq!(
        told(chart)[1..],
        ["m: Baseline over 0 s", "Judged Above Some(4.0)", &format!("0 usual {}: 110 ± 10", 3 * week)],
        "of the hours before nothing is known"
    );
    assert_eq!(chart.deviation(seconds(3 * week + 90), 150.0), Some(4.0));
    assert_eq!(chart.deviation(seconds(3 * week - 90), 150.0), None);
}

#[test]
fn a_check_shows_its_states_wherever_they_are_measured() {
    let series = |metric: &str, pairs: &[(&str, &str)]| Series {
        metric: metric.into(),
        attributes: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    let mut scenario = Scenario::new(vec![judged(Condition::Check { check: None }, 1.0)]);
    let table = scenario.table(vec![series("check.state", &[("check", "disk")])]);
    scenario.push(10, 1, vec![SampleSet { table, at: seconds(10), values: vec![Some(2.0)] }], Vec::new());
    assert_eq!(told(chart_of(&scenario))[1..], ["check.state check=disk: Reduce(Last) over 0 s", "Series Above None"]);

    let mut scenario = Scenario::new(vec![judged(Condition::TargetCheck { asks: Asks::Up, check: None }, 1.0)]);
    scenario.add_host(2, &[]);
    scenario.seed(|world| world.cmdb.rebuild_index(&crate::context::NoContent));
    let pairs = [("asks", "up"), ("check", "ping"), ("target", "web-2")];
    let table = scenario.table(vec![series("check.target_state", &pairs)]);
    scenario.push(10, 1, vec![SampleSet { table, at: seconds(10), values: vec![Some(2.0)] }], Vec::new());
    scenario.tick(11);
    let chart = chart_of(&scenario);
    assert_eq!(told(chart)[1..], ["check.target_state asks=up check=ping target=web-2 elsewhere", "Series Above None"]);
    assert_eq!(chart.all_series()[0].ci, Some(host(1)), "of the host that looks");
}

#[test]
fn what_looks_at_no_samples_has_no_chart() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.value(10, 96.0);
    let alert = scenario.world.alerts.alerts.values().next().expect("an alert").clone();
    let predicate = Predicate::Attribute { name: "os".into(), operator: Comparison::Present, value: None };
    for condition in [
        Condition::Inventory { predicate },
        Condition::AgentSilent { after_ms: MINUTE_MS },
        Condition::HostSilent { after_ms: MINUTE_MS },
        Condition::CollectorSilent { after_ms: MINUTE_MS, feed: None },
    ] {
        let rule = Rule { condition, ..rule("load") };
        assert_eq!(of(&scenario.world, &alert, &rule, seconds(10)), None, "{:?}", rule.condition);
    }
}

#[test]
fn what_its_host_no_longer_tells_is_named_as_the_rule_names_it() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.values(10, 1, &[("/var", Some(96.0))]);
    let alert = scenario.world.alerts.alerts.values().next().expect("an alert").clone();
    scenario.seed(|world| world.telemetry = crate::alert::telemetry::Telemetry::default());
    let (part, whole) = (term("m", Reduce::Last, 0), term("n", Reduce::Last, 0));
    let condition = Condition::Ratio { part, whole, floor: 0.0, side: Side::Above };
    let chart = of(&scenario.world, &alert, &judged(condition, 0.5), seconds(10)).expect("a chart");
    let both = ["m mountpoint=/var: Reduce(Last) over 0 s", "n mountpoint=/var: Reduce(Last) over 0 s"];
    assert_eq!(told(&chart)[1..3], both);
}

/// An incident as logs of before have it is read, with the chart that it had.
#[test]
fn a_chart_of_an_old_log_is_of_one_series_with_lines_of_it() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.values(10, 1, &[("/var", Some(96.0))]);
    let is_opening = |record: &&Record| matches!(record.event, Event::Incident(IncidentEvent::IncidentOpened { .. }));
    let record = scenario.log.iter().find(is_opening).expect("an incident");
    let mut stored = serde_json::to_value(record).expect("a record has a JSON form");
    let chart = stored.pointer_mut("/event/incident/breach/chart").expect("the chart of its breach");
    let chart = chart.as_object_mut().expect("an object");
    for new in ["series", "condition"] {
        chart.remove(new).expect("written down by now");
    }
    let record: Record = serde_json::from_value(stored).expect("an old record can be read");
    let mut world = scenario.given();
    world.apply(&record, &scenario.tables);
    let incident = world.incidents.incidents.values().next().expect("the incident");
    let chart = incident.breach.as_ref().and_then(|breach| breach.chart.as_ref()).expect("a chart");
    assert_eq!(told(chart), ["-10790 to 910", "m mountpoint=/var", "Series Above Some(85.0)"]);
    assert_eq!(chart.critical, Some(95.0));
}
