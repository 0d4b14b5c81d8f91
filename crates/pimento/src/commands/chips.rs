//! `chips`: the built-in chips.

use pimento_hardware::ReramPreset;

use crate::{cli::PresetArgs, commands::presets::show, error::Error, table};

/// Lists the chips, or prints the tables of one.
pub(crate) fn run(arguments: &PresetArgs) -> Result<(), Error> {
    let names = ReramPreset::preset_names();
    show(
        arguments,
        "built-in chip",
        &names,
        ReramPreset::preset_text,
        list,
    )
}

fn list() -> String {
    let header = [
        "chip",
        "node nm",
        "crossbar",
        "cell bits",
        "ADC bits",
        "tiles",
        "power W",
        "area mm²",
        "peak TOPS",
        "TOPS/W",
        "at bits",
    ];
    let presets = ReramPreset::preset_names();
    let presets = presets.into_iter().filter_map(ReramPreset::preset);
    format!(
        "{}power and area of a chip of the published sizes, all units busy, with parts that are assumed where the \
         published one has none (the sources of its tables say so); TOPS and TOPS/W with weights and inputs of so \
         many bits\n",
        table::table(&header, presets.map(|preset| row(&preset)))
    )
}

fn row(preset: &ReramPreset) -> Vec<String> {
    let (sizes, totals) = (preset.sizes(), preset.totals());
    vec![
        preset.name().to_owned(),
        preset.node_nm().to_string(),
        format!("{} × {}", sizes.crossbar_rows, sizes.crossbar_cols),
        sizes.cell_bits.to_string(),
        sizes.adc_bits.to_string(),
        preset.tiles().to_string(),
        format!("{:.3}", totals.power_w),
        format!("{:.3}", totals.area_mm2),
        format!("{:.3}", totals.peak_tops),
        format!("{:.3}", totals.tops_per_w),
        preset.data_bits().to_string(),
    ]
}
