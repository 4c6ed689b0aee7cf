//! The rows of a request's assignments: one for each unbroken holding (design.md 7.6).

use store::tables::AssignmentRow;

use super::Scope;
use super::holding::Holding;
use super::segment::Segment;
use super::turns::seconds;

/// The holdings in order of time; the last one ends with the close.
pub(super) fn rows(
    scope: &Scope<'_>,
    segment: &Segment,
    holding: &Holding,
    measured: bool,
) -> Vec<AssignmentRow> {
    let close = segment.close.as_ref().map(|close| close.at);
    let rows = holding.runs().map(|run| AssignmentRow {
        account_id: scope.account.to_owned(),
        request_key: segment.key.clone(),
        assignment_no: run.number,
        conversation: scope.conversation.to_owned(),
        operator_id: run.operator.clone(),
        from_at: run.from_at,
        to_at: run.to_at.or_else(|| close.map(|close| close.max(run.from_at))),
        how: match (run.number, run.explicit) {
            (1, _) => "assigned",
            (_, true) => "transfer",
            (_, false) => "derived",
        }
        .to_owned(),
        // Null when the reply answers no turn.
        frt_agent_seconds: run
            .reply
            .as_ref()
            .and_then(|reply| Some((reply.asked_at?, reply.at)))
            .filter(|_| measured)
            .map(|(asked, replied)| seconds(asked.max(run.from_at), replied)),
        row_hash: 0,
    });
    rows.collect()
}
