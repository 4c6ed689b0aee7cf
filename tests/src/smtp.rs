//! A real mail server for a test: Exim with STARTTLS, TLS from the first byte, a login, and a mailbox in a folder.
//!
//! What a test can ask of it: `defer@…` gets 451, `reject@…` 550, without a login everybody gets 550, and while
//! [`SmtpServer::refuse`] holds each connection gets 451.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::leftovers::Folder;
use crate::wait::wait_until;

/// Ends the server of the folder `$1`, and no other.
const CLEANING: &str = r#"
pid=$(cat "$1/exim.pid")
tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF "$1/exim.conf" && kill -KILL "$pid"
"#;

const CONFIGURATION: &str = r#"primary_hostname = mail.test
exim_user = USER
exim_group = GROUP
spool_directory = DATA/spool
log_file_path = DATA/log/%slog
pid_file_path = DATA/exim.pid
keep_environment =
local_interfaces = <; 127.0.0.1.PORT ; 127.0.0.1.TLSPORT
tls_on_connect_ports = TLSPORT
tls_advertise_hosts = *
tls_certificate = DATA/cert.pem
tls_privatekey = DATA/key.pem
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
host_lookup =
rfc1413_query_timeout = 0s
message_size_limit = 1M
smtp_accept_max = 100
smtp_connect_backlog = 100
smtp_accept_queue_per_connection = 0
deliver_drop_privilege
acl_smtp_connect = acl_conn
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = accept
begin acl
acl_conn:
  defer   condition = ${if exists{DATA/refuse}}
          message = 4.3.2 down for maintenance
  accept
acl_rcpt:
  deny    !authenticated = *
          message = 5.7.0 authentication required
  defer   local_parts = defer
          message = 4.7.1 try later
  deny    local_parts = reject
          message = 5.1.1 no such user
  accept
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  directory = DATA/mail
  maildir_format
  envelope_to_add
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{alerts}}{eq{$auth3}{secret}}}}
  server_set_id = $auth2
"#;

/// A mail server. Dropping it ends it.
pub struct SmtpServer {
    port: u16,
    tls_port: u16,
    server: Option<Child>,
    folder: Folder,
}

impl SmtpServer {
    /// A server of the test's own.
    pub async fn start() -> Self {
        let folder = Folder::new(CLEANING, Path::new(""));
        let data = folder.path().to_owned();
        run(Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args([
                "-nodes",
                "-days",
                "30",
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
                "-keyout",
            ])
            .arg(data.join("key.pem"))
            .arg("-out")
            .arg(data.join("cert.pem")));
        for name in ["spool", "log", "mail"] {
            std::fs::create_dir(data.join(name)).expect("our own folder");
        }
        let mut server = Self { port: free_port(), tls_port: free_port(), server: None, folder };
        server.configure();
        server.start_again().await;
        server
    }

    fn configure(&self) {
        let data = self.folder.path();
        let (user, group) =
            if is_root() { ("nobody".to_owned(), "nogroup".to_owned()) } else { (id("-un"), id("-gn")) };
        let text = CONFIGURATION
            .replace("DATA", &data.display().to_string())
            .replace("TLSPORT", &self.tls_port.to_string())
            .replace("PORT", &self.port.to_string())
            .replace("USER", &user)
            .replace("GROUP", &group);
        std::fs::write(data.join("exim.conf"), text).expect("our own folder");
        if is_root() {
            run(Command::new("chown").args(["-R", "nobody:nogroup"]).arg(data));
        }
    }

    /// Starts it again on its ports, and waits until it answers.
    pub async fn start_again(&mut self) {
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "/usr/sbin/exim4"]);
            command
        } else {
            Command::new("/usr/sbin/exim4")
        };
        command.arg("-C").arg(self.folder.path().join("exim.conf")).arg("-bdf");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(command.spawn().expect("exim4; scripts/setup test installs it"));
        let port = self.port;
        wait_until("the mail server answers", Duration::from_secs(60), async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
    }

    /// Kills it; mails that it has are kept.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Whether each connection is told to come later.
    pub fn refuse(&self, refuse: bool) {
        let file = self.folder.path().join("refuse");
        if refuse {
            std::fs::write(file, "").expect("our own folder");
        } else {
            std::fs::remove_file(file).expect("our own file");
        }
    }

    /// Its address with STARTTLS and this password of `alerts` (the good one is `secret`).
    pub fn url(&self, password: &str) -> String {
        format!("smtp://alerts:{password}@localhost:{}", self.port)
    }

    /// Its address with TLS from the first byte.
    pub fn tls_url(&self) -> String {
        format!("smtps://alerts:secret@localhost:{}", self.tls_port)
    }

    /// The certificate that it shows, which is its own root.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// The mails that it has, as they came.
    pub fn mails(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder.path().join("mail/new")) else { return Vec::new() };
        let mut mails: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        mails.sort();
        mails.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn id(option: &str) -> String {
    let said = Command::new("id").arg(option).output().expect("id").stdout;
    String::from_utf8_lossy(&said).trim().to_owned()
}

fn run(command: &mut Command) {
    let ended = command.stdin(Stdio::null()).output().expect("a command of the system");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// A port that nobody has now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
