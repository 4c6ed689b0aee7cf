//! Mails over SMTP: TLS always (STARTTLS, or from the first byte with `smtps`), a login when there is one.
//!
//! SMTP knows no key: a mail whose end was sent and not answered may have been delivered, and goes out again with the
//! same `Message-ID`. Everything before that is surely not delivered.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use store::effects::Claimed;
use tokio::sync::Mutex;
use tokio::time::timeout;
use url::Url;

use super::Sent;
use super::stage::{Stage, judge};
use crate::EscalationError;
use crate::mail::Mail;

/// Longer than a whole talk may last (90 s: a kept connection that fails, a new one, the message), clocks that differ
/// included.
pub(super) const LONGEST: Duration = Duration::from_secs(150);
const CONNECT: Duration = Duration::from_secs(5);
/// From the connection to the last command before the message.
const PREPARE: Duration = Duration::from_secs(20);
/// The message and the answer to it: servers look for viruses first.
const DELIVER: Duration = Duration::from_secs(30);

/// "Command not implemented".
const NOT_OFFERED: u16 = 502;

/// How mails are sent.
#[derive(Clone)]
pub struct EmailSettings {
    /// `smtp://user:password@host:587` (STARTTLS, required) or `smtps://…:465`; user and password percent-encoded.
    pub url: Url,
    /// Who gets one.
    pub to: Vec<String>,
    /// Who sends them; `None`: `chatledger@` the domain of the first receiver.
    pub from: Option<String>,
    /// Further root certificates, PEM, for private installations.
    pub root_certificate: Option<Vec<u8>>,
}

/// Sends mails over one connection, kept while there is more to send.
pub struct Email {
    host: String,
    port: u16,
    is_tls_first: bool,
    tls: TlsParameters,
    credentials: Option<Credentials>,
    from: Mailbox,
    to: Vec<Mailbox>,
    connection: Mutex<Option<AsyncSmtpConnection>>,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// Where a talk ended, and why.
struct Failed {
    stage: Stage,
    status: Option<u16>,
    asks_for_login: bool,
}

impl Failed {
    fn at(stage: Stage) -> impl Fn(SmtpError) -> Self {
        move |error| {
            let stage = if is_tls(&error) { Stage::Tls } else { stage };
            // What a server does not offer is judged as if it had said so.
            let status = error.status().map(u16::from).or(error.is_client().then_some(NOT_OFFERED));
            // The server's words are looked at and forgotten: they may name people.
            let asks_for_login = status.is_some() && error.to_string().to_lowercase().contains("authenticat");
            Self { stage, status, asks_for_login }
        }
    }

