//! The rows of a request's assignments: one for each unbroken holding (design.md 7.6).

use store::tables::AssignmentRow;

use super::Scope;
use super::evidence::Evidence;
use super::holding::Holding;
use super::segment::Segment;
use super::turns::{End, Turn, seconds};

/// The holdings in order of time; the last one ends with the close.
pub(super) fn rows(
    scope: &Scope<'_>,
    evidence: &Evidence,
    segment: &Segment,
    holding: &Holding,
    turns: &[Turn],
    measured: bool,
) -> Vec<AssignmentRow> {
    let holdings = holding.unbroken();
    let close = segment.close.as_ref().map(|close| close.at);
    let mut rows = Vec::with_capacity(holdings.len());
    for (place, (operator, from_at, explicit)) in holdings.iter().enumerate() {
        let next = holdings.get(place + 1).map(|(_, at, _)| *at);
        let to_at = next.or_else(|| close.map(|close| close.max(*from_at)));
        // The operator's first qualifying reply within the holding.
        let reply = segment
            .messages
            .iter()
            .map(|at| &evidence.messages[*at])
            .filter(|m| m.qualifies() && m.registers.operator_id.as_deref() == Some(operator))
            .find(|m| m.sent_at >= *from_at && next.is_none_or(|next| m.sent_at < next));
        // Null when it answers no turn.
        let asked = reply.and_then(|reply| {
            let answered = |turn: &&Turn| {
                matches!(&turn.end, End::Answered { at, operator: by } if *at == reply.sent_at && by == operator)
            };
            turns.iter().find(answered).map(|turn| (turn.asked_at, reply.sent_at))
        });
        rows.push(AssignmentRow {
            account_id: scope.account.to_owned(),
            request_key: segment.key.clone(),
            assignment_no: i32::try_from(place + 1).unwrap_or(i32::MAX),
            conversation: scope.conversation.to_owned(),
            operator_id: (*operator).to_owned(),
            from_at: *from_at,
            to_at,
            how: match (place, explicit) {
                (0, _) => "assigned",
                (_, true) => "transfer",
                (_, false) => "derived",
            }
            .to_owned(),
            frt_agent_seconds: asked
                .filter(|_| measured)
                .map(|(asked, replied)| seconds(asked.max(*from_at), replied)),
            row_hash: 0,
        });
    }
    rows
}
