//! A load to be disturbed: nested records on pages, in every way of writing them.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::api::{Answer, Api};
use super::program::Program;
use super::tables::{Database, Kind};

/// A way of writing records, and of asking for them. Add a line for each that there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disposition {
    pub(crate) name: &'static str,
    /// The resource's keys in the config, beside its name and endpoint.
    keys: &'static str,
    /// The endpoint's keys, beside its selector.
    endpoint: &'static str,
    /// The resources before it.
    parents: &'static str,
    /// What was there before stays visible as a whole until the load is complete.
    pub(crate) is_replaced: bool,
}

const PLAIN: Disposition = Disposition {
    name: "append",
    keys: "write_disposition: append",
    endpoint: "",
    parents: "",
    is_replaced: false,
};

/// Every disposition that survives being killed, with its state.
pub(crate) const DISPOSITIONS: &[Disposition] = &[
    PLAIN,
    Disposition {
        name: "replace",
        keys: "write_disposition: replace",
        is_replaced: true,
        ..PLAIN
    },
    Disposition {
        name: "merge",
        keys: "write_disposition: merge, primary_key: id",
        ..PLAIN
    },
    Disposition {
        name: "delete-insert",
        keys: "write_disposition: {disposition: merge, strategy: delete-insert}, primary_key: id",
        ..PLAIN
    },
    Disposition {
        name: "merge_key",
        keys: "write_disposition: {disposition: merge, strategy: delete-insert}, primary_key: id, merge_key: bucket",
        ..PLAIN
    },
    Disposition {
        name: "insert-only",
        keys: "write_disposition: {disposition: merge, strategy: insert-only}, primary_key: id",
        ..PLAIN
    },
    Disposition {
        name: "scd2",
        keys: "write_disposition: {disposition: merge, strategy: scd2}",
        ..PLAIN
    },
    Disposition {
        name: "delete_missing",
        keys: "write_disposition: {disposition: merge, delete_missing: true}, primary_key: id",
        ..PLAIN
    },
    Disposition {
        name: "hard_delete",
        keys: "write_disposition: merge, primary_key: id, columns: {gone: {hard_delete: true}}",
        ..PLAIN
    },
    Disposition {
        name: "incremental",
        keys: "write_disposition: merge, primary_key: id",
        endpoint: ", params: {since: '{incremental.start_value}'}, incremental: {cursor_path: version, initial_value: 0}",
        ..PLAIN
    },
    // Each window has a state of its own.
    Disposition {
        name: "windows",
        endpoint: ", params: {since: '{window.start}', until: '{window.end}'}, incremental: {cursor_path: version, \
                   initial_value: 0, end_value: 40, window: {step: 4}}",
        ..PLAIN
    },
    // Each parent has a cursor of its own.
    Disposition {
        name: "parents",
        keys: "write_disposition: append, include_from_parent: [id]",
        endpoint: ", path: 'groups/{resources.groups.id}/items', params: {since: '{incremental.start_value}'}, \
                   incremental: {cursor_path: version, initial_value: 0}",
        parents: "{name: groups, write_disposition: merge, primary_key: id, endpoint: {data_selector: items}}, ",
        ..PLAIN
    },
];

/// How much there is to load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) pages: u64,
    pub(crate) items_per_page: u64,
    /// Bytes of a text in every item, so that a step of the writer is full after a few pages.
    pub(crate) padding: usize,
    /// The text is one that no database can make smaller.
    pub(crate) is_incompressible: bool,
}

/// A disposition, its server, its config and its database.
pub(crate) struct Load {
    folder: TempDir,
    pub(crate) database: Database,
}

