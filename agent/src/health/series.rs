//! What a source reads: a series and its figure of the moment, before it is compared with the reading before.

use rollcall_shared::sample::Series;

/// One figure of one series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Raw {
    pub(super) series: Series,
    pub(super) unit: &'static str,
    pub(super) figure: Figure,
}

/// Gauges are taken as they are, counters as they grew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Figure {
    Gauge(Option<f64>),
    Counter(Count),
}

/// A counter, and what its growth is divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Count {
    /// Growth times a factor, a second.
    Rate { counter: u64, factor: f64 },
    /// As a rate, which cannot exceed 1: time that something was busy.
    Busy { counter: u64, factor: f64 },
    /// Growth as such.
    Growth { counter: u64 },
    /// Growth against the growth of a whole.
    Share { part: u64, whole: u64 },
    /// Growth times a factor for each unit that something else grew.
    Average { sum: u64, count: u64, factor: f64 },
}

impl Raw {
    fn new(metric: &str, attributes: &[(&str, &str)], unit: &'static str, figure: Figure) -> Self {
        #[cfg(test)]
        check_catalogue(metric, attributes, unit, figure);
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { series: Series { metric: metric.to_owned(), attributes }, unit, figure }
    }

    /// A value of the moment.
    pub(crate) fn gauge(metric: &str, attributes: &[(&str, &str)], unit: &'static str, value: Option<f64>) -> Self {
        Self::new(metric, attributes, unit, Figure::Gauge(value))
    }

    /// Whether something is so, as 1 or 0.
    pub(crate) fn flag(metric: &str, attributes: &[(&str, &str)], is_so: Option<bool>) -> Self {
        Self::gauge(metric, attributes, "1", is_so.map(|is_so| if is_so { 1.0 } else { 0.0 }))
    }

    /// A number of things of the moment.
    pub(crate) fn count(metric: &str, attributes: &[(&str, &str)], unit: &'static str, number: u64) -> Self {
        Self::gauge(metric, attributes, unit, Some(float(number)))
    }

    /// A part of a whole, as a ratio; none when the whole is nothing.
    pub(crate) fn ratio(metric: &str, attributes: &[(&str, &str)], part: u64, whole: u64) -> Self {
        let value = (whole > 0).then(|| float(part) / float(whole));
        Self::gauge(metric, attributes, "1", value.map(|value| value.min(1.0)))
    }

    /// A counter that becomes `factor` times its growth a second.
    pub(crate) fn rate(metric: &str, attributes: &[(&str, &str)], unit: &'static str, counter: u64, factor: f64) -> Self {
        Self::new(metric, attributes, unit, Figure::Counter(Count::Rate { counter, factor }))
    }

    /// A counter of busy time, or of the use of a capacity, that becomes a ratio of what the time that passed allowed.
    pub(crate) fn busy(metric: &str, attributes: &[(&str, &str)], counter: u64, factor: f64) -> Self {
        Self::new(metric, attributes, "1", Figure::Counter(Count::Busy { counter, factor }))
    }

    /// A counter that becomes its growth since the reading before.
    pub(crate) fn growth(metric: &str, attributes: &[(&str, &str)], unit: &'static str, counter: u64) -> Self {
        Self::new(metric, attributes, unit, Figure::Counter(Count::Growth { counter }))
    }

    /// Two counters that become the ratio of their growths.
    pub(crate) fn share(metric: &str, attributes: &[(&str, &str)], part: u64, whole: u64) -> Self {
        Self::new(metric, attributes, "1", Figure::Counter(Count::Share { part, whole }))
    }

    /// Two counters that become `factor` times the growth of the first for each unit of the second; none while the second stands.
    pub(crate) fn average(metric: &str, attributes: &[(&str, &str)], unit: &'static str, (sum, count): (u64, u64), factor: f64) -> Self {
        Self::new(metric, attributes, unit, Figure::Counter(Count::Average { sum, count, factor }))
    }
}

/// Whatever a test of a source reads must be in the catalogue as it is read. Names without a dot are made up by tests.
#[cfg(test)]
fn check_catalogue(name: &str, attributes: &[(&str, &str)], unit: &str, figure: Figure) {
    use rollcall_shared::metric::{self, Kind};
    if !name.contains('.') {
        return;
    }
    let known = metric::find(name).unwrap_or_else(|| panic!("{name} is not in the catalogue of metrics"));
    assert_eq!(known.unit, Some(unit), "unit of {name}");
    let is_growth = matches!(figure, Figure::Counter(Count::Growth { .. }));
    assert_eq!(known.kind == Kind::Growth, is_growth, "kind of {name}");
    for (attribute, _) in attributes {
        assert!(known.attributes.contains(attribute), "{name} has an attribute {attribute} that the catalogue does not know");
    }
}

/// Counters are far below 2^53 within the life of a machine; beyond, a rate does not need the last bit.
#[expect(clippy::cast_precision_loss, reason = "stated above")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}
