//! What a JPEG says before its picture.

use super::codes::Codes;

/// All that is needed to read the picture.
pub(crate) struct Header {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// One, of grey, or three, of YCbCr.
    pub(super) components: Vec<Component>,
    /// Units (MCUs) between two restart markers; 0 where there are none.
    pub(super) restart: usize,
    /// By the component's numbers.
    pub(super) steps: [Option<[u16; 64]>; 4],
    pub(super) dc: [Option<Codes>; 4],
    pub(super) ac: [Option<Codes>; 4],
    /// Where the scan begins.
    pub(crate) scan: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Component {
    id: u8,
    /// Blocks in a unit, across and down: 1 or 2.
    pub(super) across: usize,
    pub(super) down: usize,
    pub(super) steps: usize,
    pub(super) dc: usize,
    pub(super) ac: usize,
}

impl Header {
    /// `None` of what is not decoded here.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut header = Self {
            width: 0,
            height: 0,
            components: Vec::new(),
            restart: 0,
            steps: [None; 4],
            dc: Default::default(),
            ac: Default::default(),
            scan: 0,
        };
        let mut at = 2; // behind the marker of the start
        loop {
            while bytes.get(at..at + 2)? == [0xFF, 0xFF] {
                at += 1;
            }
            let &[0xFF, marker, high, low] = bytes.get(at..at + 4)? else { return None };
            let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
            let segment = bytes.get(at + 4..end)?;
            match marker {
                // Sequential with Huffman codes.
                0xC0 | 0xC1 => header.read_frame(segment)?,
                0xC4 => header.read_codes(segment)?,
                0xDA => {
                    header.read_scan(segment)?;
                    header.scan = end;
                    return Some(header);
                }
                0xDB => header.read_steps(segment)?,
                0xDD => header.restart = usize::from(u16::from_be_bytes(segment.try_into().ok()?)),
                // Adobe's: colours that are not YCbCr.
                0xEE if segment.starts_with(b"Adobe") && segment.get(11) == Some(&0) => {
                    return None;
                }
                0xE0..=0xEF | 0xFE => {}
                _ => return None,
            }
            at = end;
        }
    }

    fn read_frame(&mut self, segment: &[u8]) -> Option<()> {
        let &[8, h1, h0, w1, w0, count, ref rest @ ..] = segment else { return None };
        self.height = u32::from(u16::from_be_bytes([h1, h0]));
        self.width = u32::from(u16::from_be_bytes([w1, w0]));
        let is_new = self.components.is_empty() && self.height > 0 && self.width > 0;
        if !is_new || ![1, 3].contains(&count) || rest.len() != usize::from(count) * 3 {
            return None;
        }
        for numbers in rest.chunks_exact(3) {
            // A component alone has a block in each unit, whatever it says.
            let blocks = if count == 1 { 0x11 } else { numbers[1] };
            let (across, down) = (usize::from(blocks >> 4), usize::from(blocks & 15));
            let steps = usize::from(numbers[2]);
            if ![1, 2].contains(&across) || ![1, 2].contains(&down) || steps > 3 {
                return None;
            }
            self.components.push(Component { id: numbers[0], across, down, steps, dc: 0, ac: 0 });
        }
        let ids: Vec<u8> = self.components.iter().map(|component| component.id).collect();
        (ids != *b"RGB").then_some(())
    }

    fn read_codes(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [kind, rest @ ..] = segment {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let all: usize = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, behind) = rest.split_at_checked(all)?;
            let codes = Codes::new(counts, symbols)?;
            let tables = match kind >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return None,
            };
            *tables.get_mut(usize::from(kind & 15))? = Some(codes);
            segment = behind;
        }
        Some(())
    }

    fn read_steps(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [kind, rest @ ..] = segment {
            let bytes = match kind >> 4 {
                0 => 1,
                1 => 2,
                _ => return None,
            };
            let (numbers, behind) = rest.split_at_checked(64 * bytes)?;
            let mut steps = [0; 64];
            for (step, number) in steps.iter_mut().zip(numbers.chunks_exact(bytes)) {
                *step = number.iter().fold(0, |high, &low| high << 8 | u16::from(low));
            }
            *self.steps.get_mut(usize::from(kind & 15))? = Some(steps);
            segment = behind;
        }
        Some(())
    }

    /// All components in one scan, all their bits at once.
    fn read_scan(&mut self, segment: &[u8]) -> Option<()> {
        let (&count, rest) = segment.split_first()?;
        let (components, rest) = rest.split_at_checked(usize::from(count) * 2)?;
        if usize::from(count) != self.components.len() || count == 0 || rest != [0, 63, 0] {
            return None;
        }
        for (component, numbers) in self.components.iter_mut().zip(components.chunks_exact(2)) {
            component.dc = usize::from(numbers[1] >> 4);
            component.ac = usize::from(numbers[1] & 15);
            if component.id != numbers[0] {
                return None;
            }
        }
        Some(())
    }
}
