//! A small account in which every command has something to work on, and the commands' table.

use std::pin::Pin;
use std::time::Duration;

use chat2desk::{Client, Error, Settings, Token};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use serde_json::{Map, Value, json};
use simulator::business::Plan;
use simulator::chat2desk::control::{AddChannel, Doing, Register, Say, add_channel, register, say};
use simulator::chat2desk::{Account, World};
use simulator::server::{Handle, Tenant, WorldClock, serve};
use tokio::net::TcpListener;

const TOKEN: &str = "token-acme";

/// The present of the account: 22 January 2026 at noon in Almaty.
pub(super) fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 22, 7, 0, 0).unwrap()
}

/// A picture with a QR code.
pub(super) const QR_CODE: &str = "https://storage.example.org/qr.jpg";

/// Ids of what is there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ids {
    /// A client of whatsapp in an open chat, with a tag, who got a menu item.
    pub(super) client: u64,
    /// His last, unread message.
    pub(super) message: u64,
    /// His dialog, open, with operator 7001.
    pub(super) dialog: u64,
    /// His request, with a tag.
    pub(super) request: u64,
    /// A message of a client in a new chat.
    pub(super) new_message: u64,
    /// A closed and rated request.
    pub(super) closed_request: u64,
    /// An outgoing message that was not sent yet.
    pub(super) unsent: u64,
    /// A webhook.
    pub(super) webhook: u64,
    /// A ticket.
    pub(super) ticket: u64,
}

/// What a command answers: whether that is right.
pub(super) type Told<'a> = Pin<Box<dyn Future<Output = Result<bool, Error>> + 'a>>;

/// One command of the client.
pub(super) struct Command {
    /// Its name.
    pub(super) name: &'static str,
    /// Calls it and looks at the answer.
    pub(super) run: for<'a> fn(&'a Client, &'a Ids) -> Told<'a>,
    /// Whether the account is as the command leaves it; none for a command that only reads.
    pub(super) after: Option<fn(&World, &Ids) -> bool>,
    /// Classes that it takes for a success.
    pub(super) takes: &'static [&'static str],
    /// Its first call only reads.
    pub(super) asks_first: bool,
}

/// `read!("name", client, ids, expression of Result<bool, Error>)`.
macro_rules! read {
    ($name:literal, $client:ident, $ids:ident, $run:expr) => {
        $crate::chat2desk_commands::scene::Command {
            name: $name,
            run: |$client, $ids| {
                Box::pin(async move {
                    let _ = $ids;
                    $run
                })
            },
            after: None,
            takes: &[],
            asks_first: false,
        }
    };
}

/// `change!("name", client, ids, expression, world => whether it is done)`.
macro_rules! change {
    ($name:literal, $client:ident, $ids:ident, $run:expr, $world:ident => $after:expr) => {
        $crate::chat2desk_commands::scene::Command {
            name: $name,
            run: |$client, $ids| {
                Box::pin(async move {
                    let _ = $ids;
                    $run
                })
            },
            after: Some(|$world, $ids| {
                let _ = $ids;
                $after
            }),
            takes: &[],
            asks_first: false,
        }
    };
}
pub(super) use {change, read};

/// A running account and its clients.
pub(super) struct Scene {
    pub(super) handle: Handle,
    /// May change things.
    pub(super) client: Client,
    /// May not.
    pub(super) reader: Client,
    /// Waits for 50 ms at most.
    pub(super) hasty: Client,
    pub(super) ids: Ids,
}

impl Scene {
    pub(super) async fn start() -> Self {
        let (world, ids) = account();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let handle = serve(vec![Tenant::new(world, None)], listener, WorldClock::still(now())).unwrap();
        let settings = || Settings::new(handle.url().parse().unwrap(), Token::new(TOKEN));
        let client = Client::new(settings().read_write()).unwrap();
        let reader = Client::new(settings()).unwrap();
        let mut hasty = settings().read_write();
        hasty.total_timeout = Duration::from_millis(50);
        let hasty = Client::new(hasty).unwrap();
        Self { handle, client, reader, hasty, ids }
    }

    /// The account as it was at the start, without faults.
    pub(super) fn reset(&self) {
        self.handle.with("acme", |tenant| *tenant = Tenant::new(account().0, None)).unwrap();
    }

    /// Whether the account is as the command leaves it.
    pub(super) fn after(&self, command: &Command) -> Option<bool> {
        let after = command.after?;
        self.handle.with("acme", |tenant| after(&tenant.world, &self.ids))
    }

    pub(super) async fn stop(self) {
        self.handle.stop().await.unwrap();
    }
}

fn account() -> (World, Ids) {
    let account = Account::new("acme", TOKEN, "Tien-Shan Outdoor", chrono_tz::Asia::Almaty);
    let plan = Plan { account, clients: 0, days: 1, seed: 1, until: now() - TimeDelta::hours(1) };
    let mut world = plan.build().0;
    world.account.write_first = true;
    add_channel(&mut world, AddChannel { id: 16, name: "Own".into(), transports: vec!["external".into()] });
    world.holdings.qr_codes.insert(QR_CODE.into(), "hello".into());
    let mut minute = 0;
    let mut does = |world: &mut World, client: &Value, doing: Doing| {
        minute += 1;
        let at = now() - TimeDelta::minutes(60 - minute);
        let one = Say {
            doing,
            client_id: client.as_i64(),
            text: "text".into(),
            score: 2,
            tag_id: 622,
            ..Say::default()
        };
        say(world, &one, at).unwrap()
    };
    let nobody = Value::Null;
    let client = does(&mut world, &nobody, Doing::Client)["client_id"].clone();
    does(&mut world, &client, Doing::Operator);
    let thread =
        |client: &Value| simulator::chat2desk::Thread { client: client.as_i64().unwrap(), channel: 12 };
    let at = world.now();
    world.send_menu_item(at, thread(&client), 4_321).unwrap();
    does(&mut world, &client, Doing::Tag);
    world.tag_client(at, thread(&client).client, 601, true).unwrap();
    let open = does(&mut world, &client, Doing::Client);
    let new = does(&mut world, &nobody, Doing::Client);
    let rated = does(&mut world, &nobody, Doing::Client);
    for doing in [Doing::Operator, Doing::Close, Doing::Survey, Doing::Score] {
        does(&mut world, &rated["client_id"], doing);
    }
    world.account.habits.stuck = true;
    let unsent = does(&mut world, &client, Doing::Autoreply);
    world.account.habits.stuck = false;
    let ticket = Map::from_iter([("reporter_id".to_owned(), json!(7_001))]);
    let at = world.now();
    let ticket = world.add_ticket(at, ticket);
    let hook = Register {
        url: "http://127.0.0.1:9/".into(),
        events: Some(Vec::new()),
        channels: vec![],
        old: false,
    };
    let webhook = register(&mut world, hook);
    let id = |value: &Value| value.as_u64().unwrap();
    let ids = Ids {
        client: id(&open["client_id"]),
        message: id(&open["message_id"]),
        dialog: id(&open["dialog_id"]),
        request: id(&open["request_id"]),
        new_message: id(&new["message_id"]),
        closed_request: id(&rated["request_id"]),
        unsent: id(&unsent["message_id"]),
        webhook: webhook.unwrap() as u64,
        ticket: ticket as u64,
    };
    (world, ids)
}
