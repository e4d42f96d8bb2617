//! Initialisers: a parameter's first values as a function of shape, dtype, device and key.

mod orthogonal;

use serde::{Deserialize, Serialize};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

/// How a parameter begins. Data, so that a configuration can name it: `{ kind = "uniform", range = 0.08 }`.
///
/// With `fan_in` and `fan_out` of [`Fans`], and `gain` g:
///
/// | initialiser | elements |
/// |---|---|
/// | `Zeros`, `Ones`, `Constant` | 0, 1, `value` |
/// | `Uniform` | U(−range, range) |
/// | `Normal` | N(0, deviation²) |
/// | `XavierUniform` | U(−r, r), r = g √(6 / (fan_in + fan_out)) |
/// | `XavierNormal` | N(0, σ²), σ = g √(2 / (fan_in + fan_out)) |
/// | `KaimingUniform` | U(−r, r), r = g √(3 / fan_in) |
/// | `KaimingNormal` | N(0, σ²), σ = g / √fan_in |
/// | `Orthogonal` | g · a uniformly random matrix with orthonormal rows or columns, whichever are fewer |
///
/// Sources: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010; He, Zhang, Ren,
/// Sun, "Delving deep into rectifiers", ICCV 2015; Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in
/// deep linear neural networks", ICLR 2014.
///
/// ```
/// use unrolled_nn::initialise::Initialiser;
/// use unrolled_tensor::{random::Key, DType, Device};
///
/// // The paper's: every parameter from U(−0.08, 0.08).
/// let initialiser = Initialiser::Uniform { range: 0.08 };
/// let key = Key::new(1).purpose("encoder.lstm.0.weight_hh");
/// let weight = initialiser.tensor([400, 100], DType::F32, &Device::cpu(), key);
/// assert!(weight.to_vec::<f32>().iter().all(|x| x.abs() <= 0.08));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Initialiser {
    /// 0.
    Zeros,
    /// 1.
    Ones,
    /// One value everywhere.
    Constant {
        /// The value.
        value: f64,
    },
    /// Uniform in [−range, range).
    Uniform {
        /// The largest magnitude.
        range: f64,
    },
    /// Normal with mean 0.
    Normal {
        /// The standard deviation.
        deviation: f64,
    },
    /// Glorot and Bengio's, uniform: keeps variances both forward and backward.
    XavierUniform {
        /// A factor for the nonlinearity that follows; 1 without one.
        #[serde(default = "one")]
        gain: f64,
    },
    /// Glorot and Bengio's, normal.
    XavierNormal {
        /// A factor for the nonlinearity that follows; 1 without one.
        #[serde(default = "one")]
        gain: f64,
    },
    /// He et al.'s, uniform: keeps variances forward.
    KaimingUniform {
        /// A factor for the nonlinearity that follows; √2 for a rectifier.
        #[serde(default = "rectifier")]
        gain: f64,
    },
    /// He et al.'s, normal.
    KaimingNormal {
        /// A factor for the nonlinearity that follows; √2 for a rectifier.
        #[serde(default = "rectifier")]
        gain: f64,
    },
    /// Saxe et al.'s. Rows are the first axis, columns all others together.
    Orthogonal {
        /// The length of each row or column.
        #[serde(default = "one")]
        gain: f64,
    },
}

fn one() -> f64 {
    1.0
}

fn rectifier() -> f64 {
    std::f64::consts::SQRT_2
}

/// How many inputs an output element sums over, and how many outputs an input element reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fans {
    /// Inputs of one output.
    pub fan_in: usize,
    /// Outputs of one input.
    pub fan_out: usize,
}

