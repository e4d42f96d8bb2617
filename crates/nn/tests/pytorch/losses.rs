//! Softmax and cross-entropy, alone and with the linear layer before them.

use unrolled_autograd::{Backward, Gradients, Var};
use unrolled_nn::Parameter;
use unrolled_nn::loss::{Reduction, cross_entropy, row_weights};
use unrolled_tensor::Tensor;

use crate::golden::{Golden, each};

pub const CASES: &[&str] = &["cross_entropy", "linear_cross_entropy"];

const PAD: Option<u32> = Some(0);

#[test]
fn softmax_and_cross_entropy() {
    each("cross_entropy", |golden, _| {
        let cotangent = golden.constant("input.cotangent");
        for (name, function) in [("softmax", Var::softmax as fn(&Var, isize) -> Var), ("log_softmax", Var::log_softmax)]
        {
            let logits = golden.leaf("input.logits");
            let output = function(&logits, 1);
            golden.check(&format!("expected.{name}"), output.tensor());
            let gradients = output.backward_from(&cotangent, Backward::default());
            golden.check_gradient(&format!("{name}.logits"), &gradients, &logits);
        }
        let targets = golden.ids("input.targets");
        let padding = golden.ids("input.targets_all_padding");
        for (name, targets, reduction) in [
            ("sum", &targets, Reduction::Sum),
            ("mean", &targets, Reduction::Mean),
            ("sum_all_padding", &padding, Reduction::Sum),
        ] {
            let logits = golden.leaf("input.logits");
            let loss = cross_entropy(&logits, targets, PAD, reduction);
            golden.check(&format!("expected.{name}"), loss.tensor());
            golden.check_gradient(&format!("{name}.logits"), &loss.backward(), &logits);
        }
    });
}

/// One loss for each row: 0 at padding, together the sum.
#[test]
fn cross_entropy_of_each_row() {
    each("cross_entropy", |golden, device| {
        let (logits, targets) = (golden.leaf("input.logits"), golden.ids("input.targets"));
        let losses = cross_entropy(&logits, &targets, PAD, Reduction::None);
        for (loss, target) in losses.tensor().to_f64_vec().into_iter().zip(targets.to_vec::<u32>()) {
            assert!(if target == 0 { loss == 0.0 } else { loss > 0.0 });
        }
        golden.check("expected.sum", losses.sum(.., false).tensor());
        // An ignored target may lie outside the vocabulary, as PyTorch's −100 does.
        let ids = targets.to_vec::<u32>().into_iter().map(|id| if id == 0 { u32::MAX } else { id });
        let outside = Tensor::from_slice(&ids.collect::<Vec<_>>(), targets.shape(), device);
        let logits = golden.leaf("input.logits");
        let loss = cross_entropy(&logits, &outside, Some(u32::MAX), Reduction::Sum);
        golden.check("expected.sum", loss.tensor());
        golden.check_gradient("sum.logits", &loss.backward(), &logits);
        let none = golden.ids("input.targets_all_padding");
        let mean = cross_entropy(&logits, &none, PAD, Reduction::Mean);
        assert!(mean.tensor().to_f64_vec()[0].is_nan(), "the mean of no losses is not a number");
        golden.ignore_rest();
    });
}

struct Linear {
    hidden: Var,
    weight: Parameter,
    bias: Parameter,
    targets: Tensor,
}

impl Linear {
    fn of(golden: &Golden) -> Linear {
        Linear {
            hidden: golden.leaf("input.hidden"),
            weight: golden.parameter("parameter.weight"),
            bias: golden.parameter("parameter.bias"),
            targets: golden.ids("input.targets"),
        }
    }

    fn check(&self, golden: &mut Golden, loss: &Var) -> Gradients {
        golden.check("expected.loss", loss.tensor());
        let gradients = loss.backward();
        golden.check_gradient("hidden", &gradients, &self.hidden);
        golden.check_gradient("weight", &gradients, self.weight.var());
        golden.check_gradient("bias", &gradients, self.bias.var());
        gradients
    }
}

/// As one operation, in any number of slices of the vocabulary; and layer by layer.
#[test]
fn linear_cross_entropy() {
    each("linear_cross_entropy", |golden, _| {
        for slices in [1, 2, 3, 13] {
            let at = Linear::of(golden);
            let weights = row_weights(&at.targets, PAD, at.hidden.dtype());
            let (weight, bias) = (at.weight.var(), at.bias.var());
            let loss = at.hidden.linear_cross_entropy_split(weight, bias, &at.targets, &weights, slices);
            let gradients = at.check(golden, &loss);
            let rows = gradients.get(&at.hidden).unwrap().to_f64_vec();
            for (row, target) in rows.chunks(at.hidden.dim(1)).zip(at.targets.to_vec::<u32>()) {
                assert_eq!(row.iter().all(|&g| g == 0.0), target == 0, "padding alone gets exactly 0");
            }
        }
        let at = Linear::of(golden);
        let logits = at.hidden.linear(at.weight.var(), Some(at.bias.var()));
        at.check(golden, &cross_entropy(&logits, &at.targets, PAD, Reduction::Sum));
    });
}
