//! A buffer of requests. A request keeps its place while others come and go, so that sets of requests
//! are words with a bit for each place.

use crate::dram::trace::stream::{Address, Request};

/// Requests that a buffer holds: as many as a word has bits.
const PLACES: usize = 32;

/// Requests that wait, in any order; their arrivals tell the oldest.
#[derive(Debug)]
pub(super) struct Buffer {
    requests: [Request; PLACES],
    /// The places that are empty.
    free: u32,
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self {
            requests: [Request::new(Address::new(0, 0, 0), 0); PLACES],
            free: u32::MAX,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.free == u32::MAX
    }

    pub(super) fn is_full(&self) -> bool {
        self.free == 0
    }

    /// Puts a request in and returns the bit of its place. There has to be one.
    #[inline]
    pub(super) fn insert(&mut self, request: Request) -> u32 {
        let place = self.free.trailing_zeros();
        self.requests[place as usize] = request;
        self.free ^= 1 << place;
        1 << place
    }

    /// Takes a request out.
    #[inline]
    pub(super) fn remove(&mut self, place: usize) -> Request {
        self.free |= 1 << place;
        self.requests[place]
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> &Request {
        &self.requests[place]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: usize) -> &mut Request {
        &mut self.requests[place]
    }

    /// The place of the request for a burst, if it is among these.
    #[inline]
    pub(super) fn find(&self, among: u32, address: Address) -> Option<usize> {
        places(among).find(|place| self.requests[*place].address == address)
    }

    /// The place of the oldest of these.
    #[inline]
    pub(super) fn oldest(&self, among: u32) -> Option<usize> {
        places(among).min_by_key(|place| self.requests[*place].arrival)
    }
}

/// The places whose bits are set.
#[inline]
pub(super) fn places(mut bits: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        (place < PLACES).then_some(place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_keep_their_places() {
        let mut buffer = Buffer::new();
        let address = |row| Address::new(1, row, 0);
        let bits = [7, 8, 9].map(|row| buffer.insert(Request::new(address(row), row)));
        assert_eq!(bits, [1, 2, 4]);
        assert_eq!(buffer.remove(0).address, address(7));
        assert_eq!(buffer.insert(Request::new(address(10), 10)), 1);
        assert_eq!((buffer.oldest(0b111), buffer.oldest(0)), (Some(1), None));
        let find = |among| buffer.find(among, address(9));
        assert_eq!((find(0b111), find(0b011)), (Some(2), None));
    }

    #[test]
    fn full_after_32_requests() {
        let mut buffer = Buffer::new();
        assert!(buffer.is_empty() && !buffer.is_full());
        for now in 0..32 {
            buffer.insert(Request::new(Address::new(0, 0, now), now));
        }
        assert!(buffer.is_full() && !buffer.is_empty());
        assert_eq!(places(0x8000_0001).collect::<Vec<_>>(), [0, 31]);
    }
}
