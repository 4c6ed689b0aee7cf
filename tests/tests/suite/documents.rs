//! README.md, ARCHITECTURE.md and the example configuration tell the truth: what they name is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chatledger_tests::program;
use serde_json::Value;

/// Pages whose links and names are followed.
const PAGES: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/metrics.md"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    assert!(path.is_file(), "{} is missing", path.display());
    fs::read_to_string(path).unwrap()
}

/// All Rust and SQL files of the workspace, with their paths from its root.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["crates", "migrations", "tests"].map(|name| root().join(name)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "sql") {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Lines of a page below a heading of second rank, up to the next one.
fn section<'a>(page: &'a str, heading: &str) -> impl Iterator<Item = &'a str> {
    let heading = format!("## {heading}");
    assert!(page.lines().any(|line| line == heading), "no {heading:?}");
    page.lines().skip_while(move |line| *line != heading).skip(1).take_while(|line| !line.starts_with("## "))
}

/// What stands between single backticks in a text.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The first cell of each row of a section's table, with the rest of the row.
fn table<'a>(page: &'a str, heading: &str) -> BTreeMap<&'a str, &'a str> {
    section(page, heading).filter_map(|line| line.strip_prefix("| `")?.split_once("` |")).collect()
}

/// Crates by the name of their folder, each with those that it uses: as cargo knows them.
fn workspace() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let folder = |package: &Value| {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        manifest.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
    };
    let names: BTreeMap<&str, String> =
        packages.iter().map(|package| (package["name"].as_str().unwrap(), folder(package))).collect();
    let uses = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap();
        dependencies.iter().filter_map(|used| names.get(used["name"].as_str()?).cloned()).collect()
    };
    packages.iter().map(|package| (folder(package), uses(package))).collect()
}

#[test]
fn the_rooms_are_the_crates_of_the_workspace() {
    let page = read("ARCHITECTURE.md");
    let rooms: BTreeSet<&str> = table(&page, "The rooms").into_keys().collect();
    let crates = workspace();
    assert_eq!(rooms, crates.keys().map(String::as_str).collect());
}

#[test]
fn the_arrows_are_what_cargo_says() {
    let page = read("ARCHITECTURE.md");
    let drawn: BTreeMap<String, BTreeSet<String>> = table(&page, "The arrows")
        .into_iter()
        .map(|(from, row)| (from.to_owned(), quoted(row).map(str::to_owned).collect()))
        .collect();
    assert_eq!(drawn, workspace());

    // Whatever is drawn, what the arrows must never be.
    let stages = ["ingest", "projection", "escalation", "crm-sync", "export", "dashboard"];
    for stage in stages {
        assert!(stages.iter().all(|other| !drawn[stage].contains(*other)), "{stage} uses a stage");
    }
    assert!(drawn["simulator"].is_empty() && drawn["events"].is_empty() && drawn["chat2desk"].is_empty());
}

#[test]
fn what_is_said_to_be_absent_is_absent() {
    let sources = sources();
    let having = |text: &str, among: &[&str]| -> Vec<&str> {
        let is_among = |path: &str| among.iter().any(|folder| path.starts_with(folder));
        let has = |(path, source): &&(String, String)| is_among(path) && source.contains(text);
        sources.iter().filter(has).map(|(path, _)| path.as_str()).collect()
    };
    for sql in ["sqlx::query", "sqlx::raw_sql", "QueryBuilder"] {
        let speaking = having(sql, &["crates/"]);
        let at_home = |path: &&str| path.starts_with("crates/store/") || path.starts_with("crates/log/");
        assert!(speaking.iter().all(at_home), "{sql} in {speaking:?}");
    }
    // `sqlx` itself is kept out by deny.toml; this is its first word.
    assert!(!having("sqlx::query", &["crates/store/"]).is_empty(), "the search finds what is there");
    assert_eq!(having("positions::advance(", &["crates/"]), ["crates/projection/src/runner/store_facts.rs"]);
    assert_eq!(having("update marks", &["crates/", "migrations/"]), Vec::<&str>::new());
    for field in ["hook_type", "is_new_request", "clientID", "requestID", "dialogID"] {
        let knowing = having(field, &["crates/events/", "crates/log/", "crates/store/"]);
        assert!(knowing.is_empty(), "{field} in {knowing:?}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    for name in PAGES {
        let page = read(name);
        let folder = root().join(name).parent().unwrap().to_owned();
        let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("https://")) {
            assert!(folder.join(target).exists(), "{name} links to {target}, which is not there");
        }
    }
}

/// Whether a name ends before this.
fn ends_name(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

#[test]
fn every_function_test_and_failpoint_that_a_page_names_exists() {
    let sources = sources();
    let declared = |name: &str| {
        let kinds = ["fn ", "struct ", "enum ", "trait ", "mod "];
        // A variant, or one that a macro makes, stands alone in its line.
        let alone = |line: &str| line.trim_start().strip_prefix(name).is_some_and(ends_name);
        let has = |line: &str| {
            kinds.iter().any(|kind| {
                line.split(kind).skip(1).any(|rest| rest.strip_prefix(name).is_some_and(ends_name))
            })
        };
        sources.iter().any(|(_, source)| source.lines().any(|line| has(line) || alone(line)))
    };
    let mut checked = 0;
    for page in PAGES {
        let text = read(page);
        // Fenced blocks hold pictures and SQL.
        let prose: String = text.split("```").step_by(2).collect();
        for word in quoted(&prose) {
            let is_word =
                |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
            let is_path = word.contains("::") && is_word(word);
            // The names of tests are sentences.
            let is_sentence = is_word(word) && word.matches('_').count() >= 4 && !word.contains(':');
            if is_path || is_sentence {
                let name = word.rsplit("::").next().unwrap();
                assert!(declared(name), "{page} names `{word}`, which is nowhere");
                checked += 1;
            }
            if ["projection.", "ingest.", "backfill."].iter().any(|room| word.starts_with(room)) {
                let named = format!("\"{word}\"");
                assert!(
                    sources.iter().any(|(_, source)| source.contains(&named)),
                    "{page}: no failpoint `{word}`"
                );
            }
        }
    }
    assert!(checked > 40, "only {checked} names were found: the search is broken");
}

#[test]
fn every_table_that_the_architecture_names_is_made_by_a_migration() {
    let page = read("ARCHITECTURE.md");
    let migrations: String = sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with("migrations/"))
        .map(|(_, sql)| sql)
        .collect();
    let mut checked = 0;
    for word in section(&page, "The data").filter(|line| line.starts_with('|')).flat_map(quoted) {
        let Some(table) = word.strip_prefix("chat.").or_else(|| word.strip_prefix("ledger.")) else {
            continue;
        };
        assert!(migrations.contains(&format!("create table {table} (")), "no table {word}");
        checked += 1;
    }
    assert!(checked > 8, "only {checked} tables were found");
}

