//! A real browser without a head: Chromium, spoken to through its own WebDriver (W3C WebDriver, and Chromium's DevTools
//! commands where that has none: the size of the screen, dark mode, the console).

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::leftovers::Folder;

/// Longest start, on a busy machine.
const START: Duration = Duration::from_secs(60);
/// Longest command.
const COMMAND: Duration = Duration::from_secs(60);

/// Each takes some 400 MB: no more of them at once, however many tests run.
static PLACES: Semaphore = Semaphore::const_new(2);

/// Driver and browser name the folder in their arguments.
const CLEANING: &str = r#"
for process in /proc/[0-9]*; do
  if tr '\0' '\n' <"$process/cmdline" | grep -qF "$1/"; then kill -KILL "${process#/proc/}"; fi
done
"#;

/// What the browser looks through.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Pixels.
    pub width: u32,
    /// Whether the reader prefers dark.
    pub is_dark: bool,
}

/// A browser with one page.
pub struct Browser {
    http: reqwest::Client,
    session: String,
    // Before the folder: the driver is ended, then what is left cleaned up.
    _driver: Child,
    _folder: Folder,
    _place: SemaphorePermit<'static>,
}

impl Browser {
    /// Starts one.
    pub async fn start() -> Self {
        let place = PLACES.acquire().await.expect("never closed");
        let folder = Folder::new(CLEANING, Path::new(""));
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .arg(format!("--log-path={}/driver.log", folder.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver: run scripts/setup test");
        let said = BufReader::new(driver.stdout.take().expect("a pipe"));
        let port = tokio::time::timeout(START, port(said)).await.expect("chromedriver starts in time");
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(COMMAND).no_proxy().build().expect("a client");
        let capabilities = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage", "--window-size=1280,900",
                format!("--user-data-dir={}/profile", folder.path().display()),
            ] },
        });
        let address = format!("http://127.0.0.1:{port}/session");
        let asked = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let begun = answer(http.post(&address).body(asked.to_string())).await;
        let id = begun["sessionId"].as_str().unwrap_or_else(|| panic!("a session: {begun}"));
        Self { http, session: format!("{address}/{id}"), _driver: driver, _folder: folder, _place: place }
    }

    /// Opens an address and waits until it is loaded.
    pub async fn open(&self, url: &str) {
        self.command("url", &json!({ "url": url })).await;
    }

    /// Looks through another screen from here on. Narrow ones are phones.
    pub async fn look_through(&self, screen: Screen) {
        let scheme = if screen.is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features })).await;
        self.size(screen.width, 900).await;
    }

    /// What a script returns; it is the body of a function, run outside of the page's own policy.
    pub async fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] })).await
    }

    /// The text of the first element that a selector finds, as it is shown.
    pub async fn text(&self, selector: &str) -> String {
        let script = format!("const e = document.querySelector({selector:?}); return e && e.innerText;");
        let found = self.run(&script).await;
        found.as_str().unwrap_or_else(|| panic!("no {selector} in the page")).to_owned()
    }

    /// Presses a key where the focus is.
    pub async fn press(&self, key: char) {
        let strokes = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        self.command("actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": strokes }] }))
            .await;
    }

    /// The whole page as a PNG, in `target/screenshots/<name>.png`.
    pub async fn screenshot(&self, name: &str, screen: Screen) -> PathBuf {
        let height = self.run("return document.documentElement.scrollHeight;").await.as_u64().unwrap_or(900);
        self.size(screen.width, height.clamp(900, 8000)).await;
        let taken = self.devtools("Page.captureScreenshot", &json!({ "format": "png" })).await;
        self.size(screen.width, 900).await;
        let coded = taken["data"].as_str().expect("a picture");
        let picture = base64::engine::general_purpose::STANDARD.decode(coded).expect("base64");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, picture).expect("room for a picture");
        path
    }

    /// What the console said since it was asked last: errors, refusals of the policy, files that were not there.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.command("se/log", &json!({ "type": "browser" })).await;
        let text = |entry: &Value| format!("{} {}", entry["level"], entry["message"]);
        entries.as_array().expect("a list").iter().map(text).collect()
    }

    async fn size(&self, width: u32, height: u64) {
        let is_phone = width < 700;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics).await;
    }

    async fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).await
    }

    async fn command(&self, name: &str, body: &Value) -> Value {
        answer(self.http.post(format!("{}/{name}", self.session)).body(body.to_string())).await
    }

    /// Ends the browser; one that is dropped is ended less politely.
    pub async fn close(self) {
        answer(self.http.delete(&self.session)).await;
    }
}

/// "ChromeDriver was started successfully on port 1234."
async fn port(mut said: BufReader<tokio::process::ChildStdout>) -> u16 {
    let mut line = String::new();
    loop {
        line.clear();
        let read = said.read_line(&mut line).await.expect("chromedriver speaks text");
        assert!(read > 0, "chromedriver ended at once");
        if let Some((_, rest)) = line.split_once("successfully on port ") {
            return rest.trim().trim_end_matches('.').parse().expect("a port");
        }
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Value {
    let response =
        request.header("content-type", "application/json").send().await.expect("the driver answers");
    let status = response.status();
    let text = response.text().await.expect("the driver answers in full");
    let body: Value = serde_json::from_str(&text).expect("the driver speaks JSON");
    assert!(status.is_success(), "the browser cannot: {}", body["value"]);
    body["value"].clone()
}
