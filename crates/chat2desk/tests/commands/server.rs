//! A server of a few lines: notes each call, answers what it was told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use chat2desk::{Client, Settings, Token};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// One call as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    /// Method, path and decoded query: `GET /v1/tags?limit=200&offset=0`.
    pub(crate) line: String,
    pub(crate) body: Value,
    pub(crate) authorization: Option<String>,
}

/// What the server does with one call.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status, further header lines, body.
    Http(u16, &'static str, String),
    /// Promises more than it sends, then hangs up.
    Cut(String),
    /// Reads the call and never answers.
    Silence,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    seen: Arc<Mutex<Vec<Seen>>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
}

impl Book {
    pub(crate) fn reply(&self, reply: Reply) {
        self.replies.lock().unwrap().push_back(reply);
    }

    /// Success with this body.
    pub(crate) fn answer(&self, body: &Value) {
        self.reply(Reply::Http(200, "", body.to_string()));
    }

    /// What arrived since the last look.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// Forgets what it was told to answer.
    pub(crate) fn clear(&self) {
        self.replies.lock().unwrap().clear();
    }

    /// The lines only.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.take().into_iter().map(|seen| seen.line).collect()
    }

    /// Serves one connection with one call.
    pub(crate) async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Some(seen) = read(&mut stream).await else { return };
        self.seen.lock().unwrap().push(seen);
        let reply = self.replies.lock().unwrap().pop_front();
        let success = || Reply::Http(200, "", json!({"data": {"id": 1}, "status": "success"}).to_string());
        let text = match reply.unwrap_or_else(success) {
            Reply::Http(status, headers, body) => format!(
                "HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            ),
            Reply::Cut(body) => {
                format!(
                    "HTTP/1.1 200 X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len() + 10
                )
            }
            Reply::Silence => return std::future::pending().await,
        };
        let _ = stream.write_all(text.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let header = |name: &str| {
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .next()
    };
    let length: usize = header("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let mut words = head.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let line = match target.split_once('?') {
        Some((path, query)) => {
            let pairs = url::form_urlencoded::parse(query.as_bytes());
            let pairs: Vec<_> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
            format!("{method} {path}?{}", pairs.join("&"))
        }
        None => format!("{method} {target}"),
    };
    let body = serde_json::from_slice(&bytes[end + 4..]).unwrap_or(Value::Null);
    Some(Seen { line, body, authorization: header("authorization") })
}

/// A server, and where it is.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) book: Book,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let book = Book::default();
        let serving = book.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let book = serving.clone();
                tokio::spawn(async move { book.serve(stream).await });
            }
        });
        Self { address, book }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings::new(self.address.parse().unwrap(), Token::new("example-api-token"))
    }

    /// A client that may write.
    pub(crate) fn writer(&self) -> Client {
        Client::new(self.settings().read_write()).unwrap()
    }

    pub(crate) fn reader(&self) -> Client {
        Client::new(self.settings()).unwrap()
    }
}
