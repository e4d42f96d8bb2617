//! The schedule and its cost model: what must hold for every plan, closed forms, and the published figures.

mod clock;
mod every_plan;
mod figures;

use unrolled_seq2seq::cost_model::{Device, Link, Machine};
use unrolled_seq2seq::model::Sizes;

/// A device that does 10⁹ operations a second and has all else for nothing.
fn unit_device() -> Device {
    Device {
        name: "unit",
        peak: 1e9,
        fraction: 1.0,
        bandwidth: f64::INFINITY,
        memory: u64::MAX,
        launch: 0.0,
        tile_rows: 1,
        link: Link { name: "unit", bandwidth: 1e9, latency: 0.25 },
        published: false,
        rates: None,
    }
}

fn unit_machine(devices: usize) -> Machine {
    Machine { devices: vec![unit_device(); devices], link: unit_device().link }
}

fn small() -> Sizes {
    Sizes { source_words: 300, target_words: 101, embedding: 16, hidden: 16, layers: 3, softmax_slices: 3 }
}
