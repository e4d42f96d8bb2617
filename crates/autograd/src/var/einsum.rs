//! Einstein's summation: products and sums of tensors by the names of their axes.

use unrolled_tensor::Dims;

use super::{Var, signed};

/// The name of an axis. Those that `...` stands for are counted from the last, since shapes are aligned there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Dots(std::cmp::Reverse<usize>),
    Letter(char),
}

/// A tensor whose axes have names.
#[derive(Clone)]
struct Term {
    labels: Vec<Label>,
    value: Var,
}

/// An equation, read and compared with its operands.
struct Plan {
    terms: Vec<Term>,
    output: Vec<Label>,
}

impl Var {
    /// Einstein's summation of any number of operands, as NumPy and PyTorch write it: axes of one letter go together, and letters that
    /// the output lacks are summed over. A letter twice in one operand is its diagonal; `...` stands for leading axes, which broadcast;
    /// without `->` the output has the broadcast axes and then, in alphabetical order, the letters that occur once. Operands are multiplied pair
    /// by pair from the left, each as one batched matrix product; what occurs in a single operand is summed before.
    ///
    /// # Panics
    /// Where the equation cannot be read or does not fit the shapes.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let device = Device::cpu();
    /// let a = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &device));
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 10.0], [2], &device));
    /// assert_eq!(Var::einsum("ij,j->i", &[&a, &x]).tensor().to_vec::<f64>(), [21.0, 43.0]);
    /// assert_eq!(Var::einsum("ii", &[&a]).tensor().item::<f64>(), 5.0);
    /// assert_eq!(Var::einsum("i,ij,j->", &[&x, &a, &x]).tensor().item::<f64>(), 451.0);
    /// ```
    #[track_caller]
    pub fn einsum(equation: &str, operands: &[&Var]) -> Var {
        match Plan::read(equation, operands) {
            Ok(plan) => plan.run(),
            Err(reason) => {
                let shapes: Vec<&[usize]> = operands.iter().map(|operand| operand.shape()).collect();
                panic!("einsum: `{equation}` with operands of shapes {shapes:?}: {reason}")
            }
        }
    }
}

impl Plan {
    fn read(equation: &str, operands: &[&Var]) -> Result<Plan, String> {
        let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
        let (inputs, output) = match equation.split_once("->") {
            Some((inputs, output)) => (inputs, Some(output)),
            None => (&equation[..], None),
        };
        let inputs: Vec<&str> = inputs.split(',').collect();
        if inputs.len() != operands.len() {
            return Err(format!("{} operands are named and {} given", inputs.len(), operands.len()));
        }
        let named = inputs.iter().zip(operands);
        let mut terms = named.map(|(input, operand)| Term::read(input, operand)).collect::<Result<Vec<Term>, _>>()?;
        let lengths = lengths(&terms)?;
        terms.iter_mut().for_each(|term| term.broadcast_later(&lengths));
        let output = match output {
            Some(output) => read_output(output, &lengths)?,
            None => implied_output(&inputs.concat(), &lengths),
        };
        Ok(Plan { terms, output })
    }

    #[track_caller]
    fn run(self) -> Var {
        let mut waiting = self.terms.iter();
        let mut product = waiting.next().expect("splitting gives at least one part").diagonal();
        while let Some(next) = waiting.next() {
            let needed = |label: &Label| {
                self.output.contains(label) || waiting.as_slice().iter().any(|term| term.labels.contains(label))
            };
            product = product.times(&next.diagonal(), needed);
        }
        product.summed(|label| self.output.contains(label)).arranged(&self.output)
    }
}

/// The length of each label, in the order of labels. Axes of `...` broadcast, letters must agree.
fn lengths(terms: &[Term]) -> Result<Vec<(Label, usize)>, String> {
    let mut lengths: Vec<(Label, usize)> = Vec::new();
    for (&label, &n) in terms.iter().flat_map(|term| term.labels.iter().zip(term.value.shape())) {
        match lengths.iter_mut().find(|(known, _)| *known == label) {
            None => lengths.push((label, n)),
            Some((_, known)) if *known == n => (),
            Some((_, known)) => match label {
                Label::Dots(_) if *known == 1 => *known = n,
                Label::Dots(_) if n == 1 => (),
                Label::Dots(_) => return Err(format!("axes of `...` of lengths {known} and {n} do not broadcast")),
                Label::Letter(letter) => return Err(format!("`{letter}` is {known} long and also {n}")),
            },
        }
    }
    lengths.sort_unstable();
    Ok(lengths)
}

/// The labels of a part, in which `...` stands for `dots` axes.
fn read_part(part: &str, dots: usize) -> Result<Vec<Label>, String> {
    let label = |c: char| match c {
        'a'..='z' | 'A'..='Z' => Ok(Label::Letter(c)),
        _ => Err(format!("`{c}` in `{part}` is neither a letter nor part of `...`")),
    };
    let (before, after) = part.split_once("...").unwrap_or((part, ""));
    let has_dots = before.len() < part.len();
    let mut labels = before.chars().map(label).collect::<Result<Vec<Label>, String>>()?;
    labels.extend((0..if has_dots { dots } else { 0 }).rev().map(|k| Label::Dots(std::cmp::Reverse(k))));
    labels.extend(after.chars().map(label).collect::<Result<Vec<Label>, String>>()?);
    Ok(labels)
}

