//! A body off the wire within bounds, inflated when it was gzip.

use std::io::Read as _;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use futures::StreamExt as _;

use super::budget::Reservation;

/// Most bytes of one request on the wire.
pub(super) const WIRE_LIMIT: usize = 2 << 20;
/// Most bytes of one request after inflating.
pub(super) const INFLATED_LIMIT: usize = 8 << 20;
/// Read and thrown away of a body that is too large, so that its sender reads our answer instead of a reset.
const DRAIN_LIMIT: usize = 8 << 20;

/// Why a body was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Over a limit.
    TooLarge,
    /// No room now, or the sender broke off.
    Unavailable,
}

/// A body as it goes into the log.
#[derive(Debug)]
pub(super) struct Inflated {
    pub(super) bytes: Bytes,
    /// `Content-Encoding`, when the bytes are still encoded.
    pub(super) encoding: Option<String>,
}

/// Reads the body as it came. Memory is reserved as the bytes arrive: a promise in a header holds none.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    reservation: &mut Reservation,
) -> Result<Bytes, Refused> {
    let mut chunks = body.into_data_stream();
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    let mut bytes = BytesMut::new();
    let mut too_large = announced.is_some_and(|length| length > WIRE_LIMIT as u64);
    let mut drained = 0;
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else { return Err(Refused::Unavailable) };
        too_large = too_large || bytes.len() + chunk.len() > WIRE_LIMIT;
        if too_large {
            bytes = BytesMut::new();
            drained += chunk.len();
            if drained > DRAIN_LIMIT {
                break;
            }
        } else if reservation.grow(chunk.len()) {
            bytes.extend_from_slice(&chunk);
        } else {
            return Err(Refused::Unavailable);
        }
    }
    if too_large { Err(Refused::TooLarge) } else { Ok(bytes.freeze()) }
}

/// Inflates gzip. What is encoded in another way, or does not inflate, is kept as it came and says so.
/// Blocks the thread while it inflates.
pub(super) fn inflate(
    encoding: Option<String>,
    wire: Bytes,
    reservation: &mut Reservation,
) -> Result<Inflated, Refused> {
    match encoding.as_deref().map(str::trim) {
        None | Some("") => return Ok(Inflated { bytes: wire, encoding: None }),
        Some(name) if name.eq_ignore_ascii_case("identity") => {
            return Ok(Inflated { bytes: wire, encoding: None });
        }
        Some(name) if is_gzip(name) => {}
        Some(_) => return Ok(Inflated { bytes: wire, encoding }),
    }
    let mut decoder = MultiGzDecoder::new(wire.as_ref());
    let mut inflated = BytesMut::new();
    let mut chunk = [0; 16 << 10];
    loop {
        match decoder.read(&mut chunk) {
            Ok(0) => return Ok(Inflated { bytes: inflated.freeze(), encoding: None }),
            Ok(read) if inflated.len() + read > INFLATED_LIMIT => return Err(Refused::TooLarge),
            Ok(read) if !reservation.grow(read) => return Err(Refused::Unavailable),
            Ok(read) => inflated.extend_from_slice(&chunk[..read]),
            Err(_) => return Ok(Inflated { bytes: wire, encoding }),
        }
    }
}

pub(super) fn is_gzip(encoding: &str) -> bool {
    let encoding = encoding.trim();
    encoding.eq_ignore_ascii_case("gzip") || encoding.eq_ignore_ascii_case("x-gzip")
}
