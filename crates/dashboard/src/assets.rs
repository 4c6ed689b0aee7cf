//! Style, script and icon: plain files in the binary, no build step, nobody else's server.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::routing::get;

const STYLE: &str = include_str!("../assets/dashboard.css");
const SCRIPT: &str = include_str!("../assets/dashboard.js");
const ICON: &str = include_str!("../assets/icon.svg");

/// `/assets/…`. Asked again each hour: after an update an open page has the new ones at its next load.
pub(crate) fn router() -> Router {
    let file = |content_type: &'static str, text: &'static str| {
        get(async move || {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
                (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600")),
            ];
            (headers, text)
        })
    };
    Router::new()
        .route(&style(), file("text/css; charset=utf-8", STYLE))
        .route(&script(), file("text/javascript; charset=utf-8", SCRIPT))
        .route("/assets/icon.svg", file("image/svg+xml", ICON))
}

/// The address of the style: another one for other content, so that no cache mixes versions.
pub(crate) fn style() -> String {
    format!("/assets/dashboard-{}.css", fingerprint(STYLE))
}

/// The address of the script.
pub(crate) fn script() -> String {
    format!("/assets/dashboard-{}.js", fingerprint(SCRIPT))
}

/// FNV-1a: tells versions apart, no more.
const fn fingerprint(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let (mut hash, mut at) = (0x811c_9dc5_u32, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}
