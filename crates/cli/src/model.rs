//! From the command line to loaded networks.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use lookalike_backbone::{
    BackboneError, BackboneKind, Device, LoadedBackbone, int8_is_fast, load_on, weight_files,
    weights_exist,
};
use lookalike_engine::{Encoder, EngineError, Home, Index, ModelPart, Searcher};

use crate::args::ModelArgs;
use crate::commands::weights::BadWeights;
use crate::shelf::{self, Shelf};

/// What `--backbone` says: `resnet50`, `mobilenet_v3=2,resnet50`, `all`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Backbones(Vec<Wanted>);

/// One network that is wanted.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    /// Any of these, the first that is at hand.
    kinds: Vec<BackboneKind>,
    share: f32,
    /// Where an index found its weights, and their checksum.
    recorded: Option<(PathBuf, String)>,
}

impl Wanted {
    fn new(kind: BackboneKind, share: f32) -> Self {
        let mut kinds = vec![kind];
        if kind == BackboneKind::MobileNetV3 {
            kinds.push(BackboneKind::MobileNetV3Minimalistic);
        }
        Self { kinds, share, recorded: None }
    }

    fn of_index(part: &ModelPart) -> Option<Self> {
        let kind = part.identity.backbone.parse().ok()?;
        let recorded = Some((part.weights.clone(), part.identity.weights_sha256.clone()));
        Some(Self { kinds: vec![kind], share: part.share, recorded })
    }
}

impl FromStr for Backbones {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [BackboneKind::MobileNetV3, BackboneKind::ResNet50, BackboneKind::Vgg19];
        let mut wanted = Vec::new();
        for item in text.split(',') {
            let (name, share) = match item.split_once('=') {
                Some((name, share)) => (name, share.parse().unwrap_or(f32::NAN)),
                None => (item, 1.0),
            };
            // From a hundredth to a hundred times another's: beyond that, leave one of them out.
            if !(0.01..=100.0).contains(&share) {
                return Err(format!("'{item}': a share is a number from 0.01 to 100"));
            }
            match name.trim() {
                "all" => wanted.extend(all.map(|kind| Wanted::new(kind, share))),
                name => wanted.push(Wanted::new(name.parse()?, share)),
            }
        }
        for (at, one) in wanted.iter().enumerate() {
            if wanted[..at].iter().any(|other| other.kinds[0] == one.kinds[0]) {
                return Err(format!("{} is named twice", one.kinds[0]));
            }
        }
        Ok(Self(wanted))
    }
}

/// Loads a network, and says so where it will be slow.
fn load_here(
    file: &Path,
    wanted: Option<BackboneKind>,
    device: &Device,
) -> Result<LoadedBackbone, BackboneError> {
    let loaded = load_on(file, wanted, device)?;
    if loaded.is_int8 {
        warn_of_slow_bytes();
    }
    Ok(loaded)
}

/// The networks to make embeddings with.
pub(crate) fn encoder(args: &ModelArgs) -> anyhow::Result<Encoder> {
    resolve(args, args.backbone.as_ref().map(|named| named.0.clone()))
}

/// Opens an index with the networks that made it.
pub(crate) fn searcher(home: &Home, args: &ModelArgs) -> anyhow::Result<Searcher> {
    let index = home.open()?;
    let encoder = encoder_of(&index, args)?;
    Ok(Searcher::new(index, encoder)?)
}

/// The networks that made an index.
pub(crate) fn encoder_of(index: &Index, args: &ModelArgs) -> anyhow::Result<Encoder> {
    let made_by = || index.model().parts.iter().map(Wanted::of_index).collect();
    let wanted = args.backbone.as_ref().map_or_else(made_by, |named| Some(named.0.clone()));
    resolve(args, wanted)
}

