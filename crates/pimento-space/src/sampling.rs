//! Drawing genotypes and changing them.

use pimento_hardware::{ChipDesign, Hardware, MemoryDesign};
use rand::{Rng, RngExt, seq::index};
use rand_chacha::ChaCha8Rng;

use crate::{
    canonical::{canonical_blocks, outputs_read},
    embedding::FieldEmbedding,
    genotype::{BlockGenes, Genotype, RawBlock},
    network::DenseOperator,
    space::{HardwareMenus, SearchSpace},
    space_file::DenseOperatorKind,
};

/// Mutations that are tried until one changes the design.
const TRIES: usize = 64;

/// Kinds of genes of a block that every space has: how many a mutation chooses among.
const BLOCK_GENES: usize = 13;

/// Genes of the hardware that every space has.
const HARDWARE_GENES: usize = 11;

/// Genes of the hardware that most spaces do not choose.
#[derive(Debug, Clone, Copy)]
enum OptionalGene {
    Readout,
    Packing,
    Dynamic,
    Scheduling,
    CopyTiles,
    MemoryCacheKb,
    MemorySystem,
}

impl SearchSpace {
    /// A random genotype, as NASRec's search draws its first population: every choice uniform, the
    /// number of connections uniform from 1 to the limit.
    pub fn sample(&self, rng: &mut ChaCha8Rng) -> Genotype {
        let blocks: Vec<RawBlock> = (1..=self.network.blocks)
            .map(|block| self.random_block(block, rng))
            .collect();
        self.genotype(&blocks, self.random_globals(rng))
    }

    /// A genotype in which about `strength` genes differ. Genes that come alive are drawn anew. At
    /// least one gene that matters changes, unless the space has no other design nearby.
    pub fn mutate(&self, genotype: &Genotype, strength: usize, rng: &mut ChaCha8Rng) -> Genotype {
        let mut mutant = genotype.clone();
        for _ in 0..TRIES {
            let mut blocks = self.revive(genotype, rng);
            let mut globals = Globals::of(genotype);
            for _ in 0..strength.max(1) {
                self.mutate_gene(&mut blocks, &mut globals, rng);
            }
            mutant = self.genotype(&blocks, globals);
            if mutant != *genotype {
                break;
            }
        }
        mutant
    }

    /// Random hardware: every choice uniform.
    pub fn sample_hardware(&self, rng: &mut ChaCha8Rng) -> Hardware {
        canonical(self.hardware.sample(rng))
    }

    /// Hardware of which about `strength` genes differ; at least one, unless the space has no other nearby.
    pub fn mutate_hardware(
        &self,
        hardware: &Hardware,
        strength: usize,
        rng: &mut ChaCha8Rng,
    ) -> Hardware {
        let mut mutant = *hardware;
        for _ in 0..TRIES {
            for _ in 0..strength.max(1) {
                let gene = rng.random_range(0..self.hardware.gene_count());
                self.hardware.redraw(gene, &mut mutant, rng);
            }
            mutant = canonical(mutant);
            if mutant != *hardware {
                break;
            }
        }
        mutant
    }

    /// A genotype whose blocks and fields come whole from one parent or the other, and whose
    /// hardware does too, so that what fits together stays together. Genes that come alive are drawn anew.
    pub fn crossover(&self, a: &Genotype, b: &Genotype, rng: &mut ChaCha8Rng) -> Genotype {
        let (one, other) = (self.revive(a, rng), self.revive(b, rng));
        let blocks: Vec<RawBlock> = one
            .into_iter()
            .zip(other)
            .map(|(one, other)| if rng.random() { one } else { other })
            .collect();
        let mut pick = || if rng.random() { a } else { b };
        let globals = Globals {
            head_weight_bits: pick().head_weight_bits,
            embedding_bits: pick().embedding_bits,
            hardware: pick().hardware,
            embeddings: (0..a.embeddings.len())
                .map(|field| pick().embeddings[field])
                .collect(),
        };
        self.genotype(&blocks, globals)
    }

    pub(crate) fn genotype(&self, blocks: &[RawBlock], globals: Globals) -> Genotype {
        let embeddings = self
            .embedding
            .as_ref()
            .map_or_else(Vec::new, |menus| menus.canonical(&globals.embeddings));
        Genotype {
            blocks: canonical_blocks(blocks, self.network.embedding_dim),
            head_weight_bits: globals.head_weight_bits,
            embedding_bits: if embeddings.is_empty() {
                globals.embedding_bits
            } else {
                32
            },
            embeddings,
            hardware: canonical(globals.hardware),
        }
    }

