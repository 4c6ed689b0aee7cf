//! What the machine was like while it was measured.

use chrono::SecondsFormat;
use events::{Clock as _, SystemClock};
use serde_json::{Value, json};

/// Date, processors and load before anything was started.
pub(crate) fn describe() -> Value {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let processor = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or_else(|| "unknown".to_owned(), |name| name.trim_start_matches([' ', '\t', ':']).to_owned());
    let load = read("/proc/loadavg").split(' ').next().and_then(|load| load.parse::<f64>().ok());
    json!({
        "at": SystemClock.now().to_rfc3339_opts(SecondsFormat::Secs, true),
        "cores": cores,
        "processor": processor,
        "load_before": load,
        "profile": if cfg!(debug_assertions) { "dev" } else { "release" },
    })
}

/// The most memory that this process ever had, MiB.
pub(crate) fn peak_mib() -> f64 {
    let status = read("/proc/self/status");
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next());
    kib.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}

/// Processor seconds that this process has used: user and system.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = read("/proc/self/stat");
    // After the name, which may contain anything: state is field 3, so utime and stime are the 12th and 13th from here.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: f64 =
        after.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// Processor seconds that this thread has used, to the nanosecond; `None` where the kernel does not tell.
pub(crate) fn thread_seconds() -> Option<f64> {
    let nanos: f64 = read("/proc/thread-self/schedstat").split_whitespace().next()?.parse().ok()?;
    Some(nanos / 1e9)
}

/// Processor seconds of a process and of its children, gone ones included: of a Postgres server and its sessions.
pub(crate) fn cpu_seconds_below(pid: Option<i32>) -> f64 {
    let Some(pid) = pid else { return 0.0 };
    let fields = |stat: &str| -> Vec<f64> {
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        after.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect()
    };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ticks: f64 = processes
        .filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok())
        .map(|stat| {
            let is_own = stat.starts_with(&format!("{pid} "));
            let fields = fields(&stat);
            let sum =
                |from: usize, to: usize| fields.get(from..to).map_or(0.0, |some| some.iter().sum::<f64>());
            // Parent is field 4; own times are 14 and 15, those of children that were waited for 16 and 17.
            match fields.get(1) {
                _ if is_own => sum(11, 15),
                Some(&parent) if parent == f64::from(pid) => sum(11, 13),
                _ => 0.0,
            }
        })
        .sum();
    ticks / 100.0
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
