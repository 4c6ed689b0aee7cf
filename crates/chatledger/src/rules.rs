//! From the configuration's words to those of the other crates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use ingest::backfill::{AccountSettings, Backfill};
use ingest::capture::{HookAccount, HookAccounts};
use projection::calendar::Version;
use projection::{AccountRules, Calendar, Hours, OperatorHours, Readers, Rules, ScoreTag, Scores};

use crate::configuration::account::Score;
use crate::configuration::{Account, Configuration, calendar};
use crate::installation::Installation;

/// What the projection is told.
pub(crate) fn projection(configuration: &Configuration) -> Rules {
    let rules = |account: &Account| {
        let versions = account.calendars.iter().map(version).collect::<Vec<_>>();
        let hours =
            (!versions.is_empty()).then(|| Arc::new(Hours::new(&Calendar { versions }, account.time_zone)));
        AccountRules {
            zone: account.time_zone,
            bots: account.bot_operators.iter().cloned().collect::<BTreeSet<_>>(),
            hours,
            default_country: account.default_country.clone(),
            web_url: account.web_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned()),
            platform: account.platform,
            scores: Scores::new(account.scores.iter().map(score).collect()),
        }
    };
    let all = configuration.accounts.iter().map(|account| (account.id.as_str().to_owned(), rules(account)));
    // What nobody reads is not noted: it would only pile up.
    let readers =
        Readers { scores: !configuration.escalations.is_empty(), leads: !configuration.crms.is_empty() };
    let of_operators = configuration
        .accounts
        .iter()
        .map(|account| (account.id.as_str().to_owned(), operator_hours(account)));
    Rules::new(all.collect::<BTreeMap<_, _>>()).read_by(readers).with_operator_hours(of_operators.collect())
}

/// One calendar for each scope: its versions, and before the first of them the account's own.
fn operator_hours(account: &Account) -> Vec<OperatorHours> {
    let mut scopes: Vec<(&[String], &[String], Vec<Version>)> = Vec::new();
    for calendar in &account.operator_calendars {
        let scope = (calendar.operators.as_slice(), calendar.groups.as_slice());
        match scopes.iter_mut().find(|known| (known.0, known.1) == scope) {
            Some((_, _, versions)) => versions.push(version(calendar)),
            None => scopes.push((scope.0, scope.1, vec![version(calendar)])),
        }
    }
    let hours = |(operators, groups, mut versions): (&[String], &[String], Vec<Version>)| {
        let first = versions.iter().map(|version| version.from).min().flatten();
        versions.extend(account.calendars.iter().map(version).filter(|version| version.from < first));
        OperatorHours {
            operators: operators.to_vec(),
            groups: groups.to_vec(),
            hours: Arc::new(Hours::new(&Calendar { versions }, account.time_zone)),
        }
    };
    scopes.into_iter().map(hours).collect()
}

fn score(score: &Score) -> ScoreTag {
    ScoreTag { tag: score.tag.clone(), score: score.score, scale: score.scale.unwrap_or(Score::SCALE) }
}

fn version(calendar: &calendar::Calendar) -> Version {
    let seconds =
        |interval: &calendar::Interval| (u32::from(interval.start) * 60, u32::from(interval.end) * 60);
    Version {
        from: calendar.from,
        week: calendar.week.each_ref().map(|day| day.iter().map(seconds).collect()),
        holidays: calendar.holidays.clone(),
    }
}

/// What capture is told.
pub(crate) fn hooks(configuration: &Configuration) -> HookAccounts {
    HookAccounts::new(configuration.accounts.iter().map(|account| {
        let secrets = account.hook_secrets.iter().map(|secret| secret.reveal());
        let tokens = account.token.iter().map(|token| token.reveal());
        HookAccount::new(account.id.clone(), account.platform, secrets).signed(account.signature, tokens)
    }))
}

/// The backfill of an account.
///
/// # Errors
/// When the account has no token, or its client cannot be made.
pub(crate) fn backfill(
    installation: &Installation,
    account: &Account,
    quota_share: Option<f64>,
) -> anyhow::Result<Backfill> {
    let Some(token) = &account.token else {
        bail!("account {}: history needs a token; add token_env", account.id);
    };
    let token = chat2desk::Token::new(token.reveal());
    let client = chat2desk::Client::new(chat2desk::Settings::new(account.api_url.clone(), token))
        .with_context(|| format!("account {}", account.id))?;
    let settings = AccountSettings {
        calls_per_second: account.calls_per_second,
        quota_share,
        ..AccountSettings::new(account.id.clone(), account.time_zone)
    };
    let (log, pool) = (installation.log.clone(), installation.pool.clone());
    Ok(Backfill::new(log, pool, client, settings, installation.clock.clone(), installation.ids.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operators_calendar_is_the_accounts_until_his_own_begins() {
        let text = "[[account]]\nid = \"acme\"\nplatform = \"chat2desk\"\napi_url = \"http://localhost\"\n\
                    signature = \"ignore\"\ntime_zone = \"UTC\"\n\
                    [[account.calendar]]\nmon-sun = [\"09:00-10:00\"]\n\
                    [[account.calendar]]\nfrom = \"2026-05-01\"\nmon-sun = [\"09:00-11:00\"]\n\
                    [[account.operator_calendar]]\noperators = [\"7\"]\nfrom = \"2026-04-01\"\nmon-sun = [\"20:00-24:00\"]\n\
                    [[account.operator_calendar]]\ngroups = [\"60\"]\nmon-sun = [\"00:00-24:00\"]\n\
                    [[account.operator_calendar]]\noperators = [\"7\"]\nfrom = \"2026-06-01\"\nmon-sun = [\"20:00-21:00\"]\n";
        let rules = projection(&Configuration::parse("test", text, &[]).unwrap());
        let [seven, group] = rules.operator_hours("acme") else { panic!("two scopes") };
        assert_eq!(
            (seven.operators.as_slice(), group.groups.as_slice()),
            (&["7".to_owned()][..], &["60".to_owned()][..])
        );
        let open = |of: &OperatorHours, day: &str| {
            let at = |time: &str| format!("{day}T{time}:00Z").parse().unwrap();
            of.hours.seconds_between(at("00:00"), at("23:00")).unwrap() / 3600.0
        };
        let days = ["2026-03-31", "2026-04-01", "2026-05-02", "2026-06-01"];
        assert_eq!(days.map(|day| open(seven, day)), [1.0, 3.0, 3.0, 1.0]);
        assert_eq!(open(group, "2020-01-01"), 23.0);
        assert!(rules.operator_hours("other").is_empty());
    }
}
