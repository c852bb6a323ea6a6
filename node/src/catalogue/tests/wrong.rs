//! Catalogues that cannot be used.

use std::path::Path;

use crate::catalogue::{Catalogue, CatalogueError};

#[test]
fn a_wrong_catalogue_is_told_every_mistake_with_its_line_and_a_suggestion() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalogue/tests/wrong");
    let error = Catalogue::load(&directory).unwrap_err();
    insta::assert_snapshot!("wrong_catalogue", error.to_string());
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let error = Catalogue::load(Path::new("/nowhere/catalogue")).unwrap_err();
    assert!(matches!(error, CatalogueError::Read { .. }));
    assert!(error.to_string().contains("/nowhere/catalogue"), "{error}");
}

#[test]
fn an_empty_directory_lacks_its_head() {
    let empty = tempfile::tempdir().unwrap();
    let error = Catalogue::load(empty.path()).unwrap_err().to_string();
    assert!(error.contains("catalogue.toml:1: the file is missing"), "{error}");
}
