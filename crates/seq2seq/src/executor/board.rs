//! What the workers share: which tasks are ready, the values that are there, and what happened.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use unrolled_tensor::Device;

use super::StepError;
use super::payload::Payload;
use crate::cost_model::{Machine, priorities, readers};
use crate::schedule::{Cause, Graph, Message, Order, Span, Timeline, Value};

/// A step under way.
pub(super) struct Board<'a> {
    pub graph: &'a Graph,
    priorities: Vec<f64>,
    /// By value: whether another device reads it.
    sent: Vec<bool>,
    /// Whether every task and message waits for its device, so that a span is the time that it took.
    timed: bool,
    state: Mutex<State>,
    changed: Condvar,
    began: Instant,
}

/// A value on a device.
struct Copy {
    device: usize,
    /// None until it is there, and after its last reader.
    payload: Option<Payload>,
    /// Who on this device has still to read it; fetching it from elsewhere is reading too.
    readers: usize,
}

struct State {
    /// By task: inputs that are not made yet.
    missing: Vec<usize>,
    /// By device: tasks to do, all of them or those that are ready.
    queues: Vec<VecDeque<usize>>,
    /// By device: how many tasks are left.
    left: Vec<usize>,
    previous: Vec<Option<usize>>,
    values: Vec<Vec<Copy>>,
    /// By task: who made its last input.
    made_ready: Vec<Option<usize>>,
    spans: Vec<Option<Span>>,
    messages: Vec<Message>,
    failed: Option<StepError>,
}

/// A task with what it reads, on its device.
pub(super) struct Ready {
    pub task: usize,
    /// Value and payload; whoever reads a value last has it alone.
    pub inputs: Vec<(usize, Payload)>,
}

/// An input: here, or to be copied from there.
enum Found {
    Here(Payload),
    There { from: usize, payload: Payload },
}