    pub(crate) fn random_block(&self, position: usize, rng: &mut ChaCha8Rng) -> RawBlock {
        let (network, precision) = (&self.network, &self.precision);
        RawBlock {
            dense_operator: pick(&network.dense_operators, rng),
            sparse_operator: pick(&network.sparse_operators, rng),
            width: pick(&network.dense_widths, rng),
            rows: pick(&network.sparse_rows, rng),
            dense_sparse_merger: pick(&network.dense_sparse_merger, rng),
            fm_merger: pick(&network.fm_merger, rng),
            dense_inputs: self.uniform_connections(position, rng),
            sparse_inputs: self.uniform_connections(position, rng),
            left: rng.random_range(0..position),
            right: rng.random_range(0..position),
            dense_weight_bits: pick(&precision.dense_weight_bits, rng),
            sparse_weight_bits: pick(&precision.sparse_weight_bits, rng),
            merger_weight_bits: pick(&precision.merger_weight_bits, rng),
            activation_bits: pick(&precision.activation_bits, rng),
            // Last, and only where it is a choice: other spaces draw what they always drew.
            reuse: if self.chooses_reuse() {
                pick(&self.fc_reuse, rng)
            } else {
                self.fc_reuse[0]
            },
        }
    }

    fn chooses_reuse(&self) -> bool {
        self.fc_reuse.len() > 1
    }

    pub(crate) fn random_globals(&self, rng: &mut ChaCha8Rng) -> Globals {
        Globals {
            head_weight_bits: pick(&self.precision.head_weight_bits, rng),
            embedding_bits: pick(&self.precision.embedding_bits, rng),
            hardware: self.hardware.sample(rng),
            embeddings: self
                .embedding
                .as_ref()
                .map_or_else(Vec::new, |menus| menus.sample(rng)),
        }
    }

    /// All genes of a genotype: the live ones as they are, the others drawn anew.
    fn revive(&self, genotype: &Genotype, rng: &mut ChaCha8Rng) -> Vec<RawBlock> {
        let (dense_is_read, sparse_is_read) = outputs_read(&genotype.blocks);
        let blocks = genotype.blocks.iter().enumerate();
        blocks
            .map(|(index, genes)| {
                let mut block = self.random_block(index + 1, rng);
                revive_operators(&mut block, genes);
                // A flag is a choice only where the tensor that it adds to is read.
                if sparse_is_read[index + 1] {
                    block.dense_sparse_merger = genes.dense_sparse_merger;
                }
                if dense_is_read[index + 1] {
                    block.fm_merger = genes.fm_merger;
                }
                block.merger_weight_bits =
                    genes.merger_weight_bits.unwrap_or(block.merger_weight_bits);
                block.activation_bits = genes.activation_bits.unwrap_or(block.activation_bits);
                block
            })
            .collect()
    }

    /// Draws one gene anew: of a block; as often as one block's, of the hardware or the global
    /// precisions; and as often as all blocks', of a field where fields have choices.
    fn mutate_gene(&self, blocks: &mut [RawBlock], globals: &mut Globals, rng: &mut ChaCha8Rng) {
        let fields = self.embedding.as_ref().filter(|menus| menus.has_fields());
        let field_share = if fields.is_some() { blocks.len() } else { 0 };
        let index = rng.random_range(0..=blocks.len() + field_share);
        if let (Some(menus), true) = (fields, index > blocks.len()) {
            return menus.redraw(&mut globals.embeddings, rng);
        }
        let Some(block) = blocks.get_mut(index) else {
            match rng.random_range(0..self.hardware.gene_count() + 2) {
                0 => globals.head_weight_bits = pick(&self.precision.head_weight_bits, rng),
                1 => globals.embedding_bits = pick(&self.precision.embedding_bits, rng),
                gene => self.hardware.redraw(gene - 2, &mut globals.hardware, rng),
            }
            return;
        };
        let new = self.random_block(index + 1, rng);
        match rng.random_range(0..BLOCK_GENES + usize::from(self.chooses_reuse())) {
            0 => block.dense_inputs = new.dense_inputs,
            1 => block.sparse_inputs = new.sparse_inputs,
            2 => block.left = new.left,
            3 => block.right = new.right,
            4 => {
                block.dense_operator = new.dense_operator;
                block.sparse_operator = new.sparse_operator;
            }
            5 => block.width = new.width,
            6 => block.rows = new.rows,
            7 => block.dense_sparse_merger = new.dense_sparse_merger,
            8 => block.fm_merger = new.fm_merger,
            9 => block.dense_weight_bits = new.dense_weight_bits,
            10 => block.sparse_weight_bits = new.sparse_weight_bits,
            11 => block.merger_weight_bits = new.merger_weight_bits,
            12 => block.activation_bits = new.activation_bits,
            _ => block.reuse = new.reuse,
        }
    }

