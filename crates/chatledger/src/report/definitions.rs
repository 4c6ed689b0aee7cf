//! What each figure of each report means, in the words of `docs/metrics.md`: a test compares them, word by word.

use super::Rules;

/// A field of a report and its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    /// As CSV and JSON call it.
    pub(crate) field: &'static str,
    /// What it means.
    pub(crate) meaning: &'static str,
}

const fn is(field: &'static str, meaning: &'static str) -> Definition {
    Definition { field, meaning }
}

const ROW: [Definition; 2] = [
    is(
        "key",
        "What the row stands for: an id, a day, an hour from 0 to 23, a messenger; all without grouping; empty where there \
         is none.",
    ),
    is("label", "The same for people: its name where one is known."),
];

/// `report response-times`, by our own rules.
pub(crate) const RESPONSE_TIMES: [Definition; 8] = [
    is(
        "requests",
        "Contacts that count, each on the local day and hour of its first client message, else of its opening. By \
         operator: under the first replier, else the holder, else nobody. By tag: under each tag that is on.",
    ),
    is(
        "left_out",
        "Contacts that have no response times and are in no other figure: satisfaction surveys, continuous chats, messages \
         left while nobody was there, and what the company began.",
    ),
    is(
        "first_response",
        "From the first question of a contact to the first reply by a person. A question is a client's message that is no \
         menu choice. Bots, automatic messages and notes are no reply.",
    ),
    is(
        "first_response_business",
        "The same with closed hours taken out, by the calendar in force at each instant; by operator, by his own where he \
         has one. Asked and answered while closed is 0. Without a calendar there is nothing.",
    ),
    is(
        "first_response_human",
        "The same, but where a bot held the contact first and handed it to people, from the later of question and \
         hand-over.",
    ),
    is(
        "reply",
        "By turn: from the first question of a run to the reply that ends it. Under who replied, else the holder; on the \
         day of its contact. Closing ends a turn unanswered.",
    ),
    is(
        "reply_business",
        "The same with closed hours taken out, by the calendar of whose it is, else by the account's.",
    ),
    is(
        "resolution",
        "From the first client message to the close. By operator: under the last replier, else the holder. Closing \
         resolves, so nothing is unanswered; waiting are the open ones.",
    ),
];

/// The same by Chat2Desk's rules.
pub(crate) const CHAT2DESK: [Definition; 8] = [
    is(
        "requests",
        "All requests but surveys, each on the local day and hour of its first event: what the company began and what has \
         no message too. By operator: under the first replier, bots included, else the holder. By tag: under each tag that \
         is on.",
    ),
    is("left_out", "Surveys: requests of another type."),
    is(
        "first_response",
        "The vendor's reaction_time: from the first client message to the first operator message after it. Bots are \
         operators like others, menu choices are messages. A request without any message hangs unanswered from its \
         opening; one in which only the company spoke has no reaction.",
    ),
    is(
        "first_response_business",
        "The vendor's working_reaction_time: the same inside our calendar. By its name it leaves out time outside the \
         schedule; not confirmed.",
    ),
    is("first_response_human", "The vendor has no such figure: always empty."),
    is(
        "reply",
        "The vendor's replies: each run of client messages and the first operator message after it, the first reaction \
         included; a second one in a row is no new answer. The mean is total_replies_time / replies. That a run is timed \
         from its first message, and that its reply is its sender's, is not confirmed.",
    ),
    is("reply_business", "The vendor has no such figure: always empty."),
    is(
        "resolution",
        "The vendor's request_time: from the opening to the close, by its name; not confirmed. By operator: under the \
         holder.",
    ),
];

