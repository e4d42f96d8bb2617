//! Seeded choices: shapes, values, and views that operations get their operands through.

use unrolled_autograd::Var;
use unrolled_tensor::random::Key;
use unrolled_tensor::{Device, Tensor};

/// A stream of choices, the same in every run.
pub struct Sample {
    key: Key,
    at: u64,
}

/// Makes an operand of a leaf.
pub type View = Box<dyn Fn(&Var) -> Var>;

impl Sample {
    pub fn new(row: &str, case: u64) -> Sample {
        Sample { key: Key::new(1986).purpose(row).at(case), at: 0 }
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.at += 1;
        self.key.below(self.at, n as u64) as usize
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        self.at += 1;
        low + (high - low) * self.key.uniform(self.at)
    }

    /// Up to three axes of 1 to 3, one in twelve of them of length 0.
    pub fn shape(&mut self) -> Vec<usize> {
        let rank = self.below(4);
        (0..rank).map(|_| self.of(&[1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 0])).collect()
    }

    /// As `shape`, with `rank` axes, none of length 0.
    pub fn full_shape(&mut self, rank: usize) -> Vec<usize> {
        (0..rank).map(|_| 1 + self.below(3)).collect()
    }

    /// An axis of a shape, counted from either end.
    pub fn axis(&mut self, rank: usize) -> isize {
        self.below(2 * rank) as isize - rank as isize
    }

    /// Some axes of a shape, maybe none, maybe all.
    pub fn axes(&mut self, rank: usize) -> Vec<isize> {
        (0..rank as isize).filter(|_| self.below(2) == 0).collect()
    }

    pub fn tensor(&mut self, shape: &[usize], mut value: impl FnMut(&mut Sample) -> f64) -> Tensor {
        let values: Vec<f64> = (0..shape.iter().product()).map(|_| value(self)).collect();
        Tensor::from_slice(&values, shape, &Device::cpu())
    }

    pub fn within(&mut self, shape: &[usize], low: f64, high: f64) -> Tensor {
        self.tensor(shape, |s| s.uniform(low, high))
    }

    /// Tensors in which no two elements, of the same or of different ones, are nearer than 0.1.
    pub fn distinct(&mut self, shapes: &[&[usize]]) -> Vec<Tensor> {
        let total: usize = shapes.iter().map(|shape| shape.iter().product::<usize>()).sum();
        let mut places: Vec<usize> = (0..total).collect();
        for i in (1..total).rev() {
            places.swap(i, self.below(i + 1));
        }
        let mut values = places.into_iter().map(|place| (place as f64 - total as f64 / 2.0) * 0.125);
        shapes.iter().map(|shape| self.tensor(shape, |_| values.next().expect("one for each element"))).collect()
    }

    pub fn indices(&mut self, shape: &[usize], below: usize) -> Tensor {
        let indices: Vec<u32> = (0..shape.iter().product()).map(|_| self.below(below) as u32).collect();
        Tensor::from_slice(&indices, shape, &Device::cpu())
    }

    pub fn truths(&mut self, shape: &[usize]) -> Tensor {
        let truths: Vec<bool> = (0..shape.iter().product()).map(|_| self.once_in(2)).collect();
        Tensor::from_slice(&truths, shape, &Device::cpu())
    }

    /// The shape of a leaf and the way from it to an operand of shape `wanted`: the leaf itself, or a strided view. Where `repeat` is false, no
    /// element of the leaf appears twice.
    pub fn view(&mut self, wanted: &[usize], repeat: bool) -> (Vec<usize>, View) {
        let rank = wanted.len();
        if rank == 0 {
            return (vec![], Box::new(Var::clone));
        }
        let mut leaf = wanted.to_vec();
        let at = self.below(rank);
        let axis = at as isize;
        match self.below(if repeat { 7 } else { 5 }) {
            0 => (leaf, Box::new(Var::clone)),
            1 => {
                let other = self.below(rank);
                leaf.swap(at, other);
                (leaf, Box::new(move |x| x.transpose(axis, other as isize)))
            }
            2 => (leaf, Box::new(move |x| x.flip(axis))),
            3 => {
                let (start, len) = (self.below(2), leaf[at]);
                leaf[at] += start + self.below(2);
                (leaf, Box::new(move |x| x.narrow(axis, start, len)))
            }
            4 => {
                let step = 2 + self.below(2);
                leaf[at] = if leaf[at] == 0 { 0 } else { (leaf[at] - 1) * step + 1 + self.below(step) };
                (leaf, Box::new(move |x| x.step_by(axis, step)))
            }
            5 => {
                leaf[at] = 1;
                let wanted = wanted.to_vec();
                (leaf, Box::new(move |x| x.broadcast_to(&wanted)))
            }
            _ => {
                let wanted = wanted.to_vec();
                (leaf.split_off(at), Box::new(move |x| x.broadcast_to(&wanted)))
            }
        }
    }

    /// Two shapes that broadcast together.
    pub fn broadcast_pair(&mut self) -> (Vec<usize>, Vec<usize>) {
        let shape = self.shape();
        let mut part = || {
            let lead = self.below(3).min(shape.len());
            let drop = if self.once_in(2) { lead } else { 0 };
            shape[drop..].iter().map(|&n| if self.once_in(4) { 1 } else { n }).collect()
        };
        (part(), part())
    }
}
