//! The text, block by block.

use std::ops::Range;

use super::settings::Pieces;
use crate::corpus::{Corpus, CorpusError, Pair, Pairs};

/// Pairs that one thread works on at a time.
const CHUNK: usize = 1024;

/// Consecutive pairs of a corpus.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The number of the first in the corpus, from 0.
    pub first: u64,
    sides: [Column; 2],
}

/// Lines of one side, flat.
#[derive(Debug, Default)]
struct Column {
    text: String,
    ends: Vec<usize>,
}

impl Column {
    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.ends.push(self.text.len());
    }

    fn get(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[index]]
    }
}

impl Block {
    pub fn len(&self) -> usize {
        self.sides[0].ends.len()
    }

    /// The number of the first pair behind it.
    pub fn end(&self) -> u64 {
        self.first + self.len() as u64
    }

    /// The line of a side (0: source, 1: target).
    pub fn line(&self, side: usize, index: usize) -> &str {
        self.sides[side].get(index)
    }

    /// Its pairs in pieces for threads; where they are cut shows in nothing.
    pub fn chunks(&self) -> Vec<Range<usize>> {
        (0..self.len()).step_by(CHUNK).map(|start| start..self.len().min(start + CHUNK)).collect()
    }

    fn bytes(&self) -> usize {
        self.sides[0].text.len() + self.sides[1].text.len()
    }
}

/// Reads blocks.
pub(super) struct Blocks {
    pairs: Pairs,
    pair: Pair,
    next: u64,
    pieces: Pieces,
}

impl Blocks {
    pub fn open(corpus: &Corpus, pieces: Pieces) -> Result<Blocks, CorpusError> {
        Ok(Blocks { pairs: corpus.pairs()?, pair: Pair::default(), next: 0, pieces })
    }

    /// The next block, whose bounds depend on the text and `pieces` alone; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Block>, CorpusError> {
        let mut block = Block { first: self.next, ..Block::default() };
        while block.len() < self.pieces.block_pairs
            && block.bytes() < self.pieces.block_bytes
            && self.pairs.read(&mut self.pair)?
        {
            block.sides[0].push(&self.pair.source);
            block.sides[1].push(&self.pair.target);
        }
        self.next = block.end();
        Ok((block.len() > 0).then_some(block))
    }
}
