//! Why there can be no target.

/// What is wrong with the settings of a target. None of the texts repeats a value: addresses and headers may be secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// Not an http or https address with a host.
    #[error("must be an https address")]
    Address,
    /// Plain http, and private receivers are not allowed.
    #[error(
        "must begin with https:// (http:// only reaches private addresses, and needs allow_private = true)"
    )]
    Plain,
    /// A user name or password in the address.
    #[error("must not contain a user name or password: send a header instead")]
    Login,
    /// An address that is loopback, private or reserved.
    #[error("is a private or reserved address: set allow_private = true if you mean a private one")]
    Private,
    /// An address that is never reached, whatever is allowed.
    #[error("is an address that is never called (unspecified, multicast, reserved or cloud metadata)")]
    Never,
    /// A secret that is not `whsec_` and base64 of 24 to 64 bytes.
    #[error("must be whsec_ followed by base64 of 24 to 64 bytes")]
    Secret,
    /// A header that cannot be sent or is one of ours.
    #[error("has a header that cannot be sent or that is set by the program itself")]
    Header,
    /// A root certificate that cannot be read.
    #[error("has a root certificate that cannot be read")]
    Certificate,
    /// The HTTP client cannot be built.
    #[error("the http client cannot be built")]
    Client,
}
