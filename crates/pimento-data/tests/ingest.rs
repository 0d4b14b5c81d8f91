//! Text files in, packed log out; and every way in which that can fail.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its functions as well"
)]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use pimento_data::{
    Batch, ClickLog, DataError, DataSchema, LogInputs, PackedLog, PackedLogError, Progress, Split,
    open_or_build,
};
use tempfile::TempDir;

const SCHEMA: &str = "label = \"y\"\ndense = [\"n\"]\ncategorical = [\"a\", \"b\"]\n\
                      split = { kind = \"ordered\" }\n";

/// Ten rows: `a` is x but in row 9, which is not in training; `b` is missing in row 0.
const TEXT: &str = "y,n,a,b\n1,0,x,\n0,1,x,p\n0,,x,p\n0,-5,x,q\n1,0,x,q\n0,0,x,q\n0,0,x,r\n0,0,x,r\n\
                    1,0,x,new\n0,0,z,q\n";

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn build(&self, schema: &str, files: Vec<PathBuf>) -> Result<PackedLog, DataError> {
        self.open(&LogInputs::Single(files), schema)
    }

    fn open(&self, inputs: &LogInputs, schema: &str) -> Result<PackedLog, DataError> {
        let schema = DataSchema::parse(schema).unwrap();
        open_or_build(inputs, &schema, &self.path("cache"), &mut |_| ())
    }

    /// The log of one file with this content.
    fn log_of(&self, schema: &str, text: impl AsRef<[u8]>) -> Result<PackedLog, DataError> {
        let file = self.write("log.csv", text);
        self.build(schema, vec![file])
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn all(log: &dyn ClickLog, split: Split) -> Batch {
    let rows: Vec<u32> = (0..log.len(split) as u32).collect();
    let mut batch = Batch::default();
    log.fill(split, &rows, &mut batch);
    batch
}

fn all_splits(log: &dyn ClickLog) -> [Batch; 3] {
    Split::ALL.map(|split| all(log, split))
}

/// The message of the error that this file causes, its folder cut off.
fn message(schema: &str, text: impl AsRef<[u8]>) -> String {
    let folder = Folder::new();
    let error = folder.log_of(schema, text).unwrap_err();
    let start = format!("{}/", folder.0.path().display());
    assert!(
        !folder.path("cache").exists() || is_empty(&folder.path("cache")),
        "a cache was left"
    );
    error.to_string().replace(&start, "")
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn rows_become_samples() {
    let folder = Folder::new();
    let log = folder.log_of(SCHEMA, TEXT).unwrap();
    // Training rows 0 to 7: b is p 2, q 3, r 2 times, so q is row 2, p 3, r 4; a is x only.
    assert_eq!(log.shape().dense_dim, 1);
    assert_eq!(log.shape().table_rows, [3, 5]);
    let train = all(&log, Split::Train);
    assert_eq!(train.labels, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(train.dense[..4], [0.0, 1_f32.ln_1p(), 0.0, 0.0]);
    assert_eq!(
        train.indices,
        [2, 0, 2, 3, 2, 3, 2, 2, 2, 2, 2, 2, 2, 4, 2, 4]
    );
    assert_eq!(all(&log, Split::Validation).indices, [2, 1]);
    assert_eq!(all(&log, Split::Test).indices, [1, 2]);
}

#[test]
fn a_log_describes_itself() {
    let folder = Folder::new();
    let log = folder.log_of(SCHEMA, TEXT).unwrap();
    let summary = log.describe();
    assert_eq!(summary.rows(), 10);
    assert_eq!(summary.splits.train.positive_rate(), Some(0.25));
    assert_eq!(summary.dense[0].name, "n");
    assert_eq!(summary.missing_share(&summary.dense[0]), Some(0.1));
    assert_eq!(summary.categorical[1].table_rows, Some(5));
    assert_eq!(summary.missing_share(&summary.categorical[1]), Some(0.1));
    assert!(
        serde_json::to_string(summary)
            .unwrap()
            .contains("\"table_rows\":5")
    );
}

#[test]
fn the_writing_of_a_file_does_not_matter() {
    let plain = all_splits(&Folder::new().log_of(SCHEMA, TEXT).unwrap());
    let crlf = TEXT.replace('\n', "\r\n");
    let quoted = TEXT.replace(",x,", ",\"x\",").replace("y,n", "\"y\",n");
    let (head, tail) = TEXT.as_bytes().split_at(31);
    let writings: [(&str, Vec<u8>); 6] = [
        ("CRLF", crlf.into_bytes()),
        ("byte-order mark", format!("\u{feff}{TEXT}").into_bytes()),
        ("no newline at the end", TEXT.trim_end().as_bytes().to_vec()),
        ("quotes", quoted.into_bytes()),
        ("gzip", gzip(TEXT.as_bytes())),
        ("gzip members", [gzip(head), gzip(tail)].concat()),
    ];
    for (name, bytes) in writings {
        let log = Folder::new().log_of(SCHEMA, bytes).unwrap();
        assert_eq!(all_splits(&log), plain, "{name}");
    }
}

#[test]
fn files_are_one_stream() {
    let folder = Folder::new();
    let plain = all_splits(&folder.log_of(SCHEMA, TEXT).unwrap());
    let (header, rows) = TEXT.split_once('\n').unwrap();
    let (head, tail) = rows.split_at(rows.find("0,-5").unwrap());
    let first = folder.write("a.csv", format!("{header}\n{head}"));
    let second = folder.write("b.csv.gz", gzip(format!("{header}\n{tail}").as_bytes()));
    let log = folder.build(SCHEMA, vec![first, second]).unwrap();
    assert_eq!(all_splits(&log), plain);
}

#[test]
fn columns_go_by_position_without_a_header() {
    let schema = "header = false\nseparator = \"::\"\nlabel = 0\ncategorical = [2]\n\
                  split = { kind = \"ordered\" }\n";
    let log = Folder::new()
        .log_of(schema, "1::8::a\n".repeat(10))
        .unwrap();
    assert_eq!(log.shape().dense_dim, 1);
    assert_eq!(
        all(&log, Split::Test),
        Batch {
            dense: vec![0.0],
            indices: vec![2],
            labels: vec![1.0]
        }
    );
    assert_eq!(log.describe().categorical[0].name, "2");
}

#[test]
fn nasrec_hashes_hex_values() {
    let schema = "header = false\nlabel = 0\ncategorical = [1]\nsplit = { kind = \"ordered\" }\n\
                  categorical-encoding = { kind = \"hash\", values = \"hex\", rows = 1461 }\n";
    let text = "0,68fd1e64\n1,\n".repeat(5);
    let log = Folder::new().log_of(schema, text).unwrap();
    // (0x68fd1e64 mod 1460) + 1, and row 0 for missing.
    assert_eq!(
        all(&log, Split::Train).indices[..2],
        [(0x68fd_1e64_u32 % 1460) + 1, 0]
    );
    assert_eq!(log.shape().table_rows, [1461]);
}

#[test]
fn three_files_are_three_splits() {
    let folder = Folder::new();
    let [train, validation, test] = ["1,x", "0,y", "1,x\n0,x"]
        .map(|rows| folder.write(&rows.replace([',', '\n'], "-"), format!("y,a\n{rows}\n")));
    let inputs = LogInputs::Split {
        train: vec![train],
        validation: vec![validation],
        test: vec![test],
    };
    let schema = "label = \"y\"\ncategorical = [\"a\"]\n\
                  categorical-encoding = { kind = \"vocabulary\", minimum-count = 1 }\n";
    let log = folder.open(&inputs, schema).unwrap();
    assert_eq!(Split::ALL.map(|split| log.len(split)), [1, 1, 2]);
    assert_eq!(all(&log, Split::Train).indices, [2]);
    assert_eq!(
        all(&log, Split::Validation).indices,
        [1],
        "unseen in training"
    );
    assert_eq!(all(&log, Split::Test).indices, [2, 2]);
}

#[test]
fn a_log_is_built_once() {
    let folder = Folder::new();
    let file = folder.write("log.csv", TEXT);
    let inputs = LogInputs::Single(vec![file]);
    let schema = DataSchema::parse(SCHEMA).unwrap();
    let build = |cache: &Path| {
        let mut has_read = false;
        let log = open_or_build(&inputs, &schema, cache, &mut |progress| {
            has_read |= matches!(progress, Progress::Reading { .. });
        });
        (log.unwrap(), has_read)
    };
    let (first, has_read) = build(&folder.path("cache"));
    assert!(has_read);
    let (second, has_read) = build(&folder.path("cache"));
    assert!(!has_read);
    assert_eq!(first.fingerprint(), second.fingerprint());
    let (other, _) = build(&folder.path("other"));
    assert_eq!(
        fs::read(first.path()).unwrap(),
        fs::read(other.path()).unwrap()
    );
}

#[test]
fn the_cache_follows_content_and_schema() {
    let folder = Folder::new();
    let first = folder.log_of(SCHEMA, TEXT).unwrap();
    let other_text = folder.log_of(SCHEMA, TEXT.replace(",z,", ",x,")).unwrap();
    let other_schema = folder.log_of(&SCHEMA.replace("ordered", "stratified"), TEXT);
    assert_ne!(first.fingerprint(), other_text.fingerprint());
    assert_ne!(first.fingerprint(), other_schema.unwrap().fingerprint());
}

#[test]
fn a_file_must_exist_and_have_rows() {
    let folder = Folder::new();
    let error = folder
        .build(SCHEMA, vec![folder.path("none.csv")])
        .unwrap_err();
    assert!(matches!(&error, DataError::NotFound { path } if path.ends_with("none.csv")));
    assert!(error.to_string().starts_with("no such file `"));
    let error = folder.build(SCHEMA, vec![]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no input file for the log; name at least one"
    );
    assert!(
        folder
            .build(SCHEMA, vec![folder.0.path().to_owned()])
            .is_err()
    );
    let empty = "`log.csv` has no rows; expected lines of separated fields";
    assert_eq!(message(SCHEMA, ""), empty);
    assert_eq!(message(SCHEMA, "y,n,a,b\n"), empty);
}

#[test]
fn a_header_must_have_the_columns() {
    assert_eq!(
        message(SCHEMA, "y,n,a,c\n1,2,3,4\n"),
        "`log.csv` has no column `b`; its columns are `y`, `n`, `a`, `c`"
    );
    assert_eq!(
        message(SCHEMA, "y,n,a,b,b\n1,2,3,4,5\n"),
        "column `b` occurs twice in the header of `log.csv`; rename one"
    );
    assert_eq!(
        message("header = false\nlabel = 0\ncategorical = [3]\n", "1,2,3\n"),
        "`log.csv` has no column `3`; its columns are `0`, `1`, `2`"
    );
}

#[test]
fn files_must_have_the_same_header() {
    let folder = Folder::new();
    let first = folder.write("a.csv", TEXT);
    let second = folder.write("b.csv", TEXT.replace("y,n,a,b", "y,n,b,a"));
    let error = folder.build(SCHEMA, vec![first, second]).unwrap_err();
    assert!(matches!(error, DataError::HeaderDiffers { path, .. } if path.ends_with("b.csv")));
}

#[test]
fn a_line_must_have_all_fields() {
    assert_eq!(
        message(SCHEMA, "y,n,a,b\n1,0,x,p\n0,x,p\n"),
        "`log.csv` line 3: expected 4 fields separated by \",\", found 3; correct the line or the \
         schema"
    );
    assert!(
        message(SCHEMA, "y,n,a,b\n1,0,x,p,\n")
            .contains("expected 4 fields separated by \",\", found 5")
    );
    assert!(message(SCHEMA, "y,n,a,b\n1,0,x,p\n\n").contains("line 3: expected 4 fields"));
}

#[test]
fn values_must_be_what_the_schema_says() {
    assert_eq!(
        message(SCHEMA, "y,n,a,b\n1,0,x,p\n1,1o,x,p\n"),
        "`log.csv` line 3 column 2 (`n`): expected a number, found `1o`; list it in `missing` or \
         make the column categorical"
    );
    assert_eq!(
        message(SCHEMA, "y,n,a,b\nyes,0,x,p\n"),
        "`log.csv` line 2 column 1 (`y`): expected a label among `1`, `0`, found `yes`; see \
         `positive-labels` and `negative-labels`"
    );
    let hash = format!(
        "{SCHEMA}categorical-encoding = {{ kind = \"hash\", values = \"decimal\", rows = 9 }}\n"
    );
    assert_eq!(
        message(&hash, "y,n,a,b\n1,0,x,p\n"),
        "`log.csv` line 2 column 3 (`a`): expected a decimal number below 2^64, found `x`; use \
         `values = \"text\"` for other values"
    );
}

#[test]
fn a_fault_tells_its_place() {
    let error = Folder::new()
        .log_of(SCHEMA, "y,n,a,b\n1,0,x,p\n1,?,x,p\n")
        .unwrap_err();
    let place = error.place().unwrap();
    assert_eq!(
        (place.line, place.column, place.name.as_deref()),
        (3, Some(2), Some("n"))
    );
}

#[test]
fn quotes_must_end() {
    assert_eq!(
        message(SCHEMA, "y,n,a,b\n1,0,\"x,p\n"),
        "`log.csv` line 2 column 3 (`a`): a field that starts with a quote must end with one \
         before the next separator or the end of the line; double the quotes inside it"
    );
}

#[test]
fn a_truncated_gzip_file_is_an_error() {
    let bytes = gzip(TEXT.as_bytes());
    for length in [bytes.len() - 1, bytes.len() - 8, bytes.len() / 2, 12] {
        let text = message(SCHEMA, &bytes[..length]);
        assert!(
            text.starts_with("truncated gzip file `log.csv`: it ends"),
            "{length}: {text}"
        );
    }
    let (head, tail) = TEXT.as_bytes().split_at(31);
    let mut members = [gzip(head), gzip(tail)].concat();
    members.truncate(members.len() - 3);
    assert!(message(SCHEMA, members).starts_with("truncated gzip file"));
}

#[test]
fn a_corrupt_gzip_file_is_an_error() {
    let mut bytes = gzip(TEXT.as_bytes());
    let checksum = bytes.len() - 6;
    bytes[checksum] ^= 1;
    assert!(message(SCHEMA, bytes).starts_with("cannot read `log.csv`: "));
}

#[test]
fn every_split_has_rows() {
    assert_eq!(
        message(SCHEMA, "y,n,a,b\n1,0,x,p\n0,0,x,p\n"),
        "split `validation` has no rows, the log has 2; about ten rows of a class are needed for \
         a stratified split"
    );
}

#[test]
fn a_cache_folder_must_be_writable() {
    let folder = Folder::new();
    let file = folder.write("log.csv", TEXT);
    folder.write("cache", "a file");
    let error = folder.build(SCHEMA, vec![file]).unwrap_err();
    assert!(matches!(error, DataError::WriteCache { .. }));
}

/// The error of a packed log after a change of its bytes.
fn error_after(change: impl FnOnce(&mut Vec<u8>)) -> (PackedLogError, String) {
    let folder = Folder::new();
    let path = folder.log_of(SCHEMA, TEXT).unwrap().path().to_owned();
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
    let error = PackedLog::open(&path).unwrap_err();
    let text = error
        .to_string()
        .replace(&path.display().to_string(), "log.packed");
    assert!(
        folder.log_of(SCHEMA, TEXT).is_err(),
        "a broken cache is not used"
    );
    (error, text)
}

#[test]
fn a_truncated_cache_is_found() {
    let (error, text) = error_after(|bytes| bytes.truncate(bytes.len() - 1));
    let PackedLogError::Truncated {
        expected, found, ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(expected, found + 1);
    assert_eq!(
        text,
        format!(
            "truncated cache `log.packed`: expected {expected} bytes, found {found}; delete it \
             and run again"
        )
    );
    assert!(matches!(
        error_after(|bytes| bytes.truncate(10)).0,
        PackedLogError::Truncated { .. }
    ));
    assert!(matches!(
        error_after(Vec::clear).0,
        PackedLogError::Truncated { .. }
    ));
    assert!(matches!(
        error_after(|bytes| bytes.push(0)).0,
        PackedLogError::TooLong { .. }
    ));
}

#[test]
fn a_changed_byte_is_found() {
    let (_, text) = error_after(|bytes| *bytes.last_mut().unwrap() ^= 1);
    assert_eq!(
        text,
        "corrupt cache `log.packed`: the checksum of its test does not match; delete it and run \
         again"
    );
    let (error, _) = error_after(|bytes| bytes[70] ^= 1);
    assert!(matches!(
        error,
        PackedLogError::Checksum { part: "header", .. }
    ));
}

#[test]
fn another_format_is_found() {
    assert!(matches!(
        error_after(|bytes| bytes[0] = b'P').0,
        PackedLogError::Magic { .. }
    ));
    let (error, text) = error_after(|bytes| bytes[8] = 2);
    assert!(matches!(
        error,
        PackedLogError::Version {
            expected: 1,
            found: 2,
            ..
        }
    ));
    assert_eq!(
        text,
        "cache `log.packed` has format version 2, expected 1; delete it and run again"
    );
}

#[test]
fn another_log_under_the_same_name_is_found() {
    let folder = Folder::new();
    let first = folder.log_of(SCHEMA, TEXT).unwrap().path().to_owned();
    let other_text = TEXT.replace(",z,", ",x,");
    let other = folder
        .log_of(SCHEMA, &other_text)
        .unwrap()
        .path()
        .to_owned();
    fs::copy(first, other).unwrap();
    let error = folder.log_of(SCHEMA, other_text).unwrap_err();
    assert!(matches!(
        error,
        DataError::Cache(PackedLogError::OtherInputs { .. })
    ));
}
