//! Where the rows of embedding tables lie in a memory.

use thiserror::Error;

use crate::{
    arithmetic::splitmix64,
    dram::trace::{Burst, Lookup, timing::Geometry},
};

/// Where the rows of embedding tables lie in a memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TracePlacement {
    /// Every row somewhere: a hash of table and row is its place, and it lies in one row of one bank.
    Hashed {
        /// Another seed is another placement.
        seed: u64,
    },
    /// Table after table, row after row, bursts spread as a [`Mapping`] says.
    Linear {
        /// How an address is cut into fields.
        mapping: Mapping,
        /// First byte of each table.
        bases: Vec<u64>,
    },
}

/// How an address is cut into fields, from the most to the least significant: a permutation of `ro`
/// row, `ch` channel, `ra` rank, `ba` bank, `bg` bank group and `co` burst, such as `rochrababgco`
/// (DRAMsim3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping([Field; 6]);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Channel,
    Rank,
    Group,
    Bank,
    Row,
    Column,
}

const FIELDS: [(&str, Field); 6] = [
    ("ch", Field::Channel),
    ("ra", Field::Rank),
    ("bg", Field::Group),
    ("ba", Field::Bank),
    ("ro", Field::Row),
    ("co", Field::Column),
];

/// Why a text is not a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a mapping: take each of `ro`, `ch`, `ra`, `ba`, `bg` and `co` once")]
pub struct MappingError(String);

impl std::str::FromStr for Mapping {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || MappingError(text.to_owned());
        let mut fields = [Field::Row; 6];
        let mut places = FIELDS.map(|(name, field)| (text.find(name), field));
        if text.len() != 12
            || places
                .iter()
                .any(|(place, _)| place.is_none_or(|at| at % 2 == 1))
        {
            return Err(error());
        }
        places.sort_by_key(|(place, _)| *place);
        for (slot, (_, field)) in fields.iter_mut().zip(places) {
            *slot = field;
        }
        Ok(Self(fields))
    }
}

impl TracePlacement {
    /// Linear placement of tables of `rows` rows of `bytes` bytes each.
    pub fn linear(mapping: Mapping, tables: impl IntoIterator<Item = (u64, u32)>) -> Self {
        let mut next = 0;
        let bases = tables.into_iter().map(|(rows, bytes)| {
            let base = next;
            next += rows * u64::from(bytes);
            base
        });
        Self::Linear {
            mapping,
            bases: bases.collect(),
        }
    }

    /// Hands over the bursts of a lookup, in order. A table without a place starts at 0.
    pub(super) fn bursts(&self, geometry: &Geometry, lookup: &Lookup, mut take: impl FnMut(Burst)) {
        let count = u64::from(lookup.bytes)
            .div_ceil(geometry.burst_bytes)
            .max(1);
        match self {
            Self::Hashed { seed } => {
                let first = hashed(geometry, lookup, count, *seed);
                for index in 0..count {
                    let column = first.column + index;
                    take(Burst {
                        row: first.row + column / geometry.columns,
                        column: column % geometry.columns,
                        ..first
                    });
                }
            }
            Self::Linear { mapping, bases } => {
                let base = bases.get(lookup.table as usize).copied().unwrap_or(0);
                let bytes = u64::from(lookup.bytes).max(geometry.burst_bytes);
                let first = (base + lookup.row * bytes) / geometry.burst_bytes;
                (first..first + count).for_each(|index| take(mapping.cut(geometry, index)));
            }
        }
    }
}

impl Mapping {
    /// The burst at the address of a number of bursts.
    fn cut(&self, geometry: &Geometry, mut address: u64) -> Burst {
        let mut burst = Burst::default();
        for field in self.0.iter().rev() {
            let (slot, size) = match field {
                Field::Channel => (&mut burst.channel, geometry.channels),
                Field::Rank => (&mut burst.rank, geometry.ranks),
                Field::Group => (&mut burst.group, geometry.groups),
                Field::Bank => (&mut burst.bank, geometry.banks),
                Field::Row => (&mut burst.row, geometry.rows),
                Field::Column => (&mut burst.column, geometry.columns),
            };
            *slot = address % size;
            address /= size;
        }
        burst
    }
}

