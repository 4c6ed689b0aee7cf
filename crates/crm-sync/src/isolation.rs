//! Finding the bad row of a message that was refused whole: halve until it stands alone.
//!
//! Only sizes are remembered. A refused row waits in its place, so the next claim takes the same oldest rows, fewer of
//! them; where other rows come between, it only costs a call more. At most 7 levels for 100 rows.

/// Sizes of the messages to come, the next one last.
#[derive(Debug, Default)]
pub(crate) struct Isolation(Vec<usize>);

impl Isolation {
    /// Most rows of the next message, where `batch` are usual.
    pub(crate) fn limit(&self, batch: usize) -> usize {
        self.0.last().copied().unwrap_or(batch).clamp(1, batch.max(1))
    }

    /// A message of `rows` was refused whole; returns `false` when it cannot be split any more.
    pub(crate) fn refused(&mut self, rows: usize) -> bool {
        self.0.pop();
        if rows < 2 {
            return false;
        }
        let first = rows.div_ceil(2);
        self.0.push(rows - first);
        self.0.push(first);
        true
    }

    /// A message was answered.
    pub(crate) fn answered(&mut self) {
        self.0.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `rows` of which some are bad; gives the number of messages and the bad ones found alone.
    fn play(mut rows: Vec<usize>, bad: &[usize]) -> (usize, Vec<usize>) {
        let (mut isolation, mut messages, mut found) = (Isolation::default(), 0, Vec::new());
        while !rows.is_empty() {
            messages += 1;
            let size = isolation.limit(100).min(rows.len());
            if !rows[..size].iter().any(|row| bad.contains(row)) {
                isolation.answered();
            } else if isolation.refused(size) {
                continue;
            } else {
                found.push(rows[0]);
            }
            rows.drain(..size);
        }
        (messages, found)
    }

    #[test]
    fn one_bad_row_of_a_hundred_is_found_in_seven_levels() {
        for bad in [0, 1, 42, 63, 99] {
            let (messages, found) = play((0..100).collect(), &[bad]);
            assert_eq!(found, [bad]);
            assert!(messages <= 15, "{messages} messages for row {bad}");
        }
    }

    #[test]
    fn all_bad_rows_are_found_and_the_others_go_through() {
        let bad = [3, 4, 77, 150, 249];
        let (messages, found) = play((0..250).collect(), &bad);
        assert_eq!(found, bad);
        assert!(messages < 100, "{messages}");
        let all: Vec<usize> = (0..100).collect();
        assert_eq!(play(all.clone(), &all).1, all, "even when there is no good one");
    }
}
