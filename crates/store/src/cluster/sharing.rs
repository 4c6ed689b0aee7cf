//! Who uses the cluster, and whose turn it is to change it: two locks of the kernel, which a killed process drops.
//!
//! `turn.lock` is held by whoever makes, starts or stops the server. `users.lock` is held, shared, by everyone who uses
//! it. Both are entered and left only within a turn, so "I am alone" stays true until the turn ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::error::{Error, at};

/// One user's place among all of them.
pub(super) struct Sharing {
    turn: PathBuf,
    users: File,
    users_path: PathBuf,
}

/// Held while the server is made, started or stopped.
pub(super) struct Turn(File);

impl Sharing {
    /// Opens the locks in `control`, and takes none.
    pub(super) fn open(control: &Path) -> Result<Self, Error> {
        let users_path = control.join("users.lock");
        Ok(Self { turn: control.join("turn.lock"), users: lock_file(&users_path)?, users_path })
    }

    /// Waits for the turn.
    pub(super) fn turn(&self) -> Result<Turn, Error> {
        let file = lock_file(&self.turn)?;
        file.lock().map_err(at(&self.turn))?;
        Ok(Turn(file))
    }

    /// True when nobody else uses the cluster. Whatever the answer, our own place has to be taken (again) with `stay`.
    pub(super) fn is_alone(&self, _turn: &Turn) -> Result<bool, Error> {
        match self.users.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => Err(at(&self.users_path)(source)),
        }
    }

    /// Takes a user's place.
    pub(super) fn stay(&self, _turn: &Turn) -> Result<(), Error> {
        self.users.lock_shared().map_err(at(&self.users_path))
    }

    /// Gives the place up.
    pub(super) fn leave(&self, _turn: &Turn) -> Result<(), Error> {
        self.users.unlock().map_err(at(&self.users_path))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Not left to closing: a process that is being forked at this instant may hold a copy of the file.
        let _ = self.0.unlock();
    }
}

fn lock_file(path: &Path) -> Result<File, Error> {
    OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(at(path))
}
