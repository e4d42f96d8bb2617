//! A device's verbs with a clock around each.

use std::sync::Arc;

use super::{Call, Profile};
use crate::fused::{
    CrossEntropy, CrossEntropyArgs, CrossEntropyGradients, CrossEntropyPartials, KeptLogits, KeptRows, LinearTopK,
    LinearTopKArgs, LinearTopKPartials, LstmArgs, LstmDataGradients, LstmGradients, LstmOutput, LstmOutputGradients,
    LstmWeightArgs, LstmWeightGradients, MergedPartials,
};
use crate::ops::{Binary, Compare, Distribution, Reduce, Unary, Update};
use crate::random::Key;
use crate::{Backend, DType, Device, Event, MatmulPrecision, Memory, Recorder, Result, Rounding, Storage, Tensor};

/// A device, forwarded.
#[derive(Debug)]
pub(super) struct Profiled {
    device: Device,
    profile: Arc<Profile>,
}

impl Profiled {
    pub(super) fn new(device: Device, profile: Arc<Profile>) -> Profiled {
        Profiled { device, profile }
    }
}

/// Each verb as the device's, timed, with what it is called in the report.
macro_rules! timed {
    ($($verb:ident($($argument:ident: $type:ty),*) -> $answer:ty => $call:expr;)*) => {$(
        fn $verb(&self, $($argument: $type),*) -> $answer {
            let _watch = self.profile.watch(|| $call);
            let answer = self.device.backend().$verb($($argument),*)?;
            // A device that works while the program goes on would have its time counted at whatever waits for it.
            self.device.backend().synchronize()?;
            Ok(answer)
        }
    )*};
}

/// Each verb as the device's, untimed.
macro_rules! forwarded {
    ($($verb:ident($($argument:ident: $type:ty),*) $(-> $answer:ty)?;)*) => {$(
        fn $verb(&self, $($argument: $type),*) $(-> $answer)? {
            self.device.backend().$verb($($argument),*)
        }
    )*};
}

// rustfmt moves the verbs to the right, further each time.
#[rustfmt::skip]
impl Backend for Profiled {
    fn profile(&self) -> Option<&Profile> {
        Some(&self.profile)
    }

    /// Each verb is to be timed.
    fn recorder(&self) -> Option<&dyn Recorder> {
        None
    }

    forwarded! {
        name() -> String;
        memory() -> Memory;
        reset_peak();
        run(work: &mut (dyn FnMut() + Send));
        record() -> Result<Event>;
        wait(event: &Event) -> Result<()>;
        set_matmul_precision(precision: MatmulPrecision);
        matmul_precision() -> MatmulPrecision;
    }

