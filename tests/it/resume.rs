//! Stopping a load anywhere and running it again leaves the same tables as a load that nobody disturbed.
//!
//! The server is the tests' own and can hold a request, so a run is stopped at an exact request and not after a time.
//! What a step of the writer holds becomes durable when nothing has come for a second, which `-v` tells on a line.

use std::fmt::Write as _;
use std::thread;

use tempfile::TempDir;

use crate::support::api::{Answer, Api};
use crate::support::program::{Program, Ran, Underway};
use crate::support::tables::{BOTH, Database, Kind};

const PAGES: u64 = 6;
const ITEMS_PER_PAGE: u64 = 3;

/// A resource of pages that follow a cursor. Page `n` of generation `g` holds items `3n..3n+3`, the first of which is
/// the last of the page before, changed: in a merge the later one must win, with its own tags only.
fn page(generation: u64, number: u64) -> serde_json::Value {
    let items = (0..ITEMS_PER_PAGE).map(|place| {
        let id = number * (ITEMS_PER_PAGE - 1) + place;
        let tags: Vec<_> = (0..(id + number + generation) % 3)
            .map(|tag| serde_json::json!({ "item": id, "tag": format!("{number}.{tag} of {generation}") }))
            .collect();
        serde_json::json!({ "id": id, "text": format!("page {number} of {generation}"), "tags": tags })
    });
    let items: Vec<_> = items.collect();
    let next = (number < PAGES).then(|| format!("c{}", number + 1));
    serde_json::json!({ "items": items, "next": next })
}

/// Notes of an item, on two pages.
fn notes(generation: u64, item: &str, number: u64) -> serde_json::Value {
    let notes: Vec<_> = (0..2)
        .map(|note| serde_json::json!({ "note": format!("{item}, {number}.{note} of {generation}") }))
        .collect();
    let next = (number < 2).then(|| format!("c{}", number + 1));
    serde_json::json!({ "notes": notes, "next": next })
}

/// What is asked of the server: `/g1/items?cursor=c2` and `/g1/items/7/notes`.
fn answer(target: &str) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let cursor = query
        .split_once("cursor=c")
        .map_or(1, |(_, number)| number.parse().unwrap());
    let parts: Vec<&str> = path.trim_start_matches("/g").split('/').collect();
    let generation = parts[0].parse().unwrap();
    match parts[1..] {
        ["items"] => Answer::json(page(generation, cursor)),
        ["items", item, "notes"] => Answer::json(notes(generation, item, cursor)),
        _ => Answer::html(404, "no such page"),
    }
}

/// What is loaded, and how.
#[derive(Debug, Clone, Copy)]
struct Subject {
    name: &'static str,
    resources: &'static str,
    /// Whether the next run asks for what is missing only.
    continues: bool,
    /// What was there before stays visible as a whole until the load is complete.
    is_replaced: bool,
    /// The next run reads pages again whose rows are stored already, and has nothing to commit until it is past them.
    is_replayed: bool,
}

const APPEND: Subject = Subject {
    name: "append",
    resources: "[{name: items, write_disposition: append, endpoint: {data_selector: items}}]",
    continues: true,
    is_replaced: false,
    is_replayed: false,
};

const MERGE: Subject = Subject {
    name: "merge",
    resources: "[{name: items, write_disposition: merge, primary_key: id, endpoint: {data_selector: items}}]",
    continues: true,
    is_replaced: false,
    is_replayed: false,
};

const REPLACE: Subject = Subject {
    name: "replace",
    resources: "[{name: items, write_disposition: replace, endpoint: {data_selector: items}}]",
    continues: false,
    is_replaced: true,
    is_replayed: false,
};

const FAMILY: Subject = Subject {
    name: "family",
    resources: "[{name: items, write_disposition: append, endpoint: {data_selector: items}}, \
                {name: notes, write_disposition: append, include_from_parent: [id, text], \
                 endpoint: {path: 'items/{resources.items.id}/notes', data_selector: notes}}]",
    continues: true,
    is_replaced: false,
    is_replayed: false,
};