/// The same by LiveChat's rules.
pub(crate) const LIVECHAT: [Definition; 8] = [
    is(
        "requests",
        "All chats, each on the local day and hour of its opening: continuous ones and what an agent began too. By \
         operator: under the first agent who replied, else the holder. By tag: under each tag that is on.",
    ),
    is("left_out", "Messages left while nobody was there, which become tickets, and surveys."),
    is(
        "first_response",
        "The vendor's first_response_time: from the customer's first message to the first reply of an agent after it; n \
         are the chats with a reply, as there. Whether bots, greetings and menu choices count is not published: here bots \
         and greetings are no replies, and a menu choice is a message.",
    ),
    is("first_response_business", "The vendor has no such figure: always empty."),
    is("first_response_human", "The vendor has no such figure: always empty."),
    is(
        "reply",
        "The vendor's response_time: each run of the customer's messages and the agent's first reply after it. From which \
         message it is timed is not published; here from the first.",
    ),
    is("reply_business", "The vendor has no such figure: always empty."),
    is("resolution", "The vendor's duration: from the opening to the close. By operator: under the holder."),
];

/// What each of the six durations has.
pub(crate) const SUMMARY: [Definition; 9] = [
    is("n", "How many have the duration. It counts for the day of its contact, whenever it ended."),
    is("mean", "Their mean: over contacts or turns, never a mean of means."),
    is("p50", "The median: half of them took at most so long (linear interpolation)."),
    is("p90", "Nine of ten took at most so long."),
    is("p95", "Nineteen of twenty took at most so long."),
    is("max", "The longest."),
    is(
        "within_target",
        "Met / (met + missed). Missed: answered late, closed unanswered after more than the target, or waiting longer than \
         it. Shorter ones without an answer are in neither.",
    ),
    is("unanswered", "Closed without an answer."),
    is(
        "waiting",
        "Asked by then and without an answer when the period was over, or now. Who was answered after that is here and in \
         n.",
    ),
];

/// `report scores`.
pub(crate) const SCORES: [Definition; 10] = [
    is(
        "requests",
        "Contacts that were closed, and so could be rated; what the company began too. By operator: under the last \
         replier, else the holder. By tag: under each topic, that is each tag that is on and is no score.",
    ),
    is(
        "rated",
        "Scores that were given and not taken back, each on the local day and hour of the contact that it rates, under the \
         last replier before it.",
    ),
    is("good", "Of them good: at least 0.8 of the scale."),
    is("neutral", "Of them between."),
    is("bad", "Of them bad: at most 0.4 of the scale."),
    is("csat", "Good / rated."),
    is(
        "low",
        "Where CSAT would lie had every customer answered, 95 % sure: the lower end (Wilson's interval). Few scores, wide \
         range.",
    ),
    is("high", "The upper end."),
    is("response_rate", "Rated contacts / closed contacts. Empty where scores are more than contacts."),
    is("mean_score", "The mean of the scores. Empty where scales differ."),
];

/// What is otherwise in `report scores --as livechat`.
pub(crate) const LIVECHAT_SCORES: [Definition; 3] = [
    is(
        "csat",
        "LiveChat's score: with n = good + bad, p = good / n, Z = 2.69 and k = Z² / 4n, (p + 2k − Z·√((k/n + p(1 − p)) / \
         n)) / (1 + 4k). A cautious lower bound; neutral scores are none there.",
    ),
    is("low", "Always empty: the score is itself a bound."),
    is("high", "Always empty: the score is itself a bound."),
];

/// `report workload`.
pub(crate) const WORKLOAD: [Definition; 11] = [
    is(
        "opened",
        "Contacts that were opened, whoever began them; surveys are in no figure here. By operator: under the first \
         replier, else the holder. By tag: under each tag that is on.",
    ),
    is("closed", "Contacts that were closed. By operator: under the last replier, else the holder."),
    is(
        "open_at_end",
        "Contacts that were open when the period was over, or now. By operator: under who held them then. By day: at the \
         end of the day. By hour: at the end of that hour on the last day.",
    ),
    is(
        "client_messages",
        "Messages of clients, when they were sent; deleted ones are in no figure here. By operator: under the contact's \
         first replier, else its holder.",
    ),
    is("operator_messages", "Messages of people to clients. By operator: under their sender."),
    is("bot_messages", "Messages of bots. By operator: under the bot."),
    is(
        "automation_messages",
        "Automatic messages. By operator: under the contact's first replier, else its holder.",
    ),
    is("people", "Clients who wrote, or to whom a person wrote; each once in a row."),
    is("operators", "People who wrote to clients; each once in a row."),
    is("operator_hours", "Local hours in which an operator wrote to a client, of all operators."),
    is(
        "people_per_operator_hour",
        "Clients to whom an operator wrote within one hour: the mean over operator_hours.",
    ),
];

