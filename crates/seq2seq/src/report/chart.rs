//! Curves in a frame, as SVG that takes its colours from the page.

use std::fmt::Write;

use crate::svg::{Axis, escaped, short};

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 290.0;
const LEFT: f64 = 58.0;
const TOP: f64 = 34.0;
/// A letter of the labels is about so wide.
const LETTER: f64 = 6.4;
/// More points than these cannot be told apart.
const POINTS: usize = 400;

/// One line of a chart.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    /// Written at its end, where there are several.
    pub name: &'static str,
    /// In order of x. Those that are not finite are left out.
    pub points: Vec<(f64, f64)>,
    /// From where to where each point may lie, or none.
    pub bars: Vec<(f64, f64)>,
    /// Whether each point is marked.
    pub marked: bool,
}

/// A chart of several lines over the same x.
#[derive(Clone, Debug, Default)]
pub(super) struct Chart {
    /// Read aloud, and shown when pointed at.
    pub title: String,
    /// Below the x axis.
    pub x: &'static str,
    /// Above the y axis.
    pub y: &'static str,
    /// Whether y is logarithmic.
    pub logarithmic: bool,
    /// Whether y begins at 0.
    pub from_zero: bool,
    /// x of one epoch, where a second row of numbers is wanted.
    pub epoch: Option<f64>,
    pub series: Vec<Series>,
}

/// Where everything lies.
struct Frame {
    x: Axis,
    y: Axis,
    right: f64,
    bottom: f64,
}

impl Chart {
    /// The picture.
    pub fn svg(&self) -> String {
        let mut svg = open(WIDTH, HEIGHT, &self.title);
        // Writing to a string cannot fail.
        self.draw(&mut svg).expect("a string takes everything");
        svg + "</svg>"
    }

