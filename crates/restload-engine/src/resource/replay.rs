//! Reading again what an interrupted load has stored already: for children that are replaced, and so need every record.

use std::collections::HashMap;
use std::sync::Arc;

use restload_source::extraction::Progress;
use restload_source::incremental::Windows;

use super::shared::Spawned;

/// What is stored of each partition that is read again: its rows are not stored twice.
#[derive(Debug, Default)]
pub(crate) struct Replayed(HashMap<Arc<str>, Stood>);

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
    /// Takes note of where partitions stand, and puts them back to their first page, in the range that they had.
    pub(crate) fn start_over(stored: Vec<Spawned>) -> (Self, Vec<Spawned>) {
        let mut stood = HashMap::new();
        let mut begun = Vec::with_capacity(stored.len());
        for spawned in stored {
            let windows = spawned.progress.windows.as_ref();
            let own = Stood {
                pages: pages_of(&spawned.progress),
                windows: windows.map_or(0, |windows| windows.done),
                begun: spawned
                    .windows
                    .iter()
                    .filter_map(|window| Some((window.slice.as_ref()?.index, pages_of(window))))
                    .collect(),
            };
            begun.push(Spawned::new(
                Arc::clone(&spawned.partition),
                Progress {
                    windows: windows.map(|windows| Windows {
                        done: 0,
                        ..windows.clone()
                    }),
                    cursor: spawned.progress.cursor,
                    missing: spawned.progress.missing,
                    batch: spawned.progress.batch,
                    shares_cursor: spawned.progress.shares_cursor,
                    ..Progress::start(spawned.progress.parents)
                },
            ));
            stood.insert(spawned.partition, own);
        }
        (Self(stood), begun)
    }

    /// The pages of a partition, or of a window of one, whose rows are stored.
    pub(super) fn pages(&self, partition: &str, progress: &Progress) -> u64 {
        let Some(stood) = self.0.get(progress.whole(partition)) else {
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
        self.0.get(partition).map(|stood| stood.windows)
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
        let stored = vec![
            Spawned::new("half".into(), at_page(2, false)),
            Spawned::new("whole".into(), at_page(5, true)),
        ];
        let (replayed, begun) = Replayed::start_over(stored);
        for spawned in &begun {
            assert_eq!(spawned.progress, Progress::start(Parents::new()));
        }
        let pages = |name| replayed.pages(name, &begun[0].progress);
        assert_eq!((pages("half"), pages("whole"), pages("new")), (2, u64::MAX, 0));
    }
}
