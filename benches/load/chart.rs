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
        .build_cartesian_2d(0.0..across, 0.0..most * 1.15)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(0)
        .y_label_formatter(&|rate| format!("{rate:.0}"))
        .draw()?;
    let mut from = 0.0;
    for phase in phases {
        let bars = [
            (0.12, phase.saturated.messages_per_second, OURS, "end to end"),
            (0.52, limit(phase), LIMIT, "pgbench"),
        ];
        for (offset, rate, colour, name) in bars {
            let begin = from + offset;
            chart.draw_series([Rectangle::new(
                [(begin, 0.0), (begin + 0.36, rate)],
                colour.filled(),
            )])?;
            let label = format!("{name} {rate:.0}");
            chart.draw_series([Text::new(
                label,
                (begin, rate + most * 0.05),
                ("sans-serif", 13),
            )])?;
        }
        let (x, y) = chart.backend_coord(&(from + 0.12, 0.0));
        let name = phase.tables.split(':').next().unwrap_or_default().to_owned();
        area.draw(&Text::new(name, (x, y + 8), ("sans-serif", 13)))?;
        from += 1.0;
    }
    Ok(())
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
        .build_cartesian_2d(0.0..3.0, (0.5..most * 1.5).log_scale())?;
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
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}
