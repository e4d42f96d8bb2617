//! A timeline as a picture: devices down, time across.

use std::fmt::Write;

use super::{CriticalPath, Graph, Kind, Phase, Timeline};
use crate::svg::{escaped, round_step};

mod style;

use style::{STYLE, class};

/// What a chart says in words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Caption {
    /// The first line: what is seen.
    pub title: String,
    /// The line below it: what to make of it.
    pub remark: String,
    /// For each device, its name and what lives there.
    pub devices: Vec<(String, String)>,
}

const WIDTH: f64 = 1400.0;
const LEFT: f64 = 200.0;
const RIGHT: f64 = 70.0;
const TOP: f64 = 112.0;
/// A row: a line of text, the tasks, the messages, and some room.
const TEXT: f64 = 13.0;
const TASKS: f64 = 30.0;
const MESSAGES: f64 = 5.0;
const ROW: f64 = TEXT + TASKS + 2.0 + MESSAGES + 8.0;
/// A block so wide says its time steps.
const NUMBERED: f64 = 13.0;
/// Mean width of a letter of the text that runs along the rows.
const LETTER: f64 = 5.2;

/// Draws a timeline as SVG: a block for each task in the colour of its kind, a thin line below for what a device sends, a dark line along
/// the critical path.
///
/// It needs no script and no font of its own, follows a reader's dark theme, and prints on white.
pub fn chart(graph: &Graph, timeline: &Timeline, caption: &Caption) -> String {
    let drawing = Drawing { graph, timeline, caption, devices: caption.devices.len().max(graph.devices) };
    let mut svg = String::new();
    // Writing to a string cannot fail.
    drawing.write(&mut svg).expect("a string takes everything");
    svg
}

struct Drawing<'a> {
    graph: &'a Graph,
    timeline: &'a Timeline,
    caption: &'a Caption,
    devices: usize,
}

/// Tasks of one phase that follow each other on a device.
struct Run {
    phase: Phase,
    start: f64,
    end: f64,
}

