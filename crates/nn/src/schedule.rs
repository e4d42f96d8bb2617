//! Learning rates as functions of progress.

use serde::{Deserialize, Serialize};

/// A learning-rate schedule: a pure function of progress, so a resumed run needs no state for it.
///
/// `update` counts the updates that were made before this one (0 for the first), `epoch` is the share of the corpus seen before it
/// (5.25: five passes and a quarter). Data, so that a configuration can name it: `{ kind = "constant", rate = 0.7 }`.
///
/// ```
/// use unrolled_nn::schedule::Schedule;
///
/// let paper = Schedule::sutskever2014();
/// let rates = [0.0, 4.99, 5.0, 5.49, 5.5, 7.0].map(|epoch| paper.rate(0, epoch));
/// assert_eq!(rates, [0.7, 0.7, 0.35, 0.35, 0.175, 0.7 / 32.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// `rate` throughout.
    Constant {
        /// The learning rate.
        rate: f64,
    },
    /// `rate`, halved at epoch `after_epochs` and then after every `every_epochs`.
    Halving {
        /// The learning rate at first.
        rate: f64,
        /// The epoch of the first halving.
        after_epochs: f64,
        /// The epochs between halvings.
        every_epochs: f64,
    },
    /// Linear up to `rate` over `warm_up` updates, then rate · √(warm_up / n) at the n-th update (Vaswani et al., "Attention is all you
    /// need", 2017, section 5.3).
    InverseSquareRoot {
        /// The peak, which the `warm_up`-th update has.
        rate: f64,
        /// Updates to the peak; 0 is like 1.
        warm_up: u64,
    },
    /// Linear up to `rate` over `warm_up` updates, then down along half a cosine to `floor` at update `total`, and `floor` after that
    /// (Loshchilov, Hutter, "SGDR", ICLR 2017, without restarts).
    Cosine {
        /// The peak.
        rate: f64,
        /// The last learning rate.
        #[serde(default)]
        floor: f64,
        /// Updates to the peak.
        #[serde(default)]
        warm_up: u64,
        /// Updates until the floor, those of the warm-up included.
        total: u64,
    },
    /// `rate`, multiplied by `factor` after every `every_epochs`.
    Step {
        /// The learning rate at first.
        rate: f64,
        /// What each step multiplies by.
        factor: f64,
        /// The epochs between steps.
        every_epochs: f64,
    },
    /// rate · factor^(epoch / every_epochs): [`Step`](Schedule::Step) without the steps.
    Exponential {
        /// The learning rate at first.
        rate: f64,
        /// What `every_epochs` multiply by.
        factor: f64,
        /// The epochs that multiply by `factor`.
        every_epochs: f64,
    },
}

/// A schedule with a number that makes no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("learning-rate schedule: {key} is {value}, but it must be {rule}")]
pub struct ScheduleError {
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub value: f64,
    /// What it must be.
    pub rule: &'static str,
}

impl Schedule {
    /// The schedule of Sutskever, Vinyals, Le 2014, section 3.4: 0.7, after 5 epochs halved every half epoch. We take the first halving to
    /// be at epoch 5.0.
    pub const fn sutskever2014() -> Schedule {
        Schedule::Halving { rate: 0.7, after_epochs: 5.0, every_epochs: 0.5 }
    }

    /// The learning rate of the update that follows `update` others, at `epoch`.
    ///
    /// An `epoch` that is within a billionth of a boundary counts as having reached it: quotients of updates and updates per epoch round.
    pub fn rate(&self, update: u64, epoch: f64) -> f64 {
        match *self {
            Schedule::Constant { rate } => rate,
            Schedule::Halving { rate, after_epochs, every_epochs } => {
                let halvings = (periods(epoch - after_epochs, every_epochs) + 1.0).max(0.0);
                rate * 0.5f64.powf(halvings)
            }
            Schedule::InverseSquareRoot { rate, warm_up } => {
                let (n, warm_up) = ((update + 1) as f64, warm_up.max(1) as f64);
                rate * (n / warm_up).min((warm_up / n).sqrt())
            }
            Schedule::Cosine { rate, floor, warm_up, total } => {
                if update < warm_up {
                    return rate * (update + 1) as f64 / warm_up as f64;
                }
                let falling = total.saturating_sub(warm_up).max(1) as f64;
                let progress = ((update - warm_up) as f64 / falling).min(1.0);
                floor + (rate - floor) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
            }
            Schedule::Step { rate, factor, every_epochs } => rate * factor.powf(periods(epoch, every_epochs).max(0.0)),
            Schedule::Exponential { rate, factor, every_epochs } => rate * factor.powf(epoch / every_epochs),
        }
    }

