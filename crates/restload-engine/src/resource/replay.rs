//! Reading again what an interrupted load has stored already: for children that are replaced, and so need every record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use restload_source::extraction::Progress;
use restload_source::incremental::Windows;

use super::shared::Spawned;

/// What is stored of the partitions that are being read again: their rows are not stored twice. None where no resource
/// is read again.
#[derive(Debug, Default)]
pub(crate) struct Replayed(Option<Mutex<HashMap<Arc<str>, Stood>>>);

/// Where a partition stood.
#[derive(Debug)]
struct Stood {
    pages: u64,
    /// Windows that are loaded, from the first on.
    windows: u64,
    /// The pages of those that were begun after them.
    begun: HashMap<u64, u64>,
}

impl Replayed {
    pub(crate) fn new(reads_again: bool) -> Self {
        Self(reads_again.then(Mutex::default))
    }

    fn lock(&self) -> Option<MutexGuard<'_, HashMap<Arc<str>, Stood>>> {
        let stood = self.0.as_ref()?.lock();
        Some(stood.unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes note of where a partition stands, and puts it back to its first page, in the range that it had. Where
    /// nothing is read again, it stays where it is.
    pub(super) fn start_over(&self, left: Spawned) -> Spawned {
        let Some(mut all) = self.lock() else { return left };
        let windows = left.progress.windows.as_ref();
        let stood = Stood {
            pages: pages_of(&left.progress),
            windows: windows.map_or(0, |windows| windows.done),
            begun: HashMap::new(),
        };
        all.insert(Arc::clone(&left.partition), stood);
        let progress = Progress {
            windows: windows.map(|windows| Windows {
                done: 0,
                ..windows.clone()
            }),
            cursor: left.progress.cursor,
            missing: left.progress.missing,
            batch: left.progress.batch,
            shares_cursor: left.progress.shares_cursor,
            ..Progress::start(left.progress.parents)
        };
        Spawned { progress, ..left }
    }

    /// The same for a window that was begun of such a partition. False where nothing is read again.
    pub(super) fn start_window_over(&self, partition: &str, window: &Progress) -> bool {
        let Some(mut all) = self.lock() else { return false };
        let stood = all.get_mut(partition).zip(window.slice.as_ref());
        if let Some((stood, slice)) = stood {
            stood.begun.insert(slice.index, pages_of(window));
        }
        true
    }

    /// Lets go of a partition that is read to its end.
    pub(super) fn forget(&self, partition: &str) {
        if let Some(mut all) = self.lock() {
            all.remove(partition);
        }
    }

    /// The pages of a partition, or of a window of one, whose rows are stored.
    pub(super) fn pages(&self, partition: &str, progress: &Progress) -> u64 {
        let all = self.lock();
        let Some(stood) = all.as_ref().and_then(|all| all.get(progress.whole(partition))) else {
            return 0;
        };
        match &progress.slice {
            None => stood.pages,
            Some(_) if stood.pages == u64::MAX => u64::MAX,
            Some(slice) if slice.index < stood.windows => u64::MAX,
            Some(slice) => stood.begun.get(&slice.index).copied().unwrap_or(0),
        }
    }

    /// How many windows of a partition are loaded, from the first on; none for one that is not read again.
    pub(super) fn windows(&self, partition: &str) -> Option<u64> {
        self.lock()?.get(partition).map(|stood| stood.windows)
    }
}

fn pages_of(progress: &Progress) -> u64 {
    if progress.done {
        u64::MAX
    } else {
        progress.pages_loaded()
    }
}

#[cfg(test)]
mod tests {
    use restload_source::paginators::Position;
    use restload_source::parent_fields::Parents;

    use super::*;

    #[test]
    fn partitions_begin_again_and_know_what_is_stored() {
        let at_page = |pages, done| Progress {
            position: Position::Page(pages as i64),
            pages,
            done,
            ..Progress::start(Parents::new())
        };
        let replayed = Replayed::new(true);
        let left = [("half", at_page(2, false)), ("whole", at_page(5, true))];
        for (name, progress) in left {
            let begun = replayed.start_over(Spawned::left(name.into(), progress));
            assert_eq!(begun.progress, Progress::start(Parents::new()));
        }
        let pages = |name| replayed.pages(name, &Progress::start(Parents::new()));
        assert_eq!((pages("half"), pages("whole"), pages("new")), (2, u64::MAX, 0));
        replayed.forget("half");
        assert_eq!(pages("half"), 0);
    }
}
