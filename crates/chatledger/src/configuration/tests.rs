use std::fs;

use events::Policy;
use ingest::backfill::History;

use super::calendar::Interval;
use super::{Backend, Configuration};

/// A configuration with nothing wrong, for tests to spoil.
const GOOD: &str = r#"
data_dir = "data"
[database]
url_env = "DATABASE_URL"
[log]
backend = "kafka"
brokers = ["localhost:9092"]
[server]
listen = "127.0.0.1:0"
[report]
target_seconds = 60
[[account]]
id = "acme"
platform = "chat2desk"
api_url = "https://api.chat2desk.com"
web_url = "https://web.chat2desk.com"
token_env = "ACME_TOKEN"
hook_secret_env = "ACME_HOOK_SECRET"
second_hook_secret_env = "ACME_NEXT_SECRET"
signature = "require"
time_zone = "Asia/Almaty"
bot_operators = ["7009"]
default_country = "kz"
history = "all"
[account.calendar]
mon-fri = ["14:00-18:00", "09:00-13:00"]
"sat,sun" = ["10:00-24:00"]
holidays = ["2026-12-16"]
[[account.score]]
tag = "score-1"
score = 1
scale = 5
"#;

const VARIABLES: [(&str, &str); 4] = [
    ("DATABASE_URL", "postgres://ledger:pa55word@localhost/ledger"),
    ("ACME_TOKEN", "tok-3n-value"),
    ("ACME_HOOK_SECRET", "Zk3-made-up-secret"),
    ("ACME_NEXT_SECRET", "Zk4-made-up-secret\n"),
];

fn load(text: &str, more: &[(&str, &str)]) -> Result<Configuration, String> {
    let environment: Vec<(String, String)> =
        VARIABLES.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Configuration::parse("chatledger.toml", text, &environment).map_err(|problems| problems.to_string())
}

fn problems(text: &str, more: &[(&str, &str)]) -> Vec<String> {
    load(text, more).expect_err("nothing was found wrong").lines().map(str::to_owned).collect()
}

/// The good configuration with one text replaced.
fn spoiled(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from:?} is not there to be spoiled");
    problems(&GOOD.replacen(from, to, 1), &[])
}

#[test]
fn nothing_at_all_is_the_default() {
    let configuration = load("", &[]).unwrap();
    assert_eq!(configuration.log.backend, Backend::Postgres);
    assert!(configuration.database_url.is_none() && configuration.accounts.is_empty());
    assert!(configuration.server.listen.ip().is_loopback());
}

#[test]
fn a_whole_configuration_is_understood() {
    let configuration = load(GOOD, &[]).unwrap();
    assert_eq!(configuration.report.target_seconds, 60.0);
    let account = &configuration.accounts[0];
    assert_eq!((account.signature, account.history), (Policy::Require, History::All));
    assert_eq!(account.default_country.as_deref(), Some("KZ"));
    assert_eq!(account.token.as_ref().unwrap().reveal(), "tok-3n-value");
    let secrets: Vec<_> = account.hook_secrets.iter().map(|secret| secret.reveal()).collect();
    assert_eq!(secrets, ["Zk3-made-up-secret", "Zk4-made-up-secret"]);
    let week = &account.calendars[0].week;
    assert_eq!(week[0], [Interval { start: 540, end: 780 }, Interval { start: 840, end: 1080 }]);
    assert_eq!(week[4], week[0]);
    assert_eq!(week[6], [Interval { start: 600, end: 1440 }]);
    assert_eq!(account.calendars[0].holidays.len(), 1);
}

#[test]
fn everything_that_is_wrong_is_said_at_once_in_the_order_of_the_file() {
    let text = GOOD
        .replace("data_dir", "datadir")
        .replace("brokers = [\"localhost:9092\"]", "brokers = [\"localhost\"]\nreplication = \"three\"")
        .replace("platform = \"chat2desk\"", "platform = \"chat2dsk\"")
        .replace("Asia/Almaty", "Asia/Almata")
        .replace("09:00-13:00", "09:00-15:00");
    let found = problems(&text, &[]);
    assert_eq!(
        found,
        [
            "chatledger.toml:2: datadir: unknown section; did you mean \"data_dir\"?",
            "chatledger.toml:7: log.brokers: each must be host:port, like \"localhost:9092\"",
            "chatledger.toml:8: log.replication: must be a whole number, 0 or greater",
            "chatledger.toml:15: account.acme.platform: must be one of chat2desk, livechat (did you mean \"chat2desk\"?)",
            "chatledger.toml:22: account.acme.time_zone: no zone of the IANA database, like \"Asia/Almaty\"; did you mean \"Asia/Almaty\"?",
            "chatledger.toml:27: account.acme.calendar.mon-fri: intervals overlap; make each end before the next begins",
        ]
    );
}