impl Load {
    pub(crate) fn new(disposition: Disposition, kind: Kind, size: Size) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        let padding: String = if size.is_incompressible {
            (0..size.padding).map(|_| random.alphanumeric()).collect()
        } else {
            "x".repeat(size.padding)
        };
        let api = Api::start(move |target| answer(target, size, &padding));
        write_config(folder.path(), &api.url(), disposition);
        let database = Database::new(kind, folder.path());
        Self { folder, database }
    }

    /// A run of a generation of the data.
    pub(crate) fn program(&self, generation: u64) -> Program {
        self.program_into(generation, &self.database.args())
    }

    /// The same, into another address of the database.
    pub(crate) fn program_into(&self, generation: u64, to: &[String]) -> Program {
        self.program_by(Program::new, generation, to)
    }

    /// The same, made in another way of the folder and the arguments.
    pub(crate) fn program_by(
        &self,
        make: impl FnOnce(&Path, &[&str]) -> Program,
        generation: u64,
        to: &[String],
    ) -> Program {
        let generation = format!("generation={generation}");
        let mut args = vec!["run", "disturbed.yaml", "--quiet", "--var", &generation];
        args.extend(to.iter().map(String::as_str));
        make(self.folder.path(), &args)
    }

    /// From now on it is loaded into another server.
    pub(crate) fn move_to(&mut self, server: &str) {
        if let Database::Postgres { url, .. } = &mut self.database {
            server.clone_into(url);
        }
    }

    /// How the newest load ended, as its record has it; none where there is no load yet.
    pub(crate) fn last_status(&self) -> Option<String> {
        if !self.database.has_table("_rl_loads") {
            return None;
        }
        let loads = self.database.qualified("_rl_loads");
        let newest = format!("select status from {loads} order by started_at desc, load_id desc limit 1");
        self.database
            .query(&newest)
            .into_iter()
            .next()
            .map(|mut row| row.remove(0))
    }

    /// Everything that counts after a load: the rows of every table without restload's own columns, whether every child
    /// row has its parent, what is stored as state, and which tables there are.
    pub(crate) fn digest(&self) -> String {
        self.check_integrity();
        let mut text = String::new();
        for table in self.database.tables() {
            let mut columns = self.database.columns(&table);
            columns.retain(|column| column != "padding");
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            let _ = writeln!(text, "{table}: {}", columns.join(" | "));
            let mut cells: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
            // When a version began and ended is the clock's business; whether it has ended is not.
            if self.database.has_column(&table, "_rl_valid_to") {
                cells.push("_rl_valid_to is null".to_owned());
            }
            for row in self.database.rows_of(&table, &cells) {
                let _ = writeln!(text, "  {}", row.join(" | "));
            }
            let own = self.database.qualified(&table);
            let twins = self
                .database
                .query(&format!("select _rl_id from {own} group by _rl_id having count(*) > 1"));
            assert!(twins.is_empty(), "rows of {table} share ids: {twins:?}");
            if let Some((parent, _)) = table.rsplit_once("__") {
                let (child, parent) = (self.database.qualified(&table), self.database.qualified(parent));
                let strays = self.database.query(&format!(
                    "select cast(count(*) as text) from {child} c left join {parent} p on p._rl_id = c._rl_parent_id \
                     where p._rl_id is null"
                ));
                assert_eq!(strays, [["0"]], "rows of {table} without their parent");
            }
        }
        if self.database.has_table("_rl_state") {
            for row in self
                .database
                .rows("_rl_state", &["resource", "partition", "checkpoint"])
            {
                let mut row = row;
                row[2] = without_moments(&row[2]).to_string();
                let _ = writeln!(text, "state: {}", row.join(" | "));
            }
        }
        text
    }

    /// Of a database after a load came to its end: nothing is left that only a load under way needs.
    pub(crate) fn check_nothing_is_left(&self) {
        let left: Vec<String> = self
            .database
            .all_tables()
            .into_iter()
            .filter(|name| name.starts_with("_rl_shadow") || name.starts_with("_rl_stage"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        let loads = self.database.qualified("_rl_loads");
        let running = self.database.query(&format!(
            "select load_id from {loads} where status not in ('completed', 'interrupted', 'failed')"
        ));
        assert!(running.is_empty(), "{running:?}");
    }

    fn check_integrity(&self) {
        if let Database::Sqlite(path) = &self.database
            && path.exists()
        {
            assert_eq!(self.database.query("pragma integrity_check"), [["ok"]]);
        }
    }
}

fn write_config(folder: &Path, url: &str, disposition: Disposition) {
    let Disposition {
        keys,
        endpoint,
        parents,
        ..
    } = disposition;
    let config = format!(
        "name: disturbed\nvars: {{generation: 0}}\nclient:\n  base_url: {url}/g{{vars.generation}}\n  paginator: {{type: \
         cursor, cursor_path: next}}\nresources: [{parents}{{name: items, {keys}, endpoint: {{data_selector: \
         items{endpoint}}}}}]\n"
    );
    std::fs::write(folder.join("disturbed.yaml"), config).unwrap();
}

/// How many groups the parents' rows are, each with a share of the pages.
const GROUPS: u64 = 4;

/// What is asked of the server: `/g1/items?cursor=2`, with `since` and `until` where only some versions are wanted,
/// `/g1/groups`, and `/g1/groups/3/items`.
fn answer(target: &str, size: Size, padding: &str) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parameter = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .filter(|(key, _)| *key == name)
            .find_map(|(_, value)| value.parse::<u64>().ok())
    };
    let parts: Vec<&str> = path.trim_start_matches("/g").split('/').collect();
    let generation: u64 = parts[0].parse().unwrap();
    let group: Option<u64> = match parts[1..] {
        ["groups"] => {
            let groups: Vec<Value> = (0..GROUPS)
                .map(|id| json!({ "id": id, "members": [{ "of": generation }, { "of": id }] }))
                .collect();
            return Answer::json(json!({ "items": groups, "next": null }));
        }
        ["groups", id, "items"] => Some(id.parse().unwrap()),
        _ => None,
    };
    // The first generation is small: it is only there to be changed.
    let pages = if generation == 0 { 2 } else { size.pages };
    let versions = parameter("since").unwrap_or(0)..parameter("until").unwrap_or(u64::MAX);
    let is_wanted = |number: &u64| {
        versions.contains(&version(generation, *number)) && group.is_none_or(|group| number % GROUPS == group)
    };
    let from = parameter("cursor").unwrap_or(1);
    let mut numbers = (from..=pages).filter(is_wanted);
    let items: Vec<Value> = numbers.next().map_or_else(Vec::new, |number| {
        (0..size.items_per_page)
            .map(|place| item(generation, number, place, size.items_per_page, padding))
            .collect()
    });
    Answer::json(json!({ "items": items, "next": numbers.next() }))
}

