//! QR codes (chat2desk.md 2.1 command 26).
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! let answer = client.decode_qr("https://storage.example.org/inbox/1.jpg").await?;
//! println!("{:?}", answer.field("text").is_some());
//! # Ok(()) }
//! ```

use reqwest::Method;

use crate::answer::Answer;
use crate::client::{Change, Client};
use crate::error::Error;
use crate::query::Fields;

impl Client {
    /// Reads the QR code in a picture: `POST /v1/qr-decode`. The answer is not published. It changes nothing that is
    /// known of, but it is a POST: only a client that may write sends it.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for a read-only client, else by class.
    pub async fn decode_qr(&self, image_address: &str) -> Result<Answer, Error> {
        let body = Fields::default().with("image_path", image_address);
        Answer::parse(&self.change(Change::new(Method::POST, "/v1/qr-decode").body(body)).await?)
    }
}
