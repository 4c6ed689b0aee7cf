//! The load: connections that each post one request after the other, and answer times.
//!
//! A client as light as can be, since it shares the processors with what is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::workload::{ACCOUNT, Hook, SECRET};

/// What the load saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Answers 200 a second.
    pub(crate) per_second: f64,
    /// 99 of 100 answers came within so many milliseconds.
    pub(crate) p99_ms: f64,
}

/// The bytes of one request each.
pub(crate) fn requests(hooks: &[Hook]) -> Arc<Vec<Vec<u8>>> {
    let request = |hook: &Hook| {
        format!(
            "POST /hooks/{ACCOUNT}/{SECRET} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n\
             x-signature: {}\r\nx-timestamp: {}\r\ncontent-length: {}\r\n\r\n{}",
            hook.signature,
            hook.timestamp,
            hook.body.len(),
            hook.body
        )
        .into_bytes()
    };
    Arc::new(hooks.iter().map(request).collect())
}

/// Posts over so many connections for so long. Any other answer than 200 ends the bench.
pub(crate) async fn post(
    address: SocketAddr,
    requests: &Arc<Vec<Vec<u8>>>,
    connections: usize,
    duration: Duration,
) -> anyhow::Result<Load> {
    let started = Instant::now();
    let mut posting = JoinSet::new();
    for connection in 0..connections {
        let first = connection * requests.len() / connections;
        posting.spawn(one(address, requests.clone(), first, started + duration));
    }
    let mut times: Vec<u32> = Vec::new();
    while let Some(ended) = posting.join_next().await {
        times.extend(ended??);
    }
    let seconds = started.elapsed().as_secs_f64();
    times.sort_unstable();
    let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    Ok(Load { per_second: times.len() as f64 / seconds, p99_ms: f64::from(p99) / 1000.0 })
}

/// Microseconds of each answer.
async fn one(
    address: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
    first: usize,
    until: Instant,
) -> anyhow::Result<Vec<u32>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut times = Vec::new();
    let mut buffer = vec![0; 4096];
    for request in requests.iter().cycle().skip(first) {
        let began = Instant::now();
        if began >= until {
            break;
        }
        stream.write_all(request).await?;
        let mut filled = 0;
        let head = loop {
            let read =
                stream.read(buffer.get_mut(filled..).context("a longer answer than expected")?).await?;
            anyhow::ensure!(read > 0, "the server hung up");
            filled += read;
            if buffer[..filled].ends_with(b"\r\n\r\n") {
                break std::str::from_utf8(&buffer[..filled])?;
            }
        };
        anyhow::ensure!(
            head.starts_with("HTTP/1.1 200") && head.contains("content-length: 0"),
            "answered {head}"
        );
        times.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    Ok(times)
}
