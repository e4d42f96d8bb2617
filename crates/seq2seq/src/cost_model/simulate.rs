//! The clock: a graph run event by event over a machine.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use super::Machine;
use super::bounds::urgency;
use super::memory::Meter;
use crate::schedule::{Cause, Graph, Job, Kind, Message, Order, Span, Timeline};

/// Runs a graph: each device does one task at a time, each of its two ports carries one message at a time, and a task begins when its device
/// is free and its inputs have arrived. The same graph and machine give the same timeline.
///
/// # Panics
/// Where the graph needs more devices than the machine has.
pub fn simulate(graph: &Graph, machine: &Machine) -> Timeline {
    let (needed, given) = (graph.devices, machine.devices.len());
    assert!(needed <= given, "simulate: the graph needs {needed} devices, the machine has {given}");
    let mut clock = Clock::new(graph, machine);
    clock.run();
    clock.finish()
}

/// A number that can be put in order: urgency, or a point in time.
#[derive(Clone, Copy, PartialEq)]
struct Key(f64);

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Task(usize),
    Message(usize),
}

/// A message that waits for its ports.
struct Waiting {
    urgency: f64,
    value: usize,
    from: usize,
    to: usize,
}

/// The tasks that a device has still to do.
enum Queue {
    /// All of them, in program order.
    Program(VecDeque<usize>),
    /// Those that are ready, the most urgent first, then in program order.
    Ready(BinaryHeap<(Key, Reverse<usize>)>),
}

struct Clock<'a> {
    graph: &'a Graph,
    machine: &'a Machine,
    now: f64,
    seconds: Vec<f64>,
    urgency: Vec<f64>,
    /// Inputs that have not arrived yet.
    missing: Vec<usize>,
    /// When and how the last one did.
    ready: Vec<(f64, Cause)>,
    queues: Vec<Queue>,
    running: Vec<bool>,
    previous: Vec<Option<usize>>,
    sending: Vec<bool>,
    receiving: Vec<bool>,
    waiting: Vec<Waiting>,
    events: BinaryHeap<Reverse<(Key, Event)>>,
    /// By value: the devices that have it or will, and how many there still want to read it; sending is reading too.
    readers: Vec<Vec<(usize, usize)>>,
    memory: Meter,
    spans: Vec<Option<Span>>,
    messages: Vec<Message>,
}