/// Runs the program with these variables and no others that concern it.
async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program().await);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CHATLEDGER_"))
    {
        command.env_remove(name);
    }
    command.args(arguments).envs(variables.iter().copied()).current_dir(root()).output().unwrap()
}

#[tokio::test]
async fn every_command_of_the_readme_is_understood() {
    let readme = read("README.md");
    let lines = readme.lines().map(str::trim).filter(|line| line.starts_with("chatledger "));
    let commands: BTreeSet<&str> = lines
        .chain(quoted(&readme).filter(|word| word.starts_with("chatledger ")))
        .filter_map(|command| command.split(['#', '>']).next())
        .map(str::trim)
        .collect();
    assert!(commands.len() > 8, "{commands:?}");
    for command in commands {
        // Help is given when everything before it was understood.
        let mut arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
        arguments.push("--help");
        let output = run(&arguments, &[]).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !output.stdout.is_empty(), "{command}: {said}");
    }
    let unknown = run(&["report", "response-times", "--nonsense", "--help"], &[]).await;
    assert_eq!(unknown.status.code(), Some(2), "what is not understood is told");
}

#[test]
fn every_make_target_of_the_readme_exists() {
    let (readme, makefile) = (read("README.md"), read("Makefile"));
    let named = readme.lines().filter(|line| line.starts_with("make ")).chain(quoted(&readme));
    let targets: BTreeSet<&str> =
        named.filter_map(|word| word.strip_prefix("make ")?.split_whitespace().next()).collect();
    assert!(targets.is_superset(&["check", "demo", "test"].into()), "{targets:?}");
    for target in targets {
        assert!(makefile.contains(&format!("\n{target}: ##")), "no `make {target}`");
    }
}

#[tokio::test]
async fn the_example_configuration_is_good_as_it_is_and_with_every_setting_on() {
    let example = read("chatledger.example.toml");
    let folder = tempfile::tempdir().unwrap();
    // "# " explains; "#" without a space is a setting that is off.
    let switched_on = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting.to_owned(),
        _ => line.to_owned(),
    };
    let all_on: Vec<String> = example.lines().map(switched_on).collect();
    assert_ne!(all_on.join("\n"), example.trim_end(), "there are settings that are off");
    let secrets = [
        ("ACME_TOKEN", "made-up-token"),
        ("ACME_HOOK_SECRET", "made-up-word"),
        ("ACME_SECOND_HOOK_SECRET", "another-made-up-word"),
        ("CHATLEDGER_TOKEN", "a-third-one"),
        ("SMTP_URL", "smtp://user:password@localhost:587"),
        ("OPS_SECRET", "whsec_bWFkZS11cC1zZWNyZXQtb2YtMzItYnl0ZXMtb3ItbW9yZSE="),
        ("HUBSPOT_TOKEN", "made-up-crm-token"),
        ("DATABASE_URL", "postgres://user:password@localhost/chatledger"),
    ];
    for (name, text) in [("as it is", example.clone()), ("all on", all_on.join("\n"))] {
        let file = folder.path().join(format!("{name}.toml"));
        fs::write(&file, text).unwrap();
        let output = run(&["check", "--config", file.to_str().unwrap()], &secrets).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
    }
    let without =
        run(&["check", "--config", root().join("chatledger.example.toml").to_str().unwrap()], &[]).await;
    let said = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(without.status.code() == Some(2) && said.contains("ACME_TOKEN is not set"), "{said}");
}

/// Settings that are off show their defaults: what `check --print` says of an example without them is the same.
#[tokio::test]
async fn the_defaults_that_the_example_shows_are_the_programs() {
    let example = read("chatledger.example.toml");
    let secrets = [("ACME_TOKEN", "made-up-token"), ("ACME_HOOK_SECRET", "made-up-word")];
    let file = root().join("chatledger.example.toml");
    let output = run(&["check", "--print", "--config", file.to_str().unwrap()], &secrets).await;
    let effective = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut checked = 0;
    // What follows are whole sections that are off.
    let (settings, _) = example.split_once("# Who is told of what").unwrap();
    let off = settings
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|line| line.starts_with(char::is_alphabetic));
    // Those that name a variable or an address have no default, as the text above each says; `[database]` is left out.
    for setting in off.filter(|line| {
        !line.contains("_env") && !line.contains("public_url") && !line.contains("connections")
    }) {
        assert!(effective.lines().any(|line| line == setting), "{setting} is not the default:\n{effective}");
        checked += 1;
    }
    assert!(checked >= 6, "only {checked} settings were found");
}