impl Fans {
    /// The fans of a weight `[outputs, inputs, ..]`, as the layers here hold it; further axes count as positions of a kernel and
    /// multiply both.
    ///
    /// # Panics
    /// For fewer than two axes: a bias has no fans.
    ///
    /// ```
    /// use unrolled_nn::initialise::Fans;
    /// assert_eq!(Fans::of(&[400, 100]), Fans { fan_in: 100, fan_out: 400 });
    /// assert_eq!(Fans::of(&[8, 3, 5, 5]), Fans { fan_in: 75, fan_out: 200 });
    /// ```
    #[track_caller]
    pub fn of(shape: &[usize]) -> Fans {
        let [outputs, inputs, positions @ ..] = shape else {
            panic!(
                "initialise: shape {shape:?} has no fans; a weight is [outputs, inputs, ..], for a bias take Zeros or Uniform"
            )
        };
        let positions: usize = positions.iter().product();
        Fans { fan_in: inputs * positions, fan_out: outputs * positions }
    }

    fn sum(self) -> f64 {
        (self.fan_in + self.fan_out).max(1) as f64
    }

    fn inputs(self) -> f64 {
        self.fan_in.max(1) as f64
    }
}

impl Initialiser {
    /// A tensor with these elements: the same for the same key on any device and any number of threads.
    ///
    /// # Panics
    /// For a random initialiser of a dtype that is not float; for one that needs fans, or an orthogonal one, of fewer than two axes.
    #[track_caller]
    pub fn tensor(self, shape: impl AsRef<[usize]>, dtype: DType, device: &Device, key: Key) -> Tensor {
        let shape = shape.as_ref();
        let uniform =
            |range: f64| Tensor::random(Distribution::Uniform { low: -range, high: range }, key, shape, dtype, device);
        let normal =
            |deviation: f64| Tensor::random(Distribution::Normal { mean: 0.0, deviation }, key, shape, dtype, device);
        match self {
            Initialiser::Zeros => Tensor::zeros(shape, dtype, device),
            Initialiser::Ones => Tensor::ones(shape, dtype, device),
            Initialiser::Constant { value } => Tensor::full(shape, value, dtype, device),
            Initialiser::Uniform { range } => uniform(range),
            Initialiser::Normal { deviation } => normal(deviation),
            Initialiser::XavierUniform { gain } => uniform(gain * (6.0 / Fans::of(shape).sum()).sqrt()),
            Initialiser::XavierNormal { gain } => normal(gain * (2.0 / Fans::of(shape).sum()).sqrt()),
            Initialiser::KaimingUniform { gain } => uniform(gain * (3.0 / Fans::of(shape).inputs()).sqrt()),
            Initialiser::KaimingNormal { gain } => normal(gain / Fans::of(shape).inputs().sqrt()),
            Initialiser::Orthogonal { gain } => orthogonal::tensor(gain, shape, dtype, device, key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: [Initialiser; 7] = [
        Initialiser::Uniform { range: 0.3 },
        Initialiser::Normal { deviation: 0.3 },
        Initialiser::XavierUniform { gain: 1.5 },
        Initialiser::XavierNormal { gain: 1.5 },
        Initialiser::KaimingUniform { gain: 1.5 },
        Initialiser::KaimingNormal { gain: 1.5 },
        Initialiser::Orthogonal { gain: 1.5 },
    ];

    fn values(initialiser: Initialiser, shape: &[usize], seed: u64) -> Vec<f64> {
        initialiser.tensor(shape, DType::F64, &Device::cpu(), Key::new(seed)).to_vec()
    }

    #[test]
    fn constants() {
        assert_eq!(values(Initialiser::Zeros, &[3], 0), [0.0; 3]);
        assert_eq!(values(Initialiser::Ones, &[3], 0), [1.0; 3]);
        assert_eq!(values(Initialiser::Constant { value: -2.5 }, &[2], 0), [-2.5; 2]);
    }

    /// Mean, deviation and kurtosis of 100,000 elements, against the definitions in the table above.
    #[test]
    fn moments() {
        let (fan_out, fan_in) = (400.0f64, 250.0);
        let both = fan_in + fan_out;
        // (deviation, fourth moment / variance²): 9/5 for uniform, 3 for normal.
        let wanted = [
            (0.3 / 3f64.sqrt(), 1.8),
            (0.3, 3.0),
            (1.5 * (2.0 / both).sqrt(), 1.8),
            (1.5 * (2.0 / both).sqrt(), 3.0),
            (1.5 / fan_in.sqrt(), 1.8),
            (1.5 / fan_in.sqrt(), 3.0),
        ];
        for (initialiser, (deviation, kurtosis)) in RANDOM.into_iter().zip(wanted) {
            let x = values(initialiser, &[400, 250], 11);
            let n = x.len() as f64;
            let moment = |power| x.iter().map(|v| f64::powi(*v, power)).sum::<f64>() / n;
            let (mean, variance) = (moment(1), moment(2));
            assert!(mean.abs() < 5.0 * deviation / n.sqrt(), "{initialiser:?}: mean {mean}");
            assert!(
                (variance.sqrt() / deviation - 1.0).abs() < 0.01,
                "{initialiser:?}: {} {deviation}",
                variance.sqrt()
            );
            assert!((moment(4) / variance.powi(2) - kurtosis).abs() < 0.1, "{initialiser:?}: {}", moment(4));
            if kurtosis < 2.0 {
                assert!(x.iter().all(|v| v.abs() <= deviation * 3f64.sqrt()), "{initialiser:?}: out of range");
            }
        }
    }

    #[test]
    fn the_key_decides_alone() {
        for initialiser in RANDOM {
            let here = values(initialiser, &[13, 7], 5);
            assert_eq!(here, values(initialiser, &[13, 7], 5), "{initialiser:?}");
            assert_ne!(here, values(initialiser, &[13, 7], 6), "{initialiser:?}");
            let threads = Device::cpu_with(0, 3, usize::MAX);
            let there = initialiser.tensor([13, 7], DType::F64, &threads, Key::new(5));
            assert_eq!(here, there.to_vec::<f64>(), "{initialiser:?}");
        }
    }

    #[test]
    fn every_float_dtype_and_the_empty_shape() {
        for dtype in DType::FLOATS {
            for initialiser in RANDOM {
                let x = initialiser.tensor([6, 4], dtype, &Device::cpu(), Key::new(5));
                assert_eq!((x.dtype(), x.shape()), (dtype, &[6usize, 4][..]));
                assert!(x.to_f64_vec().iter().any(|&v| v != 0.0));
                assert_eq!(initialiser.tensor([0, 4], dtype, &Device::cpu(), Key::new(5)).elements(), 0);
            }
        }
    }

    #[test]
    #[should_panic(expected = "shape [5] has no fans")]
    fn a_bias_has_no_fans() {
        values(Initialiser::XavierNormal { gain: 1.0 }, &[5], 0);
    }

    #[test]
    fn a_configuration_names_an_initialiser() {
        let parse = |text: &str| serde_json::from_str::<Initialiser>(text);
        assert_eq!(parse(r#"{"kind":"uniform","range":0.08}"#).unwrap(), Initialiser::Uniform { range: 0.08 });
        assert_eq!(parse(r#"{"kind":"xavier_normal"}"#).unwrap(), Initialiser::XavierNormal { gain: 1.0 });
        let gain = std::f64::consts::SQRT_2;
        assert_eq!(parse(r#"{"kind":"kaiming_uniform"}"#).unwrap(), Initialiser::KaimingUniform { gain });
        assert!(parse(r#"{"kind":"uniform","rnage":0.08}"#).is_err());
        assert!(parse(r#"{"kind":"uniform","range":0.08,"gain":1}"#).is_err());
        for initialiser in RANDOM {
            let text = serde_json::to_string(&initialiser).unwrap();
            assert_eq!(parse(&text).unwrap(), initialiser, "{text}");
        }
    }
}
