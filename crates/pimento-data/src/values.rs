//! The distinct values of a column.

/// Distinct values, numbered in the order in which they were first seen. The texts stand in one
/// buffer and a table of numbers finds them, which takes about 20 bytes and the text per value.
#[derive(Debug, Default)]
pub(crate) struct Values {
    texts: Vec<u8>,
    /// Where the text of each value ends.
    ends: Vec<usize>,
    /// Open addressing with linear probing: number + 1 of a value, or 0.
    slots: Vec<u32>,
}

impl Values {
    /// The number of the value, which is added if it is new; `None` if there are too many.
    pub(crate) fn number(&mut self, value: &[u8]) -> Option<u32> {
        if self.ends.len() * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        let slot = self.slot(value);
        if let Some(number) = self.slots[slot].checked_sub(1) {
            return Some(number);
        }
        // The largest raw row, number + 1, must fit as well.
        let number = u32::try_from(self.ends.len())
            .ok()
            .filter(|&number| number < u32::MAX - 1)?;
        self.slots[slot] = number + 1;
        self.texts.extend_from_slice(value);
        self.ends.push(self.texts.len());
        Some(number)
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a value.
    pub(crate) fn text(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = if number == 0 {
            0
        } else {
            self.ends[number - 1]
        };
        &self.texts[start..self.ends[number]]
    }

    /// The slot that holds the value, or the free one where it belongs.
    fn slot(&self, value: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let hash = fnv1a(value);
        let mut slot = (hash ^ (hash >> 32)) as usize & mask;
        while let Some(number) = self.slots[slot].checked_sub(1) {
            if self.text(number) == value {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        self.slots = vec![0; (2 * self.slots.len()).max(16)];
        for number in 0..self.ends.len() as u32 {
            let slot = self.slot(self.text(number));
            self.slots[slot] = number + 1;
        }
    }
}

/// The 64-bit FNV-1a hash (Fowler, Noll, Vo; RFC 9923).
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv1a_of_known_texts() {
        // Test vectors of the authors (isthe.com/chongo/tech/comp/fnv, `test_fnv.c`).
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn values_keep_their_numbers() {
        let mut values = Values::default();
        let texts: Vec<String> = (0..1000).map(|number| format!("v{number}")).collect();
        for round in 0..2 {
            for (number, text) in texts.iter().enumerate() {
                assert_eq!(
                    values.number(text.as_bytes()),
                    Some(number as u32),
                    "round {round}"
                );
            }
        }
        assert_eq!(values.len(), 1000);
        assert_eq!(values.text(0), b"v0");
        assert_eq!(values.text(999), b"v999");
    }

    #[test]
    fn the_empty_text_is_a_value() {
        let mut values = Values::default();
        assert_eq!(values.number(b""), Some(0));
        assert_eq!(values.number(b"a"), Some(1));
        assert_eq!(values.number(b""), Some(0));
        assert_eq!(values.text(0), b"");
    }
}
