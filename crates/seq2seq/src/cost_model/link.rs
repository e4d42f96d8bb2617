//! Links between devices, by published figures.

/// How a message gets from one device to another. Each device has one port out and one in, and each carries one message at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// As in `--link pcie3`.
    pub name: &'static str,
    /// Bytes/s in one direction.
    pub bandwidth: f64,
    /// Seconds until a message moves.
    pub latency: f64,
}

impl Link {
    /// PCI Express 2, 16 lanes: about 6 GB/s of its 8 arrive.
    pub const PCIE_2: Link = Link { name: "pcie2", bandwidth: 6e9, latency: 10e-6 };
    /// PCI Express 3, 16 lanes: 10.0 GB/s from pinned memory, measured on a K40 (bandwidthTest, Microway). Peer copies took about 10 µs to start.
    pub const PCIE_3: Link = Link { name: "pcie3", bandwidth: 10e9, latency: 10e-6 };
    /// V100: 300 GB/s in both directions together.
    pub const NVLINK_2: Link = Link { name: "nvlink2", bandwidth: 150e9, latency: 5e-6 };
    /// A100: 600 GB/s in both directions together.
    pub const NVLINK_3: Link = Link { name: "nvlink3", bandwidth: 300e9, latency: 5e-6 };
    /// H100 and H200: 900 GB/s in both directions together.
    pub const NVLINK_4: Link = Link { name: "nvlink4", bandwidth: 450e9, latency: 5e-6 };
    /// Two CPU devices share their memory: a message is a copy, which is read and written.
    pub const MEMORY: Link = Link { name: "memory", bandwidth: 9e9, latency: 5e-6 };

    /// All of them.
    pub const ALL: [Link; 6] =
        [Link::PCIE_2, Link::PCIE_3, Link::NVLINK_2, Link::NVLINK_3, Link::NVLINK_4, Link::MEMORY];

    /// The link of that name.
    pub fn find(name: &str) -> Option<Link> {
        Link::ALL.into_iter().find(|link| link.name == name)
    }

    /// Seconds that a message of so many bytes takes.
    pub fn seconds(&self, bytes: u64) -> f64 {
        self.latency + bytes as f64 / self.bandwidth
    }

    /// The link between devices of two kinds: the slower one's.
    pub fn slower(self, other: Link) -> Link {
        if other.bandwidth < self.bandwidth { other } else { self }
    }
}
