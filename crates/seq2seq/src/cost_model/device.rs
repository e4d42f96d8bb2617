//! Devices, by published figures.

use std::sync::Arc;

use super::Rates;
use super::link::Link;
use crate::schedule::Work;

/// What a device can do.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// As in `8xK40`.
    pub name: &'static str,
    /// Peak of f32 multiply–adds, FLOP/s.
    pub peak: f64,
    /// What part of the peak matrix products reach.
    pub fraction: f64,
    /// Memory traffic, bytes/s: measured where a measurement is published, else the data sheet's.
    pub bandwidth: f64,
    /// Bytes of memory.
    pub memory: u64,
    /// Seconds to launch a kernel.
    pub launch: f64,
    /// Rows of a product's tiles: fewer cost as much as so many.
    pub tile_rows: u64,
    /// How it is linked to its peers.
    pub link: Link,
    /// Whether `fraction` is to be calibrated; a device that was measured reaches what was measured.
    pub published: bool,
    /// What each kind of task took, where that was measured.
    pub rates: Option<Arc<Rates>>,
}

const GB: f64 = 1e9;
const GIB: u64 = 1 << 30;

/// A card as its data sheet has it. The single-precision products of cuBLAS work on tiles of 64 or 128 rows; 64 is taken, so that cutting a batch finer
/// gains nothing.
const fn card(name: &'static str, peak: f64, bandwidth: f64, gib: u64, launch: f64, link: Link) -> Device {
    Device {
        name,
        peak: peak * 1e12,
        fraction: 1.0,
        bandwidth: bandwidth * GB,
        memory: gib * GIB,
        launch,
        tile_rows: 64,
        link,
        published: true,
        rates: None,
    }
}

/// Launch of a kernel in the days of CUDA 5 to 7: 5 to 10 µs are reported.
const LAUNCH_2014: f64 = 7e-6;
/// And since CUDA 10 or so: 3 to 5 µs.
const LAUNCH_NOW: f64 = 4e-6;

/// The devices that are known by name.
pub static DEVICES: [Device; 8] = [
    // NVIDIA Tesla K20 and K20X data sheets (2012): 3.52 and 3.95 TFLOP/s, 208 and 250 GB/s, PCIe 2.
    card("K20", 3.52, 208.0, 5, LAUNCH_2014, Link::PCIE_2),
    card("K20X", 3.95, 250.0, 6, LAUNCH_2014, Link::PCIE_2),
    // Tesla K40 data sheet (2013): 4.29 TFLOP/s at 745 MHz, 288 GB/s; of these a copy reaches 203 (bandwidthTest, as published by Microway). 12 GB, 11.25
    // with ECC on.
    card("K40", 4.29, 203.0, 12, LAUNCH_2014, Link::PCIE_3),
    // Tesla V100 SXM2 data sheet: 15.7 TFLOP/s, 900 GB/s, 32 GB, NVLink 2.
    card("V100", 15.7, 900.0, 32, LAUNCH_NOW, Link::NVLINK_2),
    // A100 SXM 80 GB data sheet: 19.5 TFLOP/s in f32 without tensor cores, 2,039 GB/s, NVLink 3.
    card("A100", 19.5, 2039.0, 80, LAUNCH_NOW, Link::NVLINK_3),
    // H100 and H200 SXM data sheets: 67 TFLOP/s in f32, 3,350 and 4,800 GB/s, 80 and 141 GB, NVLink 4.
    card("H100", 67.0, 3350.0, 80, LAUNCH_NOW, Link::NVLINK_4),
    card("H200", 67.0, 4800.0, 141, LAUNCH_NOW, Link::NVLINK_4),
    // One core of an Intel Xeon (AVX-512), measured: products of 128 × 4000 × 1000 in f32 (98 to 157 GFLOP/s with two threads, depending on the
    // library), and what a copy of 200 MB moves, read and written. The "launch" is what a verb of the tensor library costs beside its arithmetic.
    Device {
        name: "cpu",
        peak: 60e9,
        fraction: 1.0,
        bandwidth: 18.0 * GB,
        memory: 8 * GIB,
        launch: 2e-6,
        tile_rows: 8,
        link: Link::MEMORY,
        published: false,
        rates: None,
    },
];

impl Device {
    /// The device of that name, in capitals or not.
    pub fn find(name: &str) -> Option<&'static Device> {
        DEVICES.iter().find(|device| device.name.eq_ignore_ascii_case(name))
    }

    /// Seconds that a task's work takes: launches, then the slower of arithmetic and traffic of the products, then the elementwise traffic.
    pub fn seconds(&self, work: &Work) -> f64 {
        // A product of few rows takes as long as one whole tile.
        let tiles = work.rows.div_ceil(self.tile_rows) * self.tile_rows;
        let waste = if work.rows == 0 { 1.0 } else { tiles as f64 / work.rows as f64 };
        let arithmetic = work.flops as f64 * waste / (self.peak * self.fraction);
        let traffic = (work.read + work.written) as f64 / self.bandwidth;
        work.launches as f64 * self.launch + arithmetic.max(traffic) + work.elementwise as f64 / self.bandwidth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roofline_has_two_sides() {
        let device = Device { fraction: 0.5, ..Device::find("k40").unwrap().clone() };
        let work = Work { flops: 4_290_000_000, rows: 128, read: 203_000, launches: 1, ..Work::default() };
        assert!((device.seconds(&work) - (2e-3 + 7e-6)).abs() < 1e-12);
        let bound_by_memory = Work { read: 2_030_000_000, elementwise: 203_000_000, ..work };
        assert!((device.seconds(&bound_by_memory) - (10e-3 + 1e-3 + 7e-6)).abs() < 1e-12);
    }

    #[test]
    fn few_rows_cost_a_whole_tile() {
        let device = Device::find("K40").unwrap();
        let rows = |rows: u64| device.seconds(&Work { flops: rows * 1_000_000_000, rows, ..Work::default() });
        assert_eq!(rows(16), rows(64));
        assert!(rows(128) > 1.9 * rows(64));
    }
}