    fn draw(&self, svg: &mut String) -> std::fmt::Result {
        let lines: Vec<Vec<(f64, f64)>> = self.series.iter().map(|series| thinned(&finite(&series.points))).collect();
        let frame = self.frame(&lines);
        frame.axes(svg, self)?;
        for (place, (series, line)) in self.series.iter().zip(&lines).enumerate() {
            let at = |&(x, y): &(f64, f64)| (frame.x.place(x), frame.y.place(y));
            if series.bars.len() == line.len() {
                for (&(x, _), &(low, high)) in line.iter().zip(&series.bars) {
                    let (x, low, high) = (frame.x.place(x), frame.y.place(low), frame.y.place(high));
                    writeln!(svg, r#"<path class="bar" d="M{x:.1} {low:.1}V{high:.1}"/>"#)?;
                }
            }
            let path: Vec<String> = line.iter().map(at).map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
            if path.len() > 1 {
                writeln!(svg, r#"<path class="line s{place}" d="M{}"/>"#, path.join("L"))?;
            }
            if series.marked || path.len() == 1 {
                for (x, y) in line.iter().map(at) {
                    writeln!(svg, r#"<circle class="dot s{place}" cx="{x:.1}" cy="{y:.1}" r="3.2"/>"#)?;
                }
            }
        }
        self.names(svg, &frame, &lines)
    }

    fn frame(&self, lines: &[Vec<(f64, f64)>]) -> Frame {
        let longest = self.series.iter().map(|series| series.name.chars().count()).max().unwrap_or(0);
        let names = if self.series.len() > 1 { 10.0 + LETTER * longest as f64 } else { 14.0 };
        let (right, bottom) = (WIDTH - names, HEIGHT - if self.epoch.is_some() { 40.0 } else { 44.0 });
        let points = || lines.iter().flatten();
        let bars = self.series.iter().flat_map(|series| &series.bars).flat_map(|&(low, high)| [low, high]);
        let zero = self.from_zero.then_some(0.0);
        let heights = points().map(|point| point.1).chain(bars).chain(zero);
        let y = if self.logarithmic {
            Axis::logarithmic(heights, bottom, TOP)
        } else {
            Axis::linear(heights, bottom, TOP, 5)
        };
        let (low, high) =
            points().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &(x, _)| (x.min(low), x.max(high)));
        let x = if self.epoch.is_some() && high > 0.0 {
            Axis::exact(0.0, high, LEFT, right, 5)
        } else if high > low {
            let room = 0.03 * (high - low);
            Axis::exact(low - room, high + room, LEFT, right, 6)
        } else {
            Axis::linear(points().map(|point| point.0), LEFT, right, 4)
        };
        Frame { x, y, right, bottom }
    }

    /// Each name at the end of its line, moved apart where they would touch.
    fn names(&self, svg: &mut String, frame: &Frame, lines: &[Vec<(f64, f64)>]) -> std::fmt::Result {
        if self.series.len() < 2 {
            return Ok(());
        }
        let ends = lines.iter().enumerate().filter_map(|(place, line)| Some((place, *line.last()?)));
        let mut ends: Vec<(usize, f64)> = ends.map(|(place, (_, y))| (place, frame.y.place(y) + 4.0)).collect();
        ends.sort_by(|a, b| a.1.total_cmp(&b.1));
        for next in 1..ends.len() {
            ends[next].1 = ends[next].1.max(ends[next - 1].1 + 14.0);
        }
        let over = ends.last().map_or(0.0, |last| (last.1 - frame.bottom).max(0.0));
        for (place, y) in ends {
            let (x, y, name) = (frame.right + 6.0, y - over, escaped(self.series[place].name));
            writeln!(svg, r#"<text class="name s{place}" x="{x:.1}" y="{y:.1}">{name}</text>"#)?;
        }
        Ok(())
    }
}

impl Frame {
    fn axes(&self, svg: &mut String, chart: &Chart) -> std::fmt::Result {
        let Frame { x, y, right, bottom } = self;
        for tick in y.ticks() {
            let at = y.place(tick);
            writeln!(svg, r#"<path class="grid" d="M{LEFT} {at:.1}H{right:.1}"/>"#)?;
            writeln!(svg, r#"<text class="end" x="{}" y="{:.1}">{}</text>"#, LEFT - 7.0, at + 4.0, short(tick))?;
        }
        writeln!(svg, r#"<path class="axis" d="M{LEFT} {bottom:.1}H{right:.1}"/>"#)?;
        for tick in x.ticks() {
            let at = x.place(tick);
            writeln!(svg, r#"<path class="axis" d="M{at:.1} {bottom:.1}v4"/>"#)?;
            writeln!(svg, r#"<text class="middle" x="{at:.1}" y="{:.1}">{}</text>"#, bottom + 16.0, short(tick))?;
        }
        writeln!(svg, r#"<text class="title" x="4" y="16">{}</text>"#, escaped(chart.y))?;
        match chart.epoch {
            Some(epoch) => self.epochs(svg, chart.x, epoch),
            None => {
                let middle = f64::midpoint(LEFT, *right);
                let y = bottom + 36.0;
                writeln!(svg, r#"<text class="middle" x="{middle:.1}" y="{y:.1}">{}</text>"#, escaped(chart.x))
            }
        }
    }

    /// The second row below the x axis: where epochs end.
    fn epochs(&self, svg: &mut String, x: &str, epoch: f64) -> std::fmt::Result {
        let (first, second) = (self.bottom + 16.0, self.bottom + 32.0);
        writeln!(svg, r#"<text class="small" x="0" y="{first:.1}">{}</text>"#, escaped(x))?;
        writeln!(svg, r#"<text class="small" x="0" y="{second:.1}">epochs</text>"#)?;
        for tick in Axis::exact(0.0, self.x.high / epoch, LEFT, self.right, 5).ticks() {
            let at = self.x.place(tick * epoch);
            writeln!(svg, r#"<text class="middle soft" x="{at:.1}" y="{second:.1}">{}</text>"#, short(tick))?;
        }
        Ok(())
    }
}

/// The beginning of a picture that fills the width it is given.
pub(super) fn open(width: f64, height: f64, title: &str) -> String {
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n"
    )
}

fn finite(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    points.iter().copied().filter(|point| point.0.is_finite() && point.1.is_finite()).collect()
}

/// Means of neighbours, where there are more points than a reader can see.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let together = points.len().div_ceil(POINTS).max(1);
    let mean = |part: &[(f64, f64)]| {
        let n = part.len() as f64;
        (part.iter().map(|point| point.0).sum::<f64>() / n, part.iter().map(|point| point.1).sum::<f64>() / n)
    };
    points.chunks(together).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of every `attribute` in a picture.
    fn numbers(svg: &str, attribute: &str) -> Vec<f64> {
        let before = format!(" {attribute}=\"");
        svg.split(&before).skip(1).map(|part| part.split('"').next().unwrap().parse().unwrap()).collect()
    }

    fn chart(series: Vec<Series>) -> Chart {
        Chart { title: "a < b".into(), x: "x", y: "y", series, ..Chart::default() }
    }

    fn series(name: &'static str, points: &[(f64, f64)]) -> Series {
        Series { name, points: points.to_vec(), marked: true, ..Series::default() }
    }

    #[test]
    fn everything_lies_within_the_picture() {
        for logarithmic in [false, true] {
            let one = series("training", &[(0.0, 2000.0), (100.0, 4.0), (1200.0, 1.5)]);
            let other = series("validation", &[(0.0, 2400.0), (600.0, f64::NAN), (1200.0, 1.6)]);
            let svg = Chart { logarithmic, epoch: Some(469.0), ..chart(vec![one, other]) }.svg();
            assert_eq!(svg.matches("<circle").count(), 5, "what is not finite has no place");
            for (attribute, most) in [("cx", WIDTH), ("x", WIDTH), ("cy", HEIGHT), ("y", HEIGHT)] {
                assert!(numbers(&svg, attribute).iter().all(|number| (0.0..=most).contains(number)), "{svg}");
            }
            assert!(svg.contains("<title>a &lt; b</title>") && svg.contains(">epochs</text>"), "{svg}");
        }
    }

    #[test]
    fn names_at_the_end_do_not_touch() {
        let same = [(0.0, 1.0), (1.0, 1.0)];
        let svg = chart(vec![series("a", &same), series("b", &same), series("c", &same)]).svg();
        let named = svg.lines().filter(|line| line.contains("\"name ")).map(|line| numbers(line, "y")[0]);
        let heights: Vec<f64> = named.collect();
        assert_eq!(heights.len(), 3);
        assert!(heights.windows(2).all(|pair| pair[1] - pair[0] >= 13.9), "{heights:?}");
    }

    #[test]
    fn a_single_point_and_none_can_be_drawn() {
        let svg = chart(vec![series("a", &[(3.0, 5.0)])]).svg();
        assert!(svg.matches("<circle").count() == 1 && !svg.contains("NaN"), "{svg}");
        assert!(!chart(vec![series("a", &[])]).svg().contains("NaN"));
    }

    #[test]
    fn long_lines_are_thinned_by_means() {
        let points: Vec<(f64, f64)> = (0..4000).map(|i| (i as f64, 2.0)).collect();
        let thin = thinned(&points);
        assert!(thin.len() == POINTS && thin[0] == (4.5, 2.0), "{:?}", thin[0]);
        assert_eq!(thinned(&points[..400]), points[..400]);
    }
}