impl<'a> Clock<'a> {
    fn new(graph: &'a Graph, machine: &'a Machine) -> Clock<'a> {
        let (devices, tasks) = (machine.devices.len(), graph.tasks.len());
        let urgency = priorities(graph, machine);
        let mut clock = Clock {
            graph,
            machine,
            now: 0.0,
            seconds: graph.tasks.iter().map(|task| machine.seconds(task)).collect(),
            urgency,
            missing: graph.tasks.iter().map(|task| task.inputs.len()).collect(),
            ready: vec![(0.0, Cause::Start); tasks],
            queues: Vec::new(),
            running: vec![false; devices],
            previous: vec![None; devices],
            sending: vec![false; devices],
            receiving: vec![false; devices],
            waiting: Vec::new(),
            events: BinaryHeap::new(),
            readers: graph.values.iter().map(|value| readers(graph, value.producer, &value.consumers)).collect(),
            memory: Meter::new(graph, devices),
            spans: vec![None; tasks],
            messages: Vec::new(),
        };
        for device in 0..devices {
            let own = (0..tasks).filter(|&task| graph.tasks[task].device == device);
            clock.queues.push(match graph.order {
                Order::Program => Queue::Program(own.collect()),
                Order::CriticalPath | Order::WeightsLast => {
                    let ready = own.filter(|&task| clock.missing[task] == 0);
                    Queue::Ready(ready.map(|task| (Key(clock.urgency[task]), Reverse(task))).collect())
                }
            });
        }
        clock
    }

    fn run(&mut self) {
        self.start_tasks();
        while let Some(Reverse((Key(now), event))) = self.events.pop() {
            self.now = now;
            self.ends(event);
            // All that ends at the same time has ended before anything new begins.
            while let Some(&Reverse((Key(next), event))) = self.events.peek()
                && next == now
            {
                self.events.pop();
                self.ends(event);
            }
            self.start_messages();
            self.start_tasks();
        }
    }

    fn ends(&mut self, event: Event) {
        match event {
            Event::Task(task) => self.task_ends(task),
            Event::Message(message) => self.message_ends(message),
        }
    }

    fn task_ends(&mut self, task: usize) {
        let device = self.graph.tasks[task].device;
        self.running[device] = false;
        for &value in &self.graph.tasks[task].inputs {
            self.read(value, device);
        }
        for &value in &self.graph.tasks[task].outputs {
            self.arrives(value, device, Cause::Task(task));
            for index in 0..self.readers[value].len() {
                let to = self.readers[value][index].0;
                if to != device {
                    self.wants(value, device, to);
                }
            }
            if self.graph.values[value].consumers.is_empty() {
                self.memory.give_back(device, self.graph.values[value].memory, self.graph.values[value].bytes);
            }
        }
    }

    fn wants(&mut self, value: usize, from: usize, to: usize) {
        let there = self.graph.values[value].consumers.iter().filter(|&&task| self.graph.tasks[task].device == to);
        let urgency = there.map(|&task| self.urgency[task]).fold(f64::NEG_INFINITY, f64::max);
        // Kept in the order in which they shall go: the most urgent first, then the oldest.
        let at = self.waiting.partition_point(|waiting| waiting.urgency >= urgency);
        self.waiting.insert(at, Waiting { urgency, value, from, to });
    }

    fn message_ends(&mut self, index: usize) {
        let Message { value, from, to, .. } = self.messages[index];
        self.sending[from] = false;
        self.receiving[to] = false;
        self.read(value, from);
        self.arrives(value, to, Cause::Message(index));
    }

    /// A value can now be read on a device.
    fn arrives(&mut self, value: usize, device: usize, cause: Cause) {
        let graph = self.graph;
        for &task in graph.values[value].consumers.iter().filter(|&&task| graph.tasks[task].device == device) {
            self.missing[task] -= 1;
            self.ready[task] = (self.now, cause);
            if let (0, Queue::Ready(ready)) = (self.missing[task], &mut self.queues[device]) {
                ready.push((Key(self.urgency[task]), Reverse(task)));
            }
        }
    }

    /// One of those who want to read a value on a device has done so.
    fn read(&mut self, value: usize, device: usize) {
        let (_, left) =
            self.readers[value].iter_mut().find(|(at, _)| *at == device).expect("a reader is where the value is");
        *left -= 1;
        if *left == 0 {
            self.memory.give_back(device, self.graph.values[value].memory, self.graph.values[value].bytes);
        }
    }

    fn start_messages(&mut self) {
        let mut at = 0;
        while at < self.waiting.len() {
            let Waiting { value, from, to, .. } = self.waiting[at];
            if self.sending[from] || self.receiving[to] {
                at += 1;
                continue;
            }
            self.waiting.remove(at);
            self.sending[from] = true;
            self.receiving[to] = true;
            let (bytes, memory) = (self.graph.values[value].bytes, self.graph.values[value].memory);
            self.memory.take(to, memory, bytes);
            let end = self.now + self.machine.link.seconds(bytes);
            self.events.push(Reverse((Key(end), Event::Message(self.messages.len()))));
            self.messages.push(Message { value, from, to, bytes, start: self.now, end });
        }
    }

    fn start_tasks(&mut self) {
        for device in 0..self.queues.len() {
            if !self.running[device]
                && let Some(task) = self.next(device)
            {
                self.start(task, device);
            }
        }
    }

    fn next(&mut self, device: usize) -> Option<usize> {
        match &mut self.queues[device] {
            Queue::Program(tasks) if self.missing[*tasks.front()?] == 0 => tasks.pop_front(),
            Queue::Program(_) => None,
            Queue::Ready(ready) => ready.pop().map(|(_, Reverse(task))| task),
        }
    }

    fn start(&mut self, task: usize, device: usize) {
        for &value in &self.graph.tasks[task].outputs {
            self.memory.take(device, self.graph.values[value].memory, self.graph.values[value].bytes);
        }
        let (ready, cause) = self.ready[task];
        let cause = match self.previous[device] {
            Some(before) if self.spans[before].is_some_and(|span| span.end > ready) => Cause::Device(before),
            _ => cause,
        };
        let end = self.now + self.seconds[task];
        self.spans[task] = Some(Span { start: self.now, end, cause });
        self.running[device] = true;
        self.previous[device] = Some(task);
        self.events.push(Reverse((Key(end), Event::Task(task))));
    }

    fn finish(self) -> Timeline {
        let spans: Vec<Span> = self.spans.into_iter().map(|span| span.expect("a graph has no cycle")).collect();
        let makespan = spans.iter().map(|span| span.end).fold(0.0, f64::max);
        let (peak, left) = self.memory.finish();
        let mut stays = self.graph.resident();
        stays.resize(left.len(), Default::default());
        assert_eq!(left, stays, "every value was freed");
        Timeline { spans, messages: self.messages, makespan, peak }
    }
}