/// A parent that appends with a child that is replaced: every parent is needed again, and none of its rows twice.
const REPLACED_CHILD: Subject = Subject {
    name: "replaced child",
    resources: "[{name: items, write_disposition: append, endpoint: {data_selector: items}}, \
                {name: notes, write_disposition: replace, include_from_parent: [id, text], \
                 endpoint: {path: 'items/{resources.items.id}/notes', data_selector: notes}}]",
    continues: false,
    is_replaced: false,
    is_replayed: true,
};

/// A subject, its server, its config and its database.
struct Scene {
    folder: TempDir,
    api: Api,
    database: Database,
}

impl Scene {
    fn new(subject: Subject, kind: Kind, concurrency: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let api = Api::start(answer);
        let config = format!(
            "name: stopped\nvars: {{generation: 0}}\nclient:\n  base_url: {}/g{{vars.generation}}\n  concurrency: \
             {concurrency}\n  paginator: {{type: cursor, cursor_path: next}}\nresources: {}\n",
            api.url(),
            subject.resources
        );
        std::fs::write(folder.path().join("stopped.yaml"), config).unwrap();
        let database = Database::new(kind, folder.path());
        Self { folder, api, database }
    }

    /// A run of a generation. Counting requests starts with it.
    fn start(&self, generation: u64, hold_from: Option<usize>) -> Underway {
        self.api.forget();
        if let Some(number) = hold_from {
            self.api.hold_from(number);
        }
        self.program(generation).start()
    }

    fn program(&self, generation: u64) -> Program {
        let generation = format!("generation={generation}");
        let to = self.database.args();
        let mut args = vec!["run", "stopped.yaml", "-v", "--var", &generation];
        args.extend(to.iter().map(String::as_str));
        Program::new(self.folder.path(), &args)
    }

    fn run(&self, generation: u64) -> Ran {
        self.start(generation, None).end().expect(0)
    }

    /// What the tables hold. That child rows belong to their parents is checked on the way: the tags name their item.
    fn contents(&self) -> String {
        let tables = self.database.tables();
        if tables.iter().any(|table| table == "items__tags") {
            let (tags, items) = (self.database.qualified("items__tags"), self.database.qualified("items"));
            let strays = self.database.query(&format!(
                "select cast(t.item as text) from {tags} t left join {items} i on i._rl_id = t._rl_parent_id where \
                 i.id is null or i.id <> t.item"
            ));
            assert!(strays.is_empty(), "tags without their item: {strays:?}");
        }
        self.database.contents()
    }
}

/// The requests and the tables of generation 0 and then 1, nobody disturbing.
fn undisturbed(subject: Subject, kind: Kind, concurrency: usize) -> (Vec<String>, String, String) {
    let scene = Scene::new(subject, kind, concurrency);
    scene.run(0);
    let before = scene.contents();
    scene.run(1);
    (scene.api.asked(), before, scene.contents())
}

/// Rows of `items` that the lines on standard error say are committed.
fn items_committed(lines: &[String]) -> u64 {
    let counts = lines.iter().filter_map(|line| {
        let tables = line.strip_prefix("committed: ")?.split(", ");
        let mut counts = tables.filter_map(|table| table.strip_prefix("items "));
        counts.next()?.parse::<u64>().ok()
    });
    counts.sum()
}

/// Runs something for every case at the same time: they mostly wait for the writer's second to pass.
fn in_parallel<T: Send>(cases: Vec<T>, check: impl Fn(T) + Sync) {
    let check = &check;
    let mut cases = cases.into_iter();
    loop {
        let some: Vec<T> = cases.by_ref().take(20).collect();
        if some.is_empty() {
            return;
        }
        thread::scope(|scope| {
            for case in some {
                scope.spawn(move || check(case));
            }
        });
    }
}

