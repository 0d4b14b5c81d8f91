//! What a table of a memory system must obey.

use crate::{
    design::PimLevel,
    dram::system::{Layout, MemorySystem, Subtables, Tier, Units},
    preset::{self, PresetError},
};

/// The first rule that a system breaks.
pub(super) fn check(system: &MemorySystem) -> Result<(), PresetError> {
    let mut sources = vec![("system", &system.source)];
    sources.extend(system.cache.iter().map(|cache| ("cache", &cache.source)));
    sources.extend(system.banks.iter().map(|banks| ("banks", &banks.source)));
    sources.extend(system.link.iter().map(|link| ("link", &link.source)));
    for tier in &system.tiers {
        sources.push(("tiers", &tier.source));
        if let Some(units) = &tier.units {
            sources.push(("tiers.units", &units.source));
            let access = units.access.iter();
            sources.extend(access.map(|access| ("tiers.units.access", &access.source)));
        }
    }
    if let Some((table, _)) = sources.iter().find(|(_, source)| source.trim().is_empty()) {
        return Err(PresetError::NoSource { table });
    }
    preset::positive([("batch", f64::from(system.batch))])?;
    if !(1..=2).contains(&system.tiers.len()) {
        return Err(PresetError::OutOfRange {
            key: "tiers",
            value: system.tiers.len() as f64,
            expected: "one memory, or a fast one for hot rows and a large one",
        });
    }
    if let Some(banks) = &system.banks {
        let groups = banks.memory.groups();
        let is_group = |tier: &Tier| groups.iter().any(|group| group.name == tier.name);
        if !system.tiers.iter().all(is_group) {
            return Err(PresetError::Missing {
                key: "tiers.name",
                reason: "memories behind `banks` have the names of their groups",
            });
        }
    }
    numbers(system)?;
    system
        .tiers
        .iter()
        .try_for_each(|tier| levels(system, tier))
}

/// A key and its value.
type Number = (&'static str, f64);

fn numbers(system: &MemorySystem) -> Result<(), PresetError> {
    let mut positive = Vec::new();
    let mut not_negative = Vec::new();
    if let Some(cache) = &system.cache {
        positive.push(("cache.bytes", cache.bytes));
        positive.push(("cache.gb-per-s", cache.gb_per_s));
        not_negative.push(("cache.pj-per-bit", cache.pj_per_bit));
    }
    if let Some(link) = &system.link {
        positive.push(("link.gb-per-s", link.gb_per_s));
        not_negative.push(("link.launch-ns", link.launch_ns));
        not_negative.push(("link.pj-per-bit", link.pj_per_bit));
    }
    for tier in &system.tiers {
        positive.push(("tiers.channels", f64::from(tier.channels)));
        positive.push(("tiers.ranks", tier.standard.ranks()));
        positive.push(("tiers.modules", f64::from(tier.modules)));
        positive.push(("tiers.slices", f64::from(tier.slices)));
        positive.push(("tiers.controller", tier.controller.window(&tier.standard)));
        if let Some(units) = &tier.units {
            shares(units)?;
            unit_numbers(units, &mut positive, &mut not_negative);
        }
    }
    preset::positive(positive)?;
    preset::not_negative(not_negative)
}

fn shares(units: &Units) -> Result<(), PresetError> {
    let shares = [
        ("tiers.units.copied-share", units.copied_share),
        ("tiers.units.reused-sums", units.reused_sums),
    ];
    match shares
        .into_iter()
        .find(|(_, value)| !(0.0..1.0).contains(value))
    {
        Some((key, value)) => Err(PresetError::OutOfRange {
            key,
            value,
            expected: "a share of the look-ups from 0, below 1",
        }),
        None => Ok(()),
    }
}

fn unit_numbers(units: &Units, positive: &mut Vec<Number>, not_negative: &mut Vec<Number>) {
    not_negative.extend([
        ("tiers.units.command-cycles", units.command_cycles),
        ("tiers.units.merge-cycles", units.merge_cycles),
        ("tiers.units.cache-bytes", units.cache_bytes),
        ("tiers.units.area-um2", units.area_um2.unwrap_or_default()),
        ("tiers.units.stage-ns", units.stage_ns),
    ]);
    let values_per_ns = units.values_per_ns.unwrap_or(1.0);
    positive.extend([
        ("tiers.units.values-per-ns", values_per_ns),
        (
            "tiers.units.banks-per-unit",
            f64::from(units.banks_per_unit),
        ),
    ]);
    if let Some(access) = &units.access {
        not_negative.push(("tiers.units.access.setup-ns", access.setup_ns));
        positive.push(("tiers.units.access.bytes-per-ns", access.bytes_per_ns));
    }
}

/// Units where somebody gathers near the banks, and only there.
fn levels(system: &MemorySystem, tier: &Tier) -> Result<(), PresetError> {
    let missing = |key, reason| Err(PresetError::Missing { key, reason });
    match (&tier.units, tier.gather) {
        (None, PimLevel::Rank | PimLevel::BankGroup | PimLevel::Bank) => {
            return missing(
                "tiers.units",
                "`gather` is not `host`, somebody has to do it",
            );
        }
        (Some(_), PimLevel::Host) => {
            return missing("tiers.gather", "there are units, say at which level");
        }
        _ => {}
    }
    let near = tier.gather != PimLevel::Host;
    if matches!(system.subtables, Subtables::Lookup | Subtables::Prefetched)
        && !near
        && system.tiers.len() == 1
    {
        return missing("tiers.units", "`subtables` are in units");
    }
    if tier.layout == Layout::Tables && !near {
        return missing("tiers.units", "`layout` puts tables in units");
    }
    if tier.slices > 1 && tier.layout != Layout::Tables {
        return missing("tiers.layout", "`slices` are those of `tables`");
    }
    if tier.layout == Layout::Ranks && !matches!(tier.gather, PimLevel::Host | PimLevel::Rank) {
        return missing(
            "tiers.gather",
            "rows that lie across ranks are gathered by `rank` or `host`",
        );
    }
    Ok(())
}
