//! What is taken of histograms and summaries: how many were measured, what they add up to, and the quantiles that a summary names.
//!
//! `http.server.request.duration` becomes `http.server.request.duration.count` and `http.server.request.duration.sum`, which count from a
//! begin as sums do: the rate of one is how often, the ratio of both rates the mean. A quantile keeps the metric's name and has the attribute
//! `quantile`. Buckets are left out: one metric would be some twenty series.

use super::message::{ExponentialHistogram, Histogram, KeyValue, Summary, ValueAtQuantile};
use super::{Message, NO_VALUE, Value, cumulative, finite};

/// A data point of a histogram, an exponential one, or a summary.
pub struct Distribution {
    /// What tells it from others of the metric.
    pub attributes: Vec<KeyValue>,
    /// When it was measured; 0 for unknown.
    pub time_unix_nano: u64,
    count: u64,
    sum: Option<f64>,
    quantiles: Vec<ValueAtQuantile>,
    flags: u32,
}

/// The data points of a metric's distributions; differences are refused.
pub fn of(
    message: &mut Message,
    histogram: Option<Histogram>,
    exponential: Option<ExponentialHistogram>,
    summary: Option<Summary>,
) -> Vec<Distribution> {
    let mut found = Vec::new();
    if let Some(Histogram { data_points, aggregation_temporality }) = histogram {
        let points = cumulative(message, aggregation_temporality, data_points).into_iter();
        found.extend(points.map(|one| Distribution::counted(one.attributes, one.time_unix_nano, (one.count, one.sum), one.flags)));
    }
    if let Some(ExponentialHistogram { data_points, aggregation_temporality }) = exponential {
        let points = cumulative(message, aggregation_temporality, data_points).into_iter();
        found.extend(points.map(|one| Distribution::counted(one.attributes, one.time_unix_nano, (one.count, one.sum), one.flags)));
    }
    found.extend(summary.unwrap_or_default().data_points.into_iter().map(|one| Distribution {
        quantiles: one.quantile_values,
        ..Distribution::counted(one.attributes, one.time_unix_nano, (one.count, Some(one.sum)), one.flags)
    }));
    found
}

impl Distribution {
    fn counted(attributes: Vec<KeyValue>, time_unix_nano: u64, (count, sum): (u64, Option<f64>), flags: u32) -> Self {
        Self { attributes, time_unix_nano, count, sum, quantiles: Vec::new(), flags }
    }

    /// Its values, as those of the metric.
    pub fn values(&self, metric: &str) -> Vec<Value> {
        // What has no name is refused as it is, and not made one by its ending.
        let named = |ending: &str| if metric.is_empty() { String::new() } else { format!("{metric}.{ending}") };
        let told = |value: f64| if self.flags & NO_VALUE != 0 { Ok(None) } else { finite(value) };
        #[expect(clippy::cast_precision_loss, reason = "samples are floating-point numbers: counters above 2^53 lose their last digits")]
        let mut values = vec![(named("count"), None, told(self.count as f64))];
        // A histogram of what may be negative has none.
        values.extend(self.sum.map(|sum| (named("sum"), None, told(sum))));
        for ValueAtQuantile { quantile, value } in &self.quantiles {
            // A summary of nothing has no quantiles, and says so with what is no number.
            if value.is_finite() || self.flags & NO_VALUE != 0 {
                values.push((metric.to_owned(), Some(("quantile".to_owned(), quantile.to_string())), told(*value)));
            }
        }
        values
    }
}
