//! What a table of a memory standard must obey.

use crate::{
    dram::standard::DramStandard,
    preset::{PresetError, not_negative, positive},
    source::SourcedTable,
};

/// The first rule that a table breaks.
pub(super) fn check(standard: &DramStandard) -> Result<(), PresetError> {
    SourcedTable::check(&standard.tables())?;
    signs(standard)?;
    timing(standard)?;
    standard.energy.check(&standard.timing)?;
    organisation(standard)
}

fn signs(standard: &DramStandard) -> Result<(), PresetError> {
    let (organisation, timing) = (&standard.organisation, &standard.timing);
    positive([
        (
            "organisation.channel-bytes",
            organisation.channel_bytes as f64,
        ),
        ("organisation.ranks", f64::from(organisation.ranks)),
        (
            "organisation.data-buses",
            f64::from(organisation.data_buses),
        ),
        (
            "organisation.bank-groups",
            f64::from(organisation.bank_groups),
        ),
        (
            "organisation.banks-per-group",
            f64::from(organisation.banks_per_group),
        ),
        (
            "organisation.page-bytes",
            f64::from(organisation.page_bytes),
        ),
        (
            "organisation.burst-bytes",
            f64::from(organisation.burst_bytes),
        ),
        ("timing.clock-ns", timing.clock_ns),
        ("timing.rcd", timing.rcd),
        ("timing.rp", timing.rp),
        ("timing.ras", timing.ras),
        ("timing.rc", timing.rc),
        ("timing.ccd-s", timing.ccd_s),
        ("timing.burst", timing.burst),
        ("timing.refi", timing.refi),
    ])?;
    not_negative([
        ("timing.cl", timing.cl),
        ("timing.rrd-s", timing.rrd_s),
        ("timing.faw", timing.faw),
        ("timing.rtp", timing.rtp),
        ("timing.rank-switch", timing.rank_switch),
        ("timing.rfc", timing.rfc),
        ("commands.activate", standard.commands.activate),
        ("commands.precharge", standard.commands.precharge),
        ("commands.read", standard.commands.read),
        ("data-path.io-pj-per-bit", standard.data_path.io_pj_per_bit),
        ("units.area-um2", standard.units.area_um2),
        ("units.pj-per-bit", standard.units.pj_per_bit),
    ])
}

fn timing(standard: &DramStandard) -> Result<(), PresetError> {
    let timing = &standard.timing;
    // Simulators round nanoseconds to cycles one by one: a cycle may be missing.
    let row_cycle = (timing.rc + 1.0 < timing.ras + timing.rp).then_some(("timing.rc", timing.rc));
    refuse(
        row_cycle,
        "ras + rp or more (a row cycle opens and closes the row)",
    )?;
    let group = (timing.ccd_l < timing.ccd_s).then_some(("timing.ccd-l", timing.ccd_l));
    refuse(
        group,
        "ccd-s or more (within a bank group nothing is faster)",
    )?;
    let group = (timing.rrd_l < timing.rrd_s).then_some(("timing.rrd-l", timing.rrd_l));
    refuse(
        group,
        "rrd-s or more (within a bank group nothing is faster)",
    )?;
    let refresh = (timing.refi <= timing.rfc).then_some(("timing.refi", timing.refi));
    refuse(refresh, "more than rfc (a rank refreshes less than always)")?;
    let share = standard.data_path.near_bank_share;
    let outside = (!(0.0..=1.0).contains(&share)).then_some(("data-path.near-bank-share", share));
    refuse(outside, "a share from 0 to 1")
}

fn organisation(standard: &DramStandard) -> Result<(), PresetError> {
    let organisation = &standard.organisation;
    let page = f64::from(organisation.page_bytes);
    let bursts = page % f64::from(organisation.burst_bytes) != 0.0;
    refuse(
        bursts.then_some(("organisation.page-bytes", page)),
        "a multiple of burst-bytes",
    )?;
    let bytes = organisation.channel_bytes as f64;
    let rows = bytes % (standard.banks() * page) != 0.0;
    refuse(
        rows.then_some(("organisation.channel-bytes", bytes)),
        "a multiple of ranks · bank-groups · banks-per-group · page-bytes",
    )?;
    let buses = f64::from(organisation.data_buses);
    let shared = organisation.data_buses != 1 && organisation.data_buses != organisation.ranks;
    refuse(
        shared.then_some(("organisation.data-buses", buses)),
        "1, or ranks where these are pseudo channels",
    )
}

/// An error that tells what was expected, if something is wrong.
pub(super) fn refuse(
    wrong: Option<(&'static str, f64)>,
    expected: &'static str,
) -> Result<(), PresetError> {
    match wrong {
        Some((key, value)) => Err(PresetError::OutOfRange {
            key,
            value,
            expected,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_an_error_that_names_the_key() {
        let text = include_str!("../../../presets/dram/ddr4-2400.toml");
        let check = |old: &str, new: &str, expected: &str| {
            assert!(text.contains(old), "{old}");
            let error = DramStandard::parse(&text.replacen(old, new, 1)).expect_err("a fault");
            assert!(error.to_string().contains(expected), "{error}");
        };
        check("rc = 56", "rc = 54", "`timing.rc` is 54, expected ras + rp");
        check(
            "rfc = 420",
            "rfc = 9400",
            "`timing.refi` is 9360, expected more than rfc",
        );
        check(
            "ccd-l = 6",
            "ccd-l = 3",
            "`timing.ccd-l` is 3, expected ccd-s",
        );
        check("ranks = 2", "ranks = 0", "`organisation.ranks` is 0");
        check(
            "ranks = 2",
            "ranks = 7",
            "`organisation.channel-bytes` is 17179869184",
        );
        check(
            "data-buses = 1",
            "data-buses = 3",
            "`organisation.data-buses` is 3",
        );
        check(
            "idd0 = 48.0",
            "idd0 = 28.0",
            "`energy.currents.idd0` is 28, expected what stands by",
        );
        check("vdd = 1.2", "vdd = 0", "`energy.currents.vdd` is 0");
        check(
            "\nrc = 56",
            "\nrc = 20",
            "`timing.rc` is 20, expected ras + rp",
        );
        check("\nrtp = 9", "\nrtq = 9", "unknown field `rtq`");
        let empty = "source = \"\"";
        let source = "source = \"JEDEC DDR4: one cycle each on one bus\"";
        check(source, empty, "`commands.source` is empty");
    }
}
