//! Making a cluster, and starting, finding and stopping its server.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::error::{Error, at};
use super::folder::Folder;

/// The cluster's only role.
pub(super) const ROLE: &str = "chatledger";

/// What initdb's own file gets: sizes for a small machine that a person may change there.
const SETTINGS: &str = "
# Chatledger: a small machine that also does other work.
max_connections = 100
shared_buffers = 128MB
max_wal_size = 1GB
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
# Statements and details of errors can hold what people wrote.
log_min_error_statement = panic
log_error_verbosity = terse
";

/// What a promise hangs on is said at each start, whatever the file says.
const DURABLE: [&str; 6] = [
    "fsync=on",
    "full_page_writes=on",
    "synchronous_commit=on",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "logging_collector=off",
];

/// A log that is larger is put aside at the next start.
const LOG_BYTES: u64 = 10 * 1024 * 1024;

/// A program of the server, run as the server's user with nothing of our environment: it may hold tokens.
fn program(folder: &Folder, bin: &Path, name: &str) -> Command {
    let mut command = Command::new(bin.join(name));
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C");
    // A group of its own: Ctrl-C in a terminal is for us, and we stop the server when we are done.
    command.current_dir(&folder.home).stdin(Stdio::null()).process_group(0);
    if let Some(user) = folder.user {
        // The standard library also drops root's supplementary groups.
        command.uid(user.uid).gid(user.gid);
    }
    command
}

/// Makes the cluster: aside, then by one rename, so that a crash leaves none or a whole one.
pub(super) fn make(folder: &Folder, bin: &Path, password: &str) -> Result<(), Error> {
    let home = &folder.home;
    for left in fs::read_dir(home).map_err(at(home))?.flatten() {
        if left.file_name().to_string_lossy().starts_with("making-") {
            fs::remove_dir_all(left.path()).map_err(at(&left.path()))?;
        }
    }
    let mut secret = tempfile::NamedTempFile::new_in(home).map_err(at(home))?;
    writeln!(secret, "{password}").map_err(at(secret.path()))?;
    give(folder, secret.path())?;
    let mut said = String::new();
    for locale in ["C.UTF-8", "C"] {
        let aside = tempfile::Builder::new().prefix("making-").tempdir_in(home).map_err(at(home))?;
        give(folder, aside.path())?;
        let mut initdb = program(folder, bin, "initdb");
        initdb.arg("-D").arg(aside.path()).arg("--pwfile").arg(secret.path());
        // Keys are compared byte by byte: what is sorted and indexed costs half as much.
        initdb.arg("--locale").arg(locale).arg("--lc-collate=C");
        initdb.args(["-U", ROLE, "-A", "scram-sha-256", "-E", "UTF8", "--data-checksums"]);
        let output = initdb.output().map_err(|source| Error::System { what: "initdb", source })?;
        if output.status.success() {
            let file = aside.path().join("postgresql.conf");
            append(&file, SETTINGS)?;
            fs::rename(aside.keep(), folder.cluster()).map_err(at(&folder.cluster()))?;
            return Ok(());
        }
        said = String::from_utf8_lossy(&output.stderr).into_owned();
    }
    append(&folder.log(), &said)?;
    Err(does_not_start(folder))
}

fn give(folder: &Folder, path: &Path) -> Result<(), Error> {
    let Some(user) = folder.user else { return Ok(()) };
    std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid)).map_err(at(path))
}

fn append(path: &Path, text: &str) -> Result<(), Error> {
    let mut file = no_link().create(true).append(true).mode(0o600).open(path).map_err(at(path))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(at(path))
}

/// For writing in the server's own folder: as root we must not be led elsewhere by a link that its user put there.
fn no_link() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    options
}

