//! Calls that wait for a name to be released.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// The names under which calls wait.
#[derive(Debug, Default)]
pub(super) struct Gates {
    held: Vec<(String, Arc<Semaphore>)>,
}

impl Gates {
    /// Where a call waits: acquiring ends when the gate is closed, for there never is a permit.
    pub(super) fn gate(&mut self, name: &str) -> Arc<Semaphore> {
        if let Some((_, gate)) = self.held.iter().find(|(held, gate)| held == name && !gate.is_closed()) {
            return gate.clone();
        }
        let gate = Arc::new(Semaphore::new(0));
        self.held.push((name.to_owned(), gate.clone()));
        gate
    }

    /// Lets the calls under `name` go on.
    pub(super) fn release(&mut self, name: &str) {
        self.held.retain(|(held, gate)| {
            if held == name {
                gate.close();
            }
            held != name
        });
    }

    /// Names under which calls wait.
    pub(super) fn count(&self) -> usize {
        self.held.len()
    }
}
