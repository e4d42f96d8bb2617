//! Einstein's summation: random equations against the sum over all indices that they say, and their derivatives.

use unrolled_autograd::Var;
use unrolled_tensor::{Device, Tensor};

use crate::row::{Case, Row};
use crate::sample::{Sample, each};

/// The letters' order is not the alphabet's; the last two labels are the axes of `...`.
const LETTERS: [char; 4] = ['k', 'c', 'i', 'B'];
const DOTS: [usize; 2] = [4, 5];

pub fn rows() -> Vec<Row> {
    // The square makes the second derivative of a plain sum more than 0.
    vec![Row::new("square", derivatives).named("einsum"), Row::new("matmul", aliased).named("einsum, aliased")]
}

/// What an equation means, next to its text.
#[derive(Debug)]
struct Equation {
    text: String,
    /// The length of each label.
    lengths: Vec<usize>,
    /// The labels of each operand's axes, and its shape.
    operands: Vec<(Vec<usize>, Vec<usize>)>,
    output: Vec<usize>,
}

impl Equation {
    fn of(s: &mut Sample) -> Equation {
        let mut lengths: Vec<usize> = (0..LETTERS.len() + DOTS.len()).map(|_| s.of(&[2, 2, 3, 1])).collect();
        if s.once_in(12) {
            lengths[0] = 0;
        }
        let dotted = s.once_in(2);
        let (mut operands, mut texts, mut dots_in_all) = (Vec::new(), Vec::new(), 0);
        for _ in 0..1 + s.below(3) {
            let letters: Vec<usize> = (0..s.below(4)).map(|_| s.below(LETTERS.len())).collect();
            let mut shape: Vec<usize> = letters.iter().map(|&label| lengths[label]).collect();
            let (mut labels, mut text) = (letters.clone(), spelled(&letters));
            if dotted {
                let (axes, at) = (s.below(DOTS.len() + 1), s.below(letters.len() + 1));
                let own = &DOTS[DOTS.len() - axes..];
                labels.splice(at..at, own.iter().copied());
                shape.splice(at..at, own.iter().map(|&label| if s.once_in(4) { 1 } else { lengths[label] }));
                text.insert_str(at, "...");
                dots_in_all = dots_in_all.max(axes);
            }
            operands.push((labels, shape));
            texts.push(text);
        }
        let mut equation = Equation { text: texts.join(","), lengths, operands, output: Vec::new() };
        equation.choose_output(s, dotted, &DOTS[DOTS.len() - dots_in_all..]);
        // Where nobody has an axis of `...` at its full length, it has length 1.
        for label in DOTS {
            let own = equation.operands.iter().flat_map(|(labels, shape)| labels.iter().zip(shape));
            equation.lengths[label] = own.filter(|(l, _)| **l == label).map(|(_, &n)| n).max().unwrap_or(1);
        }
        equation
    }

    fn choose_output(&mut self, s: &mut Sample, dotted: bool, dots: &[usize]) {
        let count = |label: usize| self.operands.iter().flat_map(|(labels, _)| labels).filter(|&&l| l == label).count();
        let mut letters: Vec<usize> = (0..LETTERS.len()).filter(|&label| count(label) > 0).collect();
        if s.once_in(3) {
            letters.retain(|&label| count(label) == 1);
            letters.sort_by_key(|&label| LETTERS[label]);
            self.output = [dots, &letters[..]].concat();
            return;
        }
        letters.retain(|_| s.below(2) == 0);
        if !letters.is_empty() {
            letters.rotate_left(s.below(2));
        }
        let (mut text, mut output) = (spelled(&letters), letters);
        if dotted && !s.once_in(4) {
            let at = s.below(output.len() + 1);
            text.insert_str(at, "...");
            output.splice(at..at, dots.iter().copied());
        }
        self.text = format!("{} -> {text}", self.text);
        self.output = output;
    }

    /// The sum over all indices of the products of elements.
    fn directly(&self, operands: &[Tensor]) -> (Vec<usize>, Vec<f64>) {
        let used = |label: usize| self.operands.iter().any(|(labels, _)| labels.contains(&label));
        let lengths: Vec<usize> =
            self.lengths.iter().enumerate().map(|(label, &n)| if used(label) { n } else { 1 }).collect();
        let shape: Vec<usize> = self.output.iter().map(|&label| lengths[label]).collect();
        let values: Vec<Vec<f64>> = operands.iter().map(Tensor::to_vec).collect();
        let mut answer = vec![0.0; shape.iter().product()];
        for flat in 0..lengths.iter().product() {
            let mut rest = flat;
            let mut at = vec![0; lengths.len()];
            for label in (0..lengths.len()).rev() {
                (at[label], rest) = (rest % lengths[label], rest / lengths[label]);
            }
            let factors = self.operands.iter().zip(&values);
            let product: f64 = factors.map(|((labels, shape), values)| values[place(labels, shape, &at)]).product();
            answer[place(&self.output, &shape, &at)] += product;
        }
        (shape, answer)
    }
}

