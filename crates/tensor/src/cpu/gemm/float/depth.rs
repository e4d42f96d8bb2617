//! What a sum runs over.

use crate::cpu::matmul::K_BLOCK;

/// The first so many k, or only some of them: those that are left out add nothing. Either way the sum runs in blocks of [`K_BLOCK`] of all k.
#[derive(Clone, Copy)]
pub(super) struct Depth<'a> {
    len: usize,
    /// Ascending; as many as `len` says.
    picked: Option<&'a [usize]>,
}

impl<'a> Depth<'a> {
    pub fn all(len: usize) -> Depth<'a> {
        Depth { len, picked: None }
    }

    pub fn picked(k: &'a [usize]) -> Depth<'a> {
        Depth { len: k.len(), picked: Some(k) }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether all k follow one another.
    pub fn is_whole(&self) -> bool {
        self.picked.is_none()
    }

    /// The `i`-th k.
    #[inline(always)]
    pub fn at(&self, i: usize) -> usize {
        self.picked.map_or(i, |picked| picked[i])
    }

    /// The blocks that have any k: which of the k each begins with, what to add to the places of its own, and those.
    pub fn blocks(self) -> impl Iterator<Item = (usize, usize, Depth<'a>)> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let begin = from;
            let (start, block) = match self.picked {
                _ if begin == self.len => return None,
                None => (begin, Depth::all(K_BLOCK.min(self.len - begin))),
                Some(picked) => {
                    let end = (picked[begin] / K_BLOCK + 1) * K_BLOCK;
                    let rest = &picked[begin..];
                    (0, Depth::picked(&rest[..rest.partition_point(|&k| k < end)]))
                }
            };
            from += block.len;
            Some((begin, start, block))
        })
    }
}
