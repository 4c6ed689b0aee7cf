//! Intents: who is told of what, written in the transaction of the decision.

use chrono_tz::Tz;
use store::PgConnection;
use store::effects::{self, NewEffect};

use crate::EscalationError;
use crate::event::{Event, Telling};
use crate::notifier::{Address, opening_of};

/// Tells all of them. Returns how many effects are new.
pub(crate) async fn all<'a>(
    connection: &mut PgConnection,
    addresses: impl Iterator<Item = &'a Address>,
    telling: &Telling<'_>,
    zone: Tz,
) -> Result<usize, EscalationError> {
    let mut intended = 0;
    for address in addresses {
        let effects = address.effects(telling, zone)?;
        intended += effects::intend(connection, &effects, telling.at).await?.len();
    }
    Ok(intended)
}

/// Tells those of them who heard of the opening, may have, or still will.
pub(crate) async fn who_heard<'a>(
    connection: &mut PgConnection,
    addresses: impl IntoIterator<Item = &'a Address>,
    telling: &Telling<'_>,
    zone: Tz,
) -> Result<usize, EscalationError> {
    let reached = effects::reached(connection, &telling.escalation.key, Event::Opened.version()).await?;
    let heard = |effect: &NewEffect| {
        let opening = opening_of(&effect.key, telling);
        reached.iter().any(|reached| reached.key == opening)
    };
    let mut intended = 0;
    for address in addresses {
        let effects: Vec<NewEffect> = address.effects(telling, zone)?.into_iter().filter(heard).collect();
        intended += effects::intend(connection, &effects, telling.at).await?.len();
    }
    Ok(intended)
}
