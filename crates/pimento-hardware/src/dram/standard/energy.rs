//! Energy of commands, from supply currents or told directly.

use serde::{Deserialize, Serialize};

use crate::{
    dram::standard::{Timing, check::refuse},
    preset::{PresetError, not_negative, positive},
    source::{SourcedTable, sourced_tables},
};

/// Energy of a rank's commands, and its standby power.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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

/// What energies come from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Energy {
    /// Supply currents of a device.
    Currents(Currents),
    /// Energies of a rank or pseudo channel.
    Commands(CommandEnergies),
}

sourced_tables! {
    /// Supply voltage in V, currents of one device in mA.
    Currents {
        vdd: f64,
        devices_per_rank: f64,
        idd0: f64,
        idd2n: f64,
        idd3n: f64,
        idd4r: f64,
        idd5ab: f64,
    }

    /// The energies themselves.
    CommandEnergies {
        activate_pj: f64,
        read_pj: f64,
        refresh_pj: f64,
        active_mw: f64,
        idle_mw: f64,
    }
}

impl Energy {
    /// Its numbers' sources.
    pub(super) fn table(&self) -> SourcedTable<'_> {
        match self {
            Self::Currents(currents) => SourcedTable::new("energy", currents),
            Self::Commands(commands) => SourcedTable::new("energy", commands),
        }
    }

    /// The first rule that a number breaks; times are sound.
    pub(super) fn check(&self, timing: &Timing) -> Result<(), PresetError> {
        match self {
            Self::Currents(currents) => currents.check(timing),
            Self::Commands(commands) => not_negative([
                ("energy.commands.activate-pj", commands.activate_pj),
                ("energy.commands.read-pj", commands.read_pj),
                ("energy.commands.refresh-pj", commands.refresh_pj),
                ("energy.commands.active-mw", commands.active_mw),
                ("energy.commands.idle-mw", commands.idle_mw),
            ]),
        }
    }

    /// Energies; from currents as DRAMsim3 computes them (`InitPowerParams`).
    pub(super) fn energies(&self, timing: &Timing) -> DramEnergies {
        match self {
            Self::Currents(currents) => currents.energies(timing),
            Self::Commands(commands) => DramEnergies {
                activate_pj: commands.activate_pj,
                read_pj: commands.read_pj,
                refresh_pj: commands.refresh_pj,
                active_mw: commands.active_mw,
                idle_mw: commands.idle_mw,
            },
        }
    }
}

impl Currents {
    fn check(&self, timing: &Timing) -> Result<(), PresetError> {
        positive([
            ("energy.currents.vdd", self.vdd),
            ("energy.currents.devices-per-rank", self.devices_per_rank),
        ])?;
        not_negative([
            ("energy.currents.idd2n", self.idd2n),
            ("energy.currents.idd3n", self.idd3n),
        ])?;
        let energies = self.energies(timing);
        let below = |energy_pj: f64, key, current| (energy_pj < 0.0).then_some((key, current));
        refuse(
            below(energies.activate_pj, "energy.currents.idd0", self.idd0),
            "what stands by meanwhile, or more: idd3n for ras and idd2n for rp of every rc",
        )?;
        refuse(
            below(energies.read_pj, "energy.currents.idd4r", self.idd4r),
            "idd3n or more (a rank that reads has open rows)",
        )?;
        refuse(
            below(energies.refresh_pj, "energy.currents.idd5ab", self.idd5ab),
            "idd3n or more (a refresh opens rows)",
        )
    }

    fn energies(&self, timing: &Timing) -> DramEnergies {
        let supply = self.vdd * self.devices_per_rank;
        let charge = self.idd0 * timing.rc - self.idd3n * timing.ras - self.idd2n * timing.rp;
        let clock_ns = timing.clock_ns;
        DramEnergies {
            activate_pj: supply * charge * clock_ns,
            read_pj: supply * (self.idd4r - self.idd3n) * timing.burst * clock_ns,
            refresh_pj: supply * (self.idd5ab - self.idd3n) * timing.rfc * clock_ns,
            active_mw: supply * self.idd3n,
            idle_mw: supply * self.idd2n,
        }
    }
}
