//! Who is there and what they say: an invented shop for the mountains in Almaty. All names are made up.

use chrono::{DateTime, Utc};

use crate::chat2desk::Id;
use crate::chat2desk::model::{Channel, Group, Operator, Tag, World};

/// The bot operator.
pub(super) const BOT: Id = 7_009;

/// A person at work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Colleague {
    pub(super) id: Id,
    pub(super) name: &'static str,
    /// Median seconds to a reply when it is quiet.
    pub(super) reply_seconds: f64,
    pub(super) saturdays: bool,
}

const fn colleague(id: Id, name: &'static str, reply_seconds: f64, saturdays: bool) -> Colleague {
    Colleague { id, name, reply_seconds, saturdays }
}

/// From quick to slow.
pub(super) const STAFF: [Colleague; 8] = [
    colleague(7_001, "Sanirai", 35.0, true),
    colleague(7_002, "Dauletan", 50.0, false),
    colleague(7_003, "Ayimgul", 75.0, false),
    colleague(7_004, "Timrelan", 110.0, true),
    colleague(7_005, "Belkaya", 160.0, false),
    colleague(7_006, "Nurvesh", 240.0, true),
    colleague(7_007, "Oralien", 380.0, false),
    colleague(7_008, "Zharkyn-May", 600.0, false),
];

const FIRST: [&str; 24] = [
    "Aruvan",
    "Bekzhara",
    "Dinarai",
    "Ermelan",
    "Farisol",
    "Gulmerei",
    "Ilyaran",
    "Kamshat-Li",
    "Laurelin",
    "Madiyen",
    "Nazarel",
    "Olzhavir",
    "Perizel",
    "Rustavan",
    "Sabirel",
    "Talgara",
    "Ulpanei",
    "Venarai",
    "Yerlisan",
    "Zarinel",
    "Asemil",
    "Botagel",
    "Korkemai",
    "Sholpanei",
];

/// The pleasant invented name of the nth client.
pub(super) fn client_name(number: usize) -> String {
    let first = FIRST.get(number % FIRST.len()).copied().unwrap_or("Client");
    format!("{first} {}", number + 1)
}

/// What a chat is about: tag label, openings, follow-ups of the client, answers of the operator.
pub(super) struct Topic {
    pub(super) tag: &'static str,
    pub(super) openings: &'static [&'static str],
    pub(super) follow_ups: &'static [&'static str],
    pub(super) answers: &'static [&'static str],
}

/// All topics.
pub(super) const TOPICS: [Topic; 5] = [
    Topic {
        tag: "delivery",
        openings: &[
            "Good day, where is my order?",
            "Has the courier left already?",
            "Do you deliver to Abay Avenue?",
        ],
        follow_ups: &[
            "And what time will he come?",
            "Can he call before?",
            "The gate code is 17.",
            "Is the evening possible?",
        ],
        answers: &[
            "It left the warehouse this morning.",
            "The courier is near Dostyk Avenue now.",
            "Yes, between six and eight.",
            "I have told the courier.",
        ],
    },
    Topic {
        tag: "stock",
        openings: &[
            "Is the two-person tent in stock?",
            "Do you have size 42 of the trail boots?",
            "Any sleeping bags for minus ten?",
        ],
        follow_ups: &[
            "In green?",
            "Could you put one aside?",
            "Until Saturday please.",
            "And what does it weigh?",
        ],
        answers: &[
            "Yes, three are left.",
            "The green one comes on Thursday.",
            "I have put one aside for you.",
            "A little under two kilograms.",
        ],
    },
    Topic {
        tag: "rental",
        openings: &[
            "How much is a snowboard for the weekend?",
            "Do you rent crampons?",
            "Can I return the poles on Monday?",
        ],
        follow_ups: &["Is a deposit needed?", "With boots?", "We are four people.", "We go to the lake."],
        answers: &[
            "A weekend counts as one day and a half.",
            "A deposit or a document is enough.",
            "Boots are included.",
            "For groups of four there is a discount.",
        ],
    },
    Topic {
        tag: "return",
        openings: &[
            "The jacket is too small, can I change it?",
            "The zip broke after two days.",
            "I would like my money back.",
        ],
        follow_ups: &[
            "I still have the receipt.",
            "Here is a photo.",
            "How long does it take?",
            "That is too long.",
        ],
        answers: &[
            "Of course, bring it within fourteen days.",
            "I am sorry. We shall repair or change it.",
            "Three working days.",
            "I asked the store, one moment.",
        ],
    },
    Topic {
        tag: "advice",
        openings: &[
            "Which boots for the Kok-Zhailau trail in March?",
            "What do I need for a night in the mountains?",
            "Is a gas stove allowed in the cable car?",
        ],
        follow_ups: &[
            "And with children?",
            "I have been there once.",
            "Something lighter?",
            "Thank you, that helps.",
        ],
        answers: &[
            "Waterproof ones with a firm sole.",
            "A warm bag, a mat and a head torch.",
            "Without the cartridge, yes.",
            "I am sending you our list.",
        ],
    },
];

