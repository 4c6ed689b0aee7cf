//! Definitions, word by word as `docs/metrics.md` has them: every figure on the page carries one.

pub(crate) const WAITING: &str = "Clients with a question that no person has answered, now: the first question since the \
     last reply. Bots, notes and automatic messages answer nobody. Surveys are left out.";
pub(crate) const MEDIAN: &str = "First response: from the client's first question to the first reply by a person who is \
     no bot. Half of the requests were answered within this time. Requests of kind rating, continuous and offline, and \
     those that the company began, are left out.";
pub(crate) const NINETIETH: &str = "First response: from the client's first question to the first reply by a person. Nine \
     of ten requests were answered within this time (percentile by linear interpolation).";
pub(crate) const WITHIN: &str = "Met / (met + missed). Missed: answered late, closed unanswered after more than the target, \
     or waiting longer than it. Shorter ones without an answer are in neither.";
pub(crate) const REQUESTS: &str = "One request is one contact. It counts on the local day and hour of its first client \
     message, else of its opening. Left out of response times: surveys, continuous and offline chats, and those that \
     the company began.";
pub(crate) const SCORES: &str = "A score counts with the request that it rates, a withdrawn one not at all. Good: at least \
     80 % of its scale. Bad: at most 40 %.";
pub(crate) const SATISFACTION: &str = "Good scores / all scores of the requests of these days; a score counts with the \
     request that it rates, a withdrawn one not at all. The interval is Wilson's, 95 %: the fewer scores, the wider. \
     Rated by: rated contacts / closed contacts.";
pub(crate) const ANSWERS: &str = "What became of the first question of each request: answered by a person, closed without \
     an answer, or still waiting.";
pub(crate) const HOURS: &str = "First response by the local hour of the request's first client message.";
pub(crate) const DAYS: &str = "First response by the local day of the request's first client message.";
pub(crate) const DURATIONS: &str = "Reply: by turn, from its first question to the reply. Resolution: from the first client \
     message to the close. Business: the same with closed hours taken out; without a calendar there is none. Means are \
     over requests or turns, never over means.";
pub(crate) const OPERATORS: &str = "A request counts under its first replier, else its holder, else nobody.";
pub(crate) const CHANNELS: &str = "A request counts under the channel that it came by.";
pub(crate) const LOW: &str = "Scores of at most 40 % of their scale that were not withdrawn. Answerable is the operator of \
     the last reply before the score. An escalation is opened when a rule asks for it and the score is not old.";
pub(crate) const CRM: &str = "In sync: the CRM accepted the lead as it was sent last. Waiting: to be sent or tried again. \
     Refused: the CRM will not take it as it is; somebody has to look.";
pub(crate) const PIPELINE: &str = "Every delivery has one fate: decoded, partly rejected, rejected or erased. What is read \
     becomes facts; facts are folded into the tables that this page shows. Rejects are deliveries, or parts of them, that \
     could not be decoded; their bytes are in the log.";
pub(crate) const REJECTS: &str =
    "Deliveries, or parts of them, that could not be decoded. The bytes are in the log.";
pub(crate) const EFFECTS: &str = "What is sent to the outside world, once. Waiting: not confirmed yet. Dead: given up; \
     nobody tries again by himself.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Kind;

    const PAGE: &str = include_str!("../../../docs/metrics.md");

    #[test]
    fn the_page_of_metrics_says_what_the_screen_says() {
        let all = [
            WAITING,
            MEDIAN,
            NINETIETH,
            WITHIN,
            REQUESTS,
            SCORES,
            SATISFACTION,
            ANSWERS,
            HOURS,
            DAYS,
            DURATIONS,
            OPERATORS,
            CHANNELS,
            LOW,
            CRM,
            PIPELINE,
            REJECTS,
            EFFECTS,
        ];
        let declared = include_str!("words.rs").matches("\npub(crate) const ").count();
        assert_eq!(all.len(), declared, "each of them is compared");
        for words in all {
            assert!(PAGE.contains(&format!("| {words} |")), "docs/metrics.md does not say: {words}");
        }
    }

    #[test]
    fn the_page_of_metrics_names_every_column_of_the_rows() {
        let (_, screen) = PAGE.split_once("## The web page").unwrap();
        let (screen, _) = screen.split_once("\n## ").unwrap();
        let named: Vec<&str> = screen.split('`').skip(1).step_by(2).collect();
        for kind in Kind::ALL {
            for column in kind.columns() {
                assert!(named.contains(column), "{column} of {} is not in docs/metrics.md", kind.title());
            }
        }
    }
}
