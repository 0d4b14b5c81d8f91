//! Colours of operators and of components.

use std::collections::HashMap;

use pimento_hardware::OpCost;

/// Text that is read first.
pub(super) const INK: &str = "#1b2430";
/// Text that is read last.
pub(super) const MUTED: &str = "#66707d";
/// What decides the latency.
pub(super) const CRITICAL: &str = "#c8102e";
/// What must not be.
pub(super) const WARNING: &str = "#b3261e";
/// Where nothing is.
pub(super) const EMPTY: &str = "#e9ecf0";

/// Hues of blocks, in degrees: neighbours differ much.
const HUES: [f64; 9] = [212.0, 30.0, 150.0, 330.0, 48.0, 262.0, 184.0, 8.0, 96.0];

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Colour {
    red: f64,
    green: f64,
    blue: f64,
}

/// The colours of all operators: those of a block share a hue, those with crossbars are saturated.
pub(super) struct OpColours {
    colours: Vec<Colour>,
}

/// What components are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Analogue,
    Digital,
    Leakage,
    Memory,
}

impl Colour {
    /// A colour of a hue in degrees, a saturation and a lightness in [0, 1].
    fn hsl(hue: f64, saturation: f64, lightness: f64) -> Self {
        let reach = saturation * lightness.min(1.0 - lightness);
        let channel = |offset: f64| {
            let place = (offset + hue / 30.0).rem_euclid(12.0);
            lightness - reach * (place - 3.0).min(9.0 - place).clamp(-1.0, 1.0)
        };
        Self {
            red: channel(0.0),
            green: channel(8.0),
            blue: channel(4.0),
        }
    }

    /// The colour of legends.
    pub(super) fn grey() -> Self {
        Self::hsl(215.0, 0.12, 0.5)
    }

    /// Its notation in SVG.
    pub(super) fn hex(self) -> String {
        let byte = |channel: f64| (255.0 * channel).round() as u8;
        format!(
            "#{:02x}{:02x}{:02x}",
            byte(self.red),
            byte(self.green),
            byte(self.blue)
        )
    }

    /// Nearer to white by a share.
    pub(super) fn lighter(self, share: f64) -> Self {
        self.towards(1.0, share)
    }

    /// Nearer to black by a share.
    pub(super) fn darker(self, share: f64) -> Self {
        self.towards(0.0, share)
    }

    /// The colour of text on it.
    pub(super) fn text(self) -> &'static str {
        let light = 0.299 * self.red + 0.587 * self.green + 0.114 * self.blue;
        if light > 0.6 { INK } else { "#ffffff" }
    }

    fn towards(self, end: f64, share: f64) -> Self {
        let mix = |channel: f64| channel + (end - channel) * share;
        Self {
            red: mix(self.red),
            green: mix(self.green),
            blue: mix(self.blue),
        }
    }
}

impl OpColours {
    pub(super) fn new(ops: &[OpCost]) -> Self {
        let of_block = |block: u16| {
            let ops = ops.iter().filter(move |op| op.block == block);
            ops.filter(|op| op.crossbars > 0).count()
        };
        let mut seen: HashMap<u16, usize> = HashMap::new();
        let colours = ops.iter().map(|op| {
            if op.block == 0 {
                return Self::gather();
            }
            let hue = HUES[usize::from(op.block - 1) % HUES.len()];
            if op.crossbars == 0 {
                return Colour::hsl(hue, 0.3, 0.7);
            }
            let step = 0.28 / of_block(op.block).saturating_sub(1).max(1) as f64;
            let before = seen.entry(op.block).or_default();
            *before += 1;
            Colour::hsl(hue, 0.62, 0.38 + step * (*before - 1) as f64)
        });
        Self {
            colours: colours.collect(),
        }
    }

    pub(super) fn of(&self, op: usize) -> Colour {
        self.colours[op]
    }

    /// The colour of what the memory does.
    fn gather() -> Colour {
        Family::Memory.colour()
    }
}

impl Family {
    pub(super) const ALL: [Self; 4] = [Self::Analogue, Self::Digital, Self::Memory, Self::Leakage];

    pub(super) fn of(component: &str) -> Self {
        match component {
            "crossbar" | "dac" | "adc" | "sample_hold" | "shift_add" => Self::Analogue,
            "leakage" => Self::Leakage,
            "pim_units" => Self::Memory,
            component if component.starts_with("dram") => Self::Memory,
            _ => Self::Digital,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Analogue => "crossbars and converters",
            Self::Digital => "buffers, network, digital units",
            Self::Leakage => "leakage",
            Self::Memory => "memory",
        }
    }

    pub(super) fn colour(self) -> Colour {
        match self {
            Self::Analogue => Colour::hsl(212.0, 0.62, 0.46),
            Self::Digital => Colour::hsl(168.0, 0.5, 0.42),
            Self::Leakage => Colour::hsl(215.0, 0.08, 0.6),
            Self::Memory => Colour::hsl(262.0, 0.36, 0.52),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_by_hand() {
        assert_eq!(Colour::hsl(0.0, 1.0, 0.5).hex(), "#ff0000");
        assert_eq!(Colour::hsl(120.0, 1.0, 0.25).hex(), "#008000");
        assert_eq!(Colour::hsl(240.0, 0.0, 0.5).lighter(1.0).hex(), "#ffffff");
        assert_eq!(Colour::hsl(60.0, 1.0, 0.5).text(), INK);
        assert_eq!(Family::of("dram_io"), Family::Memory);
        assert_eq!(Family::of("edram"), Family::Digital);
    }
}
