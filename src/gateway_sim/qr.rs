//! The code that a phone scans to be paired with an instance.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use qrcode::{Color, QrCode};

/// Pixels to a module, and modules of white around: phones read this from a screen.
const SCALE: usize = 4;
const QUIET: usize = 4;

/// The code as the picture that the server sends: a data URL of a PNG. `None` for a text that is
/// too long for a code.
pub(super) fn data_url(text: &str) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    let modules = code.to_colors();
    let width = code.width();
    let side = (width + 2 * QUIET) * SCALE;
    let is_dark = |x: usize, y: usize| {
        let (x, y) = ((x / SCALE).checked_sub(QUIET), (y / SCALE).checked_sub(QUIET));
        matches!((x, y), (Some(x), Some(y))
            if x < width && y < width && modules[y * width + x] == Color::Dark)
    };
    Some(format!("data:image/png;base64,{}", STANDARD.encode(png(side, is_dark)?)))
}

/// A square picture in black and white, one bit a pixel, not compressed.
fn png(side: usize, is_dark: impl Fn(usize, usize) -> bool) -> Option<Vec<u8>> {
    let mut rows = Vec::with_capacity(side * (side / 8 + 2));
    for y in 0..side {
        rows.push(0); // no filter
        for start in (0..side).step_by(8) {
            let bits = (start..start + 8).map(|x| u8::from(x >= side || !is_dark(x, y)));
            rows.push(bits.fold(0, |byte, bit| (byte << 1) | bit));
        }
    }
    let side = u32::try_from(side).ok()?.to_be_bytes();
    let mut header = [side, side].concat();
    header.extend([1, 0, 0, 0, 0]); // depth 1, greys, and the only methods there are
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, *b"IHDR", &header)?;
    chunk(&mut file, *b"IDAT", &stored(&rows)?)?;
    chunk(&mut file, *b"IEND", &[])?;
    Some(file)
}

fn chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) -> Option<()> {
    file.extend(u32::try_from(data.len()).ok()?.to_be_bytes());
    let from = file.len();
    file.extend(kind);
    file.extend(data);
    let sum = crc32(&file[from..]);
    file.extend(sum.to_be_bytes());
    Some(())
}

/// A zlib stream of blocks that are stored as they are.
fn stored(data: &[u8]) -> Option<Vec<u8>> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = data.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        stream.push(u8::from(blocks.peek().is_none()));
        let length = u16::try_from(block.len()).ok()?;
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(data).to_be_bytes());
    Some(stream)
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 }
        })
    })
}

fn adler32(data: &[u8]) -> u32 {
    const PRIME: u32 = 65_521;
    let (low, high) = data.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % PRIME;
        (low, (high + low) % PRIME)
    });
    (high << 16) | low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_formats() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
    }

    #[test]
    fn a_code_is_a_png_with_its_finder_pattern_in_the_corner() {
        let url = data_url("2@abc,def").unwrap();
        let file = STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        assert_eq!(&file[..8], b"\x89PNG\r\n\x1a\n");
        let side = u32::from_be_bytes(file[16..20].try_into().unwrap()) as usize;
        // After signature, header and the starts of chunk, stream and block come the rows.
        let rows = &file[8 + 25 + 8 + 2 + 5..];
        let light =
            |x: usize, y: usize| rows[y * (side.div_ceil(8) + 1) + 1 + x / 8] >> (7 - x % 8) & 1;
        let at = |module: usize| (QUIET + module) * SCALE + 1;
        assert_eq!(light(1, 1), 1, "white around");
        assert_eq!([0, 1, 2, 6, 7].map(|x| light(at(x), at(1))), [0, 1, 1, 0, 1], "a ring");
        assert!(data_url(&"x".repeat(5_000)).is_none());
    }
}
