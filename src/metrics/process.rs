//! What the operating system tells of this process, by the names that all programs use for it.
//! Where there is no `/proc`, nothing is told.

use std::fmt::Write as _;
use std::fs;

use super::catalogue::{
    CPU, FILES, FILES_MOST, Kind, MEMORY, MEMORY_MOST, METRICS, STARTED, THREADS,
};

/// Linux tells times in these to programs, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// As a scraper reads it. Written here: the recorder's counters are whole numbers, which would lose
/// what a calm process uses between two looks.
pub(super) fn render() -> String {
    let mut told = String::new();
    for (name, value) in figures() {
        let Some(metric) = METRICS.iter().find(|metric| metric.name == name) else { continue };
        let kind = if metric.kind == Kind::Counter { "counter" } else { "gauge" };
        // Writing to a string does not fail.
        let _ =
            writeln!(told, "# HELP {name} {}\n# TYPE {name} {kind}\n{name} {value}", metric.help);
    }
    told
}

fn figures() -> Vec<(&'static str, f64)> {
    let mut figures = Vec::new();
    if let Some((used, started)) = read("stat").as_deref().and_then(times) {
        figures.push((CPU, used / TICKS_PER_SECOND));
        let boot = fs::read_to_string("/proc/stat").ok();
        if let Some(boot) = boot.as_deref().and_then(|stat| number_after(stat, "btime")) {
            figures.push((STARTED, boot + started / TICKS_PER_SECOND));
        }
    }
    let status = read("status").unwrap_or_default();
    for (name, field, unit) in
        [(MEMORY, "VmRSS:", 1024.0), (MEMORY_MOST, "VmHWM:", 1024.0), (THREADS, "Threads:", 1.0)]
    {
        figures.extend(number_after(&status, field).map(|value| (name, value * unit)));
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // The look itself is one.
        let open = u64::try_from(open.count()).unwrap_or(u64::MAX);
        figures.push((FILES, super::count(open.saturating_sub(1))));
    }
    let limits = read("limits").unwrap_or_default();
    figures.extend(number_after(&limits, "Max open files").map(|most| (FILES_MOST, most)));
    figures
}

fn read(name: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/self/{name}")).ok()
}

/// Processor time used, and when the process started after the machine; in ticks.
fn times(stat: &str) -> Option<(f64, f64)> {
    // The program's name may hold blanks and parentheses; what follows the last one does not.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<f64> = rest.split_whitespace().skip(1).map_while(|f| f.parse().ok()).collect();
    Some((fields.get(10)? + fields.get(11)?, *fields.get(18)?))
}

/// The number that follows a name at the beginning of a line.
fn number_after(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_name_cannot_shift_the_fields_behind_it() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 12345 1 2";
        assert_eq!(times(stat), Some((300.0, 12_345.0)));
        assert_eq!(times("nothing of the kind"), None);
    }

    #[test]
    fn numbers_are_found_by_the_name_in_front() {
        let status = "Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t12\n";
        assert_eq!(number_after(status, "VmRSS:"), Some(2048.0));
        assert_eq!(number_after(status, "Threads:"), Some(12.0));
        assert_eq!(number_after(status, "VmHWM:"), None);
        let limits = "Max open files            1024                 4096                 files";
        assert_eq!(number_after(limits, "Max open files"), Some(1024.0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_threads_and_a_beginning() {
        let figures = figures();
        for name in [CPU, STARTED, MEMORY, MEMORY_MOST, THREADS, FILES, FILES_MOST] {
            let value = figures.iter().find(|(told, _)| *told == name).map(|(_, value)| *value);
            assert!(value.is_some_and(|value| value >= 0.0), "{name}: {figures:?}");
        }
        let memory = figures.iter().find(|(name, _)| *name == MEMORY);
        assert!(memory.is_some_and(|(_, bytes)| *bytes > 1_000_000.0), "{figures:?}");
    }
}
