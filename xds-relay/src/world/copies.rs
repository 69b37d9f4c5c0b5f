//! Folds kept in a folder of this machine, so that a relay that starts while the log is away has something to serve.
//!
//! ```text
//!   FOLDER/as-of            when all of this was what the log held, milliseconds since 1970
//!   FOLDER/HASH.fold        one mesh: a line of JSON that says what follows, then the checkpoint as the log keeps it
//! ```
//!
//! Everything here can be lost: a file that cannot be read, was cut short or is of another form is left out, with a
//! warning. A file is replaced whole or not at all. One folder belongs to one relay and one log; whoever chooses it sees
//! to that.

use mesh_core::{MeshKey, MeshState, Seq};
use mesh_log::Checkpoint;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const AS_OF: &str = "as-of";
const EXTENSION: &str = "fold";

/// How often folds are kept where nothing else was asked for.
const EVERY: Duration = Duration::from_secs(10);

/// A folder of kept folds.
#[derive(Debug, Clone)]
pub struct Copies {
    folder: PathBuf,
    /// How often folds that changed are kept.
    pub every: Duration,
}

/// What a folder held.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub states: HashMap<MeshKey, MeshState>,
    pub as_of: Option<SystemTime>,
}

/// The first line of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    mesh: MeshKey,
    seq: Seq,
    form: u32,
    /// Of the bytes that follow.
    hash: String,
}

impl Copies {
    /// Uses a folder; it is made where there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be made or written.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder)?;
        let probe = folder.join("probe");
        fs::write(&probe, [])?;
        fs::remove_file(&probe)?;
        Ok(Self { folder, every: EVERY })
    }

    /// Everything readable.
    pub(super) async fn load(&self) -> Kept {
        let copies = self.clone();
        tokio::task::spawn_blocking(move || copies.read_all()).await.unwrap_or_default()
    }

    /// Keeps the folds that changed, in place of those of the same meshes, and notes when all of them were what the log
    /// held. Folds of meshes that are not among `all` are of another log, and go.
    pub(super) fn keep(&self, changed: &[MeshState], all: &[MeshKey], as_of: SystemTime) -> io::Result<()> {
        for state in changed {
            let checkpoint = Checkpoint::of(state).map_err(|error| io::Error::other(error.to_string()))?;
            self.write(&checkpoint)?;
        }
        self.forget_others(all);
        let millis = as_of.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        replace(&self.folder.join(AS_OF), millis.to_string().as_bytes())
    }

    fn write(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        let Checkpoint { mesh, seq, form, data } = checkpoint;
        let head = Head { mesh: mesh.clone(), seq: *seq, form: *form, hash: hash(data) };
        let mut bytes = serde_json::to_vec(&head)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(data);
        replace(&self.file_of(mesh), &bytes)
    }

    /// A mesh may be called anything a file may not.
    fn file_of(&self, mesh: &MeshKey) -> PathBuf {
        self.folder.join(format!("{}.{EXTENSION}", hash(mesh.to_string().as_bytes())))
    }

    fn files(&self) -> impl Iterator<Item = PathBuf> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        files.filter(|file| file.extension().is_some_and(|extension| extension == EXTENSION))
    }

    fn forget_others(&self, all: &[MeshKey]) {
        let ours: HashSet<PathBuf> = all.iter().map(|mesh| self.file_of(mesh)).collect();
        for file in self.files().filter(|file| !ours.contains(file)) {
            if let Err(error) = fs::remove_file(&file) {
                tracing::warn!(file = %file.display(), %error, "a kept fold of another log cannot be removed");
            }
        }
    }

    fn read_all(&self) -> Kept {
        let mut kept = Kept { as_of: self.read_as_of(), ..Kept::default() };
        for file in self.files() {
            match read(&file) {
                Ok(state) => drop(kept.states.insert(state.key().clone(), state)),
                Err(error) => tracing::warn!(file = %file.display(), %error, "a kept fold cannot be used"),
            }
        }
        kept
    }

    fn read_as_of(&self) -> Option<SystemTime> {
        let text = fs::read_to_string(self.folder.join(AS_OF)).ok()?;
        UNIX_EPOCH.checked_add(Duration::from_millis(text.parse().ok()?))
    }
}

fn read(file: &Path) -> io::Result<MeshState> {
    let damaged = || io::Error::new(ErrorKind::InvalidData, "it is damaged or of another form");
    let bytes = fs::read(file)?;
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
    let (head, data) = bytes.split_at(end);
    let data = data.get(1..).ok_or_else(damaged)?;
    let Head { mesh, seq, form, hash: expected } = serde_json::from_slice(head)?;
    if hash(data) != expected {
        return Err(damaged());
    }
    Checkpoint { mesh, seq, form, data: data.to_vec() }.state().ok_or_else(damaged)
}

fn hash(bytes: &[u8]) -> String {
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(bytes))
}

/// Puts a file in the place of another, whole.
fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = file.with_extension("new");
    let mut new = fs::File::create(&beside)?;
    new.write_all(bytes)?;
    new.sync_all()?;
    fs::rename(&beside, file)
}
