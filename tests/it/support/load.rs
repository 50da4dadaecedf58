//! A load to be disturbed: nested records on pages, in every way of writing them.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::api::{Answer, Api};
use super::program::Program;
use super::tables::{Database, Kind};

/// A way of writing records. Add a line for each that there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disposition {
    pub(crate) name: &'static str,
    /// The resource's keys in the config, beside its name and endpoint.
    pub(crate) keys: &'static str,
    /// What was there before stays visible as a whole until the load is complete.
    pub(crate) is_replaced: bool,
}

/// Every disposition that survives being killed, with its state.
pub(crate) const DISPOSITIONS: &[Disposition] = &[
    disposition("append", "write_disposition: append", false),
    disposition("replace", "write_disposition: replace", true),
    disposition("merge", "write_disposition: merge, primary_key: id", false),
    disposition(
        "delete-insert",
        "write_disposition: {disposition: merge, strategy: delete-insert}, primary_key: id",
        false,
    ),
    disposition(
        "delete_missing",
        "write_disposition: {disposition: merge, delete_missing: true}, primary_key: id",
        false,
    ),
];

const fn disposition(name: &'static str, keys: &'static str, is_replaced: bool) -> Disposition {
    Disposition {
        name,
        keys,
        is_replaced,
    }
}

/// How much there is to load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) pages: u64,
    pub(crate) items_per_page: u64,
    /// Bytes of a text in every item, so that a step of the writer is full after a few pages.
    pub(crate) padding: usize,
}

/// A disposition, its server, its config and its database.
pub(crate) struct Load {
    folder: TempDir,
    pub(crate) database: Database,
}

impl Load {
    pub(crate) fn new(disposition: Disposition, kind: Kind, size: Size) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let padding = "x".repeat(size.padding);
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
        let generation = format!("generation={generation}");
        let mut args = vec!["run", "disturbed.yaml", "--quiet", "--var", &generation];
        args.extend(to.iter().map(String::as_str));
        Program::new(self.folder.path(), &args)
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
            for row in self.database.rows(&table, &columns) {
                let _ = writeln!(text, "  {}", row.join(" | "));
            }
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
    let config = format!(
        "name: disturbed\nvars: {{generation: 0}}\nclient:\n  base_url: {url}/g{{vars.generation}}\n  paginator: {{type: \
         cursor, cursor_path: next}}\nresources: [{{name: items, {}, endpoint: {{data_selector: items}}}}]\n",
        disposition.keys
    );
    std::fs::write(folder.join("disturbed.yaml"), config).unwrap();
}

/// What is asked of the server: `/g1/items?cursor=2`, and `since` for a resource that asks for what is new.
fn answer(target: &str, size: Size, padding: &str) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parameter = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .filter(|(key, _)| *key == name)
            .find_map(|(_, value)| value.parse::<u64>().ok())
    };
    let generation: u64 = path
        .trim_start_matches("/g")
        .split('/')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    // The first generation is small: it is only there to be changed.
    let pages = if generation == 0 { 2 } else { size.pages };
    let number = parameter("cursor").unwrap_or(1);
    let since = parameter("since").unwrap_or(0);
    let items: Vec<Value> = (0..size.items_per_page)
        .map(|place| item(generation, number, place, size.items_per_page, padding))
        .filter(|item| item["version"].as_u64() >= Some(since))
        .collect();
    let next = (number < pages).then(|| number + 1);
    Answer::json(json!({ "items": items, "next": next }))
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
        "version": generation * 1_000 + page,
        "padding": padding,
        "tags": tags,
    })
}
