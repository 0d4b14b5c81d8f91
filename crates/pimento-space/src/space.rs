//! A search space: every menu checked.

use std::ops::Range;

use pimento_hardware::{
    Dynamic, MemoryStandard, Packing, PimLevel, Readout, Scheduling, SystemChoice,
};
use toml::Spanned;

use crate::{
    embedding_menus::EmbeddingMenus,
    network::{ATTENTION_HEADS, ActivationRange, SparseOperator, WeightScales},
    space_file::{
        DenseOperatorKind, PrecisionSection, SpaceError, SpaceFile, menu, number, optional_menu,
    },
};

/// The built-in spaces.
const PRESETS: [(&str, &str); 8] = [
    (
        "quickstart",
        include_str!("../../../search_spaces/quickstart.toml"),
    ),
    (
        "nasrec-small",
        include_str!("../../../search_spaces/nasrec-small.toml"),
    ),
    (
        "nasrec-full",
        include_str!("../../../search_spaces/nasrec-full.toml"),
    ),
    (
        "analogue",
        include_str!("../../../search_spaces/analogue.toml"),
    ),
    ("ctr", include_str!("../../../search_spaces/ctr.toml")),
    (
        "autorac",
        include_str!("../../../search_spaces/autorac.toml"),
    ),
    (
        "compressed",
        include_str!("../../../search_spaces/compressed.toml"),
    ),
    (
        "epitomes",
        include_str!("../../../search_spaces/epitomes.toml"),
    ),
];

/// What may be chosen. Every menu has at least one value and none twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchSpace {
    pub(crate) name: String,
    pub(crate) network: NetworkMenus,
    /// Uses of the matrices of FC and Flat; each divides all dense widths.
    pub(crate) fc_reuse: Vec<usize>,
    pub(crate) embedding: Option<EmbeddingMenus>,
    pub(crate) precision: PrecisionMenus,
    pub(crate) hardware: HardwareMenus,
}

/// Choices about the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NetworkMenus {
    pub(crate) blocks: usize,
    pub(crate) embedding_dim: usize,
    pub(crate) layer_norm: bool,
    pub(crate) max_connections: usize,
    pub(crate) dense_operators: Vec<DenseOperatorKind>,
    pub(crate) sparse_operators: Vec<SparseOperator>,
    pub(crate) dense_widths: Vec<usize>,
    pub(crate) sparse_rows: Vec<usize>,
    pub(crate) dense_sparse_merger: Vec<bool>,
    pub(crate) fm_merger: Vec<bool>,
}

/// Choices about precision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PrecisionMenus {
    pub(crate) dense_weight_bits: Vec<u8>,
    pub(crate) sparse_weight_bits: Vec<u8>,
    pub(crate) merger_weight_bits: Vec<u8>,
    pub(crate) activation_bits: Vec<u8>,
    pub(crate) head_weight_bits: Vec<u8>,
    pub(crate) embedding_bits: Vec<u8>,
    pub(crate) weight_scales: WeightScales,
    pub(crate) activation_range: ActivationRange,
}

/// Choices about hardware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HardwareMenus {
    pub(crate) crossbar_rows: Vec<u16>,
    pub(crate) crossbar_cols: Vec<u16>,
    pub(crate) cell_bits: Vec<u8>,
    pub(crate) dac_bits: Vec<u8>,
    pub(crate) adc_bits: Vec<u8>,
    pub(crate) crossbars_per_pe: Vec<u16>,
    pub(crate) pes_per_tile: Vec<u16>,
    pub(crate) replication: Vec<u16>,
    pub(crate) copy_tiles: Vec<u16>,
    pub(crate) readout: Vec<Readout>,
    pub(crate) packing: Vec<Packing>,
    pub(crate) dynamic: Vec<Dynamic>,
    pub(crate) scheduling: Vec<Scheduling>,
    pub(crate) memory_standard: Vec<MemoryStandard>,
    pub(crate) pim_level: Vec<PimLevel>,
    pub(crate) memory_channels: Vec<u16>,
    pub(crate) memory_cache_kb: Vec<u16>,
    pub(crate) memory_system: Vec<SystemChoice>,
}

impl SearchSpace {
    /// Reads a space from TOML.
    pub fn parse(text: &str) -> Result<Self, SpaceError> {
        let file: SpaceFile = toml::from_str(text).map_err(|error| SpaceError::Toml {
            message: error.message().to_owned(),
            span: error.span(),
        })?;
        let network = NetworkMenus::check(&file)?;
        let precision = PrecisionMenus::check(&file.precision)?;
        let (dim, bits) = (network.embedding_dim, &precision.embedding_bits);
        let embedding = file
            .embedding
            .as_ref()
            .map(|section| EmbeddingMenus::check(section, dim, bits))
            .transpose()?;
        Ok(Self {
            fc_reuse: fc_reuse(&file, &network.dense_widths)?,
            network,
            embedding,
            precision,
            hardware: HardwareMenus::check(&file, text)?,
            name: file.name,
        })
    }

