use std::net::SocketAddr;
use std::sync::Mutex;

use axum::Router;
use axum::http::{HeaderMap as Headers, StatusCode};
use axum::routing::post;
use chrono::TimeZone as _;
use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 10, 1, 8, 0, 0).unwrap()
}

fn settings(url: &str) -> Settings {
    let mut settings = Settings::new(url.parse().unwrap());
    settings.allow_private = true;
    settings.secrets = vec![SigningSecret::parse(SECRET).unwrap()];
    settings
}

fn message() -> Message<'static> {
    Message { id: "msg_1", at: now(), body: Bytes::from_static(b"{}") }
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A server that reads a request and then does what `answer` says, byte for byte.
async fn raw(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(answer).await;
        }
    });
    address
}

struct Says(Mutex<Vec<Vec<IpAddr>>>);

impl Says {
    fn in_turn(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers.iter().rev().map(|answer| answer.iter().map(|a| a.parse().unwrap()).collect());
        Arc::new(Self(Mutex::new(answers.collect())))
    }
}

impl Lookup for Says {
    fn lookup(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop().unwrap() } else { answers[0].clone() };
        Box::pin(std::future::ready(Ok(answer)))
    }
}

#[tokio::test]
async fn a_call_is_signed_and_carries_its_id_twice() {
    let seen = Arc::new(Mutex::new(None));
    let route = {
        let seen = seen.clone();
        post(move |headers: Headers, body: Bytes| async move {
            *seen.lock().unwrap() = Some((headers, body));
            (StatusCode::ACCEPTED, "fine")
        })
    };
    let address = serve(Router::new().route("/in", route)).await;
    let mut settings = settings(&format!("http://{address}/in"));
    settings.headers = vec![("X-Api-Key".to_owned(), "k".to_owned())];
    let answer = Target::new(settings).unwrap().post(&message()).await;
    assert_eq!((answer.verdict, answer.status), (Verdict::Accepted, Some(202)));
    assert_eq!(answer.body, "fine");
    let (headers, body) = seen.lock().unwrap().take().unwrap();
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("webhook-id").as_deref(), Some("msg_1"));
    assert_eq!(header("idempotency-key"), header("webhook-id"));
    assert_eq!(header("webhook-timestamp"), Some(now().timestamp().to_string()));
    assert_eq!(header("content-type").as_deref(), Some("application/json"));
    assert_eq!(header("x-api-key").as_deref(), Some("k"));
    let secret = SigningSecret::parse(SECRET).unwrap();
    assert_eq!(
        header("webhook-signature"),
        Some(signature::header(&[secret], "msg_1", now().timestamp(), b"{}"))
    );
    assert_eq!(body, "{}");
}

#[tokio::test]
async fn an_answer_is_read_to_a_limit_and_a_redirect_is_not_followed() {
    let routes = Router::new()
        .route("/long", post(|| async { vec![b'x'; 100_000] }))
        .route("/away", post(|| async { (StatusCode::FOUND, [("location", "/long")]) }))
        .route("/busy", post(|| async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]) }))
        .route(
            "/down",
            post(|| async {
                (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "Thu, 01 Oct 2026 08:00:30 GMT")])
            }),
        );
    let address = serve(routes).await;
    let call = async |path: &str| {
        Target::new(settings(&format!("http://{address}/{path}"))).unwrap().post(&message()).await
    };
    let long = call("long").await;
    assert_eq!((long.verdict, long.body.len(), long.is_truncated), (Verdict::Accepted, BODY_LIMIT, true));
    let away = call("away").await;
    assert_eq!((away.verdict, away.status), (Verdict::Refused, Some(302)));
    assert_eq!(call("busy").await.verdict, Verdict::Throttled { wait: Some(Duration::from_secs(7)) });
    assert_eq!(call("down").await.verdict, Verdict::Unknown { wait: Some(Duration::from_secs(30)) });
}

#[tokio::test]
async fn without_a_whole_answer_nobody_knows() {
    for answer in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"nonsense",
    ] {
        let url = format!("http://{}/", raw(answer).await);
        let answered = Target::new(settings(&url)).unwrap().post(&message()).await;
        assert_eq!(answered.verdict, Verdict::Unknown { wait: None }, "{answer:?}");
    }
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(&format!("http://{}/", silent.local_addr().unwrap()));
    settings.total_timeout = Duration::from_millis(200);
    let answered = Target::new(settings).unwrap().post(&message()).await;
    assert_eq!((answered.verdict, answered.status), (Verdict::Unknown { wait: None }, None));
}

