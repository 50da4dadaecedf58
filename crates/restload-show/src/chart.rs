//! Bars, drawn as SVG without any script. The numbers are in the table below a chart, too.

use maud::{Markup, html};

/// One bar.
pub(crate) struct Bar {
    pub(crate) value: u64,
    /// What it stands for, shown when it is pointed at.
    pub(crate) title: String,
    /// The class that colours it.
    pub(crate) class: &'static str,
}

const HEIGHT: u64 = 100;
const STEP: u64 = 10;

/// Bars side by side, the highest as high as the picture.
pub(crate) fn bars(caption: &str, highest: &str, bars: &[Bar]) -> Markup {
    let most = bars.iter().map(|bar| bar.value).max().unwrap_or(0).max(1);
    // A few bars are not drawn as wide as the screen.
    let width = STEP * bars.len().max(24) as u64;
    html! {
        figure {
            figcaption { (caption) span { (highest) } }
            svg role="img" aria-label=(format!("{caption}, {highest}")) viewBox=(format!("0 0 {width} {HEIGHT}")) preserveAspectRatio="none" {
                @for (index, bar) in bars.iter().enumerate() {
                    // Something can be told from nothing.
                    @let height = if bar.value == 0 { 0 } else { scaled(bar.value, most).max(2) };
                    rect class=(bar.class) x=(index as u64 * STEP + 1) y=(HEIGHT - height) width=(STEP - 2) height=(height) {
                        title { (bar.title) }
                    }
                    // The whole height can be pointed at.
                    rect.hidden x=(index as u64 * STEP) y="0" width=(STEP) height=(HEIGHT) { title { (bar.title) } }
                }
            }
        }
    }
}

fn scaled(value: u64, most: u64) -> u64 {
    u64::try_from(u128::from(value) * u128::from(HEIGHT) / u128::from(most)).unwrap_or(HEIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bar_fills_the_picture_and_a_little_one_is_seen() {
        let values = [0, 1, 500, 1_000].map(|value| Bar {
            value,
            title: "<b>".to_owned(),
            class: "good",
        });
        let drawn = bars("Rows", "at most 1,000", &values).into_string();
        for (y, height) in [(100, 0), (98, 2), (50, 50), (0, 100)] {
            let part = format!("y=\"{y}\" width=\"8\" height=\"{height}\"><title>&lt;b&gt;</title>");
            assert!(drawn.contains(&part), "{part} in {drawn}");
        }
        assert_eq!(scaled(u64::MAX, u64::MAX), HEIGHT);
    }
}
