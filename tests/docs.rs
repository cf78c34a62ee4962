//! What the documents say of the source tree is true of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "../tools/crate_graph.rs"]
#[allow(dead_code)] // its `main`
mod crate_graph;

/// Files longer than this begin with what they are.
const LONG: usize = 60;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder whose names end so, without what is built or measured.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !["target", "node_modules", "runs"].contains(&name.as_str()) {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What stands in backquotes and begins like a path of this repository.
fn paths_named(text: &str) -> Vec<String> {
    let folders = [
        "crates/",
        "tests/",
        "benches/",
        "docs/",
        "tools/",
        "examples/",
        "src/",
        "index/",
        "weights/",
    ];
    let is_path = |code: &&str| {
        folders.iter().any(|folder| code.starts_with(folder))
            && !code.contains([' ', '*', '{', '<', '$'])
            && code.chars().all(|c| !c.is_uppercase() || code.contains(".md"))
    };
    text.split('`').skip(1).step_by(2).filter(is_path).map(str::to_owned).collect()
}

/// Targets of Markdown links that are files here.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let here = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    here.map(|target| target.split('#').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let mut documents = files("docs", ".md");
    for name in
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "index/README.md", "weights/README.md"]
    {
        documents.push(root().join(name));
    }
    let mut missing = Vec::new();
    for document in documents {
        let text = fs::read_to_string(&document).expect("a document");
        let folder = document.parent().expect("a folder");
        let wrong_paths = paths_named(&text).into_iter().filter(|path| {
            // `index/lookalike.index` and the like are made by the commands that the text describes.
            let made = ["index/lookalike.index", "index/embeddings"];
            !root().join(path).exists() && !made.iter().any(|made| path.starts_with(made))
        });
        let wrong_links = links(&text).into_iter().filter(|link| !folder.join(link).exists());
        missing.extend(
            wrong_paths.chain(wrong_links).map(|path| format!("{}: {path}", document.display())),
        );
    }
    assert!(missing.is_empty(), "named, but not there:\n{}", missing.join("\n"));
}

#[test]
fn the_drawn_graph_of_crates_is_cargos() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let metadata = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo metadata");
    let metadata = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let wanted = crate_graph::mermaid(&metadata);
    assert!(wanted.contains("engine --> "), "{wanted}");
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the document");
    let drawn = architecture.split("```mermaid\n").nth(1).and_then(|rest| rest.split("```").next());
    assert_eq!(drawn, Some(wanted.as_str()), "draw it again: tools/crate_graph.rs says how");
}

#[test]
fn long_files_begin_with_what_they_are() {
    let folders = ["src", "crates", "tests", "benches", "tools", "examples"];
    let without = folders.iter().flat_map(|folder| files(folder, ".rs")).filter(|file| {
        let text = fs::read_to_string(file).expect("a source file");
        text.lines().count() > LONG && !text.starts_with("//!")
    });
    let without: Vec<String> = without.map(|file| file.display().to_string()).collect();
    assert!(without.is_empty(), "no `//!` at the top:\n{}", without.join("\n"));
}