/// Words that fill a burst.
pub(super) const FILLERS: [&str; 6] = [
    "Hello?",
    "I mean the blue one",
    "Sorry, one more thing",
    "Are you there?",
    "Thanks in advance",
    "It is a bit urgent",
];

/// Group of the score tags.
const SCORES: [&str; 5] = ["score-1", "score-2", "score-3", "score-4", "score-5"];

/// Puts staff, groups, channels and tags into an empty world.
pub(super) fn settle(world: &mut World, now: DateTime<Utc>) {
    let account = |id: Id, name: &str, last: &str, bot: bool| Operator {
        id,
        email: format!("operator.{id}@example.org"),
        first_name: name.into(),
        last_name: last.into(),
        role: if id == 7_002 { "supervisor" } else { "operator" }.into(),
        online: bot,
        offline_type: None,
        last_visit: now,
        phone: None,
        external_id: None,
        bot,
    };
    for person in &STAFF {
        world.operators.insert(person.id, account(person.id, person.name, "", false));
    }
    world.operators.insert(BOT, account(BOT, "Barsik", "bot", true));
    let group =
        |id, name: &str, operators: &[Id]| Group { id, name: name.into(), operators: operators.to_vec() };
    world.groups = vec![
        group(301, "Sales", &[7_001, 7_003, 7_005, 7_007]),
        group(302, "Support", &[7_002, 7_004, 7_006, 7_008]),
        group(303, "Saturday", &[7_001, 7_004, 7_006]),
    ];
    let channel = |id, name: &str, phone: &str, transports: &[&str]| Channel {
        id,
        name: name.into(),
        phone: phone.into(),
        transports: transports.iter().map(|name| (*name).to_owned()).collect(),
    };
    world.channels = vec![
        channel(12, "Main number", "77090000001", &["whatsapp", "viber"]),
        channel(13, "Telegram", "tien_shan_demo_bot", &["telegram"]),
        channel(14, "Site", "shop.example.org", &["widget"]),
        channel(15, "Instagram", "tien_shan_demo", &["insta_direct"]),
    ];
    let tag = |id, group_id, group_name: &str, label: &str| Tag {
        id,
        group_id,
        group_name: group_name.into(),
        label: label.into(),
        description: String::new(),
    };
    world.tags = vec![tag(601, 60, "Segments", "VIP"), tag(602, 60, "Segments", "Club member")];
    for (id, label) in (611..).zip(SCORES) {
        world.tags.push(tag(id, 61, "Scores", label));
    }
    for (id, topic) in (621..).zip(&TOPICS) {
        world.tags.push(tag(id, 62, "Topics", topic.tag));
    }
    world.score_tags = [611, 612, 613, 614, 615];
    world.holdings = super::holdings::holdings(now);
}

/// The tag id of a topic.
pub(super) fn topic_tag(topic: usize) -> Id {
    621 + topic as Id
}