    /// The built-in space of that name.
    pub fn preset(name: &str) -> Option<Self> {
        let (_, text) = PRESETS.iter().find(|(known, _)| *known == name)?;
        Some(Self::parse(text).expect("built-in spaces are checked by a test"))
    }

    /// Names of the built-in spaces.
    pub fn preset_names() -> Vec<&'static str> {
        PRESETS.iter().map(|(name, _)| *name).collect()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Choice blocks.
    pub fn block_count(&self) -> usize {
        self.network.blocks
    }

    /// Largest dense width.
    pub fn max_width(&self) -> usize {
        self.network.dense_widths.iter().copied().max().unwrap_or(0)
    }

    /// Largest number of sparse rows, merger rows not counted.
    pub fn max_rows(&self) -> usize {
        self.network.sparse_rows.iter().copied().max().unwrap_or(0)
    }

    /// Whether a network may read sparse tensors flattened.
    pub fn has_flattened(&self) -> bool {
        self.network
            .dense_operators
            .contains(&DenseOperatorKind::Flattened)
    }

    /// Whether a network may use a matrix more than once.
    pub fn has_epitomes(&self) -> bool {
        self.fc_reuse != [1]
    }

    /// Whether a memory may have a cache of rows.
    pub fn has_row_caches(&self) -> bool {
        self.hardware.memory_cache_kb != [0]
    }

    /// Whether a published system may hold the tables.
    pub fn has_memory_systems(&self) -> bool {
        self.hardware.memory_system != [SystemChoice::NONE]
    }

    /// Whether tables may lie in crossbars.
    pub fn has_tables_in_crossbars(&self) -> bool {
        self.hardware
            .memory_standard
            .contains(&MemoryStandard::Reram)
    }

    /// Whether networks round activations in learned ranges.
    pub fn has_learned_ranges(&self) -> bool {
        self.precision.activation_range == ActivationRange::Learned
    }

    /// Width of an embedding row.
    pub fn embedding_dim(&self) -> usize {
        self.network.embedding_dim
    }

    /// Whether networks are normalised.
    pub fn layer_norm(&self) -> bool {
        self.network.layer_norm
    }

    /// Digest of every choice that shapes or trains the weights, as lower-case hex. Hardware menus
    /// do not count.
    pub fn fingerprint(&self) -> String {
        let mut text = format!("{:?} {:?}", self.network, self.precision);
        if self.has_epitomes() {
            text.push_str(&format!(" {:?}", self.fc_reuse));
        }
        if let Some(embedding) = &self.embedding {
            text.push_str(&embedding.fingerprint());
        }
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }
}

impl NetworkMenus {
    fn check(file: &SpaceFile) -> Result<Self, SpaceError> {
        let has_attention = file
            .sparse_operators
            .get_ref()
            .iter()
            .any(|name| SparseOperator::from(*name) == SparseOperator::Attention);
        let blocks = number("blocks", &file.blocks, |n| (1..=32).contains(&n), "1 to 32")?;
        let is_dim = |n: usize| {
            (1..=256).contains(&n) && (!has_attention || n.is_multiple_of(ATTENTION_HEADS))
        };
        let expected = "1 to 256, and a multiple of 8 where `attn` is an operator";
        let max_connections = match &file.max_connections {
            None => blocks,
            Some(value) => number("max-connections", value, |n| n >= 1, "at least 1")?,
        };
        let sparse_operators = menu(
            "sparse-operators",
            &file.sparse_operators,
            |_| true,
            "operators",
        )?;
        let widths = "1 to 8192";
        Ok(Self {
            blocks,
            embedding_dim: number("embedding-dim", &file.embedding_dim, is_dim, expected)?,
            layer_norm: file.layer_norm,
            max_connections,
            dense_operators: menu(
                "dense-operators",
                &file.dense_operators,
                |_| true,
                "operators",
            )?,
            sparse_operators: sparse_operators.into_iter().map(Into::into).collect(),
            dense_widths: menu("dense-widths", &file.dense_widths, is_size, widths)?,
            sparse_rows: menu("sparse-rows", &file.sparse_rows, is_size, widths)?,
            dense_sparse_merger: menu(
                "dense-sparse-merger",
                &file.dense_sparse_merger,
                |_| true,
                "booleans",
            )?,
            fm_merger: menu("fm-merger", &file.fm_merger, |_| true, "booleans")?,
        })
    }
}

impl PrecisionMenus {
    fn check(file: &PrecisionSection) -> Result<Self, SpaceError> {
        let is_bits = |bits: u8| (2..=16).contains(&bits) || bits == 32;
        let expected = "2 to 16 bits, or 32 for no quantisation";
        let bits = |key, values| menu(key, values, is_bits, expected);
        Ok(Self {
            dense_weight_bits: bits("dense-weight-bits", &file.dense_weight_bits)?,
            sparse_weight_bits: bits("sparse-weight-bits", &file.sparse_weight_bits)?,
            merger_weight_bits: bits("merger-weight-bits", &file.merger_weight_bits)?,
            activation_bits: bits("activation-bits", &file.activation_bits)?,
            head_weight_bits: bits("head-weight-bits", &file.head_weight_bits)?,
            embedding_bits: bits("embedding-bits", &file.embedding_bits)?,
            weight_scales: file.weight_scales,
            activation_range: file.activation_range,
        })
    }
}