fn read_output(part: &str, lengths: &[(Label, usize)]) -> Result<Vec<Label>, String> {
    let dots = lengths.iter().filter(|(label, _)| matches!(label, Label::Dots(_))).count();
    let labels = read_part(part, dots)?;
    for (i, label) in labels.iter().enumerate() {
        let Label::Letter(letter) = label else { continue };
        if labels[..i].contains(label) {
            return Err(format!("`{letter}` is twice in the output"));
        }
        if !lengths.iter().any(|(known, _)| known == label) {
            return Err(format!("`{letter}` of the output is in no operand"));
        }
    }
    Ok(labels)
}

/// The broadcast axes, and the letters that occur once in all.
fn implied_output(inputs: &str, lengths: &[(Label, usize)]) -> Vec<Label> {
    let once = |label: &Label| match label {
        Label::Dots(_) => true,
        Label::Letter(letter) => inputs.matches(*letter).count() == 1,
    };
    lengths.iter().map(|&(label, _)| label).filter(once).collect()
}

impl Term {
    fn read(part: &str, operand: &Var) -> Result<Term, String> {
        let letters = part.chars().filter(|&c| c != '.').count();
        let fits = if part.contains("...") { letters <= operand.rank() } else { letters == operand.rank() };
        let labels = read_part(part, operand.rank().saturating_sub(letters))?;
        if !fits {
            return Err(format!("`{part}` does not name the axes of shape {:?}", operand.shape()));
        }
        Ok(Term { labels, value: operand.clone() })
    }

    /// Without the axes of `...` that have length 1 here and are longer elsewhere: they broadcast by being absent.
    fn broadcast_later(&mut self, lengths: &[(Label, usize)]) {
        let repeated = |label: &Label, n: usize| {
            n == 1 && matches!(label, Label::Dots(_)) && lengths.iter().any(|(known, n)| known == label && *n != 1)
        };
        let axes = self.labels.iter().copied().zip(self.value.shape().iter().copied());
        let (labels, shape): (Vec<Label>, Vec<usize>) = axes.filter(|(label, n)| !repeated(label, *n)).unzip();
        if labels.len() < self.labels.len() {
            *self = Term { value: self.value.reshape(&shape), labels };
        }
    }

    fn length(&self, label: &Label) -> usize {
        let axis = self.labels.iter().position(|own| own == label).expect("one of this term's own labels");
        self.value.shape()[axis]
    }

    /// Each label once: the diagonal of axes that share one.
    fn diagonal(&self) -> Term {
        let mut term = self.clone();
        while let Some((a, b)) = repeated(&term.labels) {
            let label = term.labels.remove(b);
            term.labels.remove(a);
            term.labels.push(label);
            term.value = term.value.diagonal(0, a as isize, b as isize);
        }
        term
    }

    /// Without the labels that are not `needed`, summed over.
    fn summed(&self, needed: impl Fn(&Label) -> bool) -> Term {
        let gone: Vec<usize> = (0..self.labels.len()).filter(|&axis| !needed(&self.labels[axis])).collect();
        if gone.is_empty() {
            return self.clone();
        }
        let labels = self.labels.iter().copied().filter(|label| needed(label)).collect();
        Term { labels, value: self.value.sum(&signed(&gone)[..], false) }
    }

    /// The axes in the order of `labels`, which are the same.
    fn arranged(&self, labels: &[Label]) -> Var {
        if self.labels == labels {
            return self.value.clone();
        }
        let place = |label| self.labels.iter().position(|own| own == label).expect("the same labels") as isize;
        self.value.permute(labels.iter().map(place).collect::<Vec<isize>>())
    }

    /// The axes as three: those of the first group, of the second, of the third.
    fn grouped(&self, groups: [&[Label]; 3]) -> Var {
        let shape = groups.map(|group| group.iter().map(|label| self.length(label)).product());
        self.arranged(&groups.concat()).reshape(shape)
    }

    /// The product of two, with the labels that are `needed` later: a matrix product for each element of the labels that both have and that
    /// stay, over those that both have and that go.
    #[track_caller]
    fn times(&self, other: &Term, needed: impl Fn(&Label) -> bool) -> Term {
        let left = self.summed(|label| needed(label) || other.labels.contains(label));
        let right = other.summed(|label| needed(label) || self.labels.contains(label));
        let (shared, rows): (Vec<Label>, Vec<Label>) =
            left.labels.iter().partition(|label| right.labels.contains(label));
        let (batch, joined): (Vec<Label>, Vec<Label>) = shared.into_iter().partition(|label| needed(label));
        let columns: Vec<Label> = right.labels.iter().copied().filter(|label| !left.labels.contains(label)).collect();
        let a = left.grouped([&batch, &rows, &joined]);
        let b = right.grouped([&batch, &joined, &columns]);
        // Nothing to sum: the product of each pair.
        let product = if joined.is_empty() { a * b } else { a.matmul(&b) };
        let of_left = batch.iter().chain(&rows).map(|label| left.length(label));
        let shape: Dims = of_left.chain(columns.iter().map(|label| right.length(label))).collect();
        Term { labels: [batch, rows, columns].concat(), value: product.reshape(&shape) }
    }
}

/// Two axes of one label.
fn repeated(labels: &[Label]) -> Option<(usize, usize)> {
    (0..labels.len()).find_map(|b| labels[..b].iter().position(|label| *label == labels[b]).map(|a| (a, b)))
}
