//! A memory standard as a table.

use serde::Deserialize;

use crate::{
    design::{MemoryStandard, PimLevel},
    preset::PresetError,
};

/// Organisation, timing (in clock cycles) and energy of a memory standard, read from TOML.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DramStandard {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) clock_ns: f64,
    pub(crate) burst_bytes: u32,
    pub(crate) burst_cycles: f64,
    pub(crate) cl: f64,
    pub(crate) rcd: f64,
    pub(crate) rp: f64,
    pub(crate) ras: f64,
    pub(crate) rc: f64,
    pub(crate) ccd_s: f64,
    pub(crate) ccd_l: f64,
    pub(crate) rrd_s: f64,
    pub(crate) rrd_l: f64,
    pub(crate) faw: f64,
    pub(crate) rtp: f64,
    pub(crate) rfc: f64,
    pub(crate) refi: f64,
    pub(crate) ranks: f64,
    pub(crate) bank_groups: f64,
    pub(crate) banks_per_group: f64,
    pub(crate) channel_bytes: u64,
    pub(crate) vdd: f64,
    pub(crate) devices_per_rank: f64,
    pub(crate) idd0: f64,
    pub(crate) idd2n: f64,
    pub(crate) idd3n: f64,
    pub(crate) idd4r: f64,
    pub(crate) idd5ab: f64,
    pub(crate) io_pj_per_bit: f64,
    pub(crate) near_bank_share: f64,
    pub(crate) pim_unit_area_um2: f64,
    pub(crate) pim_pj_per_bit: f64,
}

/// Energy of a rank's commands, and its standby power.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DramEnergies {
    /// Activation and precharge of a row.
    pub activate_pj: f64,
    /// Read of a burst.
    pub read_pj: f64,
    /// Refresh of all banks.
    pub refresh_pj: f64,
    /// With a bank open.
    pub active_mw: f64,
    /// With all banks closed.
    pub idle_mw: f64,
}

impl DramStandard {
    /// Reads a table from TOML.
    pub fn parse(text: &str) -> Result<Self, PresetError> {
        let standard: Self = toml::from_str(text)?;
        if standard.source.trim().is_empty() {
            return Err(PresetError::NoSource { table: "dram" });
        }
        let numbers = [
            ("clock-ns", standard.clock_ns),
            ("burst-bytes", f64::from(standard.burst_bytes)),
            ("refi", standard.refi),
            ("refi - rfc", standard.refi - standard.rfc),
            (
                "rc - ras - rp + 1",
                standard.rc - standard.ras - standard.rp + 1.0,
            ),
            ("ranks", standard.ranks),
            ("bank-groups", standard.bank_groups),
            ("banks-per-group", standard.banks_per_group),
        ];
        match numbers
            .into_iter()
            .find(|(_, value)| !(value.is_finite() && *value > 0.0))
        {
            Some((key, value)) => Err(PresetError::NotPositive { key, value }),
            None => Ok(standard),
        }
    }

    /// The built-in table of a standard; crossbars have none.
    pub fn preset(standard: MemoryStandard) -> Option<Self> {
        let text = match standard {
            MemoryStandard::Ddr4_2400 => include_str!("../../presets/dram/ddr4-2400.toml"),
            MemoryStandard::Ddr4_3200 => include_str!("../../presets/dram/ddr4-3200.toml"),
            MemoryStandard::Hbm2 => include_str!("../../presets/dram/hbm2.toml"),
            MemoryStandard::Reram => return None,
        };
        Some(Self::parse(text).expect("a test checks the built-in tables"))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Energies from supply currents, as DRAMsim3 computes them (`InitPowerParams`).
    pub fn energies(&self) -> DramEnergies {
        let supply = self.vdd * self.devices_per_rank;
        let charge = self.idd0 * self.rc - self.idd3n * self.ras - self.idd2n * self.rp;
        DramEnergies {
            activate_pj: supply * charge * self.clock_ns,
            read_pj: supply * (self.idd4r - self.idd3n) * self.burst_cycles * self.clock_ns,
            refresh_pj: supply * (self.idd5ab - self.idd3n) * self.rfc * self.clock_ns,
            active_mw: supply * self.idd3n,
            idle_mw: supply * self.idd2n,
        }
    }

    /// Cycles between two vectors of `bursts` bursts in one channel, for many vectors on evenly
    /// loaded banks: the four-activate window, which every level shares, the buses that the level
    /// leaves in the way, and the banks.
    pub fn cycles_per_vector(&self, level: PimLevel, bursts: f64) -> f64 {
        let occupied = self.bank_cycles(bursts);
        let activation = self.rrd_s.max(self.faw / 4.0) / self.ranks;
        let banks = self.ranks * self.bank_groups * self.banks_per_group;
        let burst = self.burst_cycles.max(self.ccd_s);
        let own = match level {
            PimLevel::Host => (bursts * burst).max(occupied / banks),
            PimLevel::Rank => (bursts * burst / self.ranks).max(occupied / banks),
            PimLevel::BankGroup => {
                (bursts * self.ccd_l)
                    .max(self.rrd_l)
                    .max(occupied / self.banks_per_group)
                    / (self.ranks * self.bank_groups)
            }
            PimLevel::Bank => occupied / banks,
        };
        activation.max(own)
    }

    /// Cycles for which a vector of `bursts` bursts keeps its bank busy.
    pub(crate) fn bank_cycles(&self, bursts: f64) -> f64 {
        self.rc
            .max(self.rcd + (bursts - 1.0) * self.ccd_l + self.rtp + self.rp)
    }
}
