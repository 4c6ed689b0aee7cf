//! Scripted faults: bad things that the service does on purpose, queued for an operation.
//!
//! A fault belongs to a method and a path prefix, lets `skip` matching calls pass, and then strikes `times` times.
//! Of several that match, the oldest strikes. [`Faults::strike`] only decides; the server carries it out.

use serde::{Deserialize, Serialize};

/// What happens instead of, or around, the honest answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Misdeed {
    /// Nothing is done; this status and text are answered.
    Refuse {
        /// HTTP status.
        status: u16,
        /// Body, as it is.
        #[serde(default)]
        body: String,
    },
    /// It is done, and the connection is cut before the answer.
    LoseAnswer,
    /// Nothing happens until the name is released; then it is done and answered.
    Hold {
        /// Name to release.
        name: String,
    },
    /// It is done; the answer comes so much later, in real time.
    Late {
        /// Milliseconds.
        milliseconds: u64,
    },
    /// 429.
    TooMany {
        /// Seconds for `Retry-After`; without it the header is missing.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// 500 with an HTML page.
    ServerError,
    /// 200 with an HTML page.
    Html,
    /// 200 with the first half of the honest answer.
    TruncatedJson,
    /// The text of a spent quota.
    QuotaSpent,
    /// New clients write just before the answer, so that rows shift while a list is paged.
    InsertRows {
        /// How many.
        count: u32,
    },
    /// The offset is ignored on this list too: each page is the first.
    OffsetIgnored,
    /// The newest message but `back` is not shown for so many seconds: it becomes visible after higher ids.
    LateId {
        /// 0 is the newest.
        #[serde(default)]
        back: usize,
        /// Seconds of the world's time.
        seconds: u32,
    },
}

/// A fault and where it strikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Method; absent is any.
    #[serde(default)]
    pub method: Option<String>,
    /// Start of the path, as `/v1/messages`.
    pub path: String,
    /// Matching calls that pass first.
    #[serde(default)]
    pub skip: u32,
    /// How often it strikes.
    #[serde(default = "once")]
    pub times: u32,
    /// What it does.
    #[serde(flatten)]
    pub misdeed: Misdeed,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// Strikes the next call below `path`, once.
    pub fn at(path: &str, misdeed: Misdeed) -> Self {
        Self { method: None, path: path.into(), skip: 0, times: 1, misdeed }
    }

    /// Strikes so often.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Lets so many matching calls pass first.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }
}

/// The queue of faults.
#[derive(Debug, Default)]
pub struct Faults {
    queue: Vec<Fault>,
}

impl Faults {
    /// Adds one behind the others.
    pub fn push(&mut self, fault: Fault) {
        if fault.times > 0 {
            self.queue.push(fault);
        }
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.queue.clear();
    }

    /// Those that have not struck out.
    pub fn waiting(&self) -> &[Fault] {
        &self.queue
    }

    /// What befalls this call, if anything. Uses it up.
    pub fn strike(&mut self, method: &str, path: &str) -> Option<Misdeed> {
        let matches = |fault: &Fault| {
            path.starts_with(&fault.path)
                && fault.method.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(method))
        };
        let mut struck = None;
        for (index, fault) in self.queue.iter_mut().enumerate().filter(|(_, fault)| matches(fault)) {
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            fault.times -= 1;
            struck = Some((index, fault.misdeed.clone(), fault.times == 0));
            break;
        }
        let (index, misdeed, over) = struck?;
        if over {
            self.queue.remove(index);
        }
        Some(misdeed)
    }
}
