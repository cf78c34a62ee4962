//! The bundled weights are the ones that the manifest describes.

use std::path::Path;

use lookalike_backbone::load;
use lookalike_weights::{BUNDLED, weight_files};

#[test]
fn the_bundled_weights_are_the_manifests() {
    let files: Vec<_> = weight_files().into_iter().filter(|file| file.bundled).collect();
    let [file] = &files[..] else { panic!("one bundled file, not {}", files.len()) };
    let loaded = load(Path::new(BUNDLED), None).expect("the bundled weights");
    assert_eq!(Some(loaded.identity.weights_sha256), file.sha256);
    assert_eq!(loaded.identity.backbone, file.backbone.name());
    assert_eq!(loaded.preprocess, file.backbone.preprocess());
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../weights").join(&file.file);
    assert_eq!(std::fs::metadata(kept).map(|file| file.len()).ok(), file.bytes);
    // It was trained to tell these apart.
    let classes = loaded.classes.expect("names of its classes");
    assert_eq!(classes.len(), loaded.network.classes());
    assert!(classes.iter().any(|class| class == "Banana"), "{classes:?}");
}