/// `report menu`.
pub(crate) const MENU: [Definition; 7] = [
    is(
        "chosen",
        "Choices of menu items, as scripts tell them; each on the local day and hour of its contact's first client message. \
         Deleted ones are in no figure here.",
    ),
    is("clients", "Clients who chose; each once in a row."),
    is(
        "requests",
        "Contacts in which one was chosen. Under each item that was; by tag: under each tag that is on.",
    ),
    is(
        "left_out",
        "Contacts in which one was chosen and that have no response times: surveys, continuous chats, messages left while \
         nobody was there, and what the company began. They are in no other figure.",
    ),
    is(
        "asked",
        "Contacts in which the client, after the first choice in the row, wrote something that is no choice: the menu was \
         not enough.",
    ),
    is("asked_share", "asked / requests."),
    is(
        "first_response",
        "From that message to the first reply by a person after it. Bots, automatic messages and notes are no reply.",
    ),
];

/// `report tags`.
pub(crate) const TAGS: [Definition; 4] = [
    is(
        "put",
        "How often a tag was put on a request, by whomever; on the local day and hour of the request's first client message. \
         Putting on what is on counts for nothing.",
    ),
    is("removed", "How often it was taken off again."),
    is("requests", "Requests that a tag was put on, surveys too: scores are tags of theirs."),
    is("clients", "Clients of these requests; each once in a row."),
];

/// `report accounting`.
pub(crate) const ACCOUNTING: [Definition; 9] = [
    is("account_id", "The account."),
    is("road", "How the deliveries came: webhook, backfill, script, macro, tunnel."),
    is("appended", "Deliveries that were read from the log, by local day of receipt."),
    is("decoded", "Of them understood as a whole."),
    is("partly_rejected", "Of them understood in part; the rest is among the rejects."),
    is("rejected", "Of them not understood; their bytes are in the log."),
    is("erased", "Of them erased with a person."),
    is("facts", "Facts that they told, repetitions too."),
    is("facts_unchanged", "Facts that changed nothing, because they were known already."),
];

/// `report restatements`.
pub(crate) const RESTATEMENTS: [Definition; 13] = [
    is("restated_at", "When the change was noticed."),
    is("day", "The published local day."),
    is("dimension", "What the figure is grouped by: all, operator, channel, transport, hour, tag."),
    is("key", "Which of them."),
    is("metric", "The figure, as the other reports call it: first_response.mean, scores.csat."),
    is("old", "What it was last; empty where there was none."),
    is("new", "What it is; empty where there is none any more."),
    is("change", "new - old; empty where one of them is."),
    is(
        "cause",
        "late_delivery: it happened before the day was published and came after. continued: it went on after. refetch: a \
         list told it. configuration, rebuild, erased: somebody changed it on purpose. metric_version: these definitions \
         changed. unknown: nobody said anything new.",
    ),
    is(
        "detail",
        "What changed, in words: which part of the configuration, of which account. What operators' hours are \
         (operator_calendar) and who is in their groups (operator_groups) are parts of it.",
    ),
    is("delivery_id", "The last delivery that touched what the figure counts; chatledger trace shows it."),
    is("deliveries", "How many deliveries touched it since the look before."),
    is("metric_version", "The version of the definitions of the new value."),
];

/// `report completeness`.
pub(crate) const COMPLETENESS: [Definition; 8] = [
    is("day", "The local day; today is not over."),
    is(
        "subject",
        "What is counted: messages, requests, ratings; of request_tags and transfers there is no list.",
    ),
    is(
        "state",
        "green: the counts agree. explained: they do not, and the reason is known. not_provable: there is no count to \
         compare with. red: something is missing.",
    ),
    is(
        "reason",
        "Why it is not green. What the list of a day that was read does not show stands in for nothing that is missing: \
         both are named. Rows that came and could not be decoded are ours, and are among the rejects.",
    ),
    is("counted", "How many there are by the platform."),
    is("stored", "How many are stored."),
    is("counted_at", "When the platform was asked."),
    is(
        "refetched",
        "How often the day was fetched again because something was missing: at most three times a day, and no more after six \
         times that changed nothing, until something changes.",
    ),
];

