//! MicroRec's models and figures, for its test and its example.

use pimento_hardware::{
    BankGroup, BankMemory, EmbeddingTable, MergePlan, Placement, PlacementRule, TableStorage,
};
use serde_json::Value;

/// Lists of tables that are tried.
const LISTS: u64 = 1001;

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

    /// Look-ups where tables lie as the published rule says, table i on bank i mod banks of the first group whose
    /// banks hold it, for many lists of the tables, from the shortest to the longest: the authors' list is not
    /// public. As many of the smallest as they have there are on chip.
    pub(crate) fn listed_ns(&self, tables: &[EmbeddingTable]) -> Vec<f64> {
        let mut tables = tables.to_vec();
        tables.sort_by(|a, b| a.bytes().total_cmp(&b.bytes()));
        let in_dram = tables.split_off(self.groups[0].1.len());
        let groups = self.memory.groups().iter();
        let groups: Vec<_> = groups.filter(|group| !group.on_chip).collect();
        let alone = |table: &EmbeddingTable| {
            let (rule, on_chip) = (PlacementRule::Turns, Some(0));
            let plan = MergePlan::unmerged(&[*table], &self.memory, Placement { rule, on_chip });
            let holds = |group: &&&BankGroup| table.bytes() <= group.capacity_bytes;
            let group = groups.iter().find(holds).expect("a bank holds it");
            (plan.lookup_latency_ns(), group.name.clone())
        };
        let placed: Vec<_> = in_dram.iter().map(alone).collect();
        let latency_ns = |list: u64| {
            let mut order: Vec<usize> = (0..placed.len()).collect();
            order.sort_by_key(|&table| mixed(list << 32 | table as u64));
            let of_group = |group: &&BankGroup| {
                let mut loads_ns = vec![0.0; usize::from(group.count)];
                let tables = order.iter().map(|&table| &placed[table]);
                let tables = tables.filter(|(_, name)| *name == group.name);
                for (number, (ns, _)) in tables.enumerate() {
                    loads_ns[number % usize::from(group.count)] += ns;
                }
                loads_ns.into_iter().fold(0.0, f64::max)
            };
            groups.iter().map(of_group).fold(0.0, f64::max)
        };
        let mut lists: Vec<f64> = (0..LISTS).map(latency_ns).collect();
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

/// A number that looks random.
fn mixed(number: u64) -> u64 {
    let half = (number ^ number >> 31).wrapping_mul(0x7FB5_D329_728E_A185);
    let whole = (half ^ half >> 27).wrapping_mul(0x81DA_DEF4_BC2D_D44D);
    whole ^ whole >> 33
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
