//! The chart of an incident with its points: all series that its rule read, and the number that it judged.

use super::IncidentName;
use crate::answer::{self, ApiError, Code};
use crate::api::Api;
use crate::api::extract::Named;
use crate::api::samples::drawn::Grid;
use crate::api::samples::{blocking, unreadable};
use crate::api::view::Time;
use crate::api::view::chart::{ChartNumber, ChartSeries, DrawnChart, DrawnNumber, DrawnSeries, judged, references, series_of};
use crate::api::view::sample::SamplePoint;
use crate::backtest::trace;
use crate::engine::History;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::alert::AlertKey;
use rollcall_domain::id::{CiId, IncidentId};
use rollcall_domain::incident::chart::Chart;
use rollcall_domain::incident::{Incident, display_number};
use rollcall_domain::rule::Condition;
use rollcall_shared::{AgentId, Timestamp};

/// Shows the chart of an incident with its points: each series that the rule read, and the number that it made of them and judged. Gaps are
/// null. An incident whose rule looks at no samples, or that is of no alert of a rule, has none (404).
#[utoipa::path(get, path = "/api/v1/incidents/{id}/chart", tag = "incidents",
    responses((status = 200, description = "The chart with its points.", body = DrawnChart)))]
pub async fn get_incident_chart(State(api): State<Api>, Named(id): Named<IncidentName>) -> Result<Response, ApiError> {
    let question = api.engine.read(|world| Question::of(world, id.find(world)?))?;
    let (history, now) = (api.engine.history(), api.engine.now());
    Ok(answer::json(&blocking(move || question.draw(&history, now)).await?))
}

/// What is to be drawn.
struct Question {
    incident: IncidentId,
    key: AlertKey,
    chart: Chart,
    /// The number that is judged.
    judged: Option<ChartNumber>,
    /// Each series with the item that measures it and who speaks for that.
    series: Vec<(ChartSeries, CiId, Vec<AgentId>)>,
    /// Who speaks for the item of the breach.
    voices: Vec<AgentId>,
}

impl Question {
    fn of(world: &World, incident: &Incident) -> Result<Self, ApiError> {
        let number = display_number(incident.number);
        let none = |why: &str| ApiError::new(Code::NotFound, format!("incident {number} has no chart: {why}"));
        let breach = incident.breach.as_ref().ok_or_else(|| none("it is of no alert of a rule"))?;
        let chart = breach.chart.clone().ok_or_else(|| none("what its rule looks at are no samples"))?;
        let ci = breach.key.ci;
        let of = |(view, one): (ChartSeries, rollcall_domain::incident::ChartSeries)| {
            let ci = one.ci.unwrap_or(ci);
            (view, ci, world.trust.voices_of(ci))
        };
        let series = series_of(world, &chart).into_iter().zip(chart.all_series()).map(of).collect();
        let judged = judged(world, &chart);
        Ok(Self { incident: incident.id, key: breach.key.clone(), chart, judged, series, voices: world.trust.voices_of(ci) })
    }

    fn draw(&self, history: &History, now: Timestamp) -> Result<DrawnChart, ApiError> {
        let chart = &self.chart;
        let grid = Grid::new((chart.from, chart.to), now, history.retention)?;
        let mut series = Vec::new();
        for (one, ci, voices) in &self.series {
            let points = grid.series(history, voices, (&one.metric, &one.attributes))?;
            let ChartSeries { ci: _, metric, unit, attributes, read_as, window_ms } = one.clone();
            series.push(DrawnSeries { ci: ci.to_string(), metric, unit, attributes, read_as, window_ms, points });
        }
        let number = match self.judged.clone() {
            Some(number) => {
                let points = self.numbers(history, &grid, now, series.first())?;
                Some(DrawnNumber { what: number.what, unit: number.unit, points })
            }
            None => None,
        };
        Ok(DrawnChart {
            incident: self.incident.to_string(),
            ci: self.key.ci.to_string(),
            from: Time(chart.from),
            to: Time(chart.to),
            side: chart.side.into(),
            warning: chart.warning,
            critical: chart.critical,
            lines_of: chart.lines_of().into(),
            step_ms: grid.step_ms(),
            resolution: grid.resolution(),
            series,
            judged: number,
            references: references(chart),
        })
    }

    /// The judged number, bucket by bucket. What is usual is as it was then: weeks of samples would have to be read to know it again.
    fn numbers(&self, history: &History, grid: &Grid, now: Timestamp, first: Option<&DrawnSeries>) -> Result<Vec<SamplePoint>, ApiError> {
        let Some(condition) = &self.chart.condition else { return Ok(Vec::new()) };
        if matches!(condition, Condition::Baseline { .. }) {
            let means = first.into_iter().flat_map(|series| &series.points).filter_map(|point| Some((point.at.0, point.avg?)));
            let numbers: Vec<_> = means.filter_map(|(at, mean)| Some((at, self.chart.deviation(at, mean)?))).collect();
            return Ok(grid.numbers(&numbers));
        }
        let numbers = trace::numbers(history, &self.voices, (condition, &self.key.attributes), grid.span(), now).map_err(unreadable)?;
        Ok(grid.numbers(&numbers))
    }
}