impl Drawing<'_> {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * seconds / self.timeline.makespan.max(f64::MIN_POSITIVE)
    }

    fn y(device: usize) -> f64 {
        TOP + device as f64 * ROW
    }

    fn write(&self, svg: &mut String) -> std::fmt::Result {
        let height = Self::y(self.devices) + 46.0;
        writeln!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" width="{WIDTH}" height="{height:.0}" role="img" font-family="Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif">"#
        )?;
        writeln!(svg, "<title>{}</title>", escaped(&self.caption.title))?;
        writeln!(svg, "<style>{STYLE}</style>")?;
        writeln!(svg, r#"<rect class="paper" width="100%" height="100%"/>"#)?;
        self.heading(svg)?;
        self.axis(svg)?;
        for device in 0..self.devices {
            self.row(svg, device)?;
        }
        self.path(svg)?;
        writeln!(svg, "</svg>")
    }

    fn heading(&self, svg: &mut String) -> std::fmt::Result {
        writeln!(
            svg,
            r#"<text class="ink" x="20" y="30" font-size="19" font-weight="bold">{}</text>"#,
            escaped(&self.caption.title)
        )?;
        writeln!(svg, r#"<text class="soft" x="20" y="52" font-size="13">{}</text>"#, escaped(&self.caption.remark))?;
        let mut x = 20.0;
        let mut entry = |svg: &mut String, shape: &str, name: &str| {
            let result = writeln!(
                svg,
                r#"<g transform="translate({x:.0} 66)">{shape}<text class="ink" x="24" y="12" font-size="13">{name}</text></g>"#
            );
            x += 24.0 + 6.9 * name.len() as f64 + 20.0;
            result
        };
        for kind in Kind::ALL {
            entry(svg, &format!(r#"<rect class="{}" width="18" height="14"/>"#, class(kind)), kind.name())?;
        }
        entry(svg, r#"<rect class="message" y="5" width="18" height="5"/>"#, "messages sent")?;
        entry(svg, r#"<path class="path" d="M0 7H18"/>"#, "critical path")?;
        entry(svg, r#"<rect class="lane" width="18" height="14"/>"#, "idle")
    }

    /// Lines at round times, with their milliseconds or seconds.
    fn axis(&self, svg: &mut String) -> std::fmt::Result {
        let step = round_step(self.timeline.makespan / 10.0);
        let bottom = Self::y(self.devices) - 4.0;
        let (unit, name) = if self.timeline.makespan < 2.0 { (1e3, "ms") } else { (1.0, "s") };
        let ticks = (self.timeline.makespan / step).floor() as usize;
        for tick in 0..=ticks {
            let time = tick as f64 * step;
            let x = self.x(time);
            writeln!(svg, r#"<path class="grid" d="M{x:.1} {:.0}V{bottom:.0}"/>"#, TOP - 4.0)?;
            let number = format!("{:.3}", time * unit);
            let number = number.trim_end_matches('0').trim_end_matches('.');
            let label = if tick == 0 { format!("{number} {name}") } else { number.to_owned() };
            writeln!(
                svg,
                r#"<text class="soft" x="{x:.1}" y="{:.0}" font-size="12" text-anchor="middle">{label}</text>"#,
                bottom + 16.0
            )?;
        }
        let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
        let words = "time; small numbers are time steps";
        writeln!(
            svg,
            r#"<text class="soft" x="{middle:.0}" y="{:.0}" font-size="12" text-anchor="middle">{words}</text>"#,
            bottom + 36.0
        )
    }

    fn row(&self, svg: &mut String, device: usize) -> std::fmt::Result {
        let top = Self::y(device);
        let lane = top + TEXT;
        let (name, holds) = self.caption.devices.get(device).cloned().unwrap_or_default();
        writeln!(
            svg,
            r#"<text class="ink" x="20" y="{:.0}" font-size="14" font-weight="bold">{}</text>"#,
            lane + 12.0,
            escaped(&name)
        )?;
        for (line, text) in folded(&holds, 30).into_iter().enumerate() {
            let y = lane + 25.0 + 12.0 * line as f64;
            writeln!(svg, r#"<text class="soft" x="20" y="{y:.0}" font-size="11">{}</text>"#, escaped(&text))?;
        }
        let (left, width) = (self.x(0.0), WIDTH - LEFT - RIGHT);
        writeln!(svg, r#"<rect class="lane" x="{left:.1}" y="{lane:.1}" width="{width:.1}" height="{TASKS}"/>"#)?;
        let mut own: Vec<usize> =
            (0..self.graph.tasks.len()).filter(|&task| self.graph.tasks[task].device == device).collect();
        own.sort_by(|&a, &b| self.timeline.spans[a].start.total_cmp(&self.timeline.spans[b].start));
        self.blocks(svg, &own, lane)?;
        self.labels(svg, &own, top + TEXT - 3.0)?;
        self.messages(svg, device, lane + TASKS + 2.0)?;
        let busy: f64 = own.iter().map(|&task| self.timeline.seconds(task)).sum();
        let part = 100.0 * busy / self.timeline.makespan;
        let x = WIDTH - RIGHT + 8.0;
        writeln!(svg, r#"<text class="ink" x="{x:.0}" y="{:.0}" font-size="14">{part:.0}%</text>"#, lane + 15.0)?;
        writeln!(svg, r#"<text class="soft" x="{x:.0}" y="{:.0}" font-size="11">busy</text>"#, lane + 28.0)
    }

    fn blocks(&self, svg: &mut String, own: &[usize], lane: f64) -> std::fmt::Result {
        for &task in own {
            let (span, job) = (self.timeline.spans[task], self.graph.tasks[task].job);
            let (x, full) = (self.x(span.start), self.x(span.end) - self.x(span.start));
            if full < 0.15 {
                continue; // less than a seventh of a pixel: nothing to see
            }
            // A hairline between tasks shows the steps; blocks too narrow for one are drawn whole.
            let width = if full > 2.0 { full - 0.5 } else { full };
            let (from, to) = (1e3 * span.start, 1e3 * span.end);
            writeln!(
                svg,
                r#"<rect class="{}" x="{x:.2}" y="{lane:.1}" width="{width:.2}" height="{TASKS}"><title>{job}: {from:.2} to {to:.2} ms</title></rect>"#,
                class(job.kind())
            )?;
            if let Some(steps) = job.steps().filter(|_| full >= NUMBERED) {
                let (middle, y) = (x + width / 2.0, lane + TASKS / 2.0 + 3.5);
                let text = if steps.count() == 1 || full < 34.0 {
                    steps.end.to_string()
                } else {
                    format!("{}–{}", steps.first + 1, steps.end)
                };
                writeln!(
                    svg,
                    r#"<text class="on" x="{middle:.1}" y="{y:.1}" font-size="9.5" text-anchor="middle">{text}</text>"#
                )?;
            }
        }
        Ok(())
    }

    /// The phases over the blocks, and how long a device stands idle where that is long.
    fn labels(&self, svg: &mut String, own: &[usize], baseline: f64) -> std::fmt::Result {
        let runs = self.runs(own);
        let mut before = 0.0;
        for run in &runs {
            self.idle(svg, before, run.start, baseline)?;
            self.phase(svg, run, own, baseline)?;
            before = run.end;
        }
        self.idle(svg, before, self.timeline.makespan, baseline)
    }

    fn idle(&self, svg: &mut String, start: f64, end: f64, baseline: f64) -> std::fmt::Result {
        let (from, to) = (self.x(start), self.x(end));
        if to - from < 90.0 {
            return Ok(());
        }
        let (middle, y) = (f64::midpoint(from, to), baseline + 3.0 + TASKS / 2.0 + 4.0);
        let text = format!("idle, {:.0} ms", 1e3 * (end - start));
        writeln!(
            svg,
            r#"<text class="idle" x="{middle:.1}" y="{y:.1}" font-size="11" text-anchor="middle">{text}</text>"#
        )
    }

    /// A line over a run with its phase, and every fifth time step where there is room and the blocks do not say it.
    fn phase(&self, svg: &mut String, run: &Run, own: &[usize], baseline: f64) -> std::fmt::Result {
        let (from, to) = (self.x(run.start), self.x(run.end));
        let (text, y) = (run.phase.name(), baseline - 1.0);
        let end = from + LETTER * text.len() as f64 + 2.0;
        if end > to {
            return Ok(());
        }
        writeln!(svg, r#"<path class="bracket" d="M{from:.1} {:.1}H{:.1}"/>"#, baseline + 1.5, to - 1.0)?;
        writeln!(svg, r#"<text class="soft" x="{from:.1}" y="{y:.1}" font-size="9.5">{text}</text>"#)?;
        let mut free = end + 22.0;
        for &task in own {
            let (span, job) = (self.timeline.spans[task], self.graph.tasks[task].job);
            let Some(steps) = job.steps().filter(|_| run.start <= span.start && span.end <= run.end) else { continue };
            let x = self.x(span.start);
            let told = self.x(span.end) - x >= NUMBERED || job.kind() == Kind::WeightGradient;
            if !told && steps.end.is_multiple_of(5) && x > free && x < to - 14.0 {
                writeln!(svg, r#"<text class="soft" x="{x:.1}" y="{y:.1}" font-size="9">{}</text>"#, steps.end)?;
                free = x + 22.0;
            }
        }
        Ok(())
    }

    fn runs(&self, own: &[usize]) -> Vec<Run> {
        // A pause of two pixels is no idling to speak of.
        let short = self.timeline.makespan / 500.0;
        let mut runs: Vec<Run> = Vec::new();
        for &task in own {
            let (span, phase) = (self.timeline.spans[task], Phase::of(&self.graph.tasks[task].job));
            match runs.last_mut() {
                Some(run) if run.phase == phase && span.start - run.end < short => run.end = span.end,
                _ => runs.push(Run { phase, start: span.start, end: span.end }),
            }
        }
        runs
    }

    fn messages(&self, svg: &mut String, device: usize, top: f64) -> std::fmt::Result {
        let own = self.timeline.messages.iter().filter(|message| message.from == device);
        let mut path = String::new();
        for message in own {
            let (from, to) = (self.x(message.start), self.x(message.end));
            write!(path, "M{from:.2} {top:.1}H{:.2}V{:.1}H{from:.2}Z", to.max(from + 0.7), top + MESSAGES)?;
        }
        if path.is_empty() { Ok(()) } else { writeln!(svg, r#"<path class="message" d="{path}"/>"#) }
    }

    /// A line through the critical tasks, from row to row where a message leads.
    fn path(&self, svg: &mut String) -> std::fmt::Result {
        let mut path = String::new();
        let mut last: Option<(usize, f64)> = None;
        for task in CriticalPath::of(self.graph, self.timeline).tasks {
            let (device, span) = (self.graph.tasks[task].device, self.timeline.spans[task]);
            let (y, from, to) = (Self::y(device) + TEXT + TASKS - 3.0, self.x(span.start), self.x(span.end));
            match last {
                Some((before, _)) if before == device => write!(path, "H{to:.2}")?,
                Some(_) => write!(path, "L{from:.2} {y:.1}H{to:.2}")?,
                None => write!(path, "M{from:.2} {y:.1}H{to:.2}")?,
            }
            last = Some((device, to));
        }
        writeln!(svg, r#"<path class="path" d="{path}"/>"#)
    }
}

/// Text in lines of at most so many letters, where a comma comes in time.
fn folded(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in text.split(", ") {
        match lines.last_mut() {
            Some(line) if line.chars().count() + part.chars().count() + 2 <= most => {
                line.push_str(", ");
                line.push_str(part);
            }
            Some(line) => {
                line.push(',');
                lines.push(part.to_owned());
            }
            None => lines.push(part.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_labels_are_folded() {
        assert_eq!(folded("layer 1 of both, embeddings", 40), ["layer 1 of both, embeddings"]);
        assert_eq!(folded("layer 1 of both, embeddings, softmax of 4,000 words", 30).len(), 2);
    }
}
