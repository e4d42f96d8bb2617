//! What no schedule of a graph can beat.

use serde::Serialize;

use super::Machine;
use crate::schedule::Graph;

/// Lower bounds of the time that a graph takes on a machine, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bounds {
    /// The longest chain of tasks that wait for each other, messages included.
    pub critical_path_s: f64,
    /// The work of the device that has most.
    pub busiest_device_s: f64,
}

/// The bounds of a graph.
pub fn bounds(graph: &Graph, machine: &Machine) -> Bounds {
    let mut busy = vec![0.0; machine.devices.len()];
    for task in &graph.tasks {
        busy[task.device] += machine.seconds(task);
    }
    Bounds {
        critical_path_s: urgency(graph, machine).into_iter().fold(0.0, f64::max),
        busiest_device_s: busy.into_iter().fold(0.0, f64::max),
    }
}

/// For each task, the longest way from its beginning to the end of the step: the rank of Topcuoglu, Hariri and Wu's HEFT (2002), here with the
/// devices already chosen.
pub(super) fn urgency(graph: &Graph, machine: &Machine) -> Vec<f64> {
    let mut longest: Vec<f64> = vec![0.0; graph.tasks.len()];
    for (index, task) in graph.tasks.iter().enumerate().rev() {
        let mut after: f64 = 0.0;
        for &value in &task.outputs {
            let value = &graph.values[value];
            let sent = machine.link.seconds(value.bytes);
            for &consumer in &value.consumers {
                let way = if graph.tasks[consumer].device == task.device { 0.0 } else { sent };
                after = after.max(way + longest[consumer]);
            }
        }
        longest[index] = machine.seconds(task) + after;
    }
    longest
}