    timed! {
        upload(bytes: &[u8], dtype: DType) -> Result<Storage> => Call::elements("upload", bytes.len() / dtype.size(), dtype);
        download(x: &Tensor, bytes: &mut [u8]) -> Result<()> => Call::on("download", &[x]);
        copy_from(x: &Tensor, made: Option<&Event>) -> Result<Option<Storage>> => Call::on("copy_from", &[x]);
        fill(value: f64, len: usize, dtype: DType) -> Result<Storage> => Call::elements("fill", len, dtype);
        synchronize() -> Result<()> => Call::of("synchronize", String::new());
        cast(x: &Tensor, dtype: DType) -> Result<Storage> => if x.dtype() == dtype { Call::on("copy", &[x]) } else { Call::on("cast", &[x]) };
        unary(op: Unary, x: &Tensor) -> Result<Storage> => Call::on(op.name(), &[x]);
        binary(op: Binary, a: &Tensor, b: &Tensor) -> Result<Storage> => Call::on(op.name(), &[a]);
        compare(op: Compare, a: &Tensor, b: &Tensor) -> Result<Storage> => Call::on(op.name(), &[a]);
        select(condition: &Tensor, a: &Tensor, b: &Tensor) -> Result<Storage> => Call::on("select", &[a]);
        reduce(op: Reduce, x: &Tensor) -> Result<Storage> => Call::on(op.name(), &[x]);
        cumulative_sum(x: &Tensor) -> Result<Storage> => Call::on("cumulative_sum", &[x]);
        softmax(x: &Tensor, logarithm: bool) -> Result<Storage> => Call::on(if logarithm { "log_softmax" } else { "softmax" }, &[x]);
        top_k(x: &Tensor, k: usize) -> Result<(Storage, Storage)> => Call::on("top_k", &[x]);
        matmul(a: &Tensor, b: &Tensor, onto: Option<Tensor>, out: DType) -> Result<Storage> => Call::matmul(a, b);
        keep_packed(weight: &Tensor, blocks: usize) -> Result<()> => Call::on("keep_packed", &[weight]);
        keep_rounded(weight: &Tensor, blocks: usize, to: Rounding) -> Result<bool> => Call::on("keep_rounded", &[weight]);
        gather(x: &Tensor, axis: usize, index: &Tensor) -> Result<Storage> => Call::on("gather", &[x, index]);
        scatter_add(x: Tensor, axis: usize, index: &Tensor, source: &Tensor) -> Result<Storage> => Call::on("scatter_add", &[&x, index]);
        concat(parts: &[&Tensor], axis: usize) -> Result<Storage> => Call::on("concat", parts);
        random(distribution: Distribution, key: Key, step: Option<&Tensor>, len: usize, dtype: DType) -> Result<Storage> => Call::elements("random", len, dtype);
        accumulate(onto: &mut Tensor, x: &Tensor, scale: f64) -> Result<()> => Call::on("accumulate", &[x]);
        update(rule: &Update, parameter: &mut Tensor, gradient: &Tensor, rows: Option<&Tensor>, state: &mut [Tensor], hyper: &Tensor) -> Result<()> => Call::update(rule, parameter, rows);
        lstm_sequence(args: &LstmArgs<'_>) -> Result<LstmOutput> => Call::lstm("lstm_sequence", args, 1);
        lstm_sequence_backward(args: &LstmArgs<'_>, output: &LstmOutput, gradients: &LstmOutputGradients<'_>) -> Result<LstmGradients> => Call::lstm("lstm_sequence_backward", args, 2);
        lstm_sequence_backward_last(args: &LstmArgs<'_>, output: LstmOutput, gradients: &LstmOutputGradients<'_>) -> Result<LstmGradients> => Call::lstm("lstm_sequence_backward", args, 2);
        lstm_sequence_backward_data(args: &LstmArgs<'_>, output: LstmOutput, gradients: &LstmOutputGradients<'_>) -> Result<LstmDataGradients> => Call::lstm("lstm_sequence_backward_data", args, 1);
        lstm_weight_gradients(args: &LstmWeightArgs<'_>) -> Result<LstmWeightGradients> => Call::lstm_weights(args);
        linear_cross_entropy(args: &CrossEntropyArgs<'_>, gradients: bool) -> Result<CrossEntropy> => Call::cross_entropy("linear_cross_entropy", args, if gradients { 3 } else { 1 });
        linear_cross_entropy_partials(args: &CrossEntropyArgs<'_>) -> Result<CrossEntropyPartials> => Call::cross_entropy("linear_cross_entropy_partials", args, 1);
        linear_cross_entropy_gradients(args: &CrossEntropyArgs<'_>, log_sum: &Tensor) -> Result<CrossEntropyGradients> => Call::cross_entropy("linear_cross_entropy_gradients", args, 2);
        linear_cross_entropy_begin(args: &CrossEntropyArgs<'_>) -> Result<(CrossEntropyPartials, KeptLogits)> => Call::cross_entropy("linear_cross_entropy_begin", args, 1);
        linear_cross_entropy_hidden(args: &CrossEntropyArgs<'_>, kept: KeptLogits, merged: &MergedPartials) -> Result<(Tensor, KeptLogits)> => Call::cross_entropy("linear_cross_entropy_hidden", args, 1);
        linear_cross_entropy_weights(parts: &[KeptRows<'_>], rows: &[(u32, u32)], onto: Option<(Tensor, Tensor)>) -> Result<(Tensor, Tensor)> => Call::rows("linear_cross_entropy_weights", rows.len(), parts[0].hidden);
        linear_top_k(args: &LinearTopKArgs<'_>) -> Result<LinearTopK> => Call::linear_top_k(args);
        linear_top_k_partials(args: &LinearTopKArgs<'_>) -> Result<LinearTopKPartials> => Call::linear_top_k(args);
        coalesce(index: &Tensor, values: &Tensor, padded: bool) -> Result<(Tensor, Tensor)> => Call::on("coalesce", &[values]);
    }
}

#[cfg(test)]
mod tests {
    /// A verb with a default body that is not forwarded would be computed by that body, slowly and without a word.
    #[test]
    fn every_verb_of_the_seam_is_forwarded() {
        let (seam, here) = (include_str!("../backend.rs"), include_str!("backend.rs"));
        let verbs: Vec<&str> =
            seam.lines().filter_map(|line| line.strip_prefix("    fn ")?.split(['(', '<']).next()).collect();
        assert!(verbs.len() > 30 && verbs.contains(&"coalesce"), "{verbs:?}");
        for verb in verbs {
            let begins = |line: &str| line.trim_start().trim_start_matches("fn ").starts_with(&format!("{verb}("));
            let forwarded = here.lines().any(begins);
            assert!(forwarded, "`{verb}` of the seam is missing in the device with a clock");
        }
    }
}