    pub(crate) fn uniform_connections(&self, position: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let count = rng.random_range(1..=position.min(self.network.max_connections));
        connections(position, count, rng)
    }

    pub(crate) fn binomial_connections(&self, position: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let others = position.min(self.network.max_connections) - 1;
        let count = 1 + (0..others).filter(|_| rng.random()).count();
        connections(position, count, rng)
    }
}

/// Copies the genes of live operators.
fn revive_operators(block: &mut RawBlock, genes: &BlockGenes) {
    if let Some(node) = &genes.dense {
        block.width = node.width;
        block.dense_weight_bits = node.weight_bits;
        match &node.operator {
            DenseOperator::FullyConnected { inputs } => {
                block.dense_operator = DenseOperatorKind::FullyConnected;
                block.reuse = node.reuse;
                block.dense_inputs.clone_from(inputs);
            }
            DenseOperator::Flattened {
                dense_inputs,
                sparse_inputs,
            } => {
                block.dense_operator = DenseOperatorKind::Flattened;
                block.reuse = node.reuse;
                block.dense_inputs.clone_from(dense_inputs);
                block.sparse_inputs.clone_from(sparse_inputs);
            }
            DenseOperator::DotProduct {
                dense_inputs,
                sparse_inputs,
            } => {
                block.dense_operator = DenseOperatorKind::DotProduct;
                block.dense_inputs.clone_from(dense_inputs);
                block.sparse_inputs.clone_from(sparse_inputs);
            }
            DenseOperator::SigmoidGating { left, right } => {
                block.dense_operator = DenseOperatorKind::SigmoidGating;
                (block.left, block.right) = (*left, *right);
            }
            DenseOperator::Sum { left, right } => {
                block.dense_operator = DenseOperatorKind::Sum;
                (block.left, block.right) = (*left, *right);
            }
        }
    }
    if let Some(node) = &genes.sparse {
        block.sparse_operator = node.operator;
        block.sparse_inputs.clone_from(&node.inputs);
        block.rows = node.rows;
        block.sparse_weight_bits = node.weight_bits;
    }
}

/// Genes outside the blocks.
pub(crate) struct Globals {
    head_weight_bits: u8,
    embedding_bits: u8,
    hardware: Hardware,
    embeddings: Vec<FieldEmbedding>,
}

impl Globals {
    fn of(genotype: &Genotype) -> Self {
        Self {
            head_weight_bits: genotype.head_weight_bits,
            embedding_bits: genotype.embedding_bits,
            hardware: genotype.hardware,
            embeddings: genotype.embeddings.clone(),
        }
    }
}

impl HardwareMenus {
    /// Genes that a mutation chooses among: the optional ones only where they are a choice, so that
    /// spaces without them draw what they always drew.
    fn gene_count(&self) -> usize {
        HARDWARE_GENES + self.optional_genes().count()
    }