/// Starts the server on `port`; it is not ready yet. The caller must wait for the child some time: a dead child that
/// nobody waited for is still a pid, and the next server would take it for a living one.
pub(super) fn spawn(folder: &Folder, bin: &Path, port: u16) -> Result<Child, Error> {
    let path = folder.log();
    if fs::metadata(&path).is_ok_and(|log| log.len() > LOG_BYTES) {
        fs::rename(&path, path.with_extension("log.old")).map_err(at(&path))?;
    }
    retire_pid_file(folder)?;
    let mut options = fs::OpenOptions::new();
    let log = options.create(true).append(true).mode(0o600).open(&path).map_err(at(&path))?;
    let mut postgres = program(folder, bin, "postgres");
    postgres.arg("-D").arg(folder.cluster()).arg("-c").arg(format!("port={port}"));
    for setting in DURABLE {
        postgres.arg("-c").arg(setting);
    }
    postgres.stdout(log.try_clone().map_err(at(&path))?).stderr(log);
    postgres.spawn().map_err(|source| Error::System { what: "postgres", source })
}

/// The running server's pid, whoever started it.
pub(super) fn running(folder: &Folder) -> Option<Pid> {
    let text = fs::read_to_string(folder.cluster().join("postmaster.pid")).ok()?;
    let pid = Pid::from_raw(text.lines().next()?.trim().parse().ok()?)?;
    is_ours(pid, &folder.cluster()).then_some(pid)
}

/// The port that the running server says it listens on.
pub(super) fn running_port(folder: &Folder) -> Option<u16> {
    let text = fs::read_to_string(folder.cluster().join("postmaster.pid")).ok()?;
    text.lines().nth(3)?.trim().parse().ok()
}

/// True when the process lives and is a server of this cluster: pids are used again, and a zombie is none.
fn is_ours(pid: Pid, cluster: &Path) -> bool {
    if !Path::new("/proc/self").exists() {
        return rustix::process::test_kill_process(pid).is_ok();
    }
    let said = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    let cluster = cluster.as_os_str().as_encoded_bytes();
    said.split(|byte| *byte == 0).any(|argument| argument == cluster)
}

/// PostgreSQL does not start while the pid of its last server is anyone's. Where a crash left such a file, its pid is
/// replaced by one that no process can have; the rest stays, because by it PostgreSQL sees that orphans of the crashed
/// server still work on the files, and waits for them.
fn retire_pid_file(folder: &Folder) -> Result<(), Error> {
    let path = folder.cluster().join("postmaster.pid");
    if running(folder).is_some() || !Path::new("/proc/self").exists() {
        return Ok(());
    }
    let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
    let Some((_, rest)) = text.split_once('\n') else {
        return fs::remove_file(&path).map_err(at(&path));
    };
    let mut file = no_link().write(true).truncate(true).open(&path).map_err(at(&path))?;
    write!(file, "{}\n{rest}", i32::MAX).map_err(at(&path))
}

/// Stops the server and waits until it is gone: cleanly within a minute, else at once, which the next start repairs.
pub(super) async fn stop(folder: &Folder, child: &mut Option<Child>) {
    let clean = (Signal::INT, Duration::from_secs(60));
    end(folder, child, &[clean, (Signal::QUIT, Duration::from_secs(10)), (Signal::KILL, KILLED)]).await;
}

/// Ends the server as a crash would, and waits until it is gone.
pub(super) async fn kill(folder: &Folder, child: &mut Option<Child>) {
    end(folder, child, &[(Signal::KILL, KILLED)]).await;
}

/// How long the system may take to clear a killed process away.
const KILLED: Duration = Duration::from_secs(5);

async fn end(folder: &Folder, child: &mut Option<Child>, signals: &[(Signal, Duration)]) {
    for (signal, patience) in signals {
        let Some(pid) = running(folder) else { return };
        if rustix::process::kill_process(pid, *signal).is_err() {
            return;
        }
        let started = tokio::time::Instant::now();
        while started.elapsed() < *patience && is_alive(pid, child) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Stricter than [`is_ours`], which an ending process fails while it still has its port and its locks.
fn is_alive(pid: Pid, child: &mut Option<Child>) -> bool {
    if let Some(child) = child {
        let _ = child.try_wait();
    }
    let is_zombie = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])));
    !is_zombie && !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

/// The error with the end of the server's log.
pub(super) fn does_not_start(folder: &Folder) -> Error {
    let log = folder.log();
    let text = fs::read(&log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(10)..].join("\n");
    Error::DoesNotStart { log, tail }
}