impl HardwareMenus {
    fn check(file: &SpaceFile, text: &str) -> Result<Self, SpaceError> {
        let memory_system = memory_systems(file, text)?;
        let file = &file.hardware;
        let is_side = |n: u16| (8..=1024).contains(&n) && n.is_power_of_two();
        let is_count = |n: u16| (1..=1024).contains(&n);
        let (side, count) = ("a power of two from 8 to 1024", "1 to 1024");
        let is_small = |bits: u8| (1..=8).contains(&bits);
        Ok(Self {
            crossbar_rows: menu("crossbar-rows", &file.crossbar_rows, is_side, side)?,
            crossbar_cols: menu("crossbar-cols", &file.crossbar_cols, is_side, side)?,
            cell_bits: menu("cell-bits", &file.cell_bits, is_small, "1 to 8 bits")?,
            dac_bits: menu("dac-bits", &file.dac_bits, is_small, "1 to 8 bits")?,
            adc_bits: menu(
                "adc-bits",
                &file.adc_bits,
                |b| (1..=16).contains(&b),
                "1 to 16 bits",
            )?,
            crossbars_per_pe: menu("crossbars-per-pe", &file.crossbars_per_pe, is_count, count)?,
            pes_per_tile: menu("pes-per-tile", &file.pes_per_tile, is_count, count)?,
            replication: menu("replication", &file.replication, is_count, count)?,
            copy_tiles: optional_menu("copy-tiles", file.copy_tiles.as_ref())?,
            readout: optional_menu("readout", file.readout.as_ref())?,
            packing: optional_menu("packing", file.packing.as_ref())?,
            dynamic: optional_menu("dynamic", file.dynamic.as_ref())?,
            scheduling: optional_menu("scheduling", file.scheduling.as_ref())?,
            memory_standard: menu("memory-standard", &file.memory_standard, |_| true, "names")?,
            pim_level: menu("pim-level", &file.pim_level, |_| true, "names")?,
            memory_channels: menu("memory-channels", &file.memory_channels, is_count, count)?,
            memory_cache_kb: optional_menu("memory-cache-kb", file.memory_cache_kb.as_ref())?,
            memory_system,
        })
    }
}

/// The choices of menu `memory-system`: built-in systems, those of the file, or none.
fn memory_systems(file: &SpaceFile, text: &str) -> Result<Vec<SystemChoice>, SpaceError> {
    let error = |message: String, span| SpaceError::Toml {
        message,
        span: Some(span),
    };
    let mut own: Vec<SystemChoice> = Vec::new();
    for table in &file.memory_systems {
        let choice = SystemChoice::own(&table.get_ref().to_string());
        let choice = choice.map_err(|found| {
            let message = found.to_string();
            let span = named_after(text, table.span(), &message);
            error(message, span)
        })?;
        if own.iter().any(|known| known.name() == choice.name()) {
            return Err(SpaceError::Repeated {
                key: "memory-systems",
                value: choice.name().to_owned(),
                span: table.span(),
            });
        }
        own.push(choice);
    }
    let Some(names) = &file.hardware.memory_system else {
        return Ok(vec![SystemChoice::NONE]);
    };
    let choices = names.get_ref().iter().map(|name| {
        let text = name.get_ref();
        let found = own.iter().find(|choice| choice.name() == text);
        let choice = found.map_or_else(|| SystemChoice::try_from(text.clone()), |&own| Ok(own));
        choice.map_err(|found| {
            let own: Vec<_> = own.iter().map(|own| own.name()).collect();
            let own = if own.is_empty() {
                String::new()
            } else {
                format!(", or of this file: {}", own.join(", "))
            };
            error(format!("{found}{own}"), name.span())
        })
    });
    let choices = choices.collect::<Result<Vec<_>, _>>()?;
    menu(
        "memory-system",
        &Spanned::new(names.span(), choices),
        |_| true,
        "names",
    )
}

/// Where a text after a header has the word that a message names first, `key` or `table.key`: at the start
/// of a line if it is there; the header if it is nowhere.
fn named_after(text: &str, header: Range<usize>, message: &str) -> Range<usize> {
    let path = message.split('`').nth(1).unwrap_or_default();
    let word = path.rsplit('.').next().unwrap_or(path);
    let rest = &text[header.end..];
    let as_key = rest.find(&format!("\n{word} =")).map(|at| at + 1);
    match as_key.or_else(|| rest.find(word)) {
        Some(at) if !word.is_empty() => header.end + at..header.end + at + word.len(),
        _ => header,
    }
}

fn fc_reuse(file: &SpaceFile, widths: &[usize]) -> Result<Vec<usize>, SpaceError> {
    let divides_all = |reuse: usize| widths.iter().all(|width| width.is_multiple_of(reuse));
    let expected = "divisors of all `dense-widths`";
    file.fc_reuse.as_ref().map_or_else(
        || Ok(vec![1]),
        |values| menu("fc-reuse", values, divides_all, expected),
    )
}

fn is_size(size: usize) -> bool {
    (1..=8192).contains(&size)
}
