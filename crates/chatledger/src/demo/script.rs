//! The configuration of the demo: the embedded default with one account, a rule, a notifier and a CRM.

use std::path::Path;

use super::cast::{ACCOUNT, CRM, CRM_TOKEN, Cast, HOOK_SECRET, SIGNING_SECRET, TOKEN, ZONE};
use crate::configuration::Configuration;

/// Reads as `chatledger.toml` does. The history is fetched by the story, with its bars, and not by the role.
///
/// # Errors
/// When it is not the configuration that it should be.
pub(super) fn configuration(data_dir: &Path, cast: &Cast) -> anyhow::Result<Configuration> {
    let data_dir = toml::Value::String(data_dir.display().to_string());
    let (api_url, crm_url) = (cast.platform.url(), cast.crm.url());
    let supervisor_url = cast.supervisor.url();
    let scores: String = (1..=5)
        .map(|score| format!("[[account.score]]\ntag = \"score-{score}\"\nscore = {score}\nscale = 5\n"))
        .collect();
    let text = format!(
        r#"
data_dir = {data_dir}
[server]
listen = "127.0.0.1:0"
[[account]]
id = "{ACCOUNT}"
platform = "chat2desk"
api_url = "{api_url}"
web_url = "{api_url}"
token_env = "DEMO_TOKEN"
hook_secret_env = "DEMO_HOOK_SECRET"
time_zone = "{ZONE}"
default_country = "KZ"
bot_operators = ["7009"]
calls_per_second = 100.0
history = "none"
active = false
[account.calendar]
mon-fri = ["09:00-13:00", "14:00-18:00"]
sat = ["10:00-15:00"]
{scores}
[[escalation]]
name = "low-score"
when = {{ score_at_most = 2 }}
notify = ["supervisors"]
[[notifier]]
name = "supervisors"
kind = "webhook"
url = "{supervisor_url}/escalations"
secret_env = "DEMO_SIGNING_SECRET"
allow_private = true
[[crm]]
name = "{CRM}"
kind = "hubspot"
api_url = "{crm_url}"
token_env = "DEMO_CRM_TOKEN"
live = true
"#
    );
    let secrets = [
        ("DEMO_TOKEN", TOKEN),
        ("DEMO_HOOK_SECRET", HOOK_SECRET),
        ("DEMO_CRM_TOKEN", CRM_TOKEN),
        ("DEMO_SIGNING_SECRET", SIGNING_SECRET),
    ];
    let environment = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(Configuration::parse("demo", &text, &environment)?)
}