#[test]
fn an_unknown_key_names_its_line_and_the_key_that_was_meant() {
    assert_eq!(
        spoiled("signature =", "signatur ="),
        ["chatledger.toml:20: account.acme.signatur: unknown key; did you mean \"signature\"?"]
    );
    let far = spoiled("target_seconds", "goal");
    assert_eq!(far, ["chatledger.toml:11: report.goal: unknown key; known are target_seconds"]);
    let score = spoiled("scale = 5", "skale = 5");
    assert_eq!(
        score,
        ["chatledger.toml:32: account.acme.score.score-1.skale: unknown key; did you mean \"scale\"?"]
    );
}

#[test]
fn what_comes_later_is_named_as_such() {
    let later = problems("[dashboard]\nname = \"x\"\n", &[]);
    assert_eq!(later, ["chatledger.toml:1: dashboard: this section comes with a later version; remove it"]);
    let livechat = spoiled("platform = \"chat2desk\"", "platform = \"livechat\"\norganization_id = \"o\"");
    assert!(
        livechat.iter().all(|line| line.contains("LiveChat") && line.contains("later version")),
        "{livechat:?}"
    );
}

#[test]
fn a_secret_that_is_written_out_is_refused_without_repeating_it() {
    let found = spoiled("token_env = \"ACME_TOKEN\"", "token = \"tok-3n-value\"").join("\n");
    assert!(found.contains("token_env = \"VARIABLE\""), "{found}");
    assert!(!found.contains("tok-3n-value"));
    let password = spoiled("https://api.chat2desk.com", "https://u:hunter2@api.chat2desk.com").join("\n");
    assert!(password.contains("holds a password") && !password.contains("hunter2"), "{password}");
}

#[test]
fn a_secret_that_is_not_there_says_where_it_was_looked_for() {
    assert_eq!(
        spoiled("\"ACME_TOKEN\"", "\"ACME_TOKN\""),
        [
            "chatledger.toml:17: account.acme.token_env: the environment variable ACME_TOKN is not set; set it, or name another"
        ]
    );
    let file = spoiled("token_env = \"ACME_TOKEN\"", "token_file = \"/nowhere/token\"");
    assert!(file[0].contains("account.acme.token_file: the file /nowhere/token cannot be read"), "{file:?}");
    let both = spoiled("token_env = \"ACME_TOKEN\"", "token_env = \"ACME_TOKEN\"\ntoken_file = \"x\"");
    assert!(both[0].contains("named twice"), "{both:?}");
    let none = spoiled("token_env = \"ACME_TOKEN\"\n", "");
    assert!(none[0].contains("account.acme.token_env: missing"), "{none:?}");
    let unfit = GOOD.replace("\"ACME_HOOK_SECRET\"", "\"UNFIT\"");
    let unfit = problems(&unfit, &[("UNFIT", "two words/slash")]).join("\n");
    assert!(unfit.contains("stands in an address") && !unfit.contains("two words"), "{unfit}");
}

#[test]
fn a_secret_may_lie_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "from-file\n").unwrap();
    let text =
        GOOD.replace("token_env = \"ACME_TOKEN\"", &format!("token_file = {:?}", file.display().to_string()));
    assert_eq!(load(&text, &[]).unwrap().accounts[0].token.as_ref().unwrap().reveal(), "from-file");
    fs::write(&file, " \n").unwrap();
    assert!(problems(&text, &[])[0].contains("is empty"));
}

#[test]
fn what_is_not_toml_names_its_line() {
    let found = problems("data_dir = \"x\"\n[server\nlisten = 1\n", &[]);
    assert!(found[0].starts_with("chatledger.toml:2: not TOML: "), "{found:?}");
}

