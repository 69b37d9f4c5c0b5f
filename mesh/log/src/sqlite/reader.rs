//! Reading connections, each on a thread of its own: a read waits for a disk, and a task must not.

use super::{Job, OpenError, stopped};
use crate::LogError;
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Two reads at a time: a long one (a history) does not hold up the others, and reads are rare beside the fold.
const READERS: usize = 2;

/// The threads that read.
pub(super) struct Readers {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts them, each on a connection.
    pub(super) fn start(connect: impl Fn() -> Result<Connection, OpenError>) -> Result<Self, OpenError> {
        let (jobs, inbox) = channel();
        let inbox = Arc::new(Mutex::new(inbox));
        let mut readers = Self { jobs: Some(jobs), threads: Vec::new() };
        for _ in 0..READERS {
            let (connection, inbox) = (connect()?, inbox.clone());
            let thread = std::thread::Builder::new().name("log-reader".into());
            let thread = thread.spawn(move || run(&connection, &inbox)).map_err(OpenError::NoThread)?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Has one of them do something.
    pub(super) fn run(&self, job: Job) -> Result<(), LogError> {
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(stopped)
    }
}

/// Waits until the connections are closed, so that the writer's is the last.
impl Drop for Readers {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, inbox: &Mutex<Receiver<Job>>) {
    while let Some(job) = next(inbox) {
        job(connection);
    }
}

fn next(inbox: &Mutex<Receiver<Job>>) -> Option<Job> {
    inbox.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
