//! What an error of SMTP means: it depends on how far the talk had come (RFC 5321, 4.2 and 4.3.2).

use super::Sent;

/// How far a talk with a server has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Connection,
    Tls,
    Login,
    Sender,
    Recipient,
    Data,
    /// The message itself, up to the answer to its end: before it nothing is delivered, after it nobody knows.
    Message,
}

impl Stage {
    const fn word(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Tls => "tls",
            Self::Login => "login",
            Self::Sender => "sender",
            Self::Recipient => "recipient",
            Self::Data => "data",
            Self::Message => "message",
        }
    }
}

/// The meaning of a status, or of none (a time-out, a connection that was cut). `asks_for_login`: the server wants one,
/// and none is configured.
pub(super) fn judge(stage: Stage, status: Option<u16>, asks_for_login: bool) -> Sent {
    let Some(status) = status else {
        let reason = format!("smtp {}: no answer", stage.word());
        return match stage {
            Stage::Message => Sent::Unknown { wait: None, reason },
            Stage::Tls => Sent::Later { wait: None, is_broken: true, reason: "smtp tls failed".to_owned() },
            _ => Sent::Later { wait: None, is_broken: false, reason },
        };
    };
    let reason = format!("smtp {}: status {status}", stage.word());
    match (stage, status) {
        // Closing down.
        (_, 421) => Sent::Later { wait: None, is_broken: false, reason },
        (Stage::Recipient | Stage::Data | Stage::Message, 400..=499) => Sent::Retry { reason },
        (Stage::Recipient, 530) => Sent::Later { wait: None, is_broken: true, reason },
        (Stage::Recipient, 500..=599) if asks_for_login => {
            Sent::Later { wait: None, is_broken: true, reason }
        }
        (Stage::Recipient | Stage::Data | Stage::Message, _) => Sent::Refused { reason },
        (_, 400..=499) => Sent::Later { wait: None, is_broken: false, reason },
        // The server does not want us: the login, the sender or the address is wrong.
        _ => Sent::Later { wait: None, is_broken: true, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(sent: &Sent) -> &'static str {
        match sent {
            Sent::Accepted => "accepted",
            Sent::Later { is_broken: true, .. } => "broken",
            Sent::Later { .. } => "later",
            Sent::Retry { .. } => "retry",
            Sent::Unknown { .. } => "unknown",
            Sent::Refused { .. } => "refused",
        }
    }

    #[test]
    fn an_error_means_what_its_stage_makes_of_it() {
        for (stage, status, expected) in [
            (Stage::Connection, None, "later"),
            (Stage::Connection, Some(421), "later"),
            (Stage::Connection, Some(451), "later"),
            (Stage::Connection, Some(554), "broken"),
            (Stage::Tls, None, "broken"),
            (Stage::Tls, Some(454), "later"),
            (Stage::Login, Some(535), "broken"),
            (Stage::Login, Some(454), "later"),
            (Stage::Login, None, "later"),
            (Stage::Sender, Some(550), "broken"),
            (Stage::Sender, Some(451), "later"),
            (Stage::Recipient, Some(550), "refused"),
            (Stage::Recipient, Some(530), "broken"),
            (Stage::Recipient, Some(451), "retry"),
            (Stage::Recipient, Some(421), "later"),
            (Stage::Recipient, None, "later"),
            (Stage::Data, Some(451), "retry"),
            (Stage::Data, Some(554), "refused"),
            (Stage::Data, None, "later"),
            (Stage::Message, Some(552), "refused"),
            (Stage::Message, Some(452), "retry"),
            (Stage::Message, None, "unknown"),
        ] {
            assert_eq!(kind(&judge(stage, status, false)), expected, "{stage:?} {status:?}");
        }
        assert_eq!(kind(&judge(Stage::Recipient, Some(550), true)), "broken");
    }
}
