//! Which paths only read.
//!
//! Four GET commands of the vendor's manual change state or destroy, and a later fifth does (chat2desk.md 2.1, commands 21, 33,
//! 36, 38; 2.2), so "every GET is safe" does not hold: a read goes out only when its path is on this list. The five are
//! methods of their own, which need [`Access::ReadWrite`](crate::Access::ReadWrite).

/// `*` stands for one decimal id.
const READS: &[&str] = &[
    "/v1/access_rights",
    "/v1/access_rights/*",
    "/v1/channels",
    "/v1/channels/*",
    "/v1/channels/*/clients",
    "/v1/clients",
    "/v1/clients/*",
    "/v1/clients/*/dialogs",
    "/v1/clients/*/last_question",
    "/v1/clients/*/questions",
    "/v1/clients/*/transport",
    "/v1/companies/api_info",
    "/v1/companies/info",
    "/v1/countries",
    "/v1/custom_client_fields",
    "/v1/dialogs",
    "/v1/dialogs/*",
    "/v1/dialogs/unanswered",
    "/v1/help/api_modes",
    "/v1/help/dialog_states",
    "/v1/help/message_types",
    "/v1/help/roles",
    "/v1/help/tickets",
    "/v1/help/transports",
    "/v1/messages",
    "/v1/messages/*",
    "/v1/operators",
    "/v1/operators/*",
    "/v1/operators/statuses",
    "/v1/operators_groups",
    "/v1/regions",
    "/v1/requests/*",
    "/v1/requests/*/messages",
    "/v1/scenarios/menu_items",
    "/v1/statistics",
    "/v1/tags",
    "/v1/tags/*",
    "/v1/templates",
    "/v1/templates/*",
    "/v1/tickets",
    "/v1/tickets/*",
    "/v1/web_analytics_data",
    "/v1/webhooks",
    "/v1/webhooks/*",
];

/// Whether a GET of `path` (without a query) only reads.
pub fn reads(path: &str) -> bool {
    READS.iter().any(|pattern| fits(pattern, path))
}

fn fits(pattern: &str, path: &str) -> bool {
    let is_id = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some("*"), Some(part)) if is_id(part) => {}
            (Some(wanted), Some(part)) if wanted == part => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_get_that_changes_state_is_no_read() {
        for path in [
            "/v1/messages/900001/transfer_to_group",
            "/v1/messages/900001/transfer",
            "/v1/messages/900001/read",
            "/v1/messages/900001/unread",
            "/v1/questions/5/send",
            "/gateway/delete_outbox",
            "/v1/gateway/delete_outbox",
            "/v1/messages/",
            "/v1/messages/..",
            "/v1/messages/1%2Fread",
            "",
        ] {
            assert!(!reads(path), "{path}");
        }
        for path in ["/v1/messages", "/v1/messages/900001", "/v1/requests/7/messages", "/v1/statistics"] {
            assert!(reads(path), "{path}");
        }
    }
}
