//! What happened, for a viewer of traces.

use serde_json::{Value, json};

use super::Trace;
use crate::schedule::Plan;

/// Steps as a trace in Chrome's format, which Perfetto and `chrome://tracing` show: a row for each device with its tasks, and one for what it receives. `steps` are
/// update numbers with what happened, one drawn behind the other; `devices` their names.
pub fn chrome_trace(plan: &Plan, devices: &[String], steps: &[(u64, Trace)]) -> Value {
    let mut events = Vec::new();
    for (device, name) in devices.iter().enumerate() {
        let label = format!("{name}: {}", plan.on(device));
        events.push(json!({"ph": "M", "pid": device, "name": "process_name", "args": {"name": label}}));
        events.push(json!({"ph": "M", "pid": device, "name": "process_sort_index", "args": {"sort_index": device}}));
        for (thread, name) in [(0, "tasks"), (1, "messages received")] {
            events
                .push(json!({"ph": "M", "pid": device, "tid": thread, "name": "thread_name", "args": {"name": name}}));
        }
    }
    let mut before = 0.0;
    for (update, Trace { graph, timeline }) in steps {
        let span = |start: f64, end: f64| (1e6 * (before + start), 1e6 * (end - start));
        for (task, happened) in graph.tasks.iter().zip(&timeline.spans) {
            let (ts, dur) = span(happened.start, happened.end);
            let args = json!({"update": update, "flops": task.work.flops});
            let (name, category) = (task.job.to_string(), task.job.kind().name());
            events.push(json!({
                "ph": "X", "pid": task.device, "tid": 0, "name": name, "cat": category, "ts": ts, "dur": dur, "args": args
            }));
        }
        for message in &timeline.messages {
            let (ts, dur) = span(message.start, message.end);
            let name = format!("from device {}", message.from);
            let args = json!({"update": update, "bytes": message.bytes});
            events.push(json!({
                "ph": "X", "pid": message.to, "tid": 1, "name": name, "cat": "message", "ts": ts, "dur": dur, "args": args
            }));
        }
        before += timeline.makespan;
    }
    json!({ "traceEvents": events, "displayTimeUnit": "ms" })
}
