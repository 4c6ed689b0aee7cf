//! A folder of a test process, and a watcher that cleans it up however the process ends: return, panic, abort, kill.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A temporary folder that any user may enter. Its end, or that of the process, runs the cleaning and removes it.
pub(crate) struct Folder {
    path: PathBuf,
    watcher: Child,
}

impl Folder {
    /// `cleaning` is a shell script that ends what runs in the folder `$1`; `$2` is `argument`.
    pub(crate) fn new(cleaning: &str, argument: &Path) -> Self {
        let path =
            tempfile::Builder::new().prefix("chatledger-test-").tempdir().expect("a temporary folder").keep();
        let path = path.canonicalize().expect("the folder that was just made");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("our own folder");
        // The watcher reads from a pipe that only this process can write to: it ends exactly when the process does.
        // A group of its own, so that Ctrl-C leaves it alone; no output, so that a pipe behind the tests can end.
        let script = format!("read -r _\n{cleaning}\nrm -rf \"$1\"\n");
        let watcher = Command::new("sh")
            .args(["-c", &script, "leftovers"])
            .args([&path, argument])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn()
            .expect("a shell");
        Self { path, watcher }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}