/// The version of a page's items.
fn version(generation: u64, page: u64) -> u64 {
    generation * 20 + page
}

/// The first item of a page is the last of the page before, changed: in a merge the later one wins, with its own lists.
fn item(generation: u64, page: u64, place: u64, items_per_page: u64, padding: &str) -> Value {
    let id = page * (items_per_page - 1) + place;
    let tags: Vec<Value> = (0..(id + page + generation) % 4)
        .map(|tag| {
            let notes: Vec<Value> = (0..(id + tag) % 3)
                .map(|note| json!({ "item": id, "note": note }))
                .collect();
            json!({ "item": id, "tag": format!("{page}.{tag} of {generation}"), "notes": notes })
        })
        .collect();
    json!({
        "id": id,
        "text": format!("page {page} of {generation}"),
        "version": version(generation, page),
        "bucket": id % 7,
        "gone": generation > 0 && id.is_multiple_of(5),
        "padding": padding,
        "tags": tags,
    })
}

/// A checkpoint without the moments that its cursor has of loads.
pub(crate) fn without_moments(checkpoint: &str) -> Value {
    let mut checkpoint: Value = serde_json::from_str(checkpoint).unwrap();
    if let Some(cursor) = checkpoint.get_mut("cursor").and_then(Value::as_object_mut) {
        cursor.retain(|key, _| !key.ends_with("began"));
    }
    checkpoint
}
