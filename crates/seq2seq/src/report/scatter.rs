//! Points in a plane, each with its number and, where there is room, its words.

use std::fmt::Write;

use super::chart::open;
use crate::svg::{Axis, escaped, short};

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 44.0;
/// Of the disc that holds a number.
const RADIUS: f64 = 8.5;
const LETTER: f64 = 5.9;
const LINE: f64 = 12.5;
/// Longest line of a label, in letters.
const FOLD: usize = 22;

/// Something that takes up room.
#[derive(Clone, Copy, Debug)]
struct Room {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Room {
    fn touches(&self, other: &Room) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    fn is_inside(&self) -> bool {
        self.left >= LEFT && self.right <= WIDTH - RIGHT && self.top >= TOP && self.bottom <= HEIGHT - BOTTOM
    }
}

/// Draws points (x, y), numbered from 1, on axes of the same scale. A label stands beside its point where it hides nothing, and is left out
/// otherwise: the table beside the picture has them all.
pub(super) fn scatter(title: &str, axes: [&str; 2], points: &[(f64, f64)], labels: &[String]) -> String {
    let mut svg = open(WIDTH, HEIGHT, title);
    // Writing to a string cannot fail.
    draw(&mut svg, axes, points, labels).expect("a string takes everything");
    svg + "</svg>"
}

fn draw(svg: &mut String, names: [&str; 2], points: &[(f64, f64)], labels: &[String]) -> std::fmt::Result {
    let (x, y) = axes(points);
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for tick in x.ticks() {
        let at = x.place(tick);
        writeln!(svg, r#"<path class="grid" d="M{at:.1} {TOP}V{bottom}"/>"#)?;
        writeln!(svg, r#"<text class="middle" x="{at:.1}" y="{}">{}</text>"#, bottom + 16.0, short(tick))?;
    }
    for tick in y.ticks() {
        let at = y.place(tick);
        writeln!(svg, r#"<path class="grid" d="M{LEFT} {at:.1}H{right}"/>"#)?;
        writeln!(svg, r#"<text class="end" x="{}" y="{:.1}">{}</text>"#, LEFT - 6.0, at + 4.0, short(tick))?;
    }
    let middle = f64::midpoint(LEFT, right);
    writeln!(svg, r#"<text class="middle" x="{middle}" y="{}">{}</text>"#, bottom + 36.0, escaped(names[0]))?;
    writeln!(svg, r#"<text class="title" x="4" y="16">{}</text>"#, escaped(names[1]))?;
    let all: Vec<(f64, f64)> = points.iter().map(|&(a, b)| (x.place(a), y.place(b))).collect();
    let (numbers, places): (Vec<String>, Vec<(f64, f64)>) = heaps(&all).into_iter().unzip();
    // Of points that lie on each other the numbers are told, and not the words of one of them.
    let labels: Vec<String> = numbers
        .iter()
        .map(|numbers| numbers.parse().map_or_else(|_| format!("numbers {numbers}"), |n: usize| labels[n - 1].clone()))
        .collect();
    for (label, place) in labels.iter().zip(label_places(&places, &labels)) {
        let Some((x, y, anchor)) = place else { continue };
        for (line, text) in folded(label).iter().enumerate() {
            let y = y + LINE * line as f64;
            writeln!(svg, r#"<text class="label {anchor}" x="{x:.1}" y="{y:.1}">{}</text>"#, escaped(text))?;
        }
    }
    for (numbers, (x, y)) in numbers.iter().zip(&places) {
        let number = if numbers.contains(',') { "+" } else { numbers };
        writeln!(svg, r#"<circle class="disc" cx="{x:.1}" cy="{y:.1}" r="{RADIUS}"/>"#)?;
        writeln!(svg, r#"<text class="number" x="{x:.1}" y="{:.1}">{number}</text>"#, y + 3.8)?;
    }
    Ok(())
}

/// Points that lie on each other as one, with their numbers.
fn heaps(points: &[(f64, f64)]) -> Vec<(String, (f64, f64))> {
    let mut heaps: Vec<(String, (f64, f64))> = Vec::new();
    for (place, &(x, y)) in points.iter().enumerate() {
        match heaps.iter_mut().find(|(_, there)| (x - there.0).hypot(y - there.1) < 3.0) {
            Some((numbers, _)) => *numbers += &format!(", {}", place + 1),
            None => heaps.push(((place + 1).to_string(), (x, y))),
        }
    }
    heaps
}

/// Axes on which a unit is as long across as up, with room around the points.
fn axes(points: &[(f64, f64)]) -> (Axis, Axis) {
    let (width, height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    let range = |values: &mut dyn Iterator<Item = f64>| {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (v.min(a), v.max(b)));
        if high >= low { (f64::midpoint(low, high), high - low) } else { (0.0, 0.0) }
    };
    let (x_middle, x_room) = range(&mut points.iter().map(|point| point.0));
    let (y_middle, y_room) = range(&mut points.iter().map(|point| point.1));
    let unit = (x_room / (width - 90.0)).max(y_room / (height - 60.0));
    let unit = if unit > 0.0 { unit } else { 1.0 / width };
    let half = |pixels: f64| 0.5 * pixels * unit;
    let x = Axis::exact(x_middle - half(width), x_middle + half(width), LEFT, WIDTH - RIGHT, 5);
    let y = Axis::exact(y_middle - half(height), y_middle + half(height), HEIGHT - BOTTOM, TOP, 5);
    (x, y)
}

/// Where each label begins, and which of its ends that is; none where there is no room. Left, right, above and below a point are tried.
fn label_places(points: &[(f64, f64)], labels: &[String]) -> Vec<Option<(f64, f64, &'static str)>> {
    let disc = |&(x, y): &(f64, f64)| Room { left: x - RADIUS, top: y - RADIUS, right: x + RADIUS, bottom: y + RADIUS };
    let mut taken: Vec<Room> = points.iter().map(disc).collect();
    let place = |(&(x, y), label): (&(f64, f64), &String)| {
        let lines = folded(label);
        let width = LETTER * lines.iter().map(|line| line.chars().count()).max().unwrap_or(0) as f64;
        let height = LINE * lines.len() as f64;
        let (beside, middle) = (RADIUS + 3.0, y - height / 2.0);
        let ways = [
            (x + beside, middle, "start"),
            (x - beside, middle, "end"),
            (x, y - beside - height, "middle"),
            (x, y + beside, "middle"),
        ];
        ways.into_iter().find_map(|(x, top, anchor)| {
            let left = x - width
                * match anchor {
                    "start" => 0.0,
                    "end" => 1.0,
                    _ => 0.5,
                };
            let room = Room { left, top, right: left + width, bottom: top + height };
            if !room.is_inside() || taken.iter().any(|other| room.touches(other)) {
                return None;
            }
            taken.push(room);
            Some((x, top + LINE - 3.0, anchor))
        })
    };
    points.iter().zip(labels).map(place).collect()
}

/// A label in lines of about the same length, cut at blanks.
fn folded(label: &str) -> Vec<String> {
    let length = label.chars().count();
    let wanted = length.div_ceil(length.div_ceil(FOLD).max(1));
    let mut lines = vec![String::new()];
    for word in label.split_whitespace() {
        let last = lines.len() - 1;
        if lines[last].is_empty() {
            lines[last] += word;
        } else if lines[last].chars().count() < wanted.saturating_sub(word.chars().count() / 2) {
            lines[last] = format!("{} {word}", lines[last]);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_as_long_across_as_up() {
        let (x, y) = axes(&[(-1.0, 0.5), (3.0, 0.7)]);
        let (across, up) = (x.place(1.0) - x.place(0.0), y.place(0.0) - y.place(1.0));
        assert!((across - up).abs() < 1e-9 && x.place(3.0) < WIDTH - RIGHT - 20.0, "{across} {up}");
        let (x, _) = axes(&[(0.0, 0.0)]);
        assert!(x.place(0.0).is_finite());
    }

    #[test]
    fn labels_hide_nothing() {
        let labels: Vec<String> = (0..4).map(|i| format!("a phrase of some length {i}")).collect();
        let apart = label_places(&[(120.0, 100.0), (330.0, 100.0), (120.0, 300.0), (330.0, 300.0)], &labels);
        assert!(apart.iter().all(Option::is_some), "{apart:?}");
        let heap = label_places(&[(200.0, 200.0); 4], &labels);
        assert!(heap.iter().filter(|place| place.is_some()).count() <= 4, "{heap:?}");
        let crowd: Vec<(f64, f64)> = (0..60).map(|i| (60.0 + 5.0 * i as f64, 200.0)).collect();
        let many = vec![labels[0].clone(); 60];
        assert!(label_places(&crowd, &many).iter().any(Option::is_none), "there is not room for all");
    }

    #[test]
    fn labels_are_folded_at_blanks_and_lose_nothing() {
        assert_eq!(folded("John respects Mary"), ["John respects Mary"]);
        for text in ["She was given a card by me in the garden", "In the garden, she gave me a card", "a", ""] {
            let lines = folded(text);
            assert_eq!(lines.join(" "), text);
            assert!(lines.len() <= 3 && lines.iter().all(|line| line.chars().count() <= 28), "{lines:?}");
        }
    }

    #[test]
    fn points_that_lie_on_each_other_are_told_together() {
        let labels = ["a", "b", "c"].map(str::to_owned);
        let svg = scatter("t", ["x", "y"], &[(1.0, 0.0), (0.0, 5.0), (1.0, 0.0)], &labels);
        assert!(
            svg.matches("<circle").count() == 2 && svg.contains(">numbers 1, 3</text>") && svg.contains(">b</text>"),
            "{svg}"
        );
    }

    #[test]
    fn every_point_has_its_number() {
        let labels = ["a<b".to_owned(), "c".to_owned()];
        let svg = scatter("t", ["x", "y"], &[(0.0, 0.0), (1.0, 1.0)], &labels);
        assert!(svg.contains(">1</text>") && svg.contains(">2</text>") && svg.contains("a&lt;b"), "{svg}");
    }
}