#[tokio::test]
async fn what_never_arrived_is_known_to_be_not_sent() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = Target::new(settings(&format!("http://{free}/"))).unwrap().post(&message()).await;
    assert_eq!(refused.verdict, Verdict::NotSent(NotSent::Connection));
    let mut nameless = settings("https://nowhere.test/");
    nameless.lookup = Says::in_turn(&[&[]]);
    let nameless = Target::new(nameless).unwrap().post(&message()).await;
    assert_eq!(nameless.verdict, Verdict::NotSent(NotSent::Name));
    let plain = raw(b"no tls here").await;
    let tls = Target::new(settings(&format!("https://{plain}/"))).unwrap().post(&message()).await;
    assert_eq!(tls.verdict, Verdict::NotSent(NotSent::Tls));
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_at_each_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut inside = settings(&format!("https://receiver.test:{port}/"));
    inside.allow_private = false;
    // What the name server says changes after the settings were checked.
    inside.lookup =
        Says::in_turn(&[&[], &["127.0.0.1"], &["::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1"]]);
    let target = Target::new(inside).unwrap();
    assert_eq!(target.post(&message()).await.verdict, Verdict::NotSent(NotSent::Name));
    for _ in 0..2 {
        let answer = target.post(&message()).await;
        assert_eq!(answer.verdict, Verdict::NotSent(NotSent::AddressRefused), "{}", answer.reason());
    }
    // Nobody knocked.
    let knocked = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(knocked.is_err());
}

#[tokio::test]
async fn of_several_addresses_only_the_allowed_are_tried_and_plain_http_stays_inside() {
    let address = serve(Router::new().route("/", post(|| async { "" }))).await;
    let mut mixed = settings(&format!("http://receiver.test:{}/", address.port()));
    mixed.lookup = Says::in_turn(&[&["1.1.1.1", "0.0.0.0", "127.0.0.1"]]);
    assert_eq!(Target::new(mixed).unwrap().post(&message()).await.verdict, Verdict::Accepted);
    let mut public = settings("http://receiver.test/");
    public.lookup = Says::in_turn(&[&["1.1.1.1"]]);
    let answer = Target::new(public).unwrap().post(&message()).await;
    assert_eq!(answer.verdict, Verdict::NotSent(NotSent::AddressRefused));
}

#[test]
fn addresses_in_figures_are_judged_however_they_are_written() {
    let refused = |url: &str, allow_private: bool| {
        let mut settings = Settings::new(url.parse().unwrap());
        settings.allow_private = allow_private;
        Target::new(settings).err()
    };
    for url in [
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://017700000001/",
        "https://10.1.2.3/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00::1]/",
        "https://100.64.1.1/",
    ] {
        assert_eq!(refused(url, false), Some(OutboundError::Private), "{url}");
        assert_eq!(refused(url, true), None, "{url}");
    }
    for url in ["https://169.254.169.254/", "https://0/", "https://[::]/", "https://224.0.0.1/"] {
        assert_eq!(refused(url, true), Some(OutboundError::Never), "{url}");
    }
    assert_eq!(refused("http://1.1.1.1/", false), Some(OutboundError::Plain));
    assert_eq!(refused("http://1.1.1.1/", true), Some(OutboundError::Plain));
    assert_eq!(refused("https://user:word@example.org/", false), Some(OutboundError::Login));
    assert_eq!(refused("ftp://example.org/", true), Some(OutboundError::Address));
    assert_eq!(refused("https://example.org/", false), None);
}

#[test]
fn headers_of_our_own_cannot_be_replaced() {
    for (name, value) in [("Webhook-Id", "1"), ("host", "x"), ("a b", "1"), ("x", "line\nbreak")] {
        let mut settings = settings("https://example.org/");
        settings.headers = vec![(name.to_owned(), value.to_owned())];
        assert_eq!(Target::new(settings).err(), Some(OutboundError::Header), "{name}");
    }
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let mut settings = settings("https://canary-host.test/canary-path?key=canary-query");
    settings.headers = vec![("x-key".to_owned(), "canary-header".to_owned())];
    settings.lookup = Says::in_turn(&[&[]]);
    let target = Target::new(settings).unwrap();
    let answer = target.post(&Message { body: "canary-body".into(), ..message() }).await;
    let shown = format!("{target:?} {answer:?} {}", answer.reason());
    for canary in ["canary-path", "canary-query", "canary-header", "canary-body", "MfKQ"] {
        assert!(!shown.contains(canary), "{shown}");
    }
}