/// Response times by somebody's rules, as a page explains them.
pub(crate) fn response_times(rules: Rules) -> Vec<Definition> {
    let figures = match rules {
        Rules::Chatledger => RESPONSE_TIMES,
        Rules::Chat2desk => CHAT2DESK,
        Rules::Livechat => LIVECHAT,
    };
    [&ROW[..], &figures, &SUMMARY].concat()
}

/// Scores by somebody's rules.
pub(crate) fn scores(rules: Rules) -> Vec<Definition> {
    let by_rules = |ours: Definition| {
        let theirs = LIVECHAT_SCORES.into_iter().find(|theirs| theirs.field == ours.field);
        theirs.filter(|_| rules == Rules::Livechat).unwrap_or(ours)
    };
    ROW.into_iter().chain(SCORES.map(by_rules)).collect()
}

/// Workload.
pub(crate) fn workload() -> Vec<Definition> {
    [&ROW[..], &WORKLOAD].concat()
}

/// Menu choices.
pub(crate) fn menu() -> Vec<Definition> {
    [&ROW[..], &MENU, &SUMMARY].concat()
}

/// Tags of requests.
pub(crate) fn tags() -> Vec<Definition> {
    [&ROW[..], &TAGS].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../../docs/metrics.md");

    /// Lines of the page below a heading of any rank, up to the next one of the same or a higher rank.
    fn section(heading: &str) -> Vec<&'static str> {
        let rank = heading.chars().take_while(|c| *c == '#').count();
        let ends = |line: &&str| {
            let found = line.chars().take_while(|c| *c == '#').count();
            found == 0 || found > rank
        };
        let lines: Vec<&str> =
            PAGE.lines().skip_while(|line| *line != heading).skip(1).take_while(ends).collect();
        assert!(!lines.is_empty(), "no {heading:?} in docs/metrics.md");
        lines
    }

    #[test]
    fn the_page_of_metrics_says_of_each_figure_what_the_reports_say() {
        let mut checked = 0;
        for (heading, definitions) in [
            ("### Every report", &ROW[..]),
            ("### report response-times", &RESPONSE_TIMES),
            ("### report response-times", &SUMMARY),
            ("### report response-times --as chat2desk", &CHAT2DESK),
            ("### report response-times --as livechat", &LIVECHAT),
            ("### report scores", &SCORES),
            ("### report scores --as livechat", &LIVECHAT_SCORES),
            ("### report workload", &WORKLOAD),
            ("### report menu", &MENU),
            ("### report tags", &TAGS),
            ("### report accounting", &ACCOUNTING),
            ("### report restatements", &RESTATEMENTS),
            ("### report completeness", &COMPLETENESS),
        ] {
            let lines = section(heading);
            for Definition { field, meaning } in definitions {
                let wanted = format!("| `{field}` | {meaning} |");
                assert!(lines.contains(&wanted.as_str()), "{heading} lacks the line\n{wanted}");
                checked += 1;
            }
        }
        assert_eq!(checked, 2 + 8 + 9 + 8 + 8 + 10 + 3 + 11 + 7 + 4 + 9 + 13 + 8);
    }

    #[test]
    fn what_documents_say_of_themselves_is_defined_too() {
        let lines = section("### Every report");
        for field in ["metric_version", "as", "by", "from", "to", "target_seconds", "rows"] {
            let named = format!("| `{field}` | ");
            assert!(lines.iter().any(|line| line.starts_with(&named)), "{field} is not defined");
        }
    }

    #[test]
    fn livechats_words_stand_in_place_of_ours() {
        let of = |rules, field| scores(rules).into_iter().find(|found| found.field == field).unwrap().meaning;
        assert_eq!(of(Rules::Chatledger, "csat"), "Good / rated.");
        assert!(of(Rules::Livechat, "csat").starts_with("LiveChat's score"));
        assert_eq!(of(Rules::Livechat, "rated"), of(Rules::Chatledger, "rated"));
    }
}
