//! One process per file: an exclusive lock of the operating system on the data file itself, by whatever name it is opened.
//!
//! SQLite's own locks would let two processes take turns, and each would believe its heads. The kernel lets go of this one
//! however the process ends. It is a whole-file lock (`flock`), which SQLite's byte ranges (`fcntl`) do not meet.
//!
//! Those have a trap: closing *any* descriptor of a file drops every byte range its process holds there. So the descriptor
//! is opened before SQLite opens the file and closed after, and a file this process already has is not opened at all.

use super::OpenError;
use std::collections::BTreeSet;
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The files this process has.
static OURS: Mutex<BTreeSet<Inode>> = Mutex::new(BTreeSet::new());

/// The right to a data file, as long as it lives.
pub(super) struct Lock {
    file: File,
    inode: Inode,
}

/// A file, whatever it is called: its device and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Inode(u64, u64);

impl Lock {
    /// Takes a data file, which is made where there is none, or says who has it.
    pub(super) fn take(data: &Path) -> Result<Self, OpenError> {
        let mut ours = ours();
        let in_use = |process| OpenError::InUse { path: data.to_owned(), process };
        if std::fs::metadata(data).is_ok_and(|found| ours.contains(&Inode::of(&found))) {
            return Err(in_use(Some(std::process::id())));
        }
        let file = open(data)?;
        let found = file.metadata().map_err(|source| unlockable(data, source))?;
        let inode = Inode::of(&found);
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(holder(inode))),
            Err(TryLockError::Error(source)) => return Err(unlockable(data, source)),
        }
        // A log is its file and the `-wal` beside it, and that goes by the name: under another name its end is missing.
        if found.nlink() > 1 {
            return Err(OpenError::Linked { path: data.to_owned() });
        }
        ours.insert(inode);
        Ok(Self { file, inode })
    }

    /// The file, to look at before SQLite does.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut ours = ours();
        // Closing lets go of it as well, but only after this.
        let _ = self.file.unlock();
        ours.remove(&self.inode);
    }
}

impl Inode {
    fn of(file: &Metadata) -> Self {
        Self(file.dev(), file.ino())
    }
}

fn ours() -> MutexGuard<'static, BTreeSet<Inode>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(data: &Path) -> Result<File, OpenError> {
    let path = || data.to_owned();
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(data).map_err(
        |source| match File::open(data) {
            Ok(_) => OpenError::ReadOnly { path: path() },
            Err(_) if data.exists() => OpenError::Unreadable { path: path(), source },
            Err(_) => OpenError::Unwritable { path: path(), source },
        },
    )
}

fn unlockable(data: &Path, source: io::Error) -> OpenError {
    OpenError::Unlockable { path: data.to_owned(), source }
}

/// Who has a file, where the kernel tells; where it is not sure, nobody is blamed.
///
/// The kernel's list of all locks names files by the number their own file system gives them, which is not the one that
/// callers see where file systems are stacked, as in containers. What a process has open is seen as it sees it itself.
fn holder(inode: Inode) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let numbers = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    let mut holders = numbers.filter(|process| locks(*process, inode));
    holders.next().filter(|_| holders.next().is_none())
}

/// Whether a process holds the lock of a file.
fn locks(process: u32, inode: Inode) -> bool {
    let Ok(opened) = std::fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    opened.flatten().any(|descriptor| {
        std::fs::metadata(descriptor.path()).is_ok_and(|file| Inode::of(&file) == inode)
            && std::fs::read_to_string(format!("/proc/{process}/fdinfo/{}", descriptor.file_name().display()))
                .is_ok_and(|state| state.lines().any(is_ours))
    })
}

/// Whether a descriptor's state says that it holds a lock such as ours: `lock: 1: FLOCK  ADVISORY  WRITE 4711 …`.
fn is_ours(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("lock:") && words.any(|word| word == "FLOCK")
}
