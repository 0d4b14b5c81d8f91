//! A space for people.

use std::fmt;

use crate::{size::power_of_ten, space::SearchSpace};

/// What a space offers; its `Display` is the text.
#[derive(Debug, Clone)]
pub struct SpaceDescription<'a>(&'a SearchSpace);

impl SearchSpace {
    /// What the space offers, for people.
    pub fn describe(&self) -> SpaceDescription<'_> {
        SpaceDescription(self)
    }
}

impl fmt::Display for SpaceDescription<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (space, network) = (self.0, &self.0.network);
        let size = space.size();
        writeln!(formatter, "search space `{}`", space.name)?;
        writeln!(
            formatter,
            "  {} blocks, embedding rows of {}, at most {} connections, layer norm {}",
            network.blocks,
            network.embedding_dim,
            network.max_connections,
            if network.layer_norm { "on" } else { "off" }
        )?;
        writeln!(
            formatter,
            "  dense operators   {:?}",
            network.dense_operators
        )?;
        writeln!(
            formatter,
            "  sparse operators  {:?}",
            network.sparse_operators
        )?;
        writeln!(formatter, "  dense widths      {:?}", network.dense_widths)?;
        if space.has_epitomes() {
            writeln!(formatter, "  fc reuse          {:?}", space.fc_reuse)?;
        }
        writeln!(formatter, "  sparse rows       {:?}", network.sparse_rows)?;
        let precision = &space.precision;
        writeln!(
            formatter,
            "  weight bits       dense {:?}, sparse {:?}, mergers {:?}, head {:?}",
            precision.dense_weight_bits,
            precision.sparse_weight_bits,
            precision.merger_weight_bits,
            precision.head_weight_bits
        )?;
        writeln!(
            formatter,
            "  other bits        activations {:?}, embeddings {:?}",
            precision.activation_bits, precision.embedding_bits
        )?;
        writeln!(
            formatter,
            "  a scale per       {:?}",
            precision.weight_scales
        )?;
        writeln!(
            formatter,
            "  activation range  {:?}",
            precision.activation_range
        )?;
        if let Some(menus) = &space.embedding {
            let kinds: Vec<String> = menus.tables.iter().map(ToString::to_string).collect();
            writeln!(
                formatter,
                "  tables per field  {}, widths {:?}, bits {:?}: {} choices",
                kinds.join(" "),
                menus.widths,
                menus.bits,
                menus.choices_per_field()
            )?;
        }
        for (name, count) in [
            ("networks", &size.networks),
            ("weight precisions", &size.weight_precisions),
            ("other precisions", &size.other_precisions),
            ("tables", &size.embeddings),
            ("hardware", &size.hardware),
            ("co-designs", &size.total()),
        ] {
            if name == "tables"
                && space
                    .embedding
                    .as_ref()
                    .is_none_or(|menus| !menus.has_fields())
            {
                continue;
            }
            writeln!(formatter, "  {name:<17} {} = {count}", power_of_ten(count))?;
        }
        match &space.embedding {
            Some(menus) if !menus.has_fields() => writeln!(
                formatter,
                "                    times {} for every field",
                menus.choices_per_field()
            ),
            _ => Ok(()),
        }
    }
}