#[test]
fn wrong_values_say_what_they_must_be() {
    for (from, to, wanted) in [
        ("listen = \"127.0.0.1:0\"", "listen = \"8080\"", "server.listen: must be an address and a port"),
        ("listen = \"127.0.0.1:0\"", "listen = 8080", "server.listen: must be a text in quotes"),
        (
            "bot_operators = [\"7009\"]",
            "bot_operators = \"7009\"",
            "account.acme.bot_operators: must be a list",
        ),
        (
            "bot_operators = [\"7009\"]",
            "bot_operators = [7009]",
            "account.acme.bot_operators.0: must be a text in quotes",
        ),
        (
            "history = \"all\"",
            "history = \"some\"",
            "account.acme.history: must be \"90d\", \"all\" or \"none\"",
        ),
        (
            "history = \"all\"",
            "calls_per_second = 0",
            "account.acme.calls_per_second: must be greater than 0",
        ),
        ("history = \"all\"", "history_quota_share = 1.5", "history_quota_share: must be from 0 to 1"),
        ("history = \"all\"", "active = 1", "account.acme.active: must be true or false"),
        ("default_country = \"kz\"", "default_country = \"KAZ\"", "default_country: must be two letters"),
        ("id = \"acme\"", "id = \"Acme!\"", "account.Acme!.id: account id"),
        ("id = \"acme\"\n", "", "account.0.id: missing"),
        ("platform = \"chat2desk\"\n", "", "account.acme.platform: missing"),
        ("api_url = \"https://api.chat2desk.com\"\n", "", "account.acme.api_url: missing"),
        ("https://api.chat2desk.com", "api.chat2desk.com", "account.acme.api_url: must be an address"),
        ("time_zone = \"Asia/Almaty\"\n", "", "account.acme.time_zone: missing"),
        ("target_seconds = 60", "target_seconds = -1", "report.target_seconds: must be greater than 0"),
        ("brokers = [\"localhost:9092\"]\n", "", "log.brokers: missing"),
        (
            "backend = \"kafka\"",
            "backend = \"kafak\"",
            "log.backend: must be one of postgres, kafka (did you mean \"kafka\"?)",
        ),
        (
            "backend = \"kafka\"",
            "backend = \"postgres\"",
            "log.brokers: are not used by backend \"postgres\"",
        ),
        (
            "backend = \"kafka\"",
            "backend = \"kafka\"\npartitions = 0",
            "log.partitions: must be from 1 to 1024",
        ),
        (
            "url_env = \"DATABASE_URL\"",
            "url_env = \"ACME_TOKEN\"",
            "database.url_env: the secret must be an address",
        ),
        ("url_env = \"DATABASE_URL\"", "connections = 8", "database: names no database"),
        ("tag = \"score-1\"\n", "", "account.acme.score.0.tag: missing"),
        ("score = 1\n", "score = 9\n", "account.acme.score.score-1.score: must be from 0 to scale"),
        (
            "[server]",
            "[server]\npublic_url = \"https://x.example\"",
            "server.public_url: opens the program to others",
        ),
        ("127.0.0.1:0", "0.0.0.0:8080", "server.listen: opens the program to others"),
        ("[server]", "server = 1\n[sever]", "server: "),
    ] {
        let found = spoiled(from, to).join("\n");
        assert!(found.contains(wanted), "{to:?} gave:\n{found}\nwanted: {wanted}");
    }
}

#[test]
fn calendars_are_judged_day_by_day() {
    let with = |calendar: &str| {
        problems(&GOOD.replace("mon-fri = [\"14:00-18:00\", \"09:00-13:00\"]", calendar), &[]).join("\n")
    };
    for (calendar, wanted) in [
        ("monday = [\"09:00-13:00\"]", "calendar.monday: no day, range or list of days"),
        ("mon-fri = [\"09:00-09:00\"]", "calendar.mon-fri: begins and ends at the same time"),
        ("mon-fri = [\"22:00-06:00\", \"23:00-23:30\"]", "calendar.mon-fri: intervals overlap"),
        ("mon-fri = [\"9-18\"]", "calendar.mon-fri: write intervals as"),
        ("mon-fri = [\"09:00-24:30\"]", "calendar.mon-fri: write intervals as"),
        ("mon-fri = [\"09:60-18:00\"]", "calendar.mon-fri: write intervals as"),
        ("fri-sat = [\"09:00-18:00\"]", "has its hours already"),
        ("from = \"16.12.2026\"", "calendar.from: write days as"),
        ("mon = 9", "calendar.mon: must be a list"),
        ("operators = [\"1\"]", "calendar.operators: no day"),
    ] {
        let found = with(calendar);
        assert!(found.contains(wanted), "{calendar:?} gave:\n{found}");
    }
}

#[test]
fn a_calendar_may_change_on_a_day_and_differ_for_operators() {
    let text = GOOD.replace("[account.calendar]", "[[account.calendar]]\nfrom = 2026-03-01").replace(
        "[[account.score]]",
        "[[account.calendar]]\nmon = [\"09:00-10:00\"]\n[[account.operator_calendar]]\ngroups = [\"60\"]\nsat-mon = [\"00:00-24:00\"]\n[[account.score]]",
    );
    let account = load(&text, &[]).unwrap().accounts.remove(0);
    assert_eq!(account.calendars[0].from, None);
    assert_eq!(account.calendars[1].from.unwrap().to_string(), "2026-03-01");
    let open: Vec<bool> = account.operator_calendars[0].week.iter().map(|day| !day.is_empty()).collect();
    assert_eq!(open, [true, false, false, false, false, true, true]);

    let twice = text.replace("from = 2026-03-01\n", "");
    assert!(problems(&twice, &[])[0].contains("another calendar begins on the same day"));
    let nobody = text.replace("groups = [\"60\"]\n", "");
    assert!(problems(&nobody, &[])[0].contains("for whom?"));
}

