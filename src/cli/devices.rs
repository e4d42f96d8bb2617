//! `unrolled devices`: what `--device` can be on this machine.

use std::io::Write;

use clap::Args;
use serde_json::{Map, Value, json};
use unrolled::{FoundDevice, found_devices, tensor::Bytes};

use crate::cli::output::stdout;

/// List the devices of this machine, and why one cannot be used.
#[derive(Debug, Args)]
pub(super) struct Devices {
    /// Print a JSON object a line.
    #[arg(long)]
    json: bool,
}

impl Devices {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut output = stdout();
        for device in found_devices() {
            if self.json {
                writeln!(output, "{}", object(&device))?;
            } else {
                writeln!(output, "{}", line(&device))?;
            }
        }
        Ok(())
    }
}

/// `cuda:0: NVIDIA H100, 79.6 GiB, compute capability 9.0, …`
fn line(device: &FoundDevice) -> String {
    let memory = device.memory.map(|bytes| Bytes(bytes).to_string());
    let details = device.details.iter().map(|(key, value)| format!("{key} {value}"));
    let why = device.unusable.iter().map(|why| format!("cannot be used: {why}"));
    let hardware = Some(device.hardware.clone()).filter(|name| !name.is_empty());
    let parts: Vec<String> = hardware.into_iter().chain(memory).chain(details).chain(why).collect();
    format!("{}: {}", device.name, parts.join(", "))
}

fn object(device: &FoundDevice) -> Value {
    let mut object = Map::new();
    object.insert("name".into(), json!(device.name));
    object.insert("hardware".into(), json!(device.hardware));
    object.insert("memory_bytes".into(), json!(device.memory));
    for (key, value) in &device.details {
        object.insert(key.replace(' ', "_"), json!(value));
    }
    object.insert("unusable".into(), json!(device.unusable));
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_a_line_or_an_object() {
        let mut device = found_devices().remove(0);
        (device.hardware, device.memory) = ("A processor".into(), Some(3 << 30));
        device.details = vec![("threads", "2".into()), ("two words", "x".into())];
        assert_eq!(line(&device), "cpu: A processor, 3.0 GiB, threads 2, two words x");
        device.unusable = Some("it is gone".into());
        assert!(line(&device).ends_with(", cannot be used: it is gone"));
        let object = object(&device);
        assert_eq!(object["two_words"], "x");
        assert_eq!(object["unusable"], "it is gone");
    }
}
