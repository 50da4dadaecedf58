//! kill -9 at any moment, in hundreds of runs: whatever disposition, whatever database, the next run goes on from the last
//! commit, and the tables end equal to those of a load that nobody disturbed. (Case L20.)
//!
//! `RESTLOAD_KILLS=300` makes three hundred of each; without it there is one.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::support::load::{DISPOSITIONS, Disposition, Load, Size};
use crate::support::tables::{BOTH, Kind};

/// Three steps of the writer, and some hundred rows in each table for each.
const SIZE: Size = Size {
    pages: 18,
    items_per_page: 16,
    padding: 31_000,
    is_incompressible: false,
};

/// How many loads of each disposition into each database are disturbed.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the tests says how many are wanted"
)]
fn loads() -> u64 {
    std::env::var("RESTLOAD_KILLS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(1)
}

/// What an undisturbed load leaves, what was there before it, and how long it took.
struct Undisturbed {
    before: String,
    after: String,
    took: Duration,
}

fn undisturbed(disposition: Disposition, kind: Kind) -> Undisturbed {
    let load = Load::new(disposition, kind, SIZE);
    load.program(0).run().expect(0);
    let before = load.digest();
    let started = Instant::now();
    load.program(1).run().expect(0);
    let took = started.elapsed();
    Undisturbed {
        before,
        after: load.digest(),
        took,
    }
}

/// Kills a load up to three times, each time at a moment of its own, and lets it come to its end.
fn kill_at_random(disposition: Disposition, kind: Kind, expected: &Undisturbed, seed: u64) -> u64 {
    let mut random = fastrand::Rng::with_seed(seed);
    let load = Load::new(disposition, kind, SIZE);
    load.program(0).run().expect(0);
    let mut history = format!("{} into {kind:?}, seed {seed}", disposition.name);
    let mut kills = 0;
    for _ in 0..random.u32(1..=3) {
        let moment = expected.took.mul_f64(random.f64());
        let _ = write!(history, "; killed after {} ms", moment.as_millis());
        let mut run = load.program(1).start();
        if run.has_ended_within(moment) {
            run.end().expect(0);
            let _ = write!(history, " (it had ended)");
            break;
        }
        run.kill();
        kills += 1;
        let found = load.digest();
        let status = load.last_status();
        let _ = write!(history, ", {status:?}");
        if disposition.is_replaced {
            let is_whole = found == expected.before || found == expected.after;
            assert!(is_whole, "{history}: half a replacement is visible");
        }
        if status.as_deref() == Some("completed") && found == expected.after {
            break;
        }
    }
    // The load's record says whether it came to its end; only the user could not be told.
    if load.digest() != expected.after || load.last_status().as_deref() != Some("completed") {
        load.program(1).run().expect(0);
    }
    assert_eq!(load.last_status().as_deref(), Some("completed"), "{history}");
    assert!(
        load.digest() == expected.after,
        "{history}: {}",
        difference(&load.digest(), &expected.after)
    );
    load.check_nothing_is_left();
    load.database.remove();
    kills
}

/// The first line in which two texts differ.
fn difference(found: &str, expected: &str) -> String {
    let mut pairs = found.lines().zip(expected.lines());
    match pairs.find(|(found, expected)| found != expected) {
        Some((found, expected)) => format!("`{found}` where `{expected}` was expected"),
        None => format!(
            "{} lines where {} were expected",
            found.lines().count(),
            expected.lines().count()
        ),
    }
}

#[test]
fn l20_every_disposition_survives_kill_9_at_any_moment() {
    let kills: u64 = std::thread::scope(|scope| {
        let databases = BOTH.map(|kind| scope.spawn(move || kill_every_disposition(kind)));
        databases.into_iter().map(|killed| killed.join().unwrap()).sum()
    });
    assert!(kills > 0, "nothing was killed");
}

#[expect(clippy::print_stderr, reason = "`--nocapture` shows it")]
fn kill_every_disposition(kind: Kind) -> u64 {
    let mut all_kills = 0;
    for disposition in DISPOSITIONS {
        let expected = undisturbed(*disposition, kind);
        let mut kills = 0;
        for seed in 0..loads() {
            kills += kill_at_random(*disposition, kind, &expected, seed);
        }
        // Shown by `--nocapture`.
        eprintln!(
            "{} into {kind:?}: {} loads, killed {kills} times; undisturbed it takes {} ms",
            disposition.name,
            loads(),
            expected.took.as_millis()
        );
        all_kills += kills;
    }
    all_kills
}
