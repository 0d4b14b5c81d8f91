//! The components that energy and area are charged to.

/// Kinds of components of a design.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Component {
    Crossbar,
    Dac,
    Adc,
    SampleHold,
    ShiftAdd,
    Registers,
    Edram,
    Bus,
    Router,
    Digital,
    TileUnits,
    Leakage,
    DramActivate,
    DramRead,
    DramIo,
    DramRefresh,
    DramBackground,
    PimUnits,
    Cache,
    Link,
}

/// How many there are.
pub(crate) const COMPONENTS: usize = 20;

/// All of them, in the order of their numbers.
pub(crate) const ALL: [Component; COMPONENTS] = [
    Component::Crossbar,
    Component::Dac,
    Component::Adc,
    Component::SampleHold,
    Component::ShiftAdd,
    Component::Registers,
    Component::Edram,
    Component::Bus,
    Component::Router,
    Component::Digital,
    Component::TileUnits,
    Component::Leakage,
    Component::DramActivate,
    Component::DramRead,
    Component::DramIo,
    Component::DramRefresh,
    Component::DramBackground,
    Component::PimUnits,
    Component::Cache,
    Component::Link,
];

/// One figure per component.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct ByComponent([f64; COMPONENTS]);

impl ByComponent {
    pub(crate) fn add(&mut self, component: Component, figure: f64) {
        self.0[component as usize] += figure;
    }

    pub(crate) fn get(&self, component: Component) -> f64 {
        self.0[component as usize]
    }
}

impl Component {
    /// Name in breakdowns.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crossbar => "crossbar",
            Self::Dac => "dac",
            Self::Adc => "adc",
            Self::SampleHold => "sample_hold",
            Self::ShiftAdd => "shift_add",
            Self::Registers => "registers",
            Self::Edram => "edram",
            Self::Bus => "bus",
            Self::Router => "router",
            Self::Digital => "digital",
            Self::TileUnits => "tile_units",
            Self::Leakage => "leakage",
            Self::DramActivate => "dram_activate",
            Self::DramRead => "dram_read",
            Self::DramIo => "dram_io",
            Self::DramRefresh => "dram_refresh",
            Self::DramBackground => "dram_background",
            Self::PimUnits => "pim_units",
            Self::Cache => "cache",
            Self::Link => "link",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_places() {
        for (place, component) in ALL.iter().enumerate() {
            assert_eq!(*component as usize, place);
        }
    }
}
