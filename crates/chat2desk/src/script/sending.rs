//! Commands that send or move.

use super::{Script, ScriptMessage, Transferred};
use crate::answer::Answer;
use crate::error::Error;
use crate::messages::{GroupTransfer, OutgoingMessage, SentMessage};

impl Script<'_> {
    /// Sends a message. At most 15 a second leave, together with those of all clones of the client: the next one waits.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for a read-only client, else by class; so for all commands here.
    pub async fn send_message(&self, message: &ScriptMessage) -> Result<SentMessage, Error> {
        let mut outgoing = OutgoingMessage {
            kind: message.kind.clone(),
            channel_id: message.channel_id,
            ..OutgoingMessage::to_client(message.client_id, message.text.as_str())
        };
        if message.text.is_empty() {
            outgoing.text = None;
        }
        if let Some(file) = &message.file {
            let place = if is_pdf(file) { &mut outgoing.pdf } else { &mut outgoing.attachment };
            *place = Some(file.clone());
        }
        self.client.must_write("POST", "/v1/messages")?;
        self.client.script_pace().take().await;
        self.client.send_message(&outgoing).await
    }

    /// Sends a self-service menu item.
    pub async fn send_question(&self, client_id: u64, question_id: u64) -> Result<Answer, Error> {
        self.client.send_question(question_id, client_id).await
    }

    /// Moves a dialog that has an operator to another one. REST has no place for the script's comment: give `None`, or
    /// read in the answer that it was left out.
    pub async fn transfer_dialog(
        &self,
        dialog_id: u64,
        operator_id: u64,
        comment: Option<&str>,
    ) -> Result<Transferred, Error> {
        let answer = self.client.assign_dialog(dialog_id, operator_id).await?;
        Ok(Transferred { answer, is_comment_left_out: comment.is_some() })
    }

    /// Gives a new chat to an operator. The comment as in [`Self::transfer_dialog`].
    pub async fn transfer_message(
        &self,
        message_id: u64,
        operator_id: u64,
        comment: Option<&str>,
    ) -> Result<Transferred, Error> {
        let answer = self.client.assign_message(message_id, operator_id).await?;
        Ok(Transferred { answer, is_comment_left_out: comment.is_some() })
    }

    /// Gives a chat to a group, which chooses the operator.
    pub async fn transfer_message_to_group(&self, message_id: u64, group_id: u64) -> Result<Answer, Error> {
        let transfer = GroupTransfer { message_id, group_id, force_assign: false };
        self.client.transfer_message_to_group(transfer).await
    }

    /// Sends a template by its quick command: finds it in the list of templates, then sends its text. What the vendor would
    /// fill into a placeholder is not known to REST: the text is sent as it stands.
    ///
    /// # Errors
    /// [`Error::NotFound`] when no template has this command, or it has no text.
    pub async fn send_template(&self, command: &str, client_id: u64) -> Result<SentMessage, Error> {
        self.client.must_write("POST", "/v1/messages")?;
        let mut templates = self.client.walk_templates();
        while let Some(page) = templates.next().await? {
            let found =
                page.items()?.into_iter().find(|template| template.command.as_deref() == Some(command));
            if let Some(text) = found.and_then(|template| template.text) {
                return self.send_message(&ScriptMessage::new(client_id, text)).await;
            }
        }
        Err(Error::NotFound)
    }

    /// Sends a menu item, or the root menu of the client's last channel without one.
    pub async fn send_menu_item(&self, client_id: u64, item_id: Option<u64>) -> Result<Answer, Error> {
        self.client.send_menu_item(client_id, item_id).await
    }

    /// Depreciated by the vendor on 2021-02-11; what it did is not in the manual.
    ///
    /// # Errors
    /// Always [`Error::NotInRest`].
    pub async fn moderate_message(&self) -> Result<Answer, Error> {
        Err(Error::NotInRest { command: "moderate_message", why: "depreciated by the vendor on 2021-02-11" })
    }
}

/// Whether an address names a PDF, whatever stands behind its path.
fn is_pdf(address: &str) -> bool {
    let path = address.split(['?', '#']).next().unwrap_or(address);
    path.len() >= 4
        && path.is_char_boundary(path.len() - 4)
        && path[path.len() - 4..].eq_ignore_ascii_case(".pdf")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pdf_is_told_by_its_path() {
        for address in ["https://x.example/a.pdf", "https://x.example/a.PDF?sign=1", "a.pdf#2"] {
            assert!(is_pdf(address), "{address}");
        }
        for address in ["https://x.example/a.jpg?of=b.pdf", "pdf", "", "х.png", "ключ"] {
            assert!(!is_pdf(address), "{address}");
        }
    }
}