impl<'a> Board<'a> {
    pub fn new(graph: &'a Graph, machine: &Machine, timed: bool) -> Board<'a> {
        let missing: Vec<usize> = graph.tasks.iter().map(|task| task.inputs.len()).collect();
        let own = |device: usize| (0..graph.tasks.len()).filter(move |&task| graph.tasks[task].device == device);
        let queue = |device: usize| match graph.order {
            Order::Program => own(device).collect(),
            _ => own(device).filter(|&task| missing[task] == 0).collect(),
        };
        let copy = |(device, readers)| Copy { device, payload: None, readers };
        let copies = |value: &Value| readers(graph, value.producer, &value.consumers).into_iter().map(copy).collect();
        let values: Vec<Vec<Copy>> = graph.values.iter().map(copies).collect();
        let sent = values.iter().map(|copies| copies.len() > 1).collect();
        let state = State {
            queues: (0..graph.devices).map(queue).collect(),
            left: (0..graph.devices).map(|device| own(device).count()).collect(),
            previous: vec![None; graph.devices],
            values,
            made_ready: vec![None; graph.tasks.len()],
            spans: vec![None; graph.tasks.len()],
            messages: Vec::new(),
            failed: None,
            missing,
        };
        let priorities = priorities(graph, machine);
        Board {
            graph,
            priorities,
            sent,
            timed,
            state: Mutex::new(state),
            changed: Condvar::new(),
            began: Instant::now(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Waits for a device's next task, with its inputs on the device; none where all is done or something failed. Whatever copying panics with is `failed`'s to
    /// name: `at` is told the task first.
    pub fn next(&self, device: usize, handle: &Device, at: &mut Option<usize>) -> Option<Ready> {
        let (task, found) = {
            let mut state = self.lock();
            let task = loop {
                if state.failed.is_some() || state.left[device] == 0 {
                    return None;
                }
                if let Some(task) = self.take(&mut state, device) {
                    break task;
                }
                let wait = || self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state = match handle.profile() {
                    Some(profile) => profile.time("wait for other devices", wait),
                    None => wait(),
                };
            };
            let inputs = self.graph.tasks[task].inputs.iter();
            (task, inputs.map(|&value| (value, self.find(&mut state, value, device))).collect::<Vec<_>>())
        };
        *at = Some(task);
        let mut last = None;
        let mut inputs = Vec::with_capacity(found.len());
        for (value, found) in found {
            let payload = match found {
                Found::Here(payload) => payload,
                Found::There { from, payload } => {
                    let start = self.now();
                    let copy = payload.to_device(handle);
                    drop(payload);
                    self.wait_if_timed(handle);
                    let mut state = self.lock();
                    let bytes = self.graph.values[value].bytes;
                    if bytes > 0 {
                        last = Some(state.messages.len());
                        state.messages.push(Message { value, from, to: device, bytes, start, end: self.now() });
                    }
                    self.arrived(&mut state, value, device, copy)
                }
            };
            inputs.push((value, payload));
        }
        let start = self.now();
        let mut state = self.lock();
        let cause = self.cause(&state, task, device, last);
        state.spans[task] = Some(Span { start, end: start, cause });
        Some(Ready { task, inputs })
    }

    /// The next task of a device that can begin.
    fn take(&self, state: &mut State, device: usize) -> Option<usize> {
        let queue = &state.queues[device];
        let at = match self.graph.order {
            Order::Program => (state.missing[*queue.front()?] == 0).then_some(0)?,
            // The most urgent, then in program order.
            _ => (0..queue.len()).max_by(|&a, &b| {
                let (a, b) = (queue[a], queue[b]);
                self.priorities[a].total_cmp(&self.priorities[b]).then(b.cmp(&a))
            })?,
        };
        state.queues[device].remove(at)
    }

    fn find(&self, state: &mut State, value: usize, device: usize) -> Found {
        let copies = &mut state.values[value];
        let here = copies.iter_mut().find(|copy| copy.device == device).expect("a reader has a place for the value");
        if here.payload.is_some() {
            return Found::Here(here.read());
        }
        let from = self.graph.tasks[self.graph.values[value].producer].device;
        let home = copies.iter_mut().find(|copy| copy.device == from).expect("a value is where it was made");
        Found::There { from, payload: home.read() }
    }

    /// A copy has come; gives it to its first reader.
    fn arrived(&self, state: &mut State, value: usize, device: usize, payload: Payload) -> Payload {
        let copies = &mut state.values[value];
        let here = copies.iter_mut().find(|copy| copy.device == device).expect("a reader has a place for the value");
        here.payload = Some(payload);
        here.read()
    }

    /// Why a task begins now and not before.
    fn cause(&self, state: &State, task: usize, device: usize, message: Option<usize>) -> Cause {
        let end = |task: usize| state.spans[task].map_or(0.0, |span| span.end);
        let before = state.previous[device];
        match (message, state.made_ready[task], before) {
            (_, Some(made), Some(before)) if end(before) >= end(made) => Cause::Device(before),
            (Some(message), ..) => Cause::Message(message),
            (None, Some(made), _) => Cause::Task(made),
            (None, None, Some(before)) => Cause::Device(before),
            (None, None, None) => Cause::Start,
        }
    }

    /// Returns when the device has done its work, where that is to be timed.
    pub fn wait_if_timed(&self, device: &Device) {
        if self.timed {
            device.synchronize();
        }
    }

    /// Whether another device reads what a task makes.
    pub fn is_sent(&self, task: usize) -> bool {
        self.graph.tasks[task].outputs.iter().any(|&value| self.sent[value])
    }

    /// A task is done, or all of it is given to its device to do, and has made these values.
    pub fn done(&self, task: usize, outputs: Vec<Payload>) {
        let mut state = self.lock();
        let Task { device, values } = Task::of(self.graph, task, outputs.len());
        let end = self.now();
        if let Some(span) = &mut state.spans[task] {
            span.end = end;
        }
        state.left[device] -= 1;
        state.previous[device] = Some(task);
        for (&value, payload) in values.iter().zip(outputs) {
            if let Some(home) = state.values[value].iter_mut().find(|copy| copy.device == device) {
                home.payload = Some(payload);
            }
            for &consumer in &self.graph.values[value].consumers {
                state.missing[consumer] -= 1;
                state.made_ready[consumer] = Some(task);
                if state.missing[consumer] == 0 && self.graph.order != Order::Program {
                    let at = self.graph.tasks[consumer].device;
                    state.queues[at].push_back(consumer);
                }
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Ends the step: the first failure is the one that is told.
    pub fn fail(&self, error: StepError) {
        self.lock().failed.get_or_insert(error);
        self.changed.notify_all();
    }

    pub fn finish(self) -> Result<Timeline, StepError> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = state.failed {
            return Err(error);
        }
        let spans: Vec<Span> = state.spans.into_iter().map(|span| span.expect("every task ran")).collect();
        let makespan = spans.iter().map(|span| span.end).fold(0.0, f64::max);
        Ok(Timeline { spans, messages: state.messages, makespan, peak: self.graph.resident() })
    }
}

impl Copy {
    /// For one reader; the last one gets the value itself.
    fn read(&mut self) -> Payload {
        self.readers -= 1;
        let payload = if self.readers == 0 { self.payload.take() } else { self.payload.clone() };
        payload.expect("a value is made before it is read")
    }
}

/// What a task makes, and where.
struct Task<'a> {
    device: usize,
    values: &'a [usize],
}

impl<'a> Task<'a> {
    fn of(graph: &'a Graph, task: usize, made: usize) -> Task<'a> {
        let found = &graph.tasks[task];
        assert_eq!(found.outputs.len(), made, "{}: outputs", found.job);
        Task { device: found.device, values: &found.outputs }
    }
}
