//! Weight files that cannot be used: which error they give, and that it is one line which names the
//! file, the tensor at fault and what to do.

use std::path::{Path, PathBuf};

use lookalike_backbone::{BackboneError, BackboneKind, load};
use lookalike_testkit::weights::{self, NamedShape, minimalistic, timm, values};

/// A folder with one weights file in it.
struct Weights {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Weights {
    fn from(write: impl Fn(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("network.safetensors");
        write(&path);
        Self { path, _folder: folder }
    }

    fn of(tensors: &[NamedShape]) -> Self {
        Self::from(|path| weights::write(path, tensors, values))
    }

    fn bytes(bytes: &[u8]) -> Self {
        Self::from(|path| std::fs::write(path, bytes).expect("a writable path"))
    }

    /// Loads the file, which must fail in one line that names it and all of `mentions`.
    fn refused(&self, wanted: Option<BackboneKind>, mentions: &[&str]) -> BackboneError {
        let error = load(&self.path, wanted).err().expect("a file that cannot be used");
        let message = error.to_string();
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(message.contains(&self.path.display().to_string()), "{message}");
        for mention in mentions {
            assert!(message.contains(mention), "no '{mention}' in: {message}");
        }
        error
    }
}

/// The tensors of a network, one of them with another name or shape.
fn with(
    mut tensors: Vec<NamedShape>,
    name: &str,
    change: impl Fn(&mut NamedShape),
) -> Vec<NamedShape> {
    let tensor = tensors.iter_mut().find(|tensor| tensor.0 == name).expect("one of its tensors");
    change(tensor);
    tensors
}

#[test]
fn a_missing_tensor_is_named() {
    let cases = [
        (minimalistic(11), "blocks.7.project.bias", BackboneKind::MobileNetV3Minimalistic),
        (minimalistic(11), "logits.weight", BackboneKind::MobileNetV3Minimalistic),
        (timm(10), "blocks.4.1.bn2.running_var", BackboneKind::MobileNetV3),
        (timm(10), "blocks.2.0.se.conv_reduce.weight", BackboneKind::MobileNetV3),
    ];
    for (tensors, name, network) in cases {
        let file = Weights::of(&with(tensors, name, |tensor| tensor.0 += ".moved"));
        let error = file.refused(None, &[name, network.name()]);
        let BackboneError::MissingTensor { kind, tensor, .. } = error else { panic!("{error:?}") };
        assert_eq!((kind, tensor.as_str()), (network, name));
    }
}

#[test]
fn a_misshapen_tensor_is_named_with_both_shapes() {
    let cases = [
        (minimalistic(11), "blocks.5.depthwise.weight", vec![120, 1, 5, 5], vec![120, 1, 3, 3]),
        (minimalistic(11), "conv_2.bias", vec![1281], vec![1280]),
        (timm(10), "blocks.1.0.bn1.weight", vec![63], vec![64]),
        (timm(10), "conv_head.weight", vec![960, 1280, 1, 1], vec![1280, 960, 1, 1]),
        (timm(10), "classifier.weight", vec![10, 1279], vec![10, 1280, 1, 1]),
    ];
    for (tensors, name, bad, good) in cases {
        let file = Weights::of(&with(tensors, name, |tensor| tensor.1.clone_from(&bad)));
        let error = file.refused(None, &[name, &format!("{bad:?}"), &format!("{good:?}")]);
        let BackboneError::TensorShape { tensor, found, wanted, .. } = error else {
            panic!("{error:?}")
        };
        assert_eq!((tensor.as_str(), found, wanted), (name, bad, good));
    }
}

#[test]
fn nan_and_infinity_are_found_wherever_they_are() {
    let cases = [
        (minimalistic(11), "conv.weight", f32::NAN),
        (minimalistic(11), "conv_1.bias", f32::INFINITY),
        (timm(10), "blocks.3.2.bn3.running_mean", f32::NEG_INFINITY),
        (timm(10), "blocks.6.0.bn1.running_var", f32::NAN),
        (timm(10), "bn1.running_var", -1e9),
    ];
    for (tensors, name, poison) in cases {
        let file = Weights::from(|path| {
            weights::write(path, &tensors, |tensor, shape| {
                let mut values = values(tensor, shape);
                if tensor == name {
                    let middle = values.len() / 2;
                    values[middle] = poison;
                }
                values
            });
        });
        let error = file.refused(None, &[name, "NaN, infinity"]);
        let BackboneError::NotFinite { tensor, .. } = error else { panic!("{error:?}") };
        assert_eq!(tensor, name);
    }
}

#[test]
fn something_else_is_no_safetensors_file() {
    let others: [&[u8]; 3] = [
        b"",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 15\n",
        b"\x03\0\0\0\0\0\0\0{}}",
    ];
    for bytes in others {
        let error = Weights::bytes(bytes).refused(None, &["safetensors"]);
        assert!(matches!(error, BackboneError::NotSafetensors { .. }), "{error:?}");
    }
}

#[test]
fn a_pytorch_checkpoint_that_cannot_be_read_says_why() {
    let others: [(&[u8], &str); 2] = [
        (b"PK\x03\x04 an archive that ends here", "damaged"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "before 1.6"),
    ];
    for (bytes, reason) in others {
        let error = Weights::bytes(bytes).refused(None, &["PyTorch", reason]);
        assert!(matches!(error, BackboneError::NotPth { .. }), "{error:?}");
    }
}

#[test]
fn a_truncated_file_is_not_a_whole_one() {
    let whole = Weights::from(|path| weights::write_minimalistic(path));
    let bytes = std::fs::read(&whole.path).expect("just written");
    // In the length of the header, in the header, in the tensors, one byte short.
    for keep in [5, 1000, bytes.len() / 2, bytes.len() - 1] {
        let error = Weights::bytes(&bytes[..keep]).refused(None, &["whole safetensors file"]);
        assert!(matches!(error, BackboneError::NotSafetensors { .. }), "{keep}: {error:?}");
    }
    assert!(load(&whole.path, None).is_ok());
}

#[test]
fn a_file_that_is_not_there_cannot_be_read() {
    let file = Weights::from(|_| ());
    let error = file.refused(None, &["cannot read"]);
    assert!(matches!(error, BackboneError::Unreadable { .. }), "{error:?}");
}

#[test]
fn other_networks_are_recognised_by_their_names() {
    let cases = [
        ("layer1.0.conv1.weight", "another ResNet"),
        ("features.0.weight", "another VGG"),
        ("features.0.0.weight", "torchvision"),
        ("conv_stem.weight", "another MobileNet or EfficientNet"),
        ("encoder.weight", "an unknown network"),
    ];
    for (name, recognised) in cases {
        let file = Weights::of(&[(name.to_owned(), vec![4, 3, 3, 3])]);
        for wanted in [None, Some(BackboneKind::MobileNetV3)] {
            let error = file.refused(wanted, &[recognised, "another weights file"]);
            assert!(matches!(error, BackboneError::WrongNetwork { .. }), "{error:?}");
        }
    }
}

#[test]
fn another_network_than_the_one_asked_for_is_refused() {
    use BackboneKind::{MobileNetV3, MobileNetV3Minimalistic};
    let cases = [
        (Weights::from(|path| weights::write_timm(path)), MobileNetV3, MobileNetV3Minimalistic),
        (
            Weights::from(|path| weights::write_minimalistic(path)),
            MobileNetV3Minimalistic,
            MobileNetV3,
        ),
    ];
    for (file, held, asked) in cases {
        let quoted = |kind: BackboneKind| format!("'{}'", kind.name());
        let error = file.refused(Some(asked), &[&quoted(held), &quoted(asked)]);
        let BackboneError::WrongNetwork { found, wanted, .. } = error else { panic!("{error:?}") };
        assert!(found.contains(&quoted(held)) && wanted.contains(&quoted(asked)));
        assert!(load(&file.path, Some(held)).is_ok());
    }
}
