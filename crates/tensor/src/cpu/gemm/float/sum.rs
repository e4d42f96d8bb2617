//! What a sum of products runs over.

use crate::cpu::matmul::K_BLOCK;

/// The products at the first so many k, or only at some of them: those that are left out add nothing. Either way the sum runs in blocks of [`K_BLOCK`] of all k.
#[derive(Clone, Copy)]
pub(in crate::cpu::gemm) struct Sum<'a> {
    len: usize,
    /// Ascending; as many as `len` says.
    picked: Option<&'a [usize]>,
    rounded: bool,
}

impl<'a> Sum<'a> {
    pub fn all(len: usize) -> Sum<'a> {
        Sum { len, picked: None, rounded: false }
    }

    pub fn picked(k: &'a [usize]) -> Sum<'a> {
        Sum { len: k.len(), picked: Some(k), rounded: false }
    }

    /// The same of operands that are rounded to bf16 on the way.
    pub fn rounded(self) -> Sum<'a> {
        Sum { rounded: true, ..self }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_rounded(&self) -> bool {
        self.rounded
    }

    /// Whether all k follow one another.
    pub fn is_whole(&self) -> bool {
        self.picked.is_none()
    }

    /// Whether an operand may be read where it lies.
    pub fn is_plain(&self) -> bool {
        self.is_whole() && !self.rounded
    }

    /// The `i`-th k.
    #[inline(always)]
    pub fn at(&self, i: usize) -> usize {
        self.picked.map_or(i, |picked| picked[i])
    }

    /// The blocks that have any k: which of the k each begins with, what to add to the places of its own, and those.
    pub fn blocks(self) -> impl Iterator<Item = (usize, usize, Sum<'a>)> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let begin = from;
            let (start, block) = match self.picked {
                _ if begin == self.len => return None,
                None => (begin, Sum::all(K_BLOCK.min(self.len - begin))),
                Some(picked) => {
                    let end = (picked[begin] / K_BLOCK + 1) * K_BLOCK;
                    let rest = &picked[begin..];
                    (0, Sum::picked(&rest[..rest.partition_point(|&k| k < end)]))
                }
            };
            from += block.len;
            Some((begin, start, Sum { rounded: self.rounded, ..block }))
        })
    }
}