/// Stops a load at every page, in one way, and compares.
fn stop_at_every_page(subject: Subject, stop: impl Fn(&Scene, Underway, u64) -> Ran + Sync) {
    for kind in BOTH {
        let (requests, before, expected) = undisturbed(subject, kind, 1);
        let cases: Vec<usize> = (1..=requests.len()).collect();
        in_parallel(cases, |number| {
            let place = format!("{} into {kind:?}, stopped at request {number}", subject.name);
            let scene = Scene::new(subject, kind, 1);
            scene.run(0);
            let run = scene.start(1, Some(number));
            assert!(scene.api.wait_until_held(|| false), "{place}");
            stop(&scene, run, number as u64 - 1);
            if subject.is_replaced {
                assert_eq!(scene.contents(), before, "{place}: half a replacement is visible");
            }
            scene.run(1);
            let missing = if subject.continues {
                &requests[number - 1..]
            } else {
                &requests[..]
            };
            assert_eq!(scene.api.asked(), missing, "{place}");
            assert_eq!(scene.contents(), expected, "{place}");
        });
    }
}

/// Ctrl-C commits what is whole, and says how to go on.
fn interrupt(scene: &Scene, run: Underway, answered: u64) -> Ran {
    run.interrupt();
    let ran = run.end().expect(1);
    assert!(
        ran.stderr.contains("stopping: what is whole is being committed"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("the next run goes on"), "{}", ran.stderr);
    assert_eq!(
        scene.api.asked().len(),
        usize::try_from(answered).unwrap() + 1,
        "it went on asking"
    );
    ran
}

/// kill -9, once everything that was answered is committed.
fn kill_after_commit(_: &Scene, run: Underway, answered: u64) -> Ran {
    // In a merge the first item of a page takes the place of the last one of the page before.
    run.wait_until(|lines| answered == 0 || items_committed(lines) > answered * (ITEMS_PER_PAGE - 1));
    run.kill()
}

#[test]
fn append_goes_on_after_ctrl_c_at_every_page() {
    stop_at_every_page(APPEND, interrupt);
}

#[test]
fn merge_goes_on_after_ctrl_c_at_every_page() {
    stop_at_every_page(MERGE, interrupt);
}

#[test]
fn replace_starts_over_after_ctrl_c_at_every_page() {
    stop_at_every_page(REPLACE, interrupt);
}

#[test]
fn append_goes_on_after_kill_9_at_every_page() {
    stop_at_every_page(APPEND, kill_after_commit);
}

#[test]
fn merge_goes_on_after_kill_9_at_every_page() {
    stop_at_every_page(MERGE, kill_after_commit);
}

#[test]
fn replace_starts_over_after_kill_9_at_every_page() {
    stop_at_every_page(REPLACE, kill_after_commit);
}

/// How a run is stopped.
#[derive(Debug, Clone, Copy)]
enum Stop {
    /// kill -9 at once: what was answered last is in memory only.
    Kill,
    /// kill -9 after something more was committed.
    KillAfterCommit,
    Interrupt,
    Terminate,
}

/// Stops a load up to three times, at random requests and in random ways, each from a seed of its own.
fn stop_at_random(subject: Subject, kind: Kind) {
    let concurrency = 3;
    let (requests, before, expected) = undisturbed(subject, kind, concurrency);
    in_parallel((1..=20).collect(), |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        let scene = Scene::new(subject, kind, concurrency);
        scene.run(0);
        let mut history = format!("{} into {kind:?}, seed {seed}", subject.name);
        for round in 0..random.usize(1..=3) {
            let number = random.usize(1..=requests.len());
            let all = [Stop::Kill, Stop::KillAfterCommit, Stop::Interrupt, Stop::Terminate];
            let stop = all[random.usize(0..all.len())];
            let _ = write!(history, "; {stop:?} at request {number}");
            let mut run = scene.start(1, Some(number));
            if !scene.api.wait_until_held(|| run.has_ended()) {
                // It had fewer requests to make, so the load is complete.
                run.end().expect(0);
                assert_eq!(scene.contents(), expected, "{history}");
                return;
            }
            match stop {
                Stop::Kill => {}
                Stop::KillAfterCommit if number == 1 || round > 0 && subject.is_replayed => {}
                Stop::KillAfterCommit => run.wait_for("committed: "),
                Stop::Interrupt => run.interrupt(),
                Stop::Terminate => run.terminate(),
            }
            match stop {
                Stop::Kill | Stop::KillAfterCommit => run.kill(),
                Stop::Interrupt | Stop::Terminate => run.end().expect(1),
            };
            if subject.is_replaced {
                assert_eq!(scene.contents(), before, "{history}: half a replacement is visible");
            }
        }
        scene.run(1);
        assert_eq!(scene.contents(), expected, "{history}");
    });
}

