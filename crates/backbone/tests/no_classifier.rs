//! Checkpoints without a classifier ("no top") are networks for embeddings.

use candle_core::{Device, Tensor};
use lookalike_backbone::{Precision, import, load};
use lookalike_testkit::weights::{
    self, NamedShape, minimalistic, plain_vgg19, resnet50, timm, timm_efficientnet_lite,
};

fn embedding(network: &dyn lookalike_backbone::Backbone) -> Vec<f32> {
    let photo: Vec<f32> = (0..3 * 64 * 64).map(|i| ((i * 37 % 101) as f32) / 50.0 - 1.0).collect();
    let photo = Tensor::from_vec(photo, (1, 3, 64, 64), &Device::Cpu).expect("a photo");
    let embedding = network.embed(&photo).and_then(|e| e.flatten_all()?.to_vec1());
    embedding.expect("an embedding")
}

#[test]
fn the_embedding_is_the_same_without_a_classifier() {
    let folder = tempfile::tempdir().expect("a folder");
    let (whole, headless, imported) = (
        folder.path().join("whole.safetensors"),
        folder.path().join("headless.safetensors"),
        folder.path().join("imported.safetensors"),
    );
    let networks: [(&str, Vec<NamedShape>); 5] = [
        ("logits.", minimalistic(11)),
        ("classifier.", timm(10)),
        ("classifier.", timm_efficientnet_lite(1, 10)),
        ("fc.", resnet50(10)),
        ("classifier.", plain_vgg19(10)),
    ];
    for (head, mut tensors) in networks {
        weights::write(&whole, &tensors, weights::values);
        tensors.retain(|(name, _)| !name.starts_with(head));
        weights::write(&headless, &tensors, weights::values);
        let with = load(&whole, None).expect("a network");
        let without = load(&headless, None).expect("a network without a classifier");
        assert_eq!(with.identity.backbone, without.identity.backbone);
        assert_eq!((with.network.classes() > 0, without.network.classes()), (true, 0));
        assert_eq!(embedding(&*with.network), embedding(&*without.network), "{head}");
        let photo = Tensor::zeros((1, 3, 64, 64), candle_core::DType::F32, &Device::Cpu);
        let logits = without.network.logits(&photo.expect("a photo"));
        let error = logits.expect_err("no classifier").to_string();
        assert!(error.contains("no classifier"), "{error}");
        import(&headless, &imported, None, Precision::F32).expect("imported");
        let imported = load(&imported, None).expect("the network that was imported");
        assert_eq!(embedding(&*imported.network), embedding(&*without.network), "{head}");
    }
}