    fn overdue(stage: Stage) -> Self {
        Self { stage, status: None, asks_for_login: false }
    }
}

/// Whether nobody there could prove to be the server.
fn is_tls(error: &SmtpError) -> bool {
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let is_refusal = |io: &std::io::Error| io.kind() == std::io::ErrorKind::InvalidData;
    error.is_tls() || causes.any(|cause| cause.downcast_ref().is_some_and(is_refusal))
}

impl Email {
    /// Checks the settings; no connection is made.
    ///
    /// # Errors
    /// [`EscalationError::Settings`]: what is wrong, without a value.
    pub fn new(settings: &EmailSettings) -> Result<Self, EscalationError> {
        let wrong = |what: &str| EscalationError::Settings(what.to_owned());
        let is_tls_first = match settings.url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(wrong("the smtp address must begin with smtp:// (STARTTLS) or smtps://")),
        };
        let host = settings.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(wrong("the smtp address has no host"));
        }
        if !matches!(settings.url.path(), "" | "/") || settings.url.query().is_some() {
            return Err(wrong("the smtp address ends after the port: smtp://user:password@host:587"));
        }
        let to = settings.to.iter().map(|to| to.parse::<Mailbox>()).collect::<Result<Vec<_>, _>>();
        let to = to.map_err(|_| wrong("one of the addresses in to is no mail address"))?;
        let first = to.first().ok_or_else(|| wrong("to names nobody"))?;
        let from = match &settings.from {
            Some(from) => from.parse(),
            None => format!("Chatledger <chatledger@{}>", first.email.domain()).parse(),
        };
        let from = from.map_err(|_| wrong("from is no mail address"))?;
        // Those need SMTPUTF8, which few servers have.
        if !to.iter().chain([&from]).all(|mailbox| AsRef::<str>::as_ref(&mailbox.email).is_ascii()) {
            return Err(wrong("a mail address has letters beyond ASCII"));
        }
        let mut tls = TlsParameters::builder(host.clone());
        if let Some(pem) = &settings.root_certificate {
            let certificate = Certificate::from_pem(pem);
            tls = tls
                .add_root_certificate(certificate.map_err(|_| wrong("the root certificate cannot be read"))?);
        }
        let tls = tls.build_rustls().map_err(|_| wrong("the root certificates cannot be used"))?;
        let port = settings.url.port().unwrap_or(if is_tls_first { 465 } else { 587 });
        let credentials = credentials(&settings.url)?;
        Ok(Self { host, port, is_tls_first, tls, credentials, from, to, connection: Mutex::new(None) })
    }

    /// Who gets one.
    pub fn to(&self) -> Vec<String> {
        self.to.iter().map(|to| to.to_string()).collect()
    }

    pub(super) async fn send(&self, effect: &Claimed, link: Option<&str>) -> Sent {
        let unreadable = || Sent::Refused { reason: "the mail cannot be written".to_owned() };
        let Ok(mail) = serde_json::from_slice::<Mail>(&effect.body) else { return unreadable() };
        let Ok(to) = mail.to.parse::<Mailbox>() else { return unreadable() };
        let Ok(bytes) = mail.bytes(&self.from, to.clone(), &effect.key, effect.intended_at, link) else {
            return unreadable();
        };
        let Ok(envelope) = Envelope::new(Some(self.from.email.clone()), vec![to.email]) else {
            return unreadable();
        };
        match self.deliver(&envelope, &bytes).await {
            Ok(()) => Sent::Accepted,
            Err(failed) => {
                judge(failed.stage, failed.status, failed.asks_for_login && self.credentials.is_none())
            }
        }
    }

    /// Says goodbye to the server.
    pub(super) async fn rest(&self) {
        if let Some(mut connection) = self.connection.lock().await.take() {
            let _ = timeout(CONNECT, connection.quit()).await;
        }
    }

    async fn deliver(&self, envelope: &Envelope, bytes: &[u8]) -> Result<(), Failed> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = kept.take() {
            // A server may have hung up meanwhile. Nothing of this message was sent then.
            match self.talk(connection, envelope, bytes).await {
                Err(failed) if failed.status.is_none() && failed.stage != Stage::Message => {}
                Ok(connection) => {
                    *kept = Some(connection);
                    return Ok(());
                }
                Err(failed) => return Err(failed),
            }
        }
        let mut stage = Stage::Connection;
        let connected = timeout(PREPARE, self.connect(&mut stage)).await;
        let connection = connected.map_err(|_| Failed::overdue(stage))??;
        *kept = Some(self.talk(connection, envelope, bytes).await?);
        Ok(())
    }

    async fn connect(&self, stage: &mut Stage) -> Result<AsyncSmtpConnection, Failed> {
        let hello = ClientId::default();
        let tls_first = self.is_tls_first.then(|| self.tls.clone());
        let server = (self.host.as_str(), self.port);
        let connected =
            AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT), &hello, tls_first, None).await;
        let mut connection = connected.map_err(Failed::at(Stage::Connection))?;
        if !self.is_tls_first {
            *stage = Stage::Tls;
            connection.starttls(self.tls.clone(), &hello).await.map_err(Failed::at(Stage::Tls))?;
        }
        if let Some(credentials) = &self.credentials {
            *stage = Stage::Login;
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            connection.auth(&mechanisms, credentials).await.map_err(Failed::at(Stage::Login))?;
        }
        Ok(connection)
    }

    /// One mail; gives the connection back when it is good for the next one.
    async fn talk(
        &self,
        mut connection: AsyncSmtpConnection,
        envelope: &Envelope,
        bytes: &[u8],
    ) -> Result<AsyncSmtpConnection, Failed> {
        let mut stage = Stage::Sender;
        let prepared = timeout(PREPARE, prepare(&mut connection, envelope, &mut stage)).await;
        match prepared.unwrap_or_else(|_| Err(Failed::overdue(stage))) {
            Ok(()) => {}
            Err(failed) => {
                if failed.status.is_some() {
                    let _ = timeout(CONNECT, connection.quit()).await;
                }
                return Err(failed);
            }
        }
        let delivered = timeout(DELIVER, connection.message(bytes)).await;
        let delivered = delivered.map_err(|_| Failed::overdue(Stage::Message))?;
        delivered.map_err(Failed::at(Stage::Message))?;
        Ok(connection)
    }
}

async fn prepare(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    stage: &mut Stage,
) -> Result<(), Failed> {
    let from = MailFrom::new(envelope.from().cloned(), Vec::new());
    connection.command(from).await.map_err(Failed::at(Stage::Sender))?;
    *stage = Stage::Recipient;
    for to in envelope.to() {
        connection.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(Failed::at(Stage::Recipient))?;
    }
    *stage = Stage::Data;
    connection.command(Data).await.map_err(Failed::at(Stage::Data))?;
    Ok(())
}

fn credentials(url: &Url) -> Result<Option<Credentials>, EscalationError> {
    let decoded = |text: &str| {
        let text = percent_encoding::percent_decode_str(text).decode_utf8();
        text.map(|text| text.into_owned())
            .map_err(|_| EscalationError::Settings("the login in the smtp address is no text".to_owned()))
    };
    Ok(match (url.username(), url.password()) {
        ("", None) => None,
        (user, password) => Some(Credentials::new(decoded(user)?, decoded(password.unwrap_or_default())?)),
    })
}
