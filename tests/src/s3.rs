//! A real S3-compatible server (versitygw), and what reads Parquet: `scripts/setup test` puts both into the cache.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::leftovers::Folder;
use crate::wait::wait_for;

/// Longest start.
const START: Duration = Duration::from_secs(30);
const ACCESS_KEY: &str = "test";
const SECRET_KEY: &str = "testsecret";

const CLEANING: &str = r#"
pid=$(cat "$1/pid")
case "$(readlink "/proc/$pid/exe")" in */versitygw) kill -KILL "$pid" ;; esac
"#;

/// A server of the test's own.
pub struct S3 {
    child: Child,
    endpoint: String,
    folder: Folder,
}

impl S3 {
    /// Starts one without buckets.
    pub async fn start() -> Self {
        let folder = Folder::new(CLEANING, Path::new(""));
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("our own folder");
        let binary = tools().join("versitygw/versitygw");
        assert!(binary.exists(), "{} is missing: run scripts/setup test", binary.display());
        // Somebody may take the port before the server does: it ends at once then, and the next try has another one.
        let (child, endpoint) = wait_for("an S3 server", START, async || {
            let port = free_port();
            let mut child = Command::new(&binary)
                .args(["--port", &format!("127.0.0.1:{port}"), "--health", "/health", "--quiet", "posix"])
                .arg(&data)
                .env("ROOT_ACCESS_KEY", ACCESS_KEY)
                .env("ROOT_SECRET_KEY", SECRET_KEY)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("versitygw");
            std::fs::write(folder.path().join("pid"), child.id().to_string()).expect("our own folder");
            let endpoint = format!("http://127.0.0.1:{port}");
            wait_for("it answers or has ended", START, async || {
                if child.try_wait().expect("our own child").is_some() {
                    return Some(None);
                }
                let health = format!("{endpoint}/health");
                run(Command::new("curl").args(["-sf", &health])).then_some(Some(()))
            })
            .await?;
            Some((child, endpoint))
        })
        .await;
        Self { child, endpoint, folder }
    }

    /// Makes a bucket.
    #[must_use]
    pub fn with_bucket(self, name: &str) -> Self {
        let url = format!("{}/{name}", self.endpoint);
        let made = run(Command::new("curl").args([
            "-sf",
            "--aws-sigv4",
            "aws:amz:us-east-1:s3",
            "-u",
            &format!("{ACCESS_KEY}:{SECRET_KEY}"),
            "-H",
            "x-amz-content-sha256: UNSIGNED-PAYLOAD",
            "-X",
            "PUT",
            &url,
        ]));
        assert!(made, "bucket {name} was not made");
        self
    }

    /// What a client needs to know, as the variables that name it.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ]
    }

    /// Where a bucket's objects lie as plain files.
    pub fn files(&self, bucket: &str) -> PathBuf {
        self.folder.path().join("data").join(bucket)
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).status().expect("curl").success()
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Where `scripts/setup` puts what the tests and the bench start.
pub fn tools() -> PathBuf {
    let cache = std::env::var_os("CHATLEDGER_CACHE").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").expect("HOME")).join(".cache/chatledger"),
        PathBuf::from,
    );
    cache.join("tools")
}

/// Runs a Python script that has DuckDB and pyarrow, and gives the JSON that it prints.
pub fn read_parquet(script: &str, arguments: &[&str], environment: &[(&str, String)]) -> serde_json::Value {
    let python = tools().join("readers/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup test", python.display());
    let mut command = Command::new(python);
    command.arg("-c").arg(script).args(arguments);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let output = command.output().expect("python");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}