/// How urgent each task is: of those that are ready a device takes the most urgent.
pub(crate) fn priorities(graph: &Graph, machine: &Machine) -> Vec<f64> {
    let ranked = || first_parts_first(graph, urgency(graph, machine));
    match graph.order {
        Order::CriticalPath => ranked(),
        Order::WeightsLast => weights_last(graph, ranked()),
        // Earlier in the program is more urgent, for messages too.
        Order::Program => (0..graph.tasks.len()).map(|task| -(task as f64)).collect(),
    }
}

/// Urgencies with which the first micro-batch goes all the way forward before the next begins. Step by step beside each other, as by the way
/// that lies before them, they would reach the softmax no sooner than the whole batch does.
fn first_parts_first(graph: &Graph, mut urgency: Vec<f64>) -> Vec<f64> {
    let most = urgency.iter().copied().fold(0.0, f64::max);
    let part = |job: &Job| match *job {
        Job::Embed { part, .. } | Job::LstmForward { part, .. } => Some(part),
        _ => None,
    };
    let last = graph.tasks.iter().filter_map(|task| part(&task.job)).max().unwrap_or(0);
    for (task, urgency) in graph.tasks.iter().zip(&mut urgency) {
        if let Some(part) = part(&task.job) {
            *urgency += most * (last - part) as f64;
        }
    }
    urgency
}

/// Urgencies with those of weight gradients below all others, and in the same order among themselves.
fn weights_last(graph: &Graph, mut urgency: Vec<f64>) -> Vec<f64> {
    let most = urgency.iter().copied().fold(0.0, f64::max);
    for (task, urgency) in graph.tasks.iter().zip(&mut urgency) {
        if task.job.kind() == Kind::WeightGradient {
            *urgency -= 2.0 * most;
        }
    }
    urgency
}

/// The devices that have a value or will, and how many there want to read it; sending it is reading too.
pub(crate) fn readers(graph: &Graph, producer: usize, consumers: &[usize]) -> Vec<(usize, usize)> {
    let home = graph.tasks[producer].device;
    let mut found: Vec<(usize, usize)> = Vec::new();
    for &task in consumers {
        let device = graph.tasks[task].device;
        match found.iter_mut().find(|(at, _)| *at == device) {
            Some((_, count)) => *count += 1,
            None => found.push((device, 1)),
        }
    }
    found.sort_unstable();
    let elsewhere = found.iter().filter(|(device, _)| *device != home).count();
    match found.iter_mut().find(|(device, _)| *device == home) {
        Some((_, count)) => *count += elsewhere,
        None if elsewhere > 0 => found.push((home, elsewhere)),
        None => {}
    }
    found
}
