//! The output vocabulary over devices, for translating: each slice knows its most probable words, and they are merged.

use std::sync::Arc;

use rayon::prelude::*;
use unrolled_nn::Linear;
use unrolled_tensor::fused::{LinearTopK, LinearTopKArgs, LinearTopKPartials, TopKSlice, merge_top_k};
use unrolled_tensor::{Device, DeviceError, Rounding, Tensor, catch_device_error};

/// A projection cut into slices of the vocabulary, a copy of each on a device of its own.
#[derive(Clone, Debug)]
pub struct SplitProjection(Arc<[Slice]>);

#[derive(Debug)]
struct Slice {
    weight: Tensor,
    bias: Tensor,
    /// The word that it begins with.
    offset: usize,
}

impl SplitProjection {
    /// Slices of so many words, in the vocabulary's order, each on its device.
    ///
    /// # Panics
    /// Where a slice has no words, or all together have not the projection's; and with a [`DeviceError`] where a device has no room.
    #[track_caller]
    pub fn new(projection: &Linear, slices: &[(usize, Device)]) -> SplitProjection {
        let (words, cut) = (projection.weight.tensor().dim(0), slices.iter().map(|(words, _)| words).sum::<usize>());
        assert!(words == cut, "split projection: slices of {cut} words of a vocabulary of {words}");
        assert!(slices.iter().all(|(words, _)| *words > 0), "split projection: a slice without words");
        let mut offset = 0;
        let slice = |(words, device): &(usize, Device)| {
            // On its own device a copy too: what is kept packed or rounded belongs to a tensor's own storage, not to a view.
            let part = |x: &Tensor| {
                let part = x.narrow(0, offset, *words);
                if device == x.device() { part.copy() } else { part.contiguous().to_device(device) }
            };
            let (weight, bias) = (part(projection.weight.tensor()), part(projection.bias.tensor()));
            offset += words;
            Slice { weight, bias, offset: offset - words }
        };
        SplitProjection(slices.iter().map(slice).collect())
    }

    /// The `k` most probable words, or all where there are fewer, where the decoder's last layer has h = `hidden` `[n, H]`, and the word `watched`: the answer is
    /// where `hidden` is, and to rounding that of the projection in one piece.
    ///
    /// # Panics
    /// With a [`DeviceError`] where a device fails.
    #[track_caller]
    pub fn best_words(&self, hidden: &Tensor, k: usize, watched: usize) -> LinearTopK {
        let found: Result<Vec<LinearTopKPartials>, DeviceError> =
            self.0.par_iter().map(|slice| catch_device_error(|| slice.best_words(hidden, k, watched))).collect();
        let found = found.unwrap_or_else(|error| error.raise());
        let home = |x: &Tensor| x.to_device(hidden.device());
        let found: Vec<LinearTopKPartials> = found.iter().map(|partials| partials_at(partials, home)).collect();
        let slices: Vec<TopKSlice<'_>> =
            found.iter().zip(&*self.0).map(|(partials, slice)| TopKSlice { partials, offset: slice.offset }).collect();
        let words = self.0.iter().map(Slice::words).sum();
        let watching = self.0.iter().position(|slice| slice.place_of(watched).is_some());
        merge_top_k(&slices, k.min(words), watching.expect("a watched word is one of the vocabulary"))
    }

    /// Prepares the weights for many translations; see [`Tensor::keep_packed`].
    ///
    /// # Panics
    /// With a [`DeviceError`] where a device has no room.
    pub fn keep_packed(&self) {
        self.0.iter().for_each(|slice| slice.weight.keep_packed(1));
    }

    /// Rounds the weights from now on; see [`Tensor::keep_rounded`]. Says false where a device cannot.
    ///
    /// # Panics
    /// As [`keep_packed`](Self::keep_packed).
    pub fn keep_rounded(&self, to: Rounding) -> bool {
        self.0.iter().all(|slice| slice.weight.keep_rounded(1, to))
    }
}

impl Slice {
    fn words(&self) -> usize {
        self.weight.dim(0)
    }

    /// Where a word of the vocabulary is in the slice, if it is.
    fn place_of(&self, word: usize) -> Option<usize> {
        word.checked_sub(self.offset).filter(|&place| place < self.words())
    }

    fn best_words(&self, hidden: &Tensor, k: usize, watched: usize) -> LinearTopKPartials {
        let Slice { weight, bias, .. } = self;
        let device = weight.device();
        device.run(|| {
            let (k, watched) = (k.min(self.words()), self.place_of(watched).unwrap_or(0));
            let hidden = &hidden.to_device(device);
            Tensor::linear_top_k_partials(&LinearTopKArgs { hidden, weight, bias, k, watched })
        })
    }
}

fn partials_at(partials: &LinearTopKPartials, at: impl Fn(&Tensor) -> Tensor) -> LinearTopKPartials {
    let LinearTopKPartials { logits, words, watched, max, sum } = partials;
    LinearTopKPartials { logits: at(logits), words: at(words), watched: at(watched), max: at(max), sum: at(sum) }
}
