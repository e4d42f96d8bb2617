//! Panels with logarithmic axes, as SVG.

use std::fmt::Write;

use unrolled_seq2seq::svg::{Axis, short};

/// Points in order of x, all positive.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// One diagram.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    pub x_title: &'static str,
    pub y_title: &'static str,
    pub measured: Curve,
    pub expected: Curve,
    pub guide: Curve,
}

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 330.0;
/// Around each diagram.
const LEFT: f64 = 62.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 46.0;

const MEASURED: &str = "#0b5fa5";
const EXPECTED: &str = "#c2570c";
const GUIDE: &str = "#777777";

/// The panels side by side.
pub(super) fn svg(panels: &[Panel]) -> String {
    let (width, height) = (WIDTH * panels.len() as f64, HEIGHT + 8.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\" font-size=\"12\" fill=\"#222222\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    legend(&mut text, panels);
    for (place, panel) in panels.iter().enumerate() {
        let _ = writeln!(text, "<g transform=\"translate({} 0)\">", WIDTH * place as f64);
        diagram(&mut text, panel);
        text += "</g>\n";
    }
    text + "</svg>\n"
}

/// What the lines mean, once above all.
fn legend(text: &mut String, panels: &[Panel]) {
    let Some(panel) = panels.first() else { return };
    let guides: Vec<&str> = panels.iter().map(|panel| panel.guide.name).collect();
    let mut names = guides.clone();
    names.dedup();
    let guide = names.join(" or ");
    let mut x = LEFT;
    for (name, style) in [
        (panel.measured.name, format!("stroke=\"{MEASURED}\" stroke-width=\"2\"")),
        (panel.expected.name, format!("stroke=\"{EXPECTED}\" stroke-width=\"1.5\"")),
        (guide.as_str(), format!("stroke=\"{GUIDE}\" stroke-width=\"1.5\" stroke-dasharray=\"5 4\"")),
    ] {
        let _ = writeln!(text, "<line x1=\"{x}\" y1=\"20\" x2=\"{}\" y2=\"20\" {style}/>", x + 26.0);
        let _ = writeln!(text, "<text x=\"{}\" y=\"24\">{name}</text>", x + 32.0);
        x += 62.0 + 6.4 * name.chars().count() as f64;
    }
}

fn diagram(text: &mut String, panel: &Panel) {
    let x = Axis::logarithmic(panel.measured.points.iter().map(|point| point.0), LEFT, WIDTH - RIGHT);
    let heights = panel.measured.points.iter().chain(&panel.expected.points).map(|point| point.1);
    let y = Axis::logarithmic(heights, HEIGHT - BOTTOM, TOP);
    let (left, right, top, bottom) = (LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM);
    for tick in x.ticks() {
        let at = x.place(tick);
        let _ = writeln!(text, "<line x1=\"{at:.1}\" y1=\"{top}\" x2=\"{at:.1}\" y2=\"{bottom}\" stroke=\"#e6e6e6\"/>");
        let _ =
            writeln!(text, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>", bottom + 16.0, short(tick));
    }
    for tick in y.ticks() {
        let at = y.place(tick);
        let _ = writeln!(text, "<line x1=\"{left}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\" stroke=\"#e6e6e6\"/>");
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 6.0,
            at + 4.0,
            short(tick)
        );
    }
    let _ = writeln!(
        text,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#888888\"/>",
        right - left,
        bottom - top
    );
    let middle = 0.5 * (left + right);
    let _ =
        writeln!(text, "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>", bottom + 36.0, panel.x_title);
    let _ = writeln!(text, "<text x=\"{left}\" y=\"{}\">{}</text>", top - 8.0, panel.y_title);
    let place = |&(a, b): &(f64, f64)| (x.place(a), y.place(b).clamp(top, bottom));
    let style = format!("stroke=\"{GUIDE}\" stroke-width=\"1.5\" stroke-dasharray=\"5 4\"");
    line(text, &within(y.low, &panel.guide.points).iter().map(place).collect::<Vec<_>>(), &style);
    line(
        text,
        &panel.expected.points.iter().map(place).collect::<Vec<_>>(),
        &format!("stroke=\"{EXPECTED}\" stroke-width=\"1.5\""),
    );
    let measured: Vec<_> = panel.measured.points.iter().map(place).collect();
    line(text, &measured, &format!("stroke=\"{MEASURED}\" stroke-width=\"2\""));
    for (x, y) in measured {
        let _ = writeln!(text, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{MEASURED}\"/>");
    }
}

fn line(text: &mut String, points: &[(f64, f64)], style: &str) {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(text, "<polyline points=\"{}\" fill=\"none\" {style}/>", points.join(" "));
}

/// The part of a rising or level line that is not below the axis's beginning.
fn within(low: f64, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = points.iter().copied().filter(|point| point.1 >= low).collect();
    if let Some(&(x, y)) = kept.first()
        && let Some(&(before_x, before_y)) = points.iter().rev().find(|point| point.1 < low)
    {
        // On logarithmic axes it is straight.
        let share = (low / y).ln() / (before_y / y).ln();
        kept.insert(0, (x * (before_x / x).powf(share), low));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guide_that_begins_below_is_cut_where_it_enters() {
        let cut = within(10.0, &[(1.0, 1.0), (4.0, 4.0), (50.0, 50.0)]);
        assert_eq!(cut.len(), 2);
        assert!((cut[0].0 - 10.0).abs() < 1e-9 && cut[0].1 == 10.0 && cut[1] == (50.0, 50.0), "{cut:?}");
    }

    #[test]
    fn everything_is_drawn_within_the_picture() {
        let curve = |name, y: [f64; 3]| Curve { name, points: [10.0, 100.0, 1000.0].into_iter().zip(y).collect() };
        let panel = Panel {
            x_title: "cells",
            y_title: "µs a word",
            measured: curve("measured", [3.0, 8.0, 70.0]),
            expected: curve("expected", [2.0, 7.0, 70.0]),
            guide: curve("linear", [0.7, 7.0, 70.0]),
        };
        let text = svg(&[panel.clone(), panel]);
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
        assert_eq!((text.matches("<circle").count(), text.matches("<polyline").count()), (6, 6));
        for points in text.split("points=\"").skip(1) {
            for point in points.split('"').next().unwrap().split(' ') {
                let (x, y) = point.split_once(',').unwrap();
                let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                assert!(
                    (LEFT - 0.1..=WIDTH - RIGHT + 0.1).contains(&x) && (TOP..=HEIGHT - BOTTOM).contains(&y),
                    "{point}"
                );
            }
        }
    }
}
