//! Draws the workspace's crates and which uses which, for ARCHITECTURE.md: a Mermaid diagram without
//! the arrows that follow from others.
//!
//! ```text
//! cargo metadata --no-deps --format-version 1 | cargo run --example crate_graph
//! ```
//!
//! A test compares the diagram in ARCHITECTURE.md with this one.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use serde_json::Value;

type Uses = BTreeMap<String, BTreeSet<String>>;

/// Crates that only tests and benches use.
const LEFT_OUT: [&str; 1] = ["testkit"];

fn main() -> Result<(), Box<dyn Error>> {
    let metadata: Value = serde_json::from_reader(std::io::stdin())?;
    print!("{}", mermaid(&metadata));
    Ok(())
}

/// The diagram of what `cargo metadata --no-deps` prints. An arrow leads from a crate to one that it uses.
pub fn mermaid(metadata: &Value) -> String {
    let uses = uses(metadata);
    let mut diagram = "graph TD\n".to_owned();
    for (name, direct) in &uses {
        for used in direct {
            // An arrow over a crate in between says it already.
            let by_another = direct.iter().filter(|other| *other != used);
            if !by_another.into_iter().any(|other| reaches(&uses, other, used)) {
                diagram += &format!("    {name} --> {used}\n");
            }
        }
    }
    diagram
}

fn uses(metadata: &Value) -> Uses {
    let short = |name: &str| match name {
        "lookalike" => Some("lookalike".to_owned()),
        _ => name.strip_prefix("lookalike-").map(str::to_owned),
    };
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let mut uses = Uses::new();
    for package in packages {
        let Some(name) = package["name"].as_str().and_then(short) else { continue };
        let dependencies = package["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
        // `kind` is null for an ordinary dependency, "dev" or "build" for others.
        let ordinary = dependencies.iter().filter(|dependency| dependency["kind"].is_null());
        let used = ordinary.filter_map(|dependency| dependency["name"].as_str().and_then(short));
        if !LEFT_OUT.contains(&name.as_str()) {
            uses.insert(name, used.filter(|used| !LEFT_OUT.contains(&used.as_str())).collect());
        }
    }
    uses
}

fn reaches(uses: &Uses, from: &str, to: &str) -> bool {
    uses.get(from).is_some_and(|direct| {
        direct.contains(to) || direct.iter().any(|between| reaches(uses, between, to))
    })
}