fn resolve(args: &ModelArgs, wanted: Option<Vec<Wanted>>) -> anyhow::Result<Encoder> {
    let device = args.device.open()?;
    let folders: Vec<&Path> =
        args.weights.iter().filter(|path| path.is_dir()).map(PathBuf::as_path).collect();
    let files = args.weights.iter().filter(|path| !path.is_dir());
    let mut named: Vec<LoadedBackbone> = files
        .map(|file| load_here(file, only_kind(args, wanted.as_deref()), &device))
        .collect::<Result<_, BackboneError>>()?;
    let shelf = Shelf::from_env();
    let find = |kind: BackboneKind| match folders[..] {
        [] => shelf.find(kind),
        _ => folders.iter().find_map(|folder| shelf::find_in(folder, kind)),
    };

    // Files that are not the index's are for the index to refuse: it says what differs.
    let fits = |wanted: &Wanted, loaded: &LoadedBackbone| {
        wanted.kinds.iter().any(|kind| kind.name() == loaded.identity.backbone)
    };
    let is_of_index = |wanted: &Vec<Wanted>| {
        args.backbone.is_some() || named.iter().all(|file| wanted.iter().any(|w| fits(w, file)))
    };
    let Some(wanted) = wanted.filter(is_of_index) else {
        if named.is_empty() {
            let found = match folders[..] {
                [] => Some(shelf.default()),
                _ => weight_files().into_iter().map(|file| file.backbone).find_map(find),
            };
            let file = found.ok_or_else(|| none_for(&[BackboneKind::MobileNetV3]))?;
            named.push(load_here(&file, None, &device)?);
        }
        return Ok(Encoder::blend(named.into_iter().map(|loaded| (loaded, 1.0)).collect()));
    };
    let mut parts = Vec::with_capacity(wanted.len());
    for one in wanted {
        let position = named.iter().position(|loaded| fits(&one, loaded));
        let Wanted { kinds, share, recorded } = one;
        let loaded = match position {
            Some(at) => named.remove(at),
            None => {
                let recorded = recorded.filter(|_| folders.is_empty());
                let there =
                    recorded.clone().map(|(file, _)| file).filter(|file| weights_exist(file));
                let is_there = there.is_some();
                let found = there.or_else(|| kinds.iter().find_map(|&kind| find(kind)));
                let loaded = load_here(&found.ok_or_else(|| none_for(&kinds))?, None, &device)?;
                // Where the very same are found elsewhere, nothing is lost.
                if let Some((gone, sha256)) = recorded.filter(|_| !is_there)
                    && loaded.identity.weights_sha256 != sha256
                {
                    let gone = gone.display();
                    let why = format!(
                        "the index's weights are no longer at {gone}: say with --weights where they are"
                    );
                    return Err(BadWeights(why).into());
                }
                loaded
            }
        };
        parts.push((loaded, share));
    }
    if let Some(unused) = named.first() {
        let (file, holds) = (unused.weights.display(), &unused.identity.backbone);
        anyhow::bail!("{file} holds {holds}, which is not wanted here: leave it out");
    }
    Ok(Encoder::blend(parts))
}

/// Says so where bytes take longer than 32 bits.
pub(crate) fn warn_of_slow_bytes() {
    if !int8_is_fast() {
        eprintln!(
            "note: this processor has no AVX-512 VNNI: quantised networks take longer on it than others"
        );
    }
}

/// The network that every named file must hold, if `--backbone` names just one.
fn only_kind(args: &ModelArgs, wanted: Option<&[Wanted]>) -> Option<BackboneKind> {
    match wanted {
        Some([Wanted { kinds, .. }]) if kinds.len() == 1 && args.backbone.is_some() => {
            Some(kinds[0])
        }
        _ => None,
    }
}

/// That there are no weights for any of these networks, and which to fetch.
pub(crate) fn none_for(kinds: &[BackboneKind]) -> EngineError {
    let wanted = kinds[0];
    let fetch = shelf::to_fetch(wanted).map_or_else(|| wanted.name().to_owned(), |file| file.name);
    BackboneError::NoWeights { wanted, fetch }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backbones_are_named_alone_together_and_with_shares() {
        let parsed = |text: &str| {
            let parsed = text.parse::<Backbones>()?.0;
            Ok::<_, String>(parsed.iter().map(|w| (w.kinds[0].name(), w.share)).collect::<Vec<_>>())
        };
        assert_eq!(parsed("resnet50"), Ok(vec![("resnet50", 1.0)]));
        assert_eq!(parsed("vgg19=0.5, resnet50=2"), Ok(vec![("vgg19", 0.5), ("resnet50", 2.0)]));
        assert_eq!(parsed("all").map(|all| all.len()), Ok(3));
        for wrong in ["", "resnet", "resnet50=0", "resnet50=x", "resnet50=inf", "all,vgg19"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
