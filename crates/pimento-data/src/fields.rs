//! The fields of a line.

/// A line and the bounds of its fields. The memory is used again for the next line.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    text: Vec<u8>,
    bounds: Vec<(usize, usize)>,
}

impl Fields {
    /// The line to be split, without its end.
    pub(crate) fn line_mut(&mut self) -> &mut Vec<u8> {
        self.bounds.clear();
        &mut self.text
    }

    /// Finds the fields of the line. Quotes count only where a field starts with one; a doubled
    /// quote inside is one quote. Returns the position of a field whose quotes do not end.
    pub(crate) fn split(&mut self, separator: &[u8]) -> Result<(), usize> {
        let end = self.text.len();
        let mut start = 0;
        loop {
            let next = if self.text[start..end].first() == Some(&b'"') {
                self.split_quoted(start, end, separator)
                    .ok_or(self.bounds.len())?
            } else {
                let length = find(&self.text[start..end], separator).unwrap_or(end - start);
                self.bounds.push((start, start + length));
                start + length
            };
            if next == end {
                return Ok(());
            }
            start = next + separator.len();
        }
    }

    /// Where the quoted field that starts at `start` ends, its closing quote included.
    fn split_quoted(&mut self, start: usize, end: usize, separator: &[u8]) -> Option<usize> {
        let mut at = start + 1;
        let mut has_doubled = false;
        loop {
            at += find(&self.text[at..end], b"\"")?;
            if self.text[at + 1..end].first() != Some(&b'"') {
                break;
            }
            has_doubled = true;
            at += 2;
        }
        let after = &self.text[at + 1..end];
        if !after.is_empty() && !after.starts_with(separator) {
            return None;
        }
        self.bounds.push((start + 1, at));
        if has_doubled {
            self.undouble_last();
        }
        Some(at + 1)
    }

    /// Replaces the last field by a copy, behind the line, with single quotes for doubled ones.
    fn undouble_last(&mut self) {
        let (start, end) = self.bounds.pop().expect("a field was found");
        let copy_start = self.text.len();
        let mut at = start;
        while at < end {
            let byte = self.text[at];
            self.text.push(byte);
            at += if byte == b'"' { 2 } else { 1 };
        }
        self.bounds.push((copy_start, self.text.len()));
    }

    /// Number of fields.
    pub(crate) fn len(&self) -> usize {
        self.bounds.len()
    }

    /// The field at a position from 0.
    pub(crate) fn get(&self, position: usize) -> &[u8] {
        let (start, end) = self.bounds[position];
        &self.text[start..end]
    }

    /// The fields as text, bytes that are not UTF-8 replaced.
    pub(crate) fn to_texts(&self) -> Vec<String> {
        (0..self.len())
            .map(|field| String::from_utf8_lossy(self.get(field)).into_owned())
            .collect()
    }
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    match pattern {
        [byte] => text.iter().position(|other| other == byte),
        _ => text
            .windows(pattern.len())
            .position(|window| window == pattern),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str, separator: &str) -> Result<Vec<String>, usize> {
        let mut fields = Fields::default();
        fields.line_mut().extend_from_slice(line.as_bytes());
        fields.split(separator.as_bytes())?;
        Ok(fields.to_texts())
    }

    #[track_caller]
    fn check(line: &str, separator: &str, expected: &[&str]) {
        assert_eq!(split(line, separator).unwrap(), expected);
    }

    #[test]
    fn fields_may_be_empty() {
        check("a,,b,", ",", &["a", "", "b", ""]);
        check("", ",", &[""]);
        check(",", ",", &["", ""]);
    }

    #[test]
    fn separators_may_be_long() {
        check("a::b:c::", "::", &["a", "b:c", ""]);
    }

    #[test]
    fn quotes_count_at_the_start_of_a_field() {
        check("\"a,b\",c", ",", &["a,b", "c"]);
        check("5\" disk,\"\",x", ",", &["5\" disk", "", "x"]);
        check("a,\"b\"", ",", &["a", "b"]);
    }

    #[test]
    fn a_doubled_quote_is_one() {
        check("\"say \"\"hi\"\"\",\"\"\"\"", ",", &["say \"hi\"", "\""]);
    }

    #[test]
    fn quotes_must_end_with_the_field() {
        assert_eq!(split("a,\"b", ","), Err(1));
        assert_eq!(split("\"a\"b,c", ","), Err(0));
        assert_eq!(split("a,b,\"", ","), Err(2));
        assert_eq!(split("\"a\"\"", ","), Err(0));
    }
}
