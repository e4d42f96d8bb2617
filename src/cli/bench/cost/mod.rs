//! `unrolled bench cost`: how the cost of a word grows with vocabulary, cells and length.

mod plot;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use unrolled_seq2seq::config::Precision;
use unrolled_tensor::Device;

use super::size::{Size, Work};
use super::steps::Timed;
use super::train_step::rounded;
use crate::cli::output::{check, stdout, write_whole};
use crate::cli::threads::use_threads;
use crate::cli::translate::flags::above_zero;
use plot::{Curve, Panel};

/// Time training steps against the vocabulary, the cells of a layer, and the length of the sentences: what a word costs.
///
/// One layer of 256 cells in encoder and decoder, 4,000 words in each vocabulary, 64 sentences of 20 words, and one of these at a time takes other
/// values. A word is one of either language, without <EOS>; its cost is the quickest step's time divided by the words.
#[derive(Debug, Args)]
pub(super) struct Cost {
    /// Threads. 0: all cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Steps to time at each point, after one that does not count.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Measure up to this share of the largest sizes, for a quick look.
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = above_zero)]
    scale: f64,
    /// Draw the measurements, with guide lines.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Answer {
    threads: usize,
    series: Vec<Series>,
}

/// Measurements against one size.
#[derive(Debug, Serialize)]
struct Series {
    against: &'static str,
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Point {
    x: usize,
    us_per_word: f64,
    gflop_per_s: f64,
    /// Additions and multiplications of a word's products.
    #[serde(skip)]
    flop_per_word: f64,
}

/// One size that is varied.
struct Sweep {
    against: &'static str,
    values: &'static [usize],
    set: fn(&mut Work, usize),
    /// Where a word's cost is all but proportional to the size, and not independent of it.
    linear: bool,
}

const SWEEPS: [Sweep; 3] = [
    Sweep {
        against: "words in the vocabulary",
        values: &[1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 80_000, 160_000],
        set: |work, words| (work.source_words, work.target_words) = (words, words),
        linear: true,
    },
    Sweep {
        against: "cells in a layer",
        values: &[32, 64, 128, 256, 512, 1024],
        set: |work, cells| work.hidden = cells,
        linear: true,
    },
    Sweep {
        against: "words in a sentence",
        values: &[5, 10, 20, 40, 80, 160],
        set: |work, length| work.length = length,
        linear: false,
    },
];

impl Cost {
    pub(super) fn run(self) -> anyhow::Result<()> {
        use_threads(self.threads)?;
        // Before the work, not after it.
        if let Some(path) = &self.svg {
            check(path, [])?;
        }
        let series = SWEEPS.iter().map(|sweep| self.series(sweep)).collect::<anyhow::Result<Vec<_>>>()?;
        let answer = Answer { threads: rayon::current_num_threads(), series };
        if let Some(path) = &self.svg {
            let panels: Vec<Panel> =
                SWEEPS.iter().zip(&answer.series).map(|(sweep, series)| series.panel(sweep.linear)).collect();
            write_whole(path, plot::svg(&panels).as_bytes())?;
        }
        let text = if self.json { serde_json::to_string(&answer)? } else { answer.table() };
        writeln!(stdout(), "{}", text.trim_end()).context("printing the answer")
    }

    fn series(&self, sweep: &Sweep) -> anyhow::Result<Series> {
        let largest = sweep.values[sweep.values.len() - 1] as f64 * self.scale;
        let values = sweep.values.iter().enumerate().filter(|(place, value)| *place < 2 || **value as f64 <= largest);
        let points = values.map(|(_, &value)| self.point(sweep, value)).collect::<anyhow::Result<_>>()?;
        Ok(Series { against: sweep.against, points })
    }

    fn point(&self, sweep: &Sweep, x: usize) -> anyhow::Result<Point> {
        let base = Work { source_words: 4_000, target_words: 4_000, layers: 1, ..Size::S.work() };
        let mut work = Work { steps: self.steps as usize, warm_up: 1, ..base };
        (sweep.set)(&mut work, x);
        let seconds = Timed::steps(&work, 1, &Device::cpu(), Precision::F32)?.range()[0];
        let words = 2.0 * work.words() as f64;
        Ok(Point {
            x,
            us_per_word: rounded(1e6 * seconds / words, 1e3),
            gflop_per_s: rounded(work.flop() / seconds * 1e-9, 10.0),
            flop_per_word: work.flop() / words,
        })
    }
}

impl Series {
    /// Measured; what the products alone would cost at the last point's speed; and a guide, proportional or constant.
    fn panel(&self, linear: bool) -> Panel {
        let last = self.points[self.points.len() - 1];
        let points = |y: &dyn Fn(&Point) -> f64| self.points.iter().map(|point| (point.x as f64, y(point))).collect();
        let arithmetic = |point: &Point| last.us_per_word * point.flop_per_word / last.flop_per_word;
        let guide = |point: &Point| last.us_per_word * if linear { point.x as f64 / last.x as f64 } else { 1.0 };
        Panel {
            x_title: self.against,
            y_title: "µs a word",
            measured: Curve { name: "measured", points: points(&|point| point.us_per_word) },
            expected: Curve { name: "in proportion to its additions and multiplications", points: points(&arithmetic) },
            guide: Curve { name: if linear { "linear" } else { "constant" }, points: points(&guide) },
        }
    }
}

impl Answer {
    fn table(&self) -> String {
        let mut text = String::new();
        for series in &self.series {
            text += &format!("{:>24} {:>12} {:>9}\n", series.against, "µs a word", "GFLOP/s");
            for point in &series.points {
                text += &format!("{:>24} {:>12.2} {:>9.1}\n", point.x, point.us_per_word, point.gflop_per_s);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_words_products_are_counted() {
        let work =
            Work { source_words: 9, target_words: 10, layers: 2, hidden: 3, batch: 2, length: 4, steps: 1, warm_up: 0 };
        // 2 · 5 rows; two stacks of two layers with weights [12, 3 + 3]; the projection [10, 3].
        assert_eq!(work.flop(), 3.0 * 2.0 * 10.0 * (4.0 * 12.0 * 6.0 + 30.0));
    }

    #[test]
    fn guides_pass_through_the_last_point() {
        let point = |x, us_per_word, flop_per_word| Point { x, us_per_word, gflop_per_s: 1.0, flop_per_word };
        let series = Series { against: "x", points: vec![point(10, 3.0, 5.0), point(40, 8.0, 20.0)] };
        let panel = series.panel(true);
        assert_eq!(panel.guide.points, [(10.0, 2.0), (40.0, 8.0)]);
        assert_eq!(panel.expected.points, [(10.0, 2.0), (40.0, 8.0)]);
        assert_eq!(series.panel(false).guide.points, [(10.0, 8.0), (40.0, 8.0)]);
    }
}
