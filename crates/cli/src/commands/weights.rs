//! `lookalike weights list`, `fetch`, `verify` and `import`.

pub(crate) mod quantise;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use lookalike_backbone::{BackboneKind, import, load};
use lookalike_download::{RemoteFile, Verification};
use lookalike_weights::{HubName, WeightFile, WeightStore, downloadable, is_bundled, weight_files};
use serde::Serialize;
use serde_json::json;

use crate::args::weights::{FetchArgs, ImportArgs, ListArgs, VerifyArgs};
use crate::error::BadWeights;
use crate::output::{bytes, print, print_json};
use crate::progress;

/// A file of the manifest's, and where it is here.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    file: WeightFile,
    can_be_fetched: bool,
    path: Option<std::path::PathBuf>,
}

pub(crate) fn list(args: &ListArgs) -> anyhow::Result<()> {
    let store = WeightStore::from_env();
    let listed: Vec<Listed> = weight_files()
        .into_iter()
        .map(|file| Listed {
            path: store.find_file(&file),
            can_be_fetched: file.remote().is_some(),
            file,
        })
        .collect();
    if args.json.json {
        return print_json(&listed);
    }
    let mut text = String::new();
    for Listed { file, can_be_fetched, path } in &listed {
        let top1 =
            file.top1.map(|top1| format!(", ImageNet top-1 {top1:.1} %")).unwrap_or_default();
        let _ = writeln!(text, "{}\n  {}{top1}, {}", file.name, file.backbone, file.licence);
        let _ = writeln!(text, "  {}", file.source);
        let _ = match path {
            Some(path) if is_bundled(path) => writeln!(text, "  part of the program"),
            Some(path) => writeln!(text, "  at {}", path.display()),
            None if *can_be_fetched => {
                writeln!(text, "  not here: lookalike weights fetch {}", file.name)
            }
            None => writeln!(text, "  not here"),
        };
    }
    print(&text)
}

pub(crate) fn fetch(args: &FetchArgs) -> anyhow::Result<()> {
    let store = WeightStore::from_env();
    // All names are checked before the first file is fetched.
    let wanted =
        args.names.iter().map(|name| Wanted::named(name)).collect::<Result<Vec<_>, _>>()?;
    let progress = progress::downloads(args.output.quiet());
    let mut done = Vec::new();
    for (name, wanted) in args.names.iter().zip(wanted) {
        let name = wanted.known.as_ref().map_or(name, |file| &file.name);
        let fetched = store.client().fetch(&wanted.remote, &*progress)?;
        // Whole and as published, it may still be another network than this program knows.
        let backbone = match &wanted.known {
            Some(file) => load(&fetched.path, Some(file.backbone)),
            None => load(&fetched.path, None),
        }
        .with_context(|| format!("{name} is at {}", fetched.path.display()))?
        .identity
        .backbone;
        if args.output.json() {
            done.push(json!({
                "name": name, "path": fetched.path, "bytes": fetched.bytes, "backbone": backbone,
                "sha256": fetched.sha256, "verification": fetched.verification, "downloaded": fetched.downloaded,
            }));
            continue;
        }
        let how = if fetched.downloaded { "fetched" } else { "here already" };
        let mut text = format!("{name}: {how}, {}\n", bytes(fetched.bytes));
        let _ = writeln!(text, "  at {}", fetched.path.display());
        let _ = writeln!(text, "  sha256 {}: {}", fetched.sha256, verified(fetched.verification));
        let _ = match &wanted.known {
            Some(file) => {
                let _ = writeln!(text, "  licence {}", file.licence);
                writeln!(text, "  used where it is asked for: --backbone {backbone}")
            }
            None => writeln!(text, "  the network {backbone}, used with --weights and its path"),
        };
        print(&text)?;
    }
    if args.output.json() { print_json(&done) } else { Ok(()) }
}

fn verified(by: Verification) -> &'static str {
    match by {
        Verification::Expected => "as published",
        Verification::ExpectedPrefix => "its first digits are those published in its name",
        Verification::Recorded => "as when it was first fetched",
        Verification::FirstUse => {
            "no published checksum is known; recorded, and another will be refused"
        }
    }
}

/// What is fetched: a file of the manifest's, or any other of a hub's.
struct Wanted {
    remote: RemoteFile,
    known: Option<WeightFile>,
}

impl Wanted {
    fn named(name: &str) -> anyhow::Result<Self> {
        if name.starts_with("hf:") {
            let remote = name.parse::<HubName>().map_err(anyhow::Error::msg)?.remote();
            return Ok(Self { remote, known: None });
        }
        let file = fetchable(name)?;
        let remote = file.remote().with_context(|| format!("{name} cannot be fetched"))?;
        Ok(Self { remote, known: Some(file) })
    }
}