macro_rules! stopped_at_random {
    ($($name:ident: $subject:ident, $kind:ident;)*) => {
        $(
            #[test]
            fn $name() {
                stop_at_random($subject, Kind::$kind);
            }
        )*
    };
}

stopped_at_random! {
    append_survives_random_stops_on_sqlite: APPEND, Sqlite;
    append_survives_random_stops_on_postgres: APPEND, Postgres;
    merge_survives_random_stops_on_sqlite: MERGE, Sqlite;
    merge_survives_random_stops_on_postgres: MERGE, Postgres;
    replace_survives_random_stops_on_sqlite: REPLACE, Sqlite;
    replace_survives_random_stops_on_postgres: REPLACE, Postgres;
    parent_and_child_survive_random_stops_on_sqlite: FAMILY, Sqlite;
    parent_and_child_survive_random_stops_on_postgres: FAMILY, Postgres;
    a_replaced_child_survives_random_stops_on_sqlite: REPLACED_CHILD, Sqlite;
    a_replaced_child_survives_random_stops_on_postgres: REPLACED_CHILD, Postgres;
}

/// Pages of 9 MB fill a step each, so every page is durable when the next one is under way, without any waiting.
#[test]
fn large_pages_are_durable_one_by_one() {
    for kind in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let api = Api::start(|target| {
            let number = target
                .split_once("cursor=")
                .map_or(1, |(_, number)| number.parse::<u64>().unwrap());
            let items: Vec<_> = (0..9)
                .map(|place| serde_json::json!({ "id": number * 9 + place, "text": "x".repeat(1_000_000) }))
                .collect();
            Answer::json(serde_json::json!({ "items": items, "next": (number < 3).then_some(number + 1) }))
        });
        let config = format!(
            "client: {{base_url: {}, paginator: {{type: cursor, cursor_path: next}}}}\nresources: [{{name: items, \
             write_disposition: append, endpoint: {{data_selector: items}}}}]\n",
            api.url()
        );
        std::fs::write(folder.path().join("large.yaml"), config).unwrap();
        let database = Database::new(kind, folder.path());
        let to = database.args();
        let mut args = vec!["run", "large.yaml", "-v"];
        args.extend(to.iter().map(String::as_str));
        for _ in 0..2 {
            api.forget();
            api.hold_from(2);
            let run = Program::new(folder.path(), &args).start();
            assert!(api.wait_until_held(|| false));
            run.wait_for("committed: items 9");
            run.kill();
        }
        assert_eq!(api.asked(), ["/items?cursor=2", "/items?cursor=3"], "{kind:?}");
        api.forget();
        Program::new(folder.path(), &args).run().expect(0);
        assert_eq!(api.asked(), ["/items?cursor=3"], "{kind:?}");
        let ids: Vec<u64> = database
            .column("items", "id")
            .iter()
            .map(|id| id.parse().unwrap())
            .collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (9..36).collect::<Vec<_>>(), "{kind:?}");
    }
}

