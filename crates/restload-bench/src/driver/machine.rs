//! What the figures were measured on.

use std::fs;

/// Processor model, cores and memory on one line, as far as the system tells.
pub(super) fn description() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let model = field(&cpuinfo, "model name").unwrap_or("processor unknown");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{model}, {cores} cores, {}", memory(&meminfo))
}

fn memory(meminfo: &str) -> String {
    let kibibytes = field(meminfo, "MemTotal").and_then(|text| text.strip_suffix(" kB")?.trim().parse::<f64>().ok());
    kibibytes.map_or_else(
        || "memory unknown".to_owned(),
        |kibibytes| format!("{:.0} GiB of memory", kibibytes / (1024.0 * 1024.0)),
    )
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_in_gibibytes() {
        assert_eq!(
            memory("MemTotal:       25165824 kB\nMemFree: 1 kB\n"),
            "24 GiB of memory"
        );
        assert_eq!(memory(""), "memory unknown");
    }
}