/// A file that can be fetched, by its own name or by its network's.
fn fetchable(name: &str) -> anyhow::Result<WeightFile> {
    let named = weight_files().into_iter().find(|file| file.name == name);
    if let Some(file) = named {
        anyhow::ensure!(
            file.remote().is_some(),
            "{name} cannot be fetched in this form: {}",
            file.source
        );
        return Ok(file);
    }
    let kind: Option<BackboneKind> = name.parse().ok();
    kind.and_then(downloadable).with_context(|| {
        let names = weight_files().into_iter().filter(|file| file.remote().is_some());
        let names: Vec<_> = names.map(|file| file.name).collect();
        format!("no weights are called '{name}': choose one of {}", names.join(", "))
    })
}

pub(crate) fn verify(args: &VerifyArgs) -> anyhow::Result<()> {
    let store = WeightStore::from_env();
    let files = weight_files().into_iter();
    let files: Vec<_> =
        files.filter(|file| args.names.is_empty() || args.names.contains(&file.name)).collect();
    for name in &args.names {
        anyhow::ensure!(files.iter().any(|f| &f.name == name), "no weights are called '{name}'");
    }
    let (mut checked, mut bad) = (0, Vec::new());
    for file in files {
        let Some(path) = store.find_file(&file) else {
            if !args.names.is_empty() {
                bad.push(format!("{} is not here", file.name));
            }
            continue;
        };
        checked += 1;
        match check(&store, &file, &path) {
            Ok(how) => print(&format!("{}: sound, {how}\n  at {}\n", file.name, path.display()))?,
            Err(error) => bad.push(crate::output::error(&error)),
        }
    }
    if bad.is_empty() && checked == 0 {
        print("none of the weights are here: `lookalike weights list` says what there is\n")?;
    }
    match bad.split_last() {
        None => Ok(()),
        Some((last, others)) => {
            others.iter().for_each(|error| eprintln!("error: {error}"));
            Err(BadWeights(last.clone()).into())
        }
    }
}

/// How a file is known to be the right one.
fn check(store: &WeightStore, file: &WeightFile, path: &Path) -> anyhow::Result<String> {
    let loaded = load(path, Some(file.backbone))?;
    let sha256 = loaded.identity.weights_sha256;
    let is_fetched = file.remote().filter(|r| store.client().cached(r).is_some_and(|p| p == path));
    if let Some(remote) = is_fetched {
        let found = store.client().verify(&remote)?;
        return Ok(format!("sha256 {}, {}", found.sha256, verified(found.verification)));
    }
    let has_its_name = path.file_name().is_some_and(|name| name == file.file.as_str());
    let is_original = has_its_name || is_bundled(path);
    match &file.sha256 {
        Some(known) if is_original && !sha256.starts_with(&known.to_lowercase()) => {
            anyhow::bail!(
                "{}: sha256 is {sha256}, published is {known}: get it again",
                path.display()
            )
        }
        Some(_) if is_original => Ok(format!("sha256 {sha256}, as published")),
        _ => Ok(format!("sha256 {sha256}, no published checksum is known")),
    }
}

pub(crate) fn import_file(args: &ImportArgs) -> anyhow::Result<()> {
    let store = WeightStore::from_env();
    let of_name = |name: &str| weight_files().into_iter().find(|file| file.name == name);
    let known = match &args.name {
        Some(name) => {
            Some(of_name(name).with_context(|| format!("no weights are called '{name}'"))?)
        }
        None => weight_files().into_iter().find(|f| args.file.file_name() == Some(f.file.as_ref())),
    };
    if let Some(known) = known.as_ref() {
        // By its own name it should be the very file; under another it may have been converted.
        let loaded = load(&args.file, Some(known.backbone))?;
        let published =
            known.sha256.as_deref().filter(|_| args.file.file_name() == Some(known.file.as_ref()));
        if let Some(published) =
            published.filter(|p| !loaded.identity.weights_sha256.starts_with(*p))
        {
            let (file, found) = (args.file.display(), loaded.identity.weights_sha256);
            let error =
                format!("{file}: sha256 is {found}, published is {published}: get it again");
            return Err(BadWeights(error).into());
        }
    }
    let to = match (&args.out, known.as_ref()) {
        (Some(out), _) => out.clone(),
        (None, Some(known)) => store.import_path(known),
        (None, None) => anyhow::bail!(
            "{} has no name of the manifest's: say what it is with --as NAME (see `lookalike weights \
             list`), or where to write it with --out FILE",
            args.file.display()
        ),
    };
    let kind = import(&args.file, &to, args.preprocess.as_deref(), args.precision.into())?;
    let size = std::fs::metadata(&to).map_or(0, |file| file.len());
    print(&format!("{kind}: wrote {} ({})\n", to.display(), bytes(size)))
}