/// A page that the server refuses leaves the pages before it, and the next run asks for it first.
#[test]
fn a_refused_page_leaves_the_pages_before_it() {
    for kind in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let refuses = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let refusing = std::sync::Arc::clone(&refuses);
        let api = Api::start(move |target| {
            let number = target
                .split_once("page=")
                .map_or(1, |(_, number)| number.parse::<u64>().unwrap());
            if number == 40 && refusing.load(std::sync::atomic::Ordering::Relaxed) {
                return Answer::json(r#"{"error": "page 40 is being mended"}"#).status(400);
            }
            let items: Vec<_> = if number > 50 {
                Vec::new()
            } else {
                vec![serde_json::json!({ "id": number })]
            };
            Answer::json(serde_json::Value::from(items))
        });
        let config = format!(
            "client: {{base_url: {}, paginator: {{type: page_number, base_page: 1, total_path: null}}}}\nresources: \
             [{{name: items, write_disposition: append}}]\n",
            api.url()
        );
        std::fs::write(folder.path().join("refused.yaml"), config).unwrap();
        let database = Database::new(kind, folder.path());
        let to = database.args();
        let mut args = vec!["run", "refused.yaml"];
        args.extend(to.iter().map(String::as_str));

        let failed = Program::new(folder.path(), &args).run().expect(1);
        assert!(failed.stderr.contains("page 40 is being mended"), "{}", failed.stderr);
        assert!(failed.stderr.contains("the next run goes on"), "{}", failed.stderr);
        assert_eq!(api.asked().len(), 40, "{kind:?}: a refused request was repeated");
        assert_eq!(database.count("items"), 39, "{kind:?}");

        refuses.store(false, std::sync::atomic::Ordering::Relaxed);
        api.forget();
        Program::new(folder.path(), &args).run().expect(0);
        assert_eq!(api.asked()[0], "/items?page=40", "{kind:?}");
        assert_eq!(database.count("items"), 50, "{kind:?}");
    }
}

/// The first signal has what is whole committed, as the tests above show; the second ends the run at once, even while
/// the server is silent and the database is being waited for. The next run completes either.
#[test]
fn l15_a_second_signal_ends_the_run_at_once() {
    for kind in BOTH {
        let scene = Scene::new(APPEND, kind, 1);
        let (_, _, expected) = undisturbed(APPEND, kind, 1);
        scene.run(0);
        let run = scene.start(1, Some(4));
        assert!(scene.api.wait_until_held(|| false));
        run.wait_for("committed: ");
        // Somebody keeps the tables from being written to, so the run cannot end by itself.
        let (held, release) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
        let database = scene.database.clone();
        let other = thread::spawn(move || database.hold_tables(&["_rl_loads"], &held.0, &release.1));
        held.1.recv().unwrap();
        run.interrupt();
        run.wait_for("Ctrl-C again to stop at once");
        run.interrupt();
        run.end().expect(1);
        release.0.send(()).unwrap();
        other.join().unwrap();
        scene.run(1);
        assert_eq!(scene.contents(), expected, "{kind:?}");
    }
}

#[test]
fn a_load_that_was_stopped_starts_anew_with_full_refresh() {
    let scene = Scene::new(APPEND, Kind::Sqlite, 1);
    let run = scene.start(1, Some(4));
    assert!(scene.api.wait_until_held(|| false));
    run.interrupt();
    run.end().expect(1);
    assert_eq!(scene.database.count("items"), 9);

    scene.api.forget();
    let to = scene.database.args();
    let mut args = vec!["run", "stopped.yaml", "--full-refresh", "--var", "generation=2"];
    args.extend(to.iter().map(String::as_str));
    Program::new(scene.folder.path(), &args).run().expect(0);
    assert_eq!(scene.api.asked().len(), usize::try_from(PAGES).unwrap());
    assert_eq!(
        scene.database.count("items"),
        usize::try_from(PAGES * ITEMS_PER_PAGE).unwrap()
    );
}
