//! One process per file: an exclusive lock on `FILE.lock` beside the data file.
//!
//! SQLite's own locks would let two processes take turns, and each would believe its heads. A lock of the operating
//! system is let go of by the kernel, however the process ends; the lock file itself stays and means nothing.

use super::OpenError;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// The right to a data file, as long as it lives.
pub(super) struct Lock {
    file: File,
    path: PathBuf,
    made: bool,
}

impl Lock {
    /// Takes the lock of a data file, or says who has it.
    pub(super) fn take(data: &Path) -> Result<Self, OpenError> {
        let path = beside(data);
        let made = !path.exists();
        let unwritable = |source| OpenError::Unwritable { path: data.to_owned(), at: path.clone(), source };
        let mut file = open(&path).map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { path: data.to_owned(), process: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(unwritable(source)),
        }
        sign(&mut file).map_err(unwritable)?;
        Ok(Self { file, path, made })
    }

    /// Gives up a lock whose data file turned out not to be ours, leaving nothing beside it.
    pub(super) fn discard(self) {
        if self.made {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing lets go of it as well; this only says so.
        let _ = self.file.unlock();
    }
}

fn beside(data: &Path) -> PathBuf {
    let mut name: OsString = data.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Writes down who has it, for the message another process will give.
fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
