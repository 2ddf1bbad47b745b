//! The report as a picture: how much, and how late.

use std::path::Path;

use plotters::prelude::*;

use super::report::{Percentiles, Phase, Report};

const SIZE: (u32, u32) = (960, 420);
const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const LIMIT: RGBColor = RGBColor(0xb0, 0xb8, 0xc0);
const LINES: [RGBColor; 4] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xff, 0x7f, 0x0e),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0xd6, 0x27, 0x28),
];

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Writes the chart as SVG.
pub(crate) fn write(report: &Report, path: &Path) -> anyhow::Result<()> {
    draw(report, path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}

fn draw(report: &Report, path: &Path) -> Drawn {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(360);
    throughput(&report.phases, &left)?;
    latencies(&report.phases, &right)?;
    root.present()?;
    Ok(())
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// Two bars for each size of the tables: the program, and what the server alone could do.
fn throughput(phases: &[Phase], area: &Area<'_>) -> Drawn {
    let limit = |phase: &Phase| phase.limit.as_ref().map_or(0.0, |limit| limit.messages_per_second);
    let most = phases
        .iter()
        .map(|phase| limit(phase).max(phase.saturated.messages_per_second))
        .fold(1.0, f64::max);
    let across = f64::from(u32::try_from(phases.len()).unwrap_or(1));
    let mut chart = ChartBuilder::on(area)
        .caption("messages per second", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..across, 0.0..most * 1.35)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(0)
        .y_label_formatter(&|rate| format!("{rate:.0}"))
        .draw()?;
    let places = || (0_u32..).map(f64::from).zip(phases);
    let ours: Vec<_> =
        places().map(|(at, phase)| (at + 0.12, phase.saturated.messages_per_second)).collect();
    let limits: Vec<_> = places().map(|(at, phase)| (at + 0.52, limit(phase))).collect();
    for (name, bars, colour) in [("end to end", ours, OURS), ("pgbench", limits, LIMIT)] {
        let bar = |&(at, rate): &(f64, f64)| {
            Rectangle::new([(at, 0.0), (at + 0.36, rate)], colour.filled())
        };
        chart
            .draw_series(bars.iter().map(bar))?
            .label(name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
        chart.draw_series(bars.iter().map(|(at, rate)| {
            Text::new(format!("{rate:.0}"), (at + 0.08, rate + most * 0.05), ("sans-serif", 13))
        }))?;
    }
    for (at, phase) in places() {
        let (x, y) = chart.backend_coord(&(at + 0.12, 0.0));
        let name = phase.tables.split(':').next().unwrap_or_default().to_owned();
        area.draw(&Text::new(name, (x, y + 8), ("sans-serif", 13)))?;
    }
    with_names(&mut chart)
}

/// From the median to the worst of a thousand, at each rate.
fn latencies(phases: &[Phase], area: &Area<'_>) -> Drawn {
    let named = phases.iter().take(1).flat_map(|phase| &phase.rates).flat_map(|rate| {
        let at = rate.messages_per_second;
        [
            (format!("webhook at {at}/s"), rate.latencies.webhook),
            (format!("end to end at {at}/s"), rate.latencies.end_to_end),
        ]
    });
    let named: Vec<(String, Percentiles)> = named.collect();
    let most = named.iter().map(|(_, of)| of.p999).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption("latency in milliseconds", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(52)
        // With room for the names above.
        .build_cartesian_2d(0.0..3.0, (0.5..most * 60.0).log_scale())?;
    chart
        .configure_mesh()
        .x_labels(4)
        .x_label_formatter(&|at| {
            let percentiles = ["p50", "p90", "p99", "p99.9"];
            // Whole numbers alone stand for a percentile.
            percentiles
                .iter()
                .zip(0_i32..)
                .find(|(_, n)| (at - f64::from(*n)).abs() < 0.01)
                .map_or_else(String::new, |(name, _)| (*name).to_owned())
        })
        .y_label_formatter(&|ms| format!("{ms}"))
        .draw()?;
    for ((name, of), colour) in named.iter().zip(LINES) {
        let points = [(0.0, of.p50), (1.0, of.p90), (2.0, of.p99), (3.0, of.p999)];
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(points.map(|at| Circle::new(at, 3, colour.filled())))?;
    }
    with_names(&mut chart)
}

/// Says which series has which colour.
fn with_names<'a, C: CoordTranslate>(chart: &mut ChartContext<'a, SVGBackend<'a>, C>) -> Drawn {
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}