    /// Checks the numbers of a schedule that came from a configuration.
    ///
    /// # Errors
    /// Names the first key whose value makes no sense.
    pub fn check(&self) -> Result<(), ScheduleError> {
        let not_negative = |key, value: f64| {
            let rule = "a finite number, 0 or more";
            if value.is_finite() && value >= 0.0 { Ok(()) } else { Err(ScheduleError { key, value, rule }) }
        };
        let positive = |key, value: f64| {
            let rule = "a finite number above 0";
            if value.is_finite() && value > 0.0 { Ok(()) } else { Err(ScheduleError { key, value, rule }) }
        };
        match *self {
            Schedule::Constant { rate } | Schedule::InverseSquareRoot { rate, .. } => not_negative("rate", rate),
            Schedule::Halving { rate, after_epochs, every_epochs } => {
                not_negative("rate", rate)?;
                not_negative("after_epochs", after_epochs)?;
                positive("every_epochs", every_epochs)
            }
            Schedule::Cosine { rate, floor, warm_up, total } => {
                not_negative("rate", rate)?;
                not_negative("floor", floor)?;
                let rule = "more than warm_up";
                if total > warm_up { Ok(()) } else { Err(ScheduleError { key: "total", value: total as f64, rule }) }
            }
            Schedule::Step { rate, factor, every_epochs } | Schedule::Exponential { rate, factor, every_epochs } => {
                not_negative("rate", rate)?;
                positive("factor", factor)?;
                positive("every_epochs", every_epochs)
            }
        }
    }
}

