//! MicroRec's models and figures, for its test and its example.

use pimento_hardware::{
    BankMemory, EmbeddingTable, MergePlan, Placement, PlacementRule, TableStorage,
};
use serde_json::Value;

/// A model of the evaluation.
pub(crate) struct Model {
    pub(crate) name: String,
    /// Its tables after merging, per group of banks.
    pub(crate) groups: [(&'static str, Vec<EmbeddingTable>); 3],
    /// Tables before merging that agree with what is published of them.
    pub(crate) originals: Vec<Vec<EmbeddingTable>>,
    /// Banks at the clock of its kernel.
    pub(crate) memory: BankMemory,
}

impl Model {
    /// Reads all models.
    pub(crate) fn all(oracle: &Value) -> Vec<Self> {
        let models = oracle["models"].as_array().expect("models");
        models.iter().map(Self::read).collect()
    }

    /// All tables after merging.
    pub(crate) fn merged(&self) -> Vec<EmbeddingTable> {
        let groups = self.groups.iter();
        groups.flat_map(|(_, tables)| tables.clone()).collect()
    }

    fn read(model: &Value) -> Self {
        let groups = [("on-chip", "on_chip"), ("hbm", "HBM"), ("ddr", "DDR")];
        let groups = groups.map(|(name, key)| {
            let counted = model["groups"][key].as_array().expect("tables");
            let tables = counted.iter().flat_map(|counted| {
                let table = table(counted);
                std::iter::repeat_n(table, number(&counted[2]) as usize)
            });
            (name, tables.collect())
        });
        let memory = BankMemory::preset("u280").expect("built in");
        let clock_mhz = model["kernel_mhz"].as_f64().expect("a clock");
        let mut read = Self {
            name: model["model"].as_str().expect("a name").to_owned(),
            groups,
            originals: Vec::new(),
            memory: memory.at_clock_mhz(clock_mhz).expect("a positive clock"),
        };
        let products = model["products"].as_array().expect("products").iter();
        read.originals = products.map(|products| read.apart(products)).collect();
        read
    }

    /// Look-ups where tables lie in turns on the banks as some list has them, sorted, for lists that take every
    /// second table, every third and so on: the authors' list is not public. As many of the smallest as they
    /// have there are on chip.
    pub(crate) fn listed_ns(&self, tables: &[EmbeddingTable]) -> Vec<f64> {
        let banks: usize = { self.memory.groups().iter() }
            .filter(|group| !group.on_chip)
            .map(|group| usize::from(group.count))
            .sum();
        let mut tables = tables.to_vec();
        tables.sort_by(|a, b| a.bytes().total_cmp(&b.bytes()));
        let alone = |table: &EmbeddingTable| {
            let (rule, on_chip) = (PlacementRule::Turns, Some(0));
            MergePlan::unmerged(&[*table], &self.memory, Placement { rule, on_chip })
                .lookup_latency_ns()
        };
        let in_dram = tables.iter().skip(self.groups[0].1.len());
        let times_ns: Vec<f64> = in_dram.map(alone).collect();
        let count = times_ns.len();
        let divides = |step: usize, by: usize| step.is_multiple_of(by) && count.is_multiple_of(by);
        let steps = (1..count).filter(|&step| !(2..=step).any(|by| divides(step, by)));
        let mut lists: Vec<f64> = steps
            .map(|step| {
                let mut loads_ns = vec![0.0; banks];
                for number in 0..count {
                    loads_ns[number % banks] += times_ns[number * step % count];
                }
                loads_ns.into_iter().fold(0.0, f64::max)
            })
            .collect();
        lists.sort_by(f64::total_cmp);
        lists
    }

    /// The factors of products, and then the other tables.
    fn apart(&self, products: &Value) -> Vec<EmbeddingTable> {
        let (mut factors, mut others) = (Vec::new(), self.merged());
        for product in products.as_array().expect("products") {
            let (first, second) = (table(&product[0]), table(&product[1]));
            let (rows, width) = (first.rows * second.rows, first.width + second.width);
            for _ in 0..number(&product[2]) {
                let is_product =
                    |table: &EmbeddingTable| (table.rows, table.width) == (rows, width);
                let at = others.iter().position(is_product);
                others.remove(at.expect("a published table"));
                factors.extend([first, second]);
            }
        }
        factors.extend(others);
        factors
    }
}

/// A table of `[rows, values]`.
fn table(sizes: &Value) -> EmbeddingTable {
    EmbeddingTable {
        rows: number(&sizes[0]),
        width: number(&sizes[1]) as u16,
        bits: 32,
        lookups: 1,
        storage: TableStorage::Rows,
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

/// Numbers of an array.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().expect("an array").iter();
    numbers
        .map(|value| value.as_f64().expect("a number"))
        .collect()
}

/// Operations of a sample in the fully connected layers of a model of table 8.1, two per weight.
pub(crate) fn operations(model: &Value) -> f64 {
    let hidden = numbers(&model["hidden"]);
    let mut inputs = model["concat_dim"].as_f64().expect("a number");
    let mut weights = 0.0;
    for outputs in hidden.into_iter().chain([1.0]) {
        weights += inputs * outputs;
        inputs = outputs;
    }
    2.0 * weights
}
