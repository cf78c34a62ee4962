//! From the command line to loaded networks.

use std::path::{Path, PathBuf};

use lookalike_backbone::{
    BackboneError, BackboneKind, Device, LoadedBackbone, int8_is_fast, load_on,
};
use lookalike_engine::{Encoder, Index, IndexLocation, Searcher};
use lookalike_weights::{WeightStore, WeightsError, find_in, weight_files, weights_exist};

use crate::args::backbones::Wanted;
use crate::args::shared::ModelArgs;
use crate::error::BadWeights;

/// Loads a network; warns where it will be slow.
fn load_here(
    file: &Path,
    wanted: Option<BackboneKind>,
    device: &Device,
) -> Result<LoadedBackbone, BackboneError> {
    let loaded = load_on(file, wanted, device)?;
    if loaded.is_int8 {
        warn_of_slow_int8();
    }
    Ok(loaded)
}

/// The networks to make embeddings with.
pub(crate) fn encoder(args: &ModelArgs) -> anyhow::Result<Encoder> {
    resolve(args, args.backbone.as_ref().map(|named| named.wanted()))
}

/// Opens an index with the networks that made it.
pub(crate) fn searcher(location: &IndexLocation, args: &ModelArgs) -> anyhow::Result<Searcher> {
    let index = location.open()?;
    let encoder = encoder_of(&index, args)?;
    Ok(Searcher::new(index, encoder)?)
}

/// The networks that made an index.
pub(crate) fn encoder_of(index: &Index, args: &ModelArgs) -> anyhow::Result<Encoder> {
    let made_by = || index.model().parts.iter().map(Wanted::of_index).collect();
    let wanted = args.backbone.as_ref().map_or_else(made_by, |named| Some(named.wanted()));
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
    let store = WeightStore::from_env();
    let find = |kind: BackboneKind| match folders[..] {
        [] => store.find(kind),
        _ => folders.iter().find_map(|folder| find_in(folder, kind)),
    };

    // The index refuses files of other networks itself: its error says what differs.
    let fits = |wanted: &Wanted, loaded: &LoadedBackbone| {
        wanted.kinds.iter().any(|kind| kind.name() == loaded.identity.backbone)
    };
    let is_of_index = |wanted: &Vec<Wanted>| {
        args.backbone.is_some() || named.iter().all(|file| wanted.iter().any(|w| fits(w, file)))
    };
    let Some(wanted) = wanted.filter(is_of_index) else {
        if named.is_empty() {
            let found = match folders[..] {
                [] => Some(store.default_weights()),
                _ => weight_files().into_iter().map(|file| file.backbone).find_map(find),
            };
            let file = found.ok_or_else(|| WeightsError::not_found(BackboneKind::MobileNetV3))?;
            named.push(load_here(&file, None, &device)?);
        }
        return Ok(Encoder::ensemble(named.into_iter().map(|loaded| (loaded, 1.0)).collect()));
    };
    let mut parts = Vec::with_capacity(wanted.len());
    for one in wanted {
        let position = named.iter().position(|loaded| fits(&one, loaded));
        let Wanted { kinds, weight, recorded } = one;
        let loaded = match position {
            Some(at) => named.remove(at),
            None => {
                let recorded = recorded.filter(|_| folders.is_empty());
                let there =
                    recorded.clone().map(|(file, _)| file).filter(|file| weights_exist(file));
                let is_there = there.is_some();
                let found = there.or_else(|| kinds.iter().find_map(|&kind| find(kind)));
                let loaded = load_here(
                    &found.ok_or_else(|| WeightsError::not_found(kinds[0]))?,
                    None,
                    &device,
                )?;
                // The same weights under another path are as good.
                if let Some((gone, sha256)) = recorded.filter(|_| !is_there)
                    && loaded.identity.weights_sha256 != sha256
                {
                    let gone = gone.display();
                    let why = format!(
                        "the index's weights are no longer at {gone}: name them with --weights"
                    );
                    return Err(BadWeights(why).into());
                }
                loaded
            }
        };
        parts.push((loaded, weight));
    }
    if let Some(unused) = named.first() {
        let (file, holds) = (unused.weights.display(), &unused.identity.backbone);
        anyhow::bail!("{file} holds {holds}, which is not wanted here: leave it out");
    }
    Ok(Encoder::ensemble(parts))
}

/// Warns where int8 is slower than f32.
pub(crate) fn warn_of_slow_int8() {
    if !int8_is_fast() {
        eprintln!(
            "note: this CPU has no AVX-512 VNNI: quantised networks are slower on it than others"
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
