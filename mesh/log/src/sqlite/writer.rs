//! The writer: one thread that owns the writing connection, checks expectations and commits in groups.
//!
//! An append is answered after the commit it was part of, a conflict too: a caller told of a record by a conflict can
//! read it. When a commit fails, everyone who waited for it is told, and what is on disk decides where the meshes are.

use super::heads::Heads;
use super::recent::Committed;
use super::row::Row;
use super::{Job, log_error, stopped};
use crate::{AppendError, LogError};
use mesh_core::{Entry, MeshKey, Record, Seq};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// No commit waits for more than so many messages.
const MAX_GROUP: usize = 1000;

/// The thread that writes.
///
/// Its queue is unbounded because it need not be: whoever appends waits for the answer, so it is never longer than the
/// number of requests at hand.
pub(super) struct Writer {
    inbox: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

/// An append that waits for its turn.
pub(super) struct Append {
    /// The mesh.
    pub(super) mesh: MeshKey,
    /// Where it must be.
    pub(super) expected: Seq,
    /// What is appended.
    pub(super) entries: Vec<Entry>,
    /// The same as it is written.
    pub(super) rows: Vec<Row>,
    /// Who waits.
    pub(super) answer: oneshot::Sender<Result<Seq, AppendError>>,
}

enum Message {
    Append(Append),
    Run(Job),
}

impl Writer {
    /// Starts it on its connection.
    pub(super) fn start(mut connection: Connection, heads: Arc<Heads>) -> io::Result<Self> {
        let (inbox, messages) = channel();
        let thread = std::thread::Builder::new().name("log-writer".into());
        let thread = thread.spawn(move || run(&mut connection, &heads, &messages))?;
        Ok(Self { inbox: Some(inbox), thread: Some(thread) })
    }

    /// Hands over an append.
    pub(super) fn append(&self, append: Append) -> Result<(), LogError> {
        self.send(Message::Append(append))
    }

    /// Has something done between two commits.
    pub(super) fn run(&self, job: Job) -> Result<(), LogError> {
        self.send(Message::Run(job))
    }

    fn send(&self, message: Message) -> Result<(), LogError> {
        self.inbox.as_ref().and_then(|inbox| inbox.send(message).ok()).ok_or_else(stopped)
    }
}

/// Waits until what was handed over is done and the connection is closed.
impl Drop for Writer {
    fn drop(&mut self) {
        self.inbox = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(connection: &mut Connection, heads: &Heads, messages: &Receiver<Message>) {
    while let Ok(first) = messages.recv() {
        let (mut appends, mut jobs) = (Vec::new(), Vec::new());
        for message in std::iter::once(first).chain(messages.try_iter()).take(MAX_GROUP) {
            match message {
                Message::Append(append) => appends.push(append),
                Message::Run(job) => jobs.push(job),
            }
        }
        if !appends.is_empty() {
            commit(connection, heads, appends);
        }
        jobs.into_iter().for_each(|job| job(connection));
    }
}

/// Commits a group and answers it.
fn commit(connection: &mut Connection, heads: &Heads, appends: Vec<Append>) {
    match write(connection, heads, &appends) {
        Ok(verdicts) => {
            for (append, verdict) in appends.into_iter().zip(verdicts) {
                let _ = append.answer.send(verdict);
            }
        }
        Err(error) => {
            tracing::error!(%error, appends = appends.len(), "a commit to the event log failed");
            recover(connection, heads);
            for append in appends {
                let _ = append.answer.send(Err(AppendError::Log(log_error(&error))));
            }
        }
    }
}

/// Writes a group in one transaction and moves the heads once it is on disk.
fn write(
    connection: &mut Connection,
    heads: &Heads,
    appends: &[Append],
) -> rusqlite::Result<Vec<Result<Seq, AppendError>>> {
    heads.settle(connection)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut group = Group { heads, moved: BTreeMap::new(), committed: Vec::new() };
    let verdicts = appends.iter().map(|append| group.place(&transaction, append)).collect::<Result<Vec<_>, _>>()?;
    transaction.commit()?;
    if !group.moved.is_empty() {
        heads.advance(group.moved, group.committed);
    }
    Ok(verdicts)
}

/// Brings connection and heads back to what is on disk. Where even that fails, the next group tries again.
fn recover(connection: &Connection, heads: &Heads) {
    heads.doubt();
    let back = || if connection.is_autocommit() { Ok(()) } else { connection.execute_batch("ROLLBACK") };
    if let Err(error) = back().and_then(|()| heads.settle(connection)) {
        tracing::error!(%error, "the event log does not say what became of the commit");
    }
}

/// A group on its way: where the meshes will be once it is committed.
struct Group<'a> {
    heads: &'a Heads,
    moved: BTreeMap<MeshKey, Seq>,
    committed: Vec<Committed>,
}

impl Group<'_> {
    /// Gives an append its place, if the mesh is where it must be.
    fn place(&mut self, to: &Transaction<'_>, append: &Append) -> rusqlite::Result<Result<Seq, AppendError>> {
        let (mesh, expected) = (&append.mesh, append.expected);
        let actual = self.at(mesh);
        if actual != expected {
            return Ok(Err(AppendError::Conflict { mesh: mesh.clone(), expected, actual }));
        }
        let mut seq = actual;
        for (row, entry) in append.rows.iter().zip(&append.entries) {
            seq += 1;
            row.insert(to, mesh, seq)?;
            let record = Record { mesh: mesh.clone(), seq, entry: entry.clone() };
            self.committed.push(Committed { position: to.last_insert_rowid(), bytes: row.bytes(), record });
        }
        if seq != actual {
            self.moved.insert(mesh.clone(), seq);
        }
        Ok(Ok(seq))
    }

    fn at(&self, mesh: &MeshKey) -> Seq {
        // The heads are certain here: the group was begun by settling them, and only this thread moves them.
        self.moved.get(mesh).copied().or_else(|| self.heads.of(mesh)).unwrap_or(0)
    }
}