fn spelled(labels: &[usize]) -> String {
    labels.iter().map(|&label| LETTERS[label]).collect()
}

/// The row-major place of an element, with axes of length 1 repeated.
fn place(labels: &[usize], shape: &[usize], at: &[usize]) -> usize {
    labels.iter().zip(shape).fold(0, |place, (&label, &n)| place * n + at[label] % n)
}

#[test]
fn equations_mean_the_sum_over_all_indices() {
    each("einsum", 400, |s| {
        let equation = Equation::of(s);
        let operands: Vec<Tensor> = equation.operands.iter().map(|(_, shape)| s.within(shape, -2.0, 2.0)).collect();
        let vars: Vec<Var> = operands.iter().cloned().map(Var::constant).collect();
        let answer = Var::einsum(&equation.text, &vars.iter().collect::<Vec<_>>());
        let (shape, wanted) = equation.directly(&operands);
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * 100.0;
        let found = answer.tensor().to_vec::<f64>();
        let same = answer.shape() == shape && found.iter().zip(&wanted).all(near);
        same.then_some(()).ok_or_else(|| format!("{equation:?}: {:?} {found:?}, not {wanted:?}", answer.shape()))
    });
}

fn derivatives(s: &mut Sample) -> Case {
    let equation = Equation::of(s);
    let (mut inputs, mut views) = (Vec::new(), Vec::new());
    for (_, shape) in &equation.operands {
        let (leaf, view) = s.view(shape, true);
        inputs.push(s.within(&leaf, -1.0, 1.0));
        views.push(view);
    }
    Case::new(inputs, move |v| {
        let operands: Vec<Var> = views.iter().zip(v).map(|(view, x)| view(x)).collect();
        Var::einsum(&equation.text, &operands.iter().collect::<Vec<_>>()).square()
    })
}

/// One variable as several operands.
fn aliased(s: &mut Sample) -> Case {
    let n = 1 + s.below(3);
    let equation = s.of(&["ij,jk->ik", "ij,kj", "ij,jk,kl->il", "ii,ij,jk", "ij,ij->"]);
    Case::new(vec![s.within(&[n, n], -1.0, 1.0)], move |v| {
        Var::einsum(equation, &vec![&v[0]; equation.matches(',').count() + 1])
    })
}

#[track_caller]
fn refused(equation: &str, shapes: &[&[usize]], reason: &str) {
    let zeros = shapes.iter().map(|shape| Tensor::zeros(shape, unrolled_tensor::DType::F64, &Device::cpu()));
    let vars: Vec<Var> = zeros.map(Var::constant).collect();
    let work = || Var::einsum(equation, &vars.iter().collect::<Vec<_>>());
    crate::refused(&format!("einsum: `{equation}` with operands of shapes {shapes:?}: {reason}"), work);
}

#[test]
fn what_is_wrong_with_an_equation_is_said() {
    refused("ij,jk->ik", &[&[2, 3]], "2 operands are named and 1 given");
    refused("ij,jk->ik", &[&[2, 3], &[4, 2]], "`j` is 3 long and also 4");
    refused("ii", &[&[2, 3]], "`i` is 2 long and also 3");
    refused("ij", &[&[2, 3, 1]], "`ij` does not name the axes of shape [2, 3, 1]");
    refused("ij...", &[&[2]], "`ij...` does not name the axes of shape [2]");
    refused("...i,...i", &[&[2, 3], &[4, 3]], "axes of `...` of lengths 2 and 4 do not broadcast");
    refused("ij->ii", &[&[2, 3]], "`i` is twice in the output");
    refused("ij->k", &[&[2, 3]], "`k` of the output is in no operand");
    refused("i1", &[&[2, 3]], "`1` in `i1` is neither a letter nor part of `...`");
    refused("..i", &[&[2]], "`.` in `..i` is neither a letter nor part of `...`");
    refused("i->j->k", &[&[2]], "`-` in `j->k` is neither a letter nor part of `...`");
}
