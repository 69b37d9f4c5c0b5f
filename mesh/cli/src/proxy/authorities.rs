//! Whom the proxy believes to be the API: the machine's authorities, or those of `AWS_CA_BUNDLE`, as for every AWS tool.

use reqwest::Certificate;
use std::path::{Path, PathBuf};

/// The variable that names a file of authorities to be believed instead of the machine's.
const VARIABLE: &str = "AWS_CA_BUNDLE";

/// A file of authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesError {
    /// It is not there.
    #[error("cannot read {file}, which AWS_CA_BUNDLE names")]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("{0}, which AWS_CA_BUNDLE names, holds no certificates in PEM")]
    Empty(PathBuf),
}

/// The authorities that the environment names; `None` where it names none.
pub fn named() -> Result<Option<Vec<Certificate>>, AuthoritiesError> {
    let file = std::env::var_os(VARIABLE).filter(|file| !file.is_empty());
    file.map(|file| read(Path::new(&file))).transpose()
}

fn read(file: &Path) -> Result<Vec<Certificate>, AuthoritiesError> {
    let text = std::fs::read(file).map_err(|source| AuthoritiesError::Read { file: file.to_owned(), source })?;
    let found = Certificate::from_pem_bundle(&text).unwrap_or_default();
    if found.is_empty() { Err(AuthoritiesError::Empty(file.to_owned())) } else { Ok(found) }
}
