//! How fast texts are understood: the whole corpus, and its slowest text.
//!
//! `cargo bench --bench understand`

use std::hint::black_box;
use std::time::{Duration, Instant};

use chrono::{DateTime, FixedOffset, Utc};
use chrono_tz::Tz;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pontual::domain::locale::Locale;
use pontual::domain::temporal::{Hints, understand};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    id: String,
    text: String,
    locale: Locale,
    tz: Tz,
    #[serde(rename = "ref")]
    reference: DateTime<FixedOffset>,
}

impl Case {
    fn understand(&self) {
        let now: DateTime<Utc> = self.reference.to_utc();
        let said = understand(black_box(&self.text), now, self.tz, self.locale, &Hints::default());
        black_box(said);
    }
}

fn corpus() -> Vec<Case> {
    [
        include_str!("../tests/fixtures/datetime-corpus/en.jsonl"),
        include_str!("../tests/fixtures/datetime-corpus/pt.jsonl"),
        include_str!("../tests/fixtures/datetime-corpus/es.jsonl"),
    ]
    .into_iter()
    .flat_map(str::lines)
    .map(|line| serde_json::from_str(line).expect("a corpus line"))
    .collect()
}

/// The longest that any text took, each at its best of some runs, so that the scheduler is not
/// what is measured.
fn slowest(cases: &[Case]) -> (Duration, &str) {
    let best = |case: &Case| {
        (0..20)
            .map(|_| {
                let start = Instant::now();
                case.understand();
                start.elapsed()
            })
            .min()
            .unwrap_or_default()
    };
    cases.iter().map(|case| (best(case), case.id.as_str())).max().unwrap_or_default()
}

fn bench(criterion: &mut Criterion) {
    let cases = corpus();
    cases.iter().for_each(Case::understand);
    let (longest, id) = slowest(&cases);
    println!("slowest text of the corpus: {id}, {longest:?}");
    let mut group = criterion.benchmark_group("understand");
    group.throughput(Throughput::Elements(cases.len() as u64));
    group.bench_function("corpus", |bencher| {
        bencher.iter(|| cases.iter().for_each(Case::understand));
    });
    let long = "amanhã às 15h ou quinta de manhã, entre 9 e 11 ".repeat(20);
    let now = cases[0].reference.to_utc();
    group.throughput(Throughput::Elements(1));
    group.bench_function("500 characters", |bencher| {
        bencher.iter(|| {
            let hints = Hints::default();
            understand(black_box(&long), now, chrono_tz::America::Sao_Paulo, Locale::PT_BR, &hints)
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