    fn optional_genes(&self) -> impl Iterator<Item = OptionalGene> {
        let choices = [
            (OptionalGene::Readout, self.readout.len()),
            (OptionalGene::Packing, self.packing.len()),
            (OptionalGene::Dynamic, self.dynamic.len()),
            (OptionalGene::Scheduling, self.scheduling.len()),
            (OptionalGene::CopyTiles, self.copy_tiles.len()),
            (OptionalGene::MemoryCacheKb, self.memory_cache_kb.len()),
            (OptionalGene::MemorySystem, self.memory_system.len()),
        ];
        choices
            .into_iter()
            .filter(|(_, choices)| *choices > 1)
            .map(|(gene, _)| gene)
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> Hardware {
        let mut hardware = Hardware {
            chip: ChipDesign {
                crossbar_rows: pick(&self.crossbar_rows, rng),
                crossbar_cols: pick(&self.crossbar_cols, rng),
                cell_bits: pick(&self.cell_bits, rng),
                dac_bits: pick(&self.dac_bits, rng),
                adc_bits: pick(&self.adc_bits, rng),
                crossbars_per_pe: pick(&self.crossbars_per_pe, rng),
                pes_per_tile: pick(&self.pes_per_tile, rng),
                replication: pick(&self.replication, rng),
                readout: self.readout[0],
                packing: self.packing[0],
                dynamic: self.dynamic[0],
                scheduling: self.scheduling[0],
                copy_tiles: self.copy_tiles[0],
            },
            memory: MemoryDesign {
                standard: pick(&self.memory_standard, rng),
                pim_level: pick(&self.pim_level, rng),
                channels: pick(&self.memory_channels, rng),
                cache_kb: self.memory_cache_kb[0],
                system: self.memory_system[0],
            },
        };
        for gene in self.optional_genes() {
            match gene {
                OptionalGene::Readout => hardware.chip.readout = pick(&self.readout, rng),
                OptionalGene::Packing => hardware.chip.packing = pick(&self.packing, rng),
                OptionalGene::Dynamic => hardware.chip.dynamic = pick(&self.dynamic, rng),
                OptionalGene::CopyTiles => hardware.chip.copy_tiles = pick(&self.copy_tiles, rng),
                OptionalGene::Scheduling => {
                    hardware.chip.scheduling = pick(&self.scheduling, rng);
                }
                OptionalGene::MemoryCacheKb => {
                    hardware.memory.cache_kb = pick(&self.memory_cache_kb, rng);
                }
                OptionalGene::MemorySystem => {
                    hardware.memory.system = pick(&self.memory_system, rng);
                }
            }
        }
        hardware
    }

    fn redraw(&self, gene: usize, hardware: &mut Hardware, rng: &mut ChaCha8Rng) {
        let new = self.sample(rng);
        let (chip, memory) = (&mut hardware.chip, &mut hardware.memory);
        match gene {
            0 => chip.crossbar_rows = new.chip.crossbar_rows,
            1 => chip.crossbar_cols = new.chip.crossbar_cols,
            2 => chip.cell_bits = new.chip.cell_bits,
            3 => chip.dac_bits = new.chip.dac_bits,
            4 => chip.adc_bits = new.chip.adc_bits,
            5 => chip.crossbars_per_pe = new.chip.crossbars_per_pe,
            6 => chip.pes_per_tile = new.chip.pes_per_tile,
            7 => chip.replication = new.chip.replication,
            8 => memory.standard = new.memory.standard,
            9 => memory.pim_level = new.memory.pim_level,
            10 => memory.channels = new.memory.channels,
            gene => match self.optional_genes().nth(gene - HARDWARE_GENES) {
                Some(OptionalGene::Readout) => chip.readout = new.chip.readout,
                Some(OptionalGene::Packing) => chip.packing = new.chip.packing,
                Some(OptionalGene::Dynamic) => chip.dynamic = new.chip.dynamic,
                Some(OptionalGene::CopyTiles) => chip.copy_tiles = new.chip.copy_tiles,
                Some(OptionalGene::Scheduling) => chip.scheduling = new.chip.scheduling,
                Some(OptionalGene::MemoryCacheKb) => memory.cache_kb = new.memory.cache_kb,
                // What a system ignores is drawn anew without it.
                Some(OptionalGene::MemorySystem) => *memory = new.memory,
                None => (),
            },
        }
    }
}

/// Hardware without what nothing depends on.
fn canonical(hardware: Hardware) -> Hardware {
    Hardware {
        memory: hardware.memory.canonical(),
        ..hardware
    }
}

pub(crate) fn connections(position: usize, count: usize, rng: &mut impl Rng) -> Vec<usize> {
    let mut chosen = index::sample(rng, position, count).into_vec();
    chosen.sort_unstable();
    chosen
}

/// One of the values of a menu.
pub(crate) fn pick<T: Copy>(menu: &[T], rng: &mut impl Rng) -> T {
    menu[rng.random_range(0..menu.len())]
}
