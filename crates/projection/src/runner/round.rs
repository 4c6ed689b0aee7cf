//! How many marks a round of folding takes: as many of conversations as keep what it reads within bounds.
//!
//! A round is one transaction and stands in memory. Two thousand short conversations are little; two thousand long ones, all of
//! them folded from the beginning because the configuration changed, are gigabytes. How long they are is known when they
//! are read, so a round learns from the one before. It is no hard bound: after many short ones a round of long ones may come.

use super::fold_marks::Folding;

/// Tellings that a round is to read at most: some dozens of MiB.
const MOST_TOLD: u64 = 50_000;
/// Marks of conversations in a first round that has to be careful: these tell what others are like.
const FIRST: u64 = 64;
/// A round is so many times as large as the one before at most. Rounds cost by their number.
const GROWTH: u64 = 32;

/// The size of the next round.
#[derive(Debug)]
pub(crate) struct Round {
    conversations: u64,
    /// Of every other kind: little is read of each.
    others: u64,
    most: u64,
}

impl Round {
    /// Begins with `most` marks of each kind, and never takes more: what is new of a conversation is little.
    pub(crate) fn new(most: i64) -> Self {
        let most = most.unsigned_abs().max(1);
        Self { conversations: most, others: most, most }
    }

    /// Begins with few conversations: they will be folded from their beginnings.
    pub(crate) fn careful(most: i64) -> Self {
        let round = Self::new(most);
        Self { conversations: FIRST.min(round.most), ..round }
    }

    /// Marks of conversations that the next round may take; a conversation may have several.
    pub(crate) fn conversations(&self) -> i64 {
        self.conversations.cast_signed()
    }

    /// Marks of every other kind that it may take.
    pub(crate) fn others(&self) -> i64 {
        self.others.cast_signed()
    }

    /// A round was folded. Only one that left some behind says that a larger one is wanted.
    pub(crate) fn folded(&mut self, folding: Folding) {
        self.others = (self.others * 2).min(self.most);
        // Younger marks of the same conversations come along: they cost nothing.
        let (taken, told) = ((folding.marks as u64).min(self.conversations), folding.told as u64);
        if taken == 0 {
            return;
        }
        let fits = (taken * MOST_TOLD / told.max(1)).clamp(1, self.most);
        if fits < self.conversations {
            self.conversations = fits;
        } else if taken == self.conversations {
            self.conversations = fits.min(self.conversations * GROWTH);
        }
    }

    /// A round failed: what ran into a timeout is not tried again at the same size.
    pub(crate) fn failed(&mut self) {
        self.conversations = (self.conversations / 2).max(1);
        self.others = (self.others / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folding(marks: usize, told: usize) -> Folding {
        Folding { subjects: marks, marks, told, is_full: true }
    }

    #[test]
    fn short_conversations_are_taken_by_the_thousand_and_long_ones_by_the_dozen() {
        let mut round = Round::careful(2_000);
        let mut sizes = Vec::new();
        for _ in 0..3 {
            let taken = round.conversations();
            sizes.push(taken);
            round.folded(folding(taken as usize, 20 * taken as usize));
        }
        assert_eq!(sizes, [64, 2_000, 2_000]);
        // Ten of them have 40,000 together now: it is what was taken that counts.
        round.folded(folding(10, 40_000));
        assert_eq!(round.conversations(), 12);
        round.folded(folding(12, 12 * 4_000));
        assert_eq!(round.conversations(), 12, "about what is wanted");
        round.folded(folding(12, 12 * 20));
        assert_eq!(round.conversations(), 384, "short again");
    }

    #[test]
    fn conversations_that_have_many_marks_are_taken_by_these_and_a_round_that_failed_grows_again() {
        let mut round = Round::new(2_000);
        (0..20).for_each(|_| round.failed());
        let mut sizes = Vec::new();
        for _ in 0..4 {
            let taken = round.conversations();
            sizes.push(taken);
            // Some twenty marks for each of them, and more of them near by.
            let subjects = taken as usize / 20 + 1;
            round.folded(Folding { subjects, marks: 3 * taken as usize, told: 30 * subjects, is_full: true });
        }
        assert_eq!(sizes, [1, 32, 1_024, 2_000]);
        // A hundred of them with 60,000 together: what is wanted is as much less.
        round.folded(Folding { subjects: 100, marks: 2_000, told: 60_000, is_full: true });
        assert_eq!(round.conversations(), 1_666);
    }

    #[test]
    fn what_was_not_full_or_had_no_conversation_says_nothing_of_a_larger_one() {
        let mut round = Round::careful(2_000);
        round.folded(folding(3, 9));
        round.folded(folding(0, 0));
        assert_eq!((round.conversations(), round.others()), (64, 2_000));
        round.folded(folding(1, usize::MAX));
        assert_eq!(round.conversations(), 1, "one is always taken");
        round.failed();
        assert_eq!((round.conversations(), round.others()), (1, 1_000));
        round.folded(folding(0, 0));
        assert_eq!((round.conversations(), round.others()), (1, 2_000));
        assert_eq!((Round::careful(7).conversations(), Round::new(7).others()), (7, 7));
        assert_eq!(Round::new(2_000).conversations(), 2_000);
    }
}
