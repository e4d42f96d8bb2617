//! An axis: where values lie in a picture, and which of them are written beside it.

use super::round_step;

/// An axis from `low`, drawn at `start`, to `high`, drawn at `end`.
///
/// ```
/// use unrolled_seq2seq::svg::Axis;
///
/// let axis = Axis::linear([3.0, 17.5], 0.0, 200.0, 5);
/// assert_eq!((axis.low, axis.high, axis.ticks()), (0.0, 20.0, vec![0.0, 5.0, 10.0, 15.0, 20.0]));
/// assert_eq!(axis.place(10.0), 100.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// The value at its beginning.
    pub low: f64,
    /// The value at its end.
    pub high: f64,
    start: f64,
    end: f64,
    /// Between two ticks; `None` of a logarithmic axis.
    step: Option<f64>,
}

impl Axis {
    /// A linear axis whose ends are round numbers around the values, with about so many ticks. What is not finite is left out; of no values, 0 to 1.
    pub fn linear(values: impl IntoIterator<Item = f64>, start: f64, end: f64, ticks: usize) -> Axis {
        let (low, high) = range(values).unwrap_or((0.0, 1.0));
        let room = if high > low { high - low } else { low.abs().max(1.0) };
        let step = round_step(room / ticks.max(1) as f64);
        let (low, above) = ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step);
        Axis { low, high: if above > low { above } else { low + step }, start, end, step: Some(step) }
    }

    /// A linear axis that ends where it is told to, with about so many ticks at round numbers.
    pub fn exact(low: f64, high: f64, start: f64, end: f64, ticks: usize) -> Axis {
        Axis { low, high, start, end, step: Some(round_step((high - low) / ticks.max(1) as f64)) }
    }

    /// A logarithmic axis, from 1, 2 or 5 times a power of ten below the values to one above. What is not positive and finite is left out; of no
    /// values, 1 to 10.
    pub fn logarithmic(values: impl IntoIterator<Item = f64>, start: f64, end: f64) -> Axis {
        let positive = values.into_iter().filter(|value| *value > 0.0);
        let (low, high) = range(positive).unwrap_or((1.0, 10.0));
        let steps = steps(low, high);
        let low = steps.iter().copied().filter(|&step| step <= low * 1.0001).fold(0.0, f64::max);
        let high = steps.iter().copied().filter(|&step| step >= high * 0.9999).fold(f64::INFINITY, f64::min);
        Axis { low, high: if high > low { high } else { 2.0 * low }, start, end, step: None }
    }

    /// Where a value is drawn.
    pub fn place(&self, value: f64) -> f64 {
        let share = match self.step {
            Some(_) => (value - self.low) / (self.high - self.low),
            None => (value / self.low).ln() / (self.high / self.low).ln(),
        };
        self.start + (self.end - self.start) * share
    }

    /// The values to be written beside it, in order.
    pub fn ticks(&self) -> Vec<f64> {
        let Some(step) = self.step else { return self.logarithmic_ticks() };
        let first = (self.low / step - 1e-6).ceil() as i64;
        let last = (self.high / step + 1e-6).floor() as i64;
        (first..=last).map(|tick| tick as f64 * step).collect()
    }

    fn logarithmic_ticks(&self) -> Vec<f64> {
        let all: Vec<f64> = steps(self.low, self.high)
            .into_iter()
            .filter(|step| (self.low * 0.9999..=self.high * 1.0001).contains(step))
            .collect();
        if all.len() <= 9 { all } else { all.into_iter().filter(|step| step.log10().fract().abs() < 1e-6).collect() }
    }
}

/// The least and the greatest finite value.
fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.into_iter().filter(|value| value.is_finite());
    finite.fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

/// 1, 2 and 5 times the powers of ten around a range.
fn steps(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32 - 1, high.log10().ceil() as i32 + 1);
    (first..=last).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(power))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::short;
    use super::*;

    #[test]
    fn a_logarithmic_axis_spans_round_numbers() {
        let axis = Axis::logarithmic([1000.0, 40_000.0, 160_000.0], 0.0, 100.0);
        assert!((axis.low - 1e3).abs() < 1e-6 && (axis.high - 2e5).abs() < 1e-3, "{axis:?}");
        assert_eq!((axis.place(axis.low), axis.place(axis.high)), (0.0, 100.0));
        let labels: Vec<String> = axis.ticks().into_iter().map(short).collect();
        assert_eq!(labels, ["1k", "2k", "5k", "10k", "20k", "50k", "100k", "200k"]);
        let level = Axis::logarithmic([20.0, 20.0], 0.0, 1.0);
        assert!(level.high > level.low && level.place(20.0).is_finite(), "{level:?}");
    }

    #[test]
    fn a_linear_axis_holds_its_values_between_round_ends() {
        for (low, high) in [(0.0, 1.0), (-3.2, 4.7), (29.99, 30.01), (5.0, 5.0), (0.0, 0.0), (-8.0, -8.0), (1e5, 3e5)] {
            let axis = Axis::linear([low, f64::NAN, high, f64::INFINITY], 0.0, 1.0, 5);
            let ticks = axis.ticks();
            assert!(axis.low <= low + 1e-9 && high <= axis.high + 1e-9 && axis.low < axis.high, "{axis:?}");
            assert!((2..=12).contains(&ticks.len()), "{axis:?}: {ticks:?}");
            assert!((ticks[0] - axis.low).abs() < 1e-9 * axis.high.abs().max(1.0), "{axis:?}: {ticks:?}");
        }
        assert_eq!(Axis::linear([], 0.0, 1.0, 5).ticks().len(), 6);
    }

    #[test]
    fn an_exact_axis_has_round_ticks_within() {
        let axis = Axis::exact(-1.3, 2.6, 0.0, 390.0, 4);
        assert_eq!(axis.ticks(), [-1.0, 0.0, 1.0, 2.0]);
        assert!((axis.place(0.0) - 130.0).abs() < 1e-9);
    }
}