fn hashed(geometry: &Geometry, lookup: &Lookup, count: u64, seed: u64) -> Burst {
    let key = (u64::from(lookup.table) << 40).wrapping_add(lookup.row);
    let mut hash = splitmix64(key.wrapping_add(seed));
    let mut field = |size: u64| {
        let value;
        // Most sizes are powers of two, of which to divide by takes a shift.
        (hash, value) = if size.is_power_of_two() {
            (hash >> size.trailing_zeros(), hash & (size - 1))
        } else {
            (hash / size, hash % size)
        };
        value
    };
    Burst {
        channel: field(geometry.channels),
        rank: field(geometry.ranks),
        group: field(geometry.groups),
        bank: field(geometry.banks),
        row: field(geometry.rows),
        column: field((geometry.columns / count).max(1)) * count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dram::DramStandard;

    const SEED: u64 = 2_842_266_189_111_750_143;

    fn geometry(channels: u32) -> Geometry {
        let standard = DramStandard::named("ddr4-3200").expect("built in");
        Geometry::new(&standard, channels, 2)
    }

    fn bursts(placement: &TracePlacement, lookup: Lookup) -> Vec<Burst> {
        let mut bursts = Vec::new();
        placement.bursts(&geometry(2), &lookup, |burst| bursts.push(burst));
        bursts
    }

    /// The vectors of the traces that the reference simulators were given.
    #[test]
    fn the_hash_is_that_of_the_reference_traces() {
        let hash = |table: u64, row: u64| splitmix64((table << 40) + row + SEED);
        assert_eq!(hash(0, 0), 0xe871_107f_e2fa_dfb7);
        assert_eq!(hash(0, 1), 0x8630_564e_8418_5c70);
        assert_eq!(hash(1, 0), 0xd56a_991f_07c3_09b2);
        assert_eq!(hash(7, 999_999), 0xcd59_038e_eed8_6b24);
    }

    /// 0xe871107fe2fadfb7: channel and rank one bit each, group and bank two each, row 16, then the
    /// start among 128 / 4 places.
    #[test]
    fn a_hashed_row_lies_in_one_row_of_one_bank() {
        let placement = TracePlacement::Hashed { seed: SEED };
        let lookup = Lookup {
            table: 0,
            row: 0,
            bytes: 256,
        };
        let hash = 0xe871_107f_e2fa_dfb7_u64;
        let bursts = bursts(&placement, lookup);
        assert_eq!(bursts.len(), 4);
        for (index, burst) in bursts.iter().enumerate() {
            assert_eq!((burst.channel, burst.rank), (hash & 1, (hash >> 1) & 1));
            assert_eq!(
                (burst.group, burst.bank),
                ((hash >> 2) & 3, (hash >> 4) & 3)
            );
            assert_eq!(burst.row, (hash >> 6) & 0xffff);
            assert_eq!(burst.column, ((hash >> 22) & 31) * 4 + index as u64);
        }
    }

    #[test]
    fn linear_rows_follow_each_other() {
        let mapping: Mapping = "rochrababgco".parse().expect("a mapping");
        let placement = TracePlacement::linear(mapping, [(1000, 128), (10, 128)]);
        let lookup = |table, row| Lookup {
            table,
            row,
            bytes: 128,
        };
        let first = bursts(&placement, lookup(0, 64));
        assert_eq!(
            (first[0].group, first[0].column),
            (1, 0),
            "128 bursts fill a row"
        );
        let next = bursts(&placement, lookup(1, 0));
        assert_eq!(next[0], mapping.cut(&geometry(2), 2000));
    }

    #[test]
    fn a_mapping_names_every_field_once() {
        for text in [
            "",
            "rochrababg",
            "rochrabababg",
            "orchrababgco",
            "rochrababgcoco",
        ] {
            assert!(text.parse::<Mapping>().is_err(), "{text}");
        }
    }
}
