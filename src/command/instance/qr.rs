//! A code to scan, drawn with half blocks: one character is two modules, one above the other.

use anyhow::Context as _;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// Draws light on dark, as most terminals are; phones read both.
///
/// # Errors
///
/// More characters than any code holds.
pub(super) fn drawn(code: &str) -> anyhow::Result<String> {
    let code = QrCode::with_error_correction_level(code, EcLevel::L)
        .context("the gateway's code is too long to be drawn")?;
    let drawing = code
        .render::<Dense1x2>()
        // Its dark is a block, which a dark terminal shows light.
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .quiet_zone(true)
        .build();
    Ok(drawing)
}

#[cfg(test)]
mod tests {
    use qrcode::Color;

    use super::*;

    #[test]
    fn every_module_is_where_it_belongs() {
        let text = "2@stubqrdata,AAAA,BBBB,CCCC";
        let code = QrCode::with_error_correction_level(text, EcLevel::L).unwrap();
        let drawing = drawn(text).unwrap();
        let mut modules: Vec<Vec<bool>> = Vec::new();
        for line in drawing.lines() {
            let halves = |upper: bool| {
                let is_dark = move |c: char| match c {
                    ' ' => true,
                    '▀' => !upper,
                    '▄' => upper,
                    '█' => false,
                    other => panic!("{other:?} is no half block"),
                };
                line.chars().map(is_dark).collect::<Vec<_>>()
            };
            modules.push(halves(true));
            modules.push(halves(false));
        }
        let width = code.width();
        // Four modules of quiet around it.
        assert!(modules[..4].iter().flatten().all(|dark| !dark));
        for (at, color) in code.to_colors().iter().enumerate() {
            let (x, y) = (at % width, at / width);
            assert_eq!(modules[y + 4][x + 4], *color == Color::Dark, "{x} {y}");
        }
    }
}
