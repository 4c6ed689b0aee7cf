//! The private cluster against a real server, as root (the server then runs as another user) and as anyone else.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::{Connection, PgConnection};
use store::cluster::{Cluster, Error, Options, Programs};

const PATIENCE: Duration = Duration::from_secs(60);
const HOLDER: &str = "CHATLEDGER_TEST_HOLDS_CLUSTER_IN";

/// A data folder that any user may pass through.
fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn options(folder: &Path) -> Options {
    Options { elsewhere: folder.join("elsewhere"), ..Options::default() }
}

async fn start(folder: &Path) -> Cluster {
    Cluster::start(&folder.join("data"), options(folder)).await.unwrap()
}

async fn ask(url: &str, query: &'static str) -> Result<String, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let answer = sqlx::query_scalar(query).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(answer)
}

async fn write(url: &str, statement: &'static str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[track_caller]
fn eventually<'a>(
    what: &'a str,
    mut condition: impl AsyncFnMut() -> bool + 'a,
) -> impl Future<Output = ()> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        let started = Instant::now();
        while !condition().await {
            assert!(started.elapsed() < PATIENCE, "{caller}: not in time: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

fn lives(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Another process that uses the cluster until its input ends.
struct Holder {
    process: Child,
    url: String,
}

impl Holder {
    fn start(folder: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "holds_a_cluster_until_its_input_ends", "--nocapture"])
            .env(HOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = lines.find_map(|line| Some(line.unwrap().split_once("url=")?.1.to_owned())).unwrap();
        // Read on, so that the holder never writes into a closed pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url }
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn leave(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
    }
}

#[tokio::test]
#[ignore = "the other process of the tests below, not a test"]
async fn holds_a_cluster_until_its_input_ends() {
    let folder = PathBuf::from(std::env::var_os(HOLDER).unwrap());
    let cluster = start(&folder).await;
    println!("url={}", cluster.url());
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()))
        .await
        .unwrap()
        .unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_new_cluster_is_durable_utf8_and_private() {
    let folder = open_folder();
    let cluster = start(folder.path()).await;
    let url = cluster.url();
    for (query, wanted) in [
        ("select current_setting('fsync')", "on"),
        ("select current_setting('full_page_writes')", "on"),
        ("select current_setting('synchronous_commit')", "on"),
        ("select current_setting('server_encoding')", "UTF8"),
        ("select current_setting('max_connections')", "100"),
        ("select current_setting('TimeZone')", "UTC"),
        ("select current_setting('listen_addresses')", "127.0.0.1"),
        ("select current_database()::text", "chatledger"),
    ] {
        assert_eq!(ask(&url, query).await.unwrap(), wanted, "{query}");
    }
    let control = folder.path().join("data/postgres");
    let password = fs::read_to_string(control.join("password")).unwrap();
    assert_eq!(fs::metadata(control.join("password")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!format!("{cluster:?}").contains(&password));
    let stranger = url.replace(&password, "guessed");
    assert!(ask(&stranger, "select 'in'").await.is_err(), "a wrong password must not pass");
    let pid = cluster.pid().unwrap();
    cluster.stop().await.unwrap();
    assert!(!lives(pid));
}

#[tokio::test]
async fn starts_at_the_same_instant_make_one_server_and_the_last_to_leave_stops_it() {
    let folder = open_folder();
    let data = folder.path().join("data");
    let starts = (0..4).map(|_| {
        let (data, options) = (data.clone(), options(folder.path()));
        tokio::spawn(async move { Cluster::start(&data, options).await.unwrap() })
    });
    let starts: Vec<_> = starts.collect();
    let holder = tokio::task::spawn_blocking({
        let folder = folder.path().to_path_buf();
        move || Holder::start(&folder)
    });
    let mut clusters = Vec::new();
    for start in starts {
        clusters.push(start.await.unwrap());
    }
    let holder = holder.await.unwrap();
    let pid = clusters[0].pid().unwrap();
    for cluster in &clusters {
        assert_eq!((cluster.pid(), cluster.url()), (Some(pid), holder.url.clone()));
    }
    for cluster in clusters {
        cluster.stop().await.unwrap();
        assert!(lives(pid), "somebody still uses it");
    }
    assert_eq!(ask(&holder.url, "select 'up'").await.unwrap(), "up");
    tokio::task::spawn_blocking(|| holder.leave()).await.unwrap();
    assert!(!lives(pid), "the last has left");
}

#[tokio::test]
async fn a_restart_keeps_rows_and_address() {
    let folder = open_folder();
    let cluster = start(folder.path()).await;
    let url = cluster.url();
    write(&url, "create table kept (word text); insert into kept values ('here')").await;
    cluster.stop().await.unwrap();
    let cluster = start(folder.path()).await;
    assert_eq!(cluster.url(), url);
    assert_eq!(ask(&url, "select word from kept").await.unwrap(), "here");
    drop(cluster);
    assert!(ask(&url, "select 'up'").await.is_err(), "a dropped cluster is left, too");
}

#[tokio::test]
async fn another_port_is_taken_when_the_last_one_is_somebody_elses() {
    let folder = open_folder();
    let cluster = start(folder.path()).await;
    let first = cluster.url();
    cluster.stop().await.unwrap();
    let port = fs::read_to_string(folder.path().join("data/postgres/port")).unwrap();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
    let cluster = start(folder.path()).await;
    assert_ne!(cluster.url(), first);
    assert_eq!(ask(&cluster.url(), "select 'up'").await.unwrap(), "up");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_comes_back_on_the_same_address_with_what_was_committed() {
    let folder = open_folder();
    let cluster = start(folder.path()).await;
    let url = cluster.url();
    write(&url, "create table kept (word text)").await;
    for _ in 0..3 {
        let pid = cluster.pid().unwrap();
        write(&url, "insert into kept values ('here')").await;
        kill(pid);
        eventually("the server is back", async || {
            cluster.pid().is_some_and(|new| new != pid) && ask(&url, "select 'up'").await.is_ok()
        })
        .await;
    }
    assert_eq!(ask(&url, "select count(*)::text from kept").await.unwrap(), "3");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_whose_starter_was_killed_is_adopted_watched_and_stopped() {
    let folder = open_folder();
    let holder = tokio::task::spawn_blocking({
        let folder = folder.path().to_path_buf();
        move || Holder::start(&folder)
    });
    let holder = holder.await.unwrap();
    let url = holder.url.clone();
    let beside = start(folder.path()).await;
    let pid = beside.pid().unwrap();
    holder.kill();
    assert_eq!(ask(&url, "select 'up'").await.unwrap(), "up");
    let adopter = start(folder.path()).await;
    assert_eq!((adopter.pid(), adopter.url()), (Some(pid), url.clone()));
    beside.stop().await.unwrap();
    kill(pid);
    eventually("the adopter starts it again", async || ask(&url, "select 'up'").await.is_ok()).await;
    let pid = adopter.pid().unwrap();
    adopter.stop().await.unwrap();
    assert!(!lives(pid));
}

#[tokio::test]
async fn both_killed_and_a_pid_that_another_process_has_now_do_not_stop_a_start() {
    let folder = open_folder();
    let cluster = start(folder.path()).await;
    let pid_file = cluster.folder().join("postmaster.pid");
    cluster.kill().await.unwrap();
    let text = fs::read_to_string(&pid_file).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    // Our own pid: it lives, and is no server.
    fs::write(&pid_file, format!("{}\n{rest}", std::process::id())).unwrap();
    let cluster = start(folder.path()).await;
    assert_eq!(ask(&cluster.url(), "select 'up'").await.unwrap(), "up");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_data_folder_that_the_servers_user_may_not_enter_works_as_well() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let outside = open_folder();
    let options = || Options { elsewhere: outside.path().join("chatledger"), ..Options::default() };
    let cluster = Cluster::start(folder.path(), options()).await.unwrap();
    let note = folder.path().join("postgres/location");
    if geteuid().is_root() {
        assert!(cluster.folder().starts_with(outside.path()), "{:?}", cluster.folder());
        assert!(
            fs::read_to_string(&note).unwrap().contains(cluster.folder().parent().unwrap().to_str().unwrap())
        );
    } else {
        assert!(cluster.folder().starts_with(folder.path()), "{:?}", cluster.folder());
        assert!(!note.exists());
    }
    write(&cluster.url(), "create table kept (word text); insert into kept values ('here')").await;
    cluster.stop().await.unwrap();
    let cluster = Cluster::start(folder.path(), options()).await.unwrap();
    assert_eq!(ask(&cluster.url(), "select word from kept").await.unwrap(), "here");
    let home = cluster.folder().parent().unwrap().to_path_buf();
    cluster.stop().await.unwrap();
    if geteuid().is_root() {
        fs::remove_dir_all(&home).unwrap();
        let error = Cluster::start(folder.path(), options()).await.unwrap_err();
        assert!(matches!(&error, Error::Lost { missing, .. } if *missing == home), "{error}");
    }
}

#[tokio::test]
async fn a_server_is_fetched_where_none_is_installed() {
    let folder = open_folder();
    let fetched = || Options { programs: Programs::Fetched, ..options(folder.path()) };
    let cluster = Cluster::start(&folder.path().join("data"), fetched()).await.unwrap();
    let version = ask(&cluster.url(), "select current_setting('server_version')").await.unwrap();
    let program = folder.path().join("data/postgres").join(format!("postgresql-{version}.0"));
    assert!(program.join("bin/postgres").exists(), "{version}");
    let made_at = fs::metadata(&program).unwrap().created().unwrap();
    cluster.stop().await.unwrap();
    // The cluster's own version is found again, although another one is installed.
    let cluster = start(folder.path()).await;
    assert_eq!(ask(&cluster.url(), "select current_setting('server_version')").await.unwrap(), version);
    assert_eq!(fs::metadata(&program).unwrap().created().unwrap(), made_at, "fetched once");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_of_another_major_version_is_refused_with_the_next_step() {
    let folder = open_folder();
    let cluster = start(folder.path()).await;
    let version = cluster.folder().join("PG_VERSION");
    cluster.stop().await.unwrap();
    let major: u32 = fs::read_to_string(&version).unwrap().trim().parse().unwrap();
    fs::write(&version, "11\n").unwrap();
    let bin = PathBuf::from(format!("/usr/lib/postgresql/{major}/bin"));
    let options = Options { programs: Programs::In(bin), ..options(folder.path()) };
    let error = Cluster::start(&folder.path().join("data"), options).await.unwrap_err();
    assert!(matches!(error, Error::OtherMajor { major: 11, .. }), "{error}");
    assert!(error.to_string().contains("pg_upgrade"), "{error}");
}

#[tokio::test]
async fn errors_name_the_next_step_and_leave_nothing_running() {
    let folder = open_folder();
    let nowhere = Options { programs: Programs::In(folder.path().join("bin")), ..options(folder.path()) };
    let error = Cluster::start(&folder.path().join("data"), nowhere).await.unwrap_err();
    assert!(matches!(error, Error::NoServer { .. }), "{error}");

    fs::write(folder.path().join("file"), "").unwrap();
    let error = Cluster::start(&folder.path().join("file"), options(folder.path())).await.unwrap_err();
    assert!(matches!(error, Error::Folder { .. }), "{error}");

    let cluster = start(folder.path()).await;
    let settings = cluster.folder().join("postgresql.conf");
    cluster.stop().await.unwrap();
    fs::write(&settings, "no_such_setting = 1\n").unwrap();
    let error = Cluster::start(&folder.path().join("data"), options(folder.path())).await.unwrap_err();
    assert!(error.to_string().contains("no_such_setting"), "{error}");
    fs::write(&settings, "").unwrap();

    fs::remove_file(folder.path().join("data/postgres/password")).unwrap();
    let error = Cluster::start(&folder.path().join("data"), options(folder.path())).await.unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
}
