//! The real program, as processes: started, watched, stopped and killed from outside, as its users do it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use crate::leftovers::Folder;
use crate::postgres;
use crate::wait::wait_for;

/// Longest start: a private Postgres is made on the way, perhaps on a busy machine.
const START: Duration = Duration::from_secs(120);
/// Longest end.
const END: Duration = Duration::from_secs(60);

/// What still runs is ended: processes of the program first, then the private Postgres.
const CLEANING: &str = r#"
for pid in $(ls "$1/pids"); do
  case "$(readlink "/proc/$pid/exe")" in *chatledger*) kill -KILL "$pid" ;; esac
done
"#;

static BINARY: OnceCell<PathBuf> = OnceCell::const_new();

/// The binary with its failpoints, built from the sources as they are: once in a test process, and by the cargo that
/// built the tests, so that only what the failpoints change is compiled again.
pub async fn program() -> &'static Path {
    BINARY.get_or_init(build).await
}

async fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build
        .args(["build", "--package", "chatledger", "--features", "failpoints", "--message-format", "json"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        // Of this test's own build: they would make build scripts run again.
        .env_remove("LD_LIBRARY_PATH");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_"]
            .iter()
            .any(|own| text.starts_with(own))
        {
            build.env_remove(&name);
        }
    }
    let output = build.output().await.expect("cargo");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the program cannot be built: {said}");
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "chatledger")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    let built = executable.expect("cargo names what it built");
    // A copy of our own: a build beside the tests, without failpoints, would replace it.
    let own = built.with_file_name(format!("chatledger-failpoints-{}", std::process::id()));
    std::fs::copy(&built, &own).expect("a copy of the program");
    let folder = Folder::new(r#"rm -f "$2""#, &own);
    // It goes with the process: its watcher outlives it.
    std::mem::forget(folder);
    own
}

/// A folder to run the program in: its configuration, its environment, its data.
pub struct Home {
    environment: Vec<(String, String)>,
    folder: Folder,
}

impl Home {
    /// With this `chatledger.toml`. `data_dir` is added in front, and lies in the folder.
    pub fn new(configuration: &str) -> Self {
        let folder = Folder::new(&format!("{CLEANING}{}", postgres::CLEANING), Path::new(""));
        std::fs::create_dir(folder.path().join("pids")).expect("our own folder");
        let home = Self { environment: Vec::new(), folder };
        home.configure(configuration);
        home
    }

    /// Another configuration.
    pub fn configure(&self, configuration: &str) {
        let text = format!("data_dir = {:?}\n{configuration}", self.data_dir());
        std::fs::write(self.folder.path().join("chatledger.toml"), text).expect("our own folder");
    }

    /// A variable for every process started here from now on; a later one of the same name holds.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where the program keeps its data.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the program.
    pub async fn start(&self, arguments: &[&str]) -> Process {
        self.start_with(arguments, &[]).await
    }

    /// Starts it with variables for this process only.
    pub async fn start_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Process {
        let mut command = Command::new(program().await);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("CHATLEDGER_CONFIG", self.folder.path().join("chatledger.toml"))
            .env("RUST_BACKTRACE", "0")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the program");
        let pid = child.id().expect("a process that was just started");
        std::fs::write(self.folder.path().join("pids").join(pid.to_string()), "").expect("our own folder");
        let (out, err) = (Lines::default(), Lines::default());
        let readers = [
            read(child.stdout.take().expect("a pipe"), &out),
            read(child.stderr.take().expect("a pipe"), &err),
        ];
        Process { child, pid, out, err, readers, what: arguments.join(" ") }
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).await.ended().await
    }

    /// Starts `up` (or `run …`), and waits until it serves.
    pub async fn up(&self) -> Up {
        self.up_with(&["up"], &[]).await
    }

    /// The same with other arguments and with variables for this process only.
    pub async fn up_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Up {
        let mut process = self.start_with(arguments, variables).await;
        let line = process.line("server.address=").await;
        let address = line.split("server.address=").nth(1).and_then(|rest| rest.split_whitespace().next());
        let address =
            address.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no address: {line}"));
        Up { process, address }
    }
}

/// A process of the program that serves.
pub struct Up {
    /// The process.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Up {
    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Lines that a process wrote so far.
type Lines = Arc<Mutex<Vec<String>>>;

fn read(pipe: impl AsyncRead + Unpin + Send + 'static, into: &Lines) -> JoinHandle<()> {
    let into = into.clone();
    tokio::spawn(async move {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while matches!(pipe.read_until(b'\n', &mut line).await, Ok(read) if read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
            into.lock().unwrap_or_else(PoisonError::into_inner).push(text);
            line.clear();
        }
    })
}

fn text(lines: &Lines) -> String {
    lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
}

/// A running process of the program. Dropping it kills it.
pub struct Process {
    child: Child,
    pid: u32,
    out: Lines,
    err: Lines,
    readers: [JoinHandle<()>; 2],
    what: String,
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it wrote for programs.
    pub stdout: String,
    /// What it wrote for people.
    pub stderr: String,
}

impl Ended {
    /// The exit code; `None` when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Itself, when it succeeded.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.status.success(), "{}\n{}\n{}", self.status, self.stdout, self.stderr);
        self
    }

    /// What it wrote for programs, as JSON, when it succeeded.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        let ended = self.succeeded();
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stdout))
    }
}

impl Process {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it has written to stderr so far.
    pub fn stderr(&self) -> String {
        text(&self.err)
    }

    /// Waits for a line with `part` on either stream, and gives it; fails when the process ends before.
    pub async fn line(&mut self, part: &str) -> String {
        let what = format!("`chatledger {}` says {part:?}", self.what);
        let (out, err) = (self.out.clone(), self.err.clone());
        let child = &mut self.child;
        wait_for(&what, START, async || {
            let ended = child.try_wait().expect("our own child");
            let said = format!("{}\n{}", text(&out), text(&err));
            let line = said.lines().find(|line| line.contains(part)).map(str::to_owned);
            assert!(line.is_some() || ended.is_none(), "{what}, but it ended with {ended:?}: {said}");
            line
        })
        .await
    }

    /// Asks it to stop, and waits for its end.
    pub async fn stop(self) -> Ended {
        self.signal(rustix::process::Signal::TERM);
        self.ended().await
    }

    /// Kills it with SIGKILL, and waits for its end.
    pub async fn kill(self) -> Ended {
        self.signal(rustix::process::Signal::KILL);
        self.ended().await
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid =
            i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
        // It may have ended by itself meanwhile.
        let _ = rustix::process::kill_process(pid, signal);
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_some()
    }

    /// Waits for its end.
    pub async fn ended(self) -> Ended {
        self.ended_within(END).await
    }

    /// Waits for its end, at most so long.
    pub async fn ended_within(mut self, deadline: Duration) -> Ended {
        let waited = tokio::time::timeout(deadline, self.child.wait()).await;
        let status = match waited {
            Ok(status) => status.expect("our own child"),
            Err(_) => panic!("`chatledger {}` does not end: {}", self.what, self.stderr()),
        };
        for reader in &mut self.readers {
            // A private Postgres may have inherited the pipe: what it holds open is not waited for.
            let _ = tokio::time::timeout(Duration::from_secs(1), reader).await;
        }
        Ended { status, stdout: text(&self.out), stderr: text(&self.err) }
    }
}
