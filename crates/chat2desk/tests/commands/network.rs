//! Time-outs, a proxy, own certificates, and a budget that several clients share.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chat2desk::{Budget, BudgetSettings, Client, Error, ListQuery, Settings, SystemClock, Timer, Token};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::server::{Book, Reply, Server};

/// Its time is the sum of the waits; nobody really waits.
#[derive(Default)]
pub(crate) struct Waits(Mutex<Duration>);

impl Waits {
    pub(crate) fn waited(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

impl Timer for Waits {
    fn now(&self) -> Duration {
        self.waited()
    }

    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        *self.0.lock().unwrap() += wait;
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test]
async fn a_server_that_never_answers_costs_no_more_than_the_time_out() {
    let server = Server::start().await;
    server.book.reply(Reply::Silence);
    let mut settings = server.settings();
    settings.total_timeout = Duration::from_millis(200);
    let error = Client::new(settings).unwrap().api_info().await.unwrap_err();
    assert!(matches!(&error, Error::Retry { what, .. } if what == "timed out"), "{error}");
}

#[tokio::test]
async fn an_answer_larger_than_the_limit_is_refused() {
    let server = Server::start().await;
    server.book.answer(&json!({"data": "x".repeat(5000)}));
    let mut settings = server.settings();
    settings.body_limit = 4096;
    let error = Client::new(settings).unwrap().api_info().await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 4096 }), "{error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_because_it_would_carry_the_token_away() {
    let server = Server::start().await;
    server.book.reply(Reply::Http(302, "location: http://127.0.0.1:9/\r\n", String::new()));
    let error = server.reader().api_info().await.unwrap_err();
    assert!(matches!(&error, Error::Rejected(rejection) if rejection.status == 302), "{error}");
    assert_eq!(server.book.lines().len(), 1);
}

#[tokio::test]
async fn calls_go_through_the_proxy() {
    let proxy = Server::start().await;
    let mut settings = Settings::new("http://api.example.invalid/v1/".parse().unwrap(), Token::new("t"));
    settings.proxy = Some(proxy.address.parse().unwrap());
    Client::new(settings).unwrap().api_info().await.unwrap();
    assert_eq!(proxy.book.lines(), ["GET http://api.example.invalid/v1/companies/api_info"]);
}

/// A server whose certificate an own authority signed, and that authority as PEM.
async fn tls() -> (String, Vec<u8>, Book) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let book = Book::default();
    let serving = book.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                serving.serve(stream).await;
            }
        }
    });
    (address, authority.pem().into_bytes(), book)
}

#[tokio::test]
async fn a_private_installation_is_trusted_by_its_own_root_only() {
    let (address, root, book) = tls().await;
    let settings = || Settings::new(address.parse().unwrap(), Token::new("t"));
    let error = Client::new(settings()).unwrap().api_info().await.unwrap_err();
    assert!(matches!(error, Error::Retry { may_have_happened: false, .. }), "{error}");
    assert_eq!(book.lines(), Vec::<String>::new(), "the token did not leave");
    let mut trusting = settings();
    trusting.extra_roots.push(root);
    Client::new(trusting).unwrap().api_info().await.unwrap();
    assert_eq!(book.lines(), ["GET /v1/companies/api_info"]);
    let mut broken = settings();
    broken.extra_roots.push(b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n".to_vec());
    assert!(matches!(Client::new(broken), Err(Error::Settings(_))));
}

#[tokio::test]
async fn clients_that_share_a_budget_slow_down_together_and_stop_together() {
    let server = Server::start().await;
    let waits = Arc::new(Waits::default());
    let budget = Arc::new(Budget::new(BudgetSettings::default(), waits.clone(), Arc::new(SystemClock)));
    let client = || Client::new(server.settings().within(budget.clone())).unwrap();
    let (first, second) = (client(), client());
    server.book.reply(Reply::Http(429, "retry-after: 7\r\n", String::new()));
    first.tags(&ListQuery::first(1)).await.unwrap_err();
    second.tags(&ListQuery::first(1)).await.unwrap();
    assert!(waits.waited() >= Duration::from_secs(7), "{:?}", waits.waited());
    server.book.reply(Reply::Http(400, "", json!({"message": "Monthly limit exceeded"}).to_string()));
    first.tags(&ListQuery::first(1)).await.unwrap_err();
    server.book.take();
    assert!(matches!(second.tags(&ListQuery::first(1)).await, Err(Error::QuotaSpent)));
    assert_eq!(server.book.lines(), Vec::<String>::new());
    server.book.answer(&json!({"data": {"mode": "normal", "requests_this_month": 10}}));
    first.api_info().await.unwrap();
    assert_eq!(budget.left(), Some(49_990), "the quota was raised");
    second.tags(&ListQuery::first(1)).await.unwrap();
    assert_eq!(budget.left(), Some(49_989));
}

#[test]
fn a_setting_that_cannot_work_is_refused_at_the_start_and_says_no_secret() {
    let with = |address: &str, token: &str| {
        Client::new(Settings::new(address.parse().unwrap(), Token::new(token))).map(drop)
    };
    for (address, token) in [
        ("ftp://api.example.org", "t"),
        ("https://api.example.org/?x=1", "t"),
        ("https://api.example.org/#x", "t"),
        ("https://api.example.org", "s3cret\ntoken"),
    ] {
        let error = with(address, token).unwrap_err();
        assert!(matches!(error, Error::Settings(_)), "{address}");
        assert!(!error.to_string().contains("s3cret"));
    }
    assert!(with("https://api.example.org/v1/", " token\n").is_ok());
}
