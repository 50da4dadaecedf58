//! Golden files: what varies from run to run is filtered out, the rest is compared, or written with `UPDATE=1`.

use std::path::Path;

use crate::script::Database;

/// What varies, and is named in golden files instead.
pub(crate) struct Filter {
    pub(crate) api: String,
    pub(crate) other: String,
    pub(crate) destination: String,
    pub(crate) folder: String,
    pub(crate) load_ids: Vec<String>,
}

/// JSON members whose values vary.
const VARYING: [&str; 7] = [
    "duration_ms",
    "bytes",
    "millis",
    "started_at",
    "finished_at",
    "updated_at",
    "began",
];

impl Filter {
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let host = |url: &str| url.trim_start_matches("http://").to_owned();
        let replaced = [
            (self.api.clone(), "{{API}}"),
            (self.other.clone(), "{{OTHER}}"),
            (self.destination.clone(), "{{TO}}"),
            (host(&self.api), "{{API_HOST}}"),
            (host(&self.other), "{{OTHER_HOST}}"),
            (self.folder.clone(), "{{FOLDER}}"),
        ];
        for (value, name) in replaced {
            text = text.replace(&value, name);
        }
        for load_id in &self.load_ids {
            text = text.replace(load_id, "{{LOAD}}");
        }
        let mut filtered = String::new();
        for line in text.lines() {
            filtered.push_str(&without_measures(&without_members(line)));
            filtered.push('\n');
        }
        filtered
    }
}

/// `2024-01-02 03:04:05 UTC` becomes `MOMENT`, `0.3 s` becomes `TIME`, `1.2 kB` becomes `SIZE`; what milliseconds are
/// aligned with goes.
fn without_measures(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    while let Some(zone) = words
        .iter()
        .position(|word| word.starts_with("UTC"))
        .filter(|at| *at > 1)
    {
        let after = words[zone].split_off("UTC".len());
        words.splice(zone - 2..=zone, [format!("MOMENT{after}")]);
    }
    let mut index = 0;
    while index + 1 < words.len() {
        let is_number = !words[index].is_empty()
            && words[index]
                .chars()
                .all(|character| character.is_ascii_digit() || character == '.');
        let next = words[index + 1].clone();
        let (unit, after) = match next.find(|character: char| !character.is_ascii_alphabetic()) {
            Some(end) => next.split_at(end),
            None => (next.as_str(), ""),
        };
        let name = match unit {
            "s" | "ms" => "TIME",
            "bytes" | "kB" | "MB" => "SIZE",
            _ => "",
        };
        if is_number && !name.is_empty() {
            words[index] = format!("{name}{after}");
            words.remove(index + 1);
            while unit == "ms" && index > 0 && words[index - 1].is_empty() {
                words.remove(index - 1);
                index -= 1;
            }
        }
        index += 1;
    }
    words.join(" ")
}

/// `"duration_ms": 12,` becomes `"duration_ms": …,`.
fn without_members(line: &str) -> String {
    for name in VARYING {
        let key = format!("\"{name}\": ");
        if let Some(at) = line.find(&key) {
            let end = if line.ends_with(',') { "," } else { "" };
            return format!("{}…{end}", &line[..at + key.len()]);
        }
    }
    line.to_owned()
}

/// Log lines with those of each resource together, and schema changes with those of each table: resources run
/// concurrently, and their lines come in any order. What else there is (errors and the summary) stays as it is.
pub(crate) fn in_order(stderr: &str) -> String {
    let mut lines: Vec<&str> = stderr.lines().collect();
    let is_log = |line: &str| {
        let resource = line.split(": ").next().unwrap_or_default();
        line.contains(": ")
            && !line.starts_with(' ')
            && !["error", "warning", "help", "note", "schema"].contains(&resource)
    };
    for log in lines.chunk_by_mut(|a, b| is_log(a) && is_log(b)) {
        log.sort_by_key(|line| line.split(": ").next().unwrap_or_default().to_owned());
    }
    for changes in lines.chunk_by_mut(|a, b| a.starts_with("schema: ") && b.starts_with("schema: ")) {
        // "table `items` created", "table `items`: column …"
        changes.sort_by_key(|line| (line.split('`').nth(1).unwrap_or_default().to_owned(), *line));
    }
    let mut text = String::new();
    for line in &lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Compares with a golden file, or writes it. Postgres is compared with its own file only where there is one.
pub(crate) fn compare(scenario: &Path, name: &str, database: Database, text: &str) -> Option<String> {
    let text = format!("{}\n", text.trim_end());
    let shared = scenario.join(format!("{name}.txt"));
    let own = scenario.join(format!("{name}.postgres.txt"));
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    if is_update() {
        match database {
            Database::Sqlite => write(&shared, &text),
            Database::Postgres if !shared.exists() || read(&shared) == text => drop(std::fs::remove_file(&own)),
            Database::Postgres => write(&own, &text),
        }
        return None;
    }
    let path = if database == Database::Postgres && own.exists() {
        own
    } else {
        shared
    };
    let golden = read(&path);
    (golden != text).then(|| {
        format!(
            "{} is not what came (UPDATE=1 writes it):\n{}",
            path.file_name().unwrap_or_default().to_string_lossy(),
            difference(&golden, &text)
        )
    })
}

fn write(path: &Path, text: &str) {
    if std::fs::read_to_string(path).unwrap_or_default() != text {
        std::fs::write(path, text).expect("golden files can be written");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "UPDATE=1 is how a developer asks for the files to be written"
)]
pub(crate) fn is_update() -> bool {
    std::env::var("UPDATE").is_ok_and(|value| value == "1")
}

/// The lines that differ, with those around them, by the longest common subsequence.
pub(crate) fn difference(golden: &str, found: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (golden.lines().collect(), found.lines().collect());
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(format!("    {}", old[i]));
            i += 1;
            j += 1;
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(format!("  - {}", old[i]));
            i += 1;
        } else {
            lines.push(format!("  + {}", new[j]));
            j += 1;
        }
    }
    lines.join("\n")
}
