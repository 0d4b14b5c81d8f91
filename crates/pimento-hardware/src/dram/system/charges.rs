//! What one memory of a system charges.

use crate::{
    component::Component,
    design::PimLevel,
    dram::system::{Tier, Units, tier::TierTime},
    ledger::{Ledger, times, unit},
    reram::Stage,
};

/// Time from the first command to the first data of a memory, through its tree of adders.
pub(super) fn first_ns(tier: &Tier, ledger: &mut impl Ledger) -> f64 {
    let timing = &tier.standard.timing;
    let cycles = times(
        "cycles to the first data",
        timing.rcd + timing.cl + timing.burst,
    );
    let clock = unit("timing.clock-ns", timing.clock_ns);
    let data_ns = ledger.time(Stage::Working, clock, &[cycles]);
    let tree = |units: &Units| {
        let stages = times("stages of the tree", f64::from(units.tree_stages));
        ledger.time(
            Stage::Working,
            unit("units.stage-ns", units.stage_ns),
            &[stages],
        )
    };
    data_ns + tier.units.as_ref().map_or(0.0, tree)
}

/// What a batch's commands take.
pub(super) fn charge_commands(tier: &Tier, time: &TierTime, ledger: &mut impl Ledger) {
    let (standard, energies) = (&tier.standard, tier.standard.energies());
    let lock_step = tier.units.as_ref().is_some_and(|units| units.lock_step);
    let rows_at_once = if lock_step {
        standard.banks() / standard.ranks()
    } else {
        1.0
    };
    ledger.charge(
        Component::DramActivate,
        unit("energy.activate-pj", energies.activate_pj),
        &[
            times("rows", time.activations),
            times("banks at once", rows_at_once),
        ],
    );
    let read = unit("energy.read-pj", energies.read_pj);
    let near = standard.data_path.near_bank_share;
    let sums = time.rank_bits / standard.burst_bits();
    match tier.gather {
        PimLevel::Host | PimLevel::Rank => {
            ledger.charge(Component::DramRead, read, &[times("bursts", time.reads)]);
        }
        // What stops near the banks does not pay the global data path; sums do.
        PimLevel::BankGroup | PimLevel::Bank => {
            let reads = times("bursts", time.reads);
            ledger.charge(
                Component::DramRead,
                read,
                &[reads, times("near-bank-share", near)],
            );
            let rest = times("1 - near-bank-share", 1.0 - near);
            ledger.charge(
                Component::DramRead,
                read,
                &[times("bursts of sums", sums), rest],
            );
        }
    }
    ledger.charge(
        Component::DramIo,
        unit("data-path.io-pj-per-bit", standard.data_path.io_pj_per_bit),
        &[times("bits over the channel", time.crossing_bits)],
    );
    ledger.charge(
        Component::PimUnits,
        unit("units.pj-per-bit", standard.units.pj_per_bit),
        &[times("bits", time.unit_bits)],
    );
}

/// Area of processing units.
pub(super) fn charge_units(tier: &Tier, area_um2: &mut impl Ledger) {
    let (Some(units), true) = (&tier.units, tier.gather != PimLevel::Host) else {
        return;
    };
    let area = units.area_um2.unwrap_or(tier.standard.units.area_um2);
    area_um2.charge(
        Component::PimUnits,
        unit("units.area-um2", area),
        &[
            times("channels", f64::from(tier.channels)),
            times("units", tier.units_per_channel()),
        ],
    );
}

/// Refresh meanwhile.
pub(super) fn charge_refresh(tier: &Tier, time_ns: f64, ledger: &mut impl Ledger) {
    let (standard, energies) = (&tier.standard, tier.standard.energies());
    let channels = times("channels", f64::from(tier.channels));
    let ranks = times("ranks", standard.ranks());
    let refreshes = time_ns / (standard.timing.refi * standard.timing.clock_ns);
    ledger.charge(
        Component::DramRefresh,
        unit("energy.refresh-pj", energies.refresh_pj),
        &[channels, ranks, times("refreshes", refreshes)],
    );
}

/// Standby with open rows.
pub(super) fn charge_open_rows(tier: &Tier, time_ns: f64, ledger: &mut impl Ledger) {
    let (standard, energies) = (&tier.standard, tier.standard.energies());
    let channels = times("channels", f64::from(tier.channels));
    let ranks = times("ranks", standard.ranks());
    ledger.charge(
        Component::DramBackground,
        unit("energy.active-mw", energies.active_mw),
        &[channels, ranks, times("ns", time_ns)],
    );
}

/// Standby with open rows, and refresh.
pub(super) fn standby_mw(tier: &Tier) -> f64 {
    let (standard, energies) = (&tier.standard, tier.standard.energies());
    let refresh_mw = energies.refresh_pj / (standard.timing.refi * standard.timing.clock_ns);
    f64::from(tier.channels) * standard.ranks() * (energies.active_mw + refresh_mw)
}
