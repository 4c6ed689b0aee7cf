//! The events that can be registered (reference 3.4).

/// All of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the vendor's own names")]
pub enum Event {
    Inbox,
    Outbox,
    OutboxStatus,
    ImportedMessage,
    Comment,
    SystemMessage,
    NewClient,
    ClientUpdated,
    ClientAddedToBlacklist,
    NewRequest,
    CloseRequest,
    CloseDialog,
    DialogTransferred,
    AddTagToClient,
    DeleteTagFromClient,
    AddTagToRequest,
    DeleteTagFromRequest,
    NewTag,
    NewQrCode,
    OperatorStatusChanged,
    NewTicket,
    TicketUpdated,
    TicketDeleted,
}

impl Event {
    /// All, in the reference's order.
    pub const ALL: [Self; 23] = [
        Self::Inbox,
        Self::Outbox,
        Self::OutboxStatus,
        Self::ImportedMessage,
        Self::Comment,
        Self::SystemMessage,
        Self::NewClient,
        Self::ClientUpdated,
        Self::ClientAddedToBlacklist,
        Self::NewRequest,
        Self::CloseRequest,
        Self::CloseDialog,
        Self::DialogTransferred,
        Self::AddTagToClient,
        Self::DeleteTagFromClient,
        Self::AddTagToRequest,
        Self::DeleteTagFromRequest,
        Self::NewTag,
        Self::NewQrCode,
        Self::OperatorStatusChanged,
        Self::NewTicket,
        Self::TicketUpdated,
        Self::TicketDeleted,
    ];

    /// The name to register.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Outbox => "outbox",
            Self::OutboxStatus => "outbox_status",
            Self::ImportedMessage => "imported_message",
            Self::Comment => "comment",
            Self::SystemMessage => "system_message",
            Self::NewClient => "new_client",
            Self::ClientUpdated => "client_updated",
            Self::ClientAddedToBlacklist => "client_added_to_blacklist",
            Self::NewRequest => "new_request",
            Self::CloseRequest => "close_request",
            Self::CloseDialog => "close_dialog",
            Self::DialogTransferred => "dialog_transferred",
            Self::AddTagToClient => "add_tag_to_client",
            Self::DeleteTagFromClient => "delete_tag_from_client",
            Self::AddTagToRequest => "add_tag_to_request",
            Self::DeleteTagFromRequest => "delete_tag_from_request",
            Self::NewTag => "new_tag",
            Self::NewQrCode => "new_qr_code",
            Self::OperatorStatusChanged => "operator_status_changed",
            Self::NewTicket => "new_ticket",
            Self::TicketUpdated => "ticket_updated",
            Self::TicketDeleted => "ticket_deleted",
        }
    }

    /// The value of `hook_type`; one event says another word than its registered name.
    pub const fn hook_type(self) -> &'static str {
        match self {
            Self::OperatorStatusChanged => "operator_status_updated",
            other => other.name(),
        }
    }
}

/// The names that a registration may carry.
pub const NAMES: [&str; Event::ALL.len()] = {
    let mut names = [""; Event::ALL.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = Event::ALL[index].name();
        index += 1;
    }
    names
};