#[test]
fn two_accounts_need_two_ids() {
    let account = GOOD.split_once("[[account]]").unwrap().1;
    let found = problems(&format!("{GOOD}[[account]]{account}"), &[]);
    assert!(found[0].contains("account.acme.id: another account has this id"), "{found:?}");
}

#[test]
fn the_environment_overrides_the_file() {
    let configuration = load(
        GOOD,
        &[
            ("CHATLEDGER__SERVER__LISTEN", "127.0.0.1:9999"),
            ("CHATLEDGER__DATA_DIR", "/srv/ledger"),
            ("CHATLEDGER__LOG__BROKERS", "a:9092, b:9092"),
            ("CHATLEDGER__LOG__PARTITIONS", "24"),
            ("CHATLEDGER__ACCOUNT__ACME__TIME_ZONE", "Europe/Berlin"),
            ("CHATLEDGER__ACCOUNT__ACME__BOT_OPERATORS", "1,2"),
            ("CHATLEDGER__ACCOUNT__ACME__ACTIVE", "false"),
            ("CHATLEDGER__ACCOUNT__ACME__CALENDAR__MON_FRI", "10:00-12:00, 13:00-14:00"),
            ("CHATLEDGER__ACCOUNT__ACME__SCORE__SCORE_1__SCORE", "2.5"),
            ("CHATLEDGER__REPORT__TARGET_SECONDS", "30"),
        ],
    )
    .unwrap();
    assert_eq!(configuration.server.listen.port(), 9999);
    assert_eq!(configuration.data_dir.display().to_string(), "/srv/ledger");
    assert_eq!(configuration.log.brokers, ["a:9092", "b:9092"]);
    assert_eq!((configuration.log.partitions, configuration.report.target_seconds), (24, 30.0));
    let account = &configuration.accounts[0];
    assert_eq!((account.time_zone, account.active), (chrono_tz::Europe::Berlin, false));
    assert_eq!(account.bot_operators, ["1", "2"]);
    assert_eq!(account.calendars[0].week[0].len(), 2);
    assert_eq!(account.calendars[0].week[0][0], Interval { start: 600, end: 720 });
    assert_eq!(account.scores[0].score, 2.5);
}

#[test]
fn an_account_may_come_from_the_environment_alone() {
    let configuration = load(
        "",
        &[
            ("CHATLEDGER__ACCOUNT__ACME_KZ__PLATFORM", "chat2desk"),
            ("CHATLEDGER__ACCOUNT__ACME_KZ__API_URL", "http://127.0.0.1:9000"),
            ("CHATLEDGER__ACCOUNT__ACME_KZ__TOKEN_ENV", "ACME_TOKEN"),
            ("CHATLEDGER__ACCOUNT__ACME_KZ__TIME_ZONE", "Asia/Almaty"),
        ],
    )
    .unwrap();
    assert_eq!(configuration.accounts[0].id.as_str(), "acme-kz");
}

#[test]
fn a_wrong_variable_is_named() {
    assert_eq!(
        problems(GOOD, &[("CHATLEDGER__SERVER__LISTN", "x")]),
        ["$CHATLEDGER__SERVER__LISTN: server.listn: unknown key; did you mean \"listen\"?"]
    );
    let number = problems(GOOD, &[("CHATLEDGER__LOG__PARTITIONS", "many")]);
    assert_eq!(
        number,
        ["$CHATLEDGER__LOG__PARTITIONS: log.partitions: must be a whole number, 0 or greater"]
    );
}

#[test]
fn the_effective_configuration_reads_back_and_shows_no_secret() {
    let configuration = load(GOOD, &[]).unwrap();
    let shown = configuration.print().unwrap();
    for (_, secret) in VARIABLES {
        assert!(!shown.contains(secret.trim()), "{shown}");
        assert!(!format!("{configuration:?}").contains(secret.trim()));
    }
    assert!(
        shown.contains("calls_per_second = 4.0") && shown.contains("token_env = \"ACME_TOKEN\""),
        "{shown}"
    );
    assert_eq!(load(&shown, &[]).unwrap().print().unwrap(), shown);
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let missing =
        Configuration::load(Some("/nowhere/chatledger.toml".as_ref()), &[]).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/chatledger.toml") && missing.contains("--config"), "{missing}");
}
