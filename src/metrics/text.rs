//! The text that a scraper reads, in an order that stays: by name, then by labels.

use std::collections::BTreeMap;

/// What is known of one metric.
#[derive(Default)]
struct Family<'t> {
    help: Option<&'t str>,
    kind: Option<&'t str>,
    /// Lines by their labels, the bound of a bucket left out: those of one histogram stay together,
    /// in the order in which they came.
    series: BTreeMap<&'t str, Vec<&'t str>>,
}

/// Several texts as one, sorted, without blank lines. A metric stands in one of them only.
pub(super) fn sorted(texts: &[&str]) -> String {
    let mut families: BTreeMap<&str, Family<'_>> = BTreeMap::new();
    let mut current = "";
    for line in texts.iter().flat_map(|text| text.lines()).filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            current = first_word(rest);
            families.entry(current).or_default().help = Some(line);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            current = first_word(rest);
            families.entry(current).or_default().kind = Some(line);
        } else {
            let series = &mut families.entry(current).or_default().series;
            series.entry(labels(line)).or_default().push(line);
        }
    }
    let mut told = String::with_capacity(texts.iter().map(|text| text.len()).sum());
    for family in families.into_values() {
        let lines = family.series.into_values().flatten();
        for line in family.help.into_iter().chain(family.kind).chain(lines) {
            told.push_str(line);
            told.push('\n');
        }
    }
    told
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

/// What stands between the braces, without the bound of a bucket, which comes last.
fn labels(line: &str) -> &str {
    let Some((name, rest)) = line.split_once('{') else { return "" };
    let labels = rest.rsplit_once('}').map_or(rest, |(labels, _)| labels);
    if !name.ends_with("_bucket") {
        return labels;
    }
    match labels.rsplit_once("le=\"") {
        Some((others, _)) => others.trim_end_matches(','),
        None => labels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_sorted_by_name_and_labels_and_none_is_blank() {
        let told = sorted(&[
            "# HELP b_total Of b.\n# TYPE b_total counter\nb_total{x=\"2\"} 1\nb_total{x=\"1\"} 1\n\n",
            "# TYPE a gauge\na 3\n\n",
        ]);
        assert_eq!(
            told,
            "# TYPE a gauge\na 3\n# HELP b_total Of b.\n# TYPE b_total counter\nb_total{x=\"1\"} 1\nb_total{x=\"2\"} 1\n"
        );
    }

    #[test]
    fn buckets_of_a_histogram_stay_in_their_order() {
        let of = |kind: &str| {
            format!(
                "h_bucket{{kind=\"{kind}\",le=\"0.5\"}} 1\nh_bucket{{kind=\"{kind}\",le=\"10\"}} 1\n\
                 h_bucket{{kind=\"{kind}\",le=\"+Inf\"}} 2\nh_sum{{kind=\"{kind}\"}} 11\nh_count{{kind=\"{kind}\"}} 2\n"
            )
        };
        let text = format!("# TYPE h histogram\n{}{}", of("b"), of("a"));
        assert_eq!(sorted(&[&text]), format!("# TYPE h histogram\n{}{}", of("a"), of("b")));
        let bare = "# TYPE g histogram\ng_bucket{le=\"5\"} 1\ng_bucket{le=\"10\"} 1\ng_bucket{le=\"+Inf\"} 1\ng_sum 4\ng_count 1\n";
        assert_eq!(sorted(&[bare]), bare);
    }
}
