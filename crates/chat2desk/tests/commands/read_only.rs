//! A read-only client changes nothing, whatever the method of the command.

use chat2desk::Error;

use crate::server::Server;
use crate::{documented, later};

#[tokio::test]
async fn a_read_only_client_refuses_each_change_without_a_call_and_sends_each_read() {
    let server = Server::start().await;
    let client = server.reader();
    let (mut refused, mut sent) = (0, 0);
    for command in documented::commands().into_iter().chain(later::commands()) {
        server.book.answer(&command.answer);
        let calls = client.calls();
        let outcome = (command.call)(client.clone()).await;
        if command.changes {
            assert!(matches!(outcome, Err(Error::NotAllowed { .. })), "{}: {outcome:?}", command.line);
            assert_eq!(client.calls(), calls);
            assert_eq!(server.book.lines(), Vec::<String>::new());
            // Its answer waits for the next one.
            server.book.clear();
            refused += 1;
        } else {
            outcome.unwrap_or_else(|error| panic!("{}: {error}", command.line));
            assert_eq!(server.book.lines(), [command.line]);
            sent += 1;
        }
    }
    assert!(refused >= 40 && sent >= 50, "{refused} and {sent}");
}

#[tokio::test]
async fn the_gets_that_change_state_cannot_be_read_even_by_a_writer() {
    let server = Server::start().await;
    for path in [
        "/v1/messages/614/read",
        "/v1/messages/614/unread",
        "/v1/messages/614/transfer",
        "/v1/messages/614/transfer_to_group",
        "/v1/questions/5/send",
        "/gateway/delete_outbox",
    ] {
        let error = server.writer().read(path, &[]).await.unwrap_err();
        assert!(matches!(error, Error::NotAllowed { .. }), "{path}");
    }
    assert_eq!(server.book.lines(), Vec::<String>::new());
}
