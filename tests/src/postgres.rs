//! A private Postgres for the test process, and a fresh database for every test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{Connection, PgConnection, PgPool};
use store::cluster::{Cluster, Options};
use tokio::sync::OnceCell;

use crate::leftovers::Folder;

/// The server may have been started again since: whoever holds the cluster's folder now is ended. A stale pid is not.
pub(crate) const CLEANING: &str = r#"
pid=$(head -n 1 "$1/data/postgres/cluster/postmaster.pid")
if tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF "$1/data/postgres/cluster"; then
  kill -INT "$pid"
  for _ in $(seq 100); do kill -0 "$pid" || break; sleep 0.1; done
  kill -KILL "$pid"
fi
"#;

static SHARED: OnceCell<DatabaseServer> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);
const TEMPLATE: &str = "migrated";

/// A fresh database with both schemas, on a server that all tests of the process share.
pub async fn database() -> TestDatabase {
    SHARED.get_or_init(own_database_server).await.database().await
}

/// A server of the test's own, to stop and to kill.
pub async fn own_database_server() -> DatabaseServer {
    let folder = Folder::new(CLEANING, Path::new(""));
    let cluster = start(&folder).await;
    let mut connection =
        PgConnection::connect(&cluster.url_of("postgres")).await.expect("the private server");
    create(&mut connection, TEMPLATE, "template0").await;
    connection.close().await.expect("a clean close");
    let pool = store::pool(&cluster.url_of(TEMPLATE), store::LIVE, 1).expect("our own address");
    store::migrate(&pool).await.expect("the migrations");
    pool.close().await;
    DatabaseServer {
        url: cluster.url(),
        cluster: Some(cluster),
        creating: tokio::sync::Mutex::new(()),
        folder,
    }
}

async fn start(folder: &Folder) -> Cluster {
    // The folder is open to all, so nothing goes elsewhere.
    let options = Options { elsewhere: folder.path().join("elsewhere"), ..Options::default() };
    Cluster::start(&folder.path().join("data"), options).await.expect("a private server")
}

async fn create(connection: &mut PgConnection, name: &str, template: &str) {
    let statement = format!("create database {name} template {template}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(connection).await.expect("a new database");
}

/// A database that one test has for itself.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    /// Its address, good over restarts of the server.
    pub url: String,
    /// A folder for files of those who work with it; may not be there yet.
    pub folder: PathBuf,
}

impl TestDatabase {
    /// A pool whose connections see the live tables without naming their schema. As the program's, but patient: a machine
    /// that stands still for some seconds fails no test.
    pub fn pool(&self) -> PgPool {
        self.pool_that_waits(Duration::from_mins(1))
    }

    /// The same, for who wants to see a refusal after so long.
    pub fn pool_that_waits(&self, patience: Duration) -> PgPool {
        let pool = store::pool(&self.url, store::LIVE, 8).expect("our own address");
        let options = pool.options().clone().acquire_timeout(patience);
        options.connect_lazy_with(pool.connect_options().as_ref().clone())
    }
}

/// A server that a test may stop and kill.
pub struct DatabaseServer {
    // Before the folder: the server is stopped, then the folder removed.
    cluster: Option<Cluster>,
    url: String,
    creating: tokio::sync::Mutex<()>,
    folder: Folder,
}

impl DatabaseServer {
    /// A fresh database with both schemas.
    pub async fn database(&self) -> TestDatabase {
        let cluster = self.running();
        // One at a time: a template must not be in use.
        let _creating = self.creating.lock().await;
        let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let mut connection =
            PgConnection::connect(&cluster.url_of("postgres")).await.expect("the private server");
        create(&mut connection, &name, TEMPLATE).await;
        connection.close().await.expect("a clean close");
        TestDatabase { url: cluster.url_of(&name), folder: self.folder.path().join("files") }
    }

    /// The pid of the server that runs now; `None` while it is down.
    pub fn pid(&self) -> Option<i32> {
        self.cluster.as_ref()?.pid()
    }

    /// The `data_dir` whose private cluster this is: a program that is started with it uses the same server.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Kills the server; its watch starts it again by itself, as in production with a private cluster.
    pub fn crash(&self) {
        let pid = self.pid().and_then(rustix::process::Pid::from_raw).expect("a server that runs");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("our own server");
    }

    /// Kills the server; it stays dead until [`DatabaseServer::start`].
    pub async fn kill(&mut self) {
        self.cluster.take().expect("a server that runs").kill().await.expect("a killed server");
    }

    /// Stops the server cleanly; it stays down until [`DatabaseServer::start`].
    pub async fn stop(&mut self) {
        self.cluster.take().expect("a server that runs").stop().await.expect("a stopped server");
    }

    /// Starts it again, on the same address, and waits until it answers.
    pub async fn start(&mut self) {
        assert!(self.cluster.is_none(), "it runs");
        let cluster = start(&self.folder).await;
        assert_eq!(cluster.url(), self.url, "another process took the port in between");
        self.cluster = Some(cluster);
    }

    fn running(&self) -> &Cluster {
        self.cluster.as_ref().expect("a server that runs")
    }
}
