//! Quantities as people read them: four significant digits, in the unit that suits.

/// Units from the smallest up: the name, and how many of the base unit it is.
type Units = [(&'static str, f64)];

const TIMES: [(&str, f64); 4] = [("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];
const ENERGIES: [(&str, f64); 4] = [("pJ", 1.0), ("nJ", 1e3), ("µJ", 1e6), ("mJ", 1e9)];
const AREAS: [(&str, f64); 2] = [("µm²", 1.0), ("mm²", 1e6)];
/// Areas from here on are told in mm².
const SMALLEST_MM2: f64 = 1e4;
const COUNTS: [(&str, f64); 4] = [("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)];
const POWERS: [(&str, f64); 3] = [("µW", 1e-3), ("mW", 1.0), ("W", 1e3)];

/// A time, given in ns.
pub(crate) fn time(ns: f64) -> String {
    with_unit(ns, &TIMES)
}

/// An energy, given in pJ.
pub(crate) fn energy(pj: f64) -> String {
    with_unit(pj, &ENERGIES)
}

/// An area, given in µm².
pub(crate) fn area(um2: f64) -> String {
    let units = if um2 < SMALLEST_MM2 {
        &AREAS[..1]
    } else {
        &AREAS[1..]
    };
    with_unit(um2, units)
}

/// A power, given in mW.
pub(crate) fn power(mw: f64) -> String {
    with_unit(mw, &POWERS)
}

/// A count of anything.
pub(crate) fn count(value: f64) -> String {
    with_unit(value, &COUNTS).trim_end().to_owned()
}

/// A part as a share of a whole; a dash where there is no whole.
pub(crate) fn share(part: f64, whole: f64) -> String {
    if whole > 0.0 {
        format!("{:.1} %", 100.0 * part / whole)
    } else {
        "–".to_owned()
    }
}

/// A number with so many significant digits at most; all digits before the point.
pub(crate) fn number(value: f64, digits: i32) -> String {
    if !value.is_finite() {
        return "∞".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-4..=12).contains(&magnitude) {
        return format!("{value:.*e}", (digits - 1).max(0) as usize);
    }
    let text = format!("{value:.*}", (digits - 1 - magnitude).max(0) as usize);
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn with_unit(value: f64, units: &Units) -> String {
    let fits = |(_, size): &&(&str, f64)| value.abs() >= *size;
    let (name, size) = units.iter().rev().find(fits).unwrap_or(&units[0]);
    format!("{} {name}", number(value / size, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_told_in_units_that_suit() {
        let check = |shown: String, expected: &str| assert_eq!(shown, expected);
        check(energy(54_612.3), "54.61 nJ");
        check(energy(0.416_67), "0.4167 pJ");
        check(energy(0.0), "0 pJ");
        check(time(999.0), "999 ns");
        check(time(f64::INFINITY), "∞ s");
        check(area(7200.5), "7200 µm²");
        check(area(83_000.0), "0.083 mm²");
        check(area(5.28e6), "5.28 mm²");
        check(time(287.999_999), "288 ns");
        check(power(0.25), "250 µW");
        check(number(9.7e-6, 4), "9.700e-6");
        check(number(1024.0, 4), "1024");
        check(share(1.0, 0.0), "–");
    }
}