/// Whole periods in `span`; nearly whole counts as whole.
fn periods(span: f64, period: f64) -> f64 {
    (span / period + 1e-9).floor()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12 * b.abs().max(1e-300)
    }

    #[test]
    fn the_papers_schedule_at_every_boundary() {
        let paper = Schedule::sutskever2014();
        for (epoch, multiplier) in [
            (0.0, 1.0),
            (4.999, 1.0),
            (5.0, 0.5),
            (5.499, 0.5),
            (5.5, 0.25),
            (5.999, 0.25),
            (6.0, 0.125),
            (6.5, 0.0625),
            (7.0, 0.03125),
            (7.499, 0.03125),
        ] {
            assert_eq!(paper.rate(123, epoch), 0.7 * multiplier, "{epoch}");
        }
        assert_eq!(paper.rate(0, 1e9), 0.0);
    }

    #[test]
    fn boundaries_are_met_by_rounded_epochs() {
        // Half epochs of 10 and of 7 updates each, and a period that binary fractions only approach.
        for per_epoch in [7u64, 10, 4689] {
            let tenth = Schedule::Halving { rate: 1.0, after_epochs: 1.0, every_epochs: 1.0 / per_epoch as f64 };
            for update in per_epoch..per_epoch + 40 {
                let rate = tenth.rate(update, update as f64 / per_epoch as f64);
                assert_eq!(rate, 0.5f64.powi((update - per_epoch + 1) as i32), "{update} of {per_epoch}");
            }
        }
    }

    #[test]
    fn warm_up_and_inverse_square_root() {
        let schedule = Schedule::InverseSquareRoot { rate: 2.0, warm_up: 100 };
        for (update, rate) in [(0, 0.02), (49, 1.0), (99, 2.0), (399, 1.0), (9999, 0.2)] {
            assert!(close(schedule.rate(update, 0.0), rate), "{update}: {}", schedule.rate(update, 0.0));
        }
        assert_eq!(Schedule::InverseSquareRoot { rate: 2.0, warm_up: 0 }.rate(3, 0.0), 1.0);
    }

    #[test]
    fn cosine_from_peak_to_floor() {
        let schedule = Schedule::Cosine { rate: 1.0, floor: 0.2, warm_up: 10, total: 110 };
        for (update, rate) in
            [(0, 0.1), (9, 1.0), (10, 1.0), (35, 0.6 + 0.4 * 0.5f64.sqrt()), (60, 0.6), (110, 0.2), (999, 0.2)]
        {
            assert!(close(schedule.rate(update, 0.0), rate), "{update}: {}", schedule.rate(update, 0.0));
        }
    }

    #[test]
    fn steps_and_exponentials() {
        let step = Schedule::Step { rate: 3.0, factor: 0.1, every_epochs: 2.0 };
        let smooth = Schedule::Exponential { rate: 3.0, factor: 0.25, every_epochs: 2.0 };
        for (epoch, stepped, smoothed) in [(0.0, 3.0, 3.0), (1.0, 3.0, 1.5), (2.0, 0.3, 0.75), (5.0, 0.03, 0.09375)] {
            assert!(close(step.rate(0, epoch), stepped), "{epoch}: {}", step.rate(0, epoch));
            assert!(close(smooth.rate(0, epoch), smoothed), "{epoch}: {}", smooth.rate(0, epoch));
        }
        assert_eq!(Schedule::Constant { rate: 0.7 }.rate(1 << 40, 1e6), 0.7);
    }

    fn any_schedule() -> impl Strategy<Value = Schedule> {
        let rate = 1e-6..10.0f64;
        prop_oneof![
            rate.clone().prop_map(|rate| Schedule::Constant { rate }),
            (rate.clone(), 0.0..9.0, 0.01..3.0).prop_map(|(rate, after_epochs, every_epochs)| Schedule::Halving {
                rate,
                after_epochs,
                every_epochs
            }),
            (rate.clone(), 0u64..500).prop_map(|(rate, warm_up)| Schedule::InverseSquareRoot { rate, warm_up }),
            (rate.clone(), 0u64..500, 1u64..5000).prop_map(|(rate, warm_up, rest)| Schedule::Cosine {
                rate,
                floor: rate / 10.0,
                warm_up,
                total: warm_up + rest
            }),
            (rate.clone(), 0.1..1.0, 0.1..3.0).prop_map(|(rate, factor, every_epochs)| Schedule::Step {
                rate,
                factor,
                every_epochs
            }),
            (rate, 0.1..1.0, 0.1..3.0).prop_map(|(rate, factor, every_epochs)| Schedule::Exponential {
                rate,
                factor,
                every_epochs
            }),
        ]
    }

    proptest! {
        /// No schedule exceeds its peak, all stay above 0 in a run of usual length, and all come back from JSON to the bit.
        #[test]
        fn rates_are_sane_and_serialisable(schedule in any_schedule(), update in 0u64..100_000, epoch in 0.0..20.0f64) {
            let rate = schedule.rate(update, epoch);
            prop_assert!((0.0..=10.0).contains(&rate) && schedule.check().is_ok());
            let back: Schedule = serde_json::from_str(&serde_json::to_string(&schedule).unwrap()).unwrap();
            prop_assert_eq!(back, schedule);
            prop_assert_eq!(back.rate(update, epoch).to_bits(), rate.to_bits());
        }
    }

    #[test]
    fn senseless_numbers_are_named() {
        let halving = |every_epochs| Schedule::Halving { rate: 0.7, after_epochs: 5.0, every_epochs };
        assert_eq!(halving(0.0).check().unwrap_err().key, "every_epochs");
        assert!(halving(f64::NAN).check().is_err());
        assert_eq!(Schedule::Constant { rate: -1.0 }.check().unwrap_err().key, "rate");
        let error = Schedule::Cosine { rate: 1.0, floor: 0.0, warm_up: 10, total: 10 }.check().unwrap_err();
        assert_eq!(error.to_string(), "learning-rate schedule: total is 10, but it must be more than warm_up");
        let error = serde_json::from_str::<Schedule>(r#"{"kind":"constant","rate":1,"rat":2}"#).unwrap_err();
        assert!(error.to_string().contains("rat"), "{error}");
    }
}
