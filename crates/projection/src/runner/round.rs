//! How many subjects a round of folding takes: as many as keep what it reads within bounds.
//!
//! A round is one transaction and stands in memory. Two thousand short conversations are little; two thousand long ones, all of
//! them folded from the beginning because the configuration changed, are gigabytes. How long they are is known when they
//! are read, so a round learns from the one before.

use super::fold_marks::Folding;

/// Tellings that a round is to read at most: some dozens of MiB.
const MOST_TOLD: i64 = 50_000;
/// Subjects of the first round, while nothing is known.
const FIRST: i64 = 250;

/// The size of the next round.
#[derive(Debug)]
pub(crate) struct Round {
    subjects: i64,
    most: i64,
}

impl Round {
    /// Never more than `most` subjects.
    pub(crate) fn new(most: i64) -> Self {
        Self { subjects: FIRST.min(most), most }
    }

    /// Subjects that the next round may take.
    pub(crate) fn subjects(&self) -> i64 {
        self.subjects
    }

    /// A round was folded. Only a full one says that a larger one would be read within bounds.
    pub(crate) fn folded(&mut self, folding: Folding) {
        let told = i64::try_from(folding.told).unwrap_or(i64::MAX);
        if told > MOST_TOLD {
            let share = i128::from(self.subjects) * i128::from(MOST_TOLD) / i128::from(told);
            self.subjects = i64::try_from(share).unwrap_or(1).max(1);
        } else if folding.is_full && told <= MOST_TOLD / 2 {
            self.subjects = self.subjects.saturating_mul(2).min(self.most);
        }
    }

    /// A round failed: what ran into a timeout is not tried again at the same size.
    pub(crate) fn failed(&mut self) {
        self.subjects = (self.subjects / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(told: usize) -> Folding {
        Folding { subjects: 1, told, is_full: true }
    }

    #[test]
    fn short_conversations_are_taken_by_the_thousand_and_long_ones_by_the_dozen() {
        let mut round = Round::new(2_000);
        let mut sizes = Vec::new();
        for _ in 0..5 {
            sizes.push(round.subjects());
            round.folded(full(20 * round.subjects() as usize));
        }
        assert_eq!(sizes, [250, 500, 1_000, 2_000, 2_000]);
        // Each of them has 4,000 now.
        round.folded(full(2_000 * 4_000));
        assert_eq!(round.subjects(), 12);
        round.folded(full(12 * 4_000));
        assert_eq!(round.subjects(), 12, "about what is wanted");
        round.folded(full(12 * 20));
        assert_eq!(round.subjects(), 24, "short again");
    }

    #[test]
    fn a_round_that_is_not_full_says_nothing_of_a_larger_one_and_one_subject_is_always_taken() {
        let mut round = Round::new(2_000);
        round.folded(Folding { subjects: 3, told: 9, is_full: false });
        assert_eq!(round.subjects(), 250);
        round.folded(full(usize::MAX));
        assert_eq!(round.subjects(), 1);
        round.failed();
        assert_eq!(round.subjects(), 1);
        assert_eq!(Round::new(7).subjects(), 7);
    }
}
