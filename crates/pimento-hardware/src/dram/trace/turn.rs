//! Which request goes before which.

use crate::dram::trace::stream::Request;

/// Bits of a place in the buffer and of a bank.
const PLACE_BITS: u32 = 5;
const BANK_BITS: u32 = 16;
/// The bit of requests that are not active.
const BUFFERED: u64 = 1 << 63;

/// The turn of a request: active ones go before all others, then the oldest. One word, so that the
/// first of many is found without looking at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn(u64);

impl Default for Turn {
    fn default() -> Self {
        Self::LAST
    }
}

impl Turn {
    /// After all requests.
    pub(super) const LAST: Self = Self(u64::MAX);

    /// The turn of an active request.
    #[inline]
    pub(super) fn active(request: &Request) -> Self {
        let bank = request.address.bank() as u64;
        Self((((request.arrival << BANK_BITS) | bank) << PLACE_BITS) & !BUFFERED)
    }

    /// The turn of a request at a place of the buffer.
    #[inline]
    pub(super) fn buffered(request: &Request, place: usize) -> Self {
        Self(Self::active(request).0 | place as u64 | BUFFERED)
    }

    #[inline]
    pub(super) fn is_active(self) -> bool {
        self.0 & BUFFERED == 0
    }

    /// The bank of the request.
    #[inline]
    pub(super) fn bank(self) -> usize {
        ((self.0 >> PLACE_BITS) & ((1 << BANK_BITS) - 1)) as usize
    }

    /// The place of the request in the buffer, if it is not active.
    #[inline]
    pub(super) fn place(self) -> usize {
        (self.0 & ((1 << PLACE_BITS) - 1)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dram::trace::stream::Address;

    #[test]
    fn active_ones_first_then_the_oldest() {
        let request = |bank, arrival| Request::new(Address::new(bank, 3, 4), arrival);
        let turns = [
            Turn::active(&request(1, 80)),
            Turn::active(&request(0, 90)),
            Turn::buffered(&request(65_535, 1 << 41), 31),
            Turn::buffered(&request(0, (1 << 41) + 1), 0),
            Turn::LAST,
        ];
        assert!(turns.is_sorted_by(|one, other| one < other));
        assert_eq!(
            turns.map(Turn::is_active),
            [true, true, false, false, false]
        );
        assert_eq!((turns[0].bank(), turns[2].bank()), (1, 65_535));
        assert_eq!((turns[2].place(), turns[3].place()), (31, 0));
    }
}
