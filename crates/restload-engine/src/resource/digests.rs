//! A set of digests that takes the same memory, however many there are: what does not fit stands in a temporary file.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};

/// So many are held in memory, which takes a megabyte.
const MOST_HELD: usize = 1 << 15;
/// So many are read from the file at once.
const BLOCK: usize = 256;
/// The bytes of one.
const SIZE: usize = size_of::<u128>();

/// What tells partitions from each other that have begun.
#[derive(Debug)]
pub(crate) struct Digests {
    most_held: usize,
    held: HashSet<u128>,
    written: Option<Written>,
}

/// Those that no longer fit, in runs that are sorted.
#[derive(Debug)]
struct Written {
    file: File,
    runs: Vec<Run>,
}

#[derive(Debug)]
struct Run {
    start: u64,
    count: usize,
    /// The first one of each block.
    firsts: Vec<u128>,
}

/// What to say when the file cannot be used.
pub(crate) fn cannot_note(error: &io::Error) -> String {
    let folder = std::env::temp_dir();
    format!(
        "cannot note in a temporary file in `{}` which parents' records have come: {error}",
        folder.display()
    )
}

impl Default for Digests {
    fn default() -> Self {
        Self::holding(MOST_HELD)
    }
}

impl Digests {
    fn holding(most_held: usize) -> Self {
        Self {
            most_held,
            held: HashSet::new(),
            written: None,
        }
    }

    /// Adds a digest, and says whether it is new.
    pub(crate) fn insert(&mut self, digest: u128) -> io::Result<bool> {
        if self.contains(digest)? {
            return Ok(false);
        }
        if self.held.len() == self.most_held {
            self.write_down()?;
        }
        Ok(self.held.insert(digest))
    }

    /// Adds what is not there.
    pub(crate) fn extend(&mut self, digests: impl IntoIterator<Item = u128>) -> io::Result<()> {
        digests.into_iter().try_for_each(|digest| self.insert(digest).map(drop))
    }

    /// Whether a digest is there.
    pub(crate) fn contains(&mut self, digest: u128) -> io::Result<bool> {
        if self.held.contains(&digest) {
            return Ok(true);
        }
        match &mut self.written {
            Some(written) => written.contains(digest),
            None => Ok(false),
        }
    }

    fn write_down(&mut self) -> io::Result<()> {
        let written = match &mut self.written {
            Some(written) => written,
            None => self.written.insert(Written {
                file: tempfile::tempfile()?,
                runs: Vec::new(),
            }),
        };
        let mut sorted: Vec<u128> = self.held.iter().copied().collect();
        sorted.sort_unstable();
        written.add(&sorted)?;
        self.held.clear();
        Ok(())
    }
}

impl Written {
    fn add(&mut self, sorted: &[u128]) -> io::Result<()> {
        let start = self.file.seek(SeekFrom::End(0))?;
        let mut out = BufWriter::new(&self.file);
        for digest in sorted {
            out.write_all(&digest.to_be_bytes())?;
        }
        out.flush()?;
        self.runs.push(Run {
            start,
            count: sorted.len(),
            firsts: sorted.chunks(BLOCK).map(|block| block[0]).collect(),
        });
        Ok(())
    }

    fn contains(&mut self, digest: u128) -> io::Result<bool> {
        let mut bytes = [0; BLOCK * SIZE];
        for run in &self.runs {
            let Some(block) = run.firsts.partition_point(|first| *first <= digest).checked_sub(1) else {
                continue;
            };
            let before = block * BLOCK;
            let block = &mut bytes[..(run.count - before).min(BLOCK) * SIZE];
            self.file.seek(SeekFrom::Start(run.start + (before * SIZE) as u64))?;
            self.file.read_exact(block)?;
            let (digests, _) = block.as_chunks::<SIZE>();
            if digests.binary_search(&digest.to_be_bytes()).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests as they come: all over the place.
    fn digest(number: u64) -> u128 {
        restload_model::row_id::of_partition(&number.to_string())
    }

    #[test]
    fn each_is_new_once_wherever_it_stands() {
        for most_held in [1, 7, BLOCK, 1000, MOST_HELD] {
            let mut digests = Digests::holding(most_held);
            for number in 0..3_000 {
                assert!(!digests.contains(digest(number)).unwrap(), "{number}");
                assert!(digests.insert(digest(number)).unwrap(), "{number}");
                assert!(!digests.insert(digest(number / 2)).unwrap(), "{number}");
            }
            for number in 0..3_000 {
                assert!(digests.contains(digest(number)).unwrap(), "{number} of {most_held}");
            }
            assert!(digests.held.len() <= most_held);
            let extremes = [0, u128::MAX];
            digests.extend(extremes).unwrap();
            digests.extend((3_000..3_000 + most_held as u64).map(digest)).unwrap();
            assert!(extremes.into_iter().all(|digest| digests.contains(digest).unwrap()));
        }
    }
}
