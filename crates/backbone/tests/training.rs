//! Preparing a network for training, and exporting it, do not change its results.

use candle_core::{Result, Tensor};
use lookalike_backbone::{Device, Precision, TrainMode, TrainSetup, load, load_trainable};
use lookalike_testkit::{Noise, weights};

fn picture(side: usize) -> Tensor {
    let noise = Noise::named("training");
    let values: Vec<f32> = (0..4 * 3 * side * side).map(|at| 4.0 * noise.at(at) as f32).collect();
    Tensor::from_vec(values, (4, 3, side, side), &candle_core::Device::Cpu).expect("four pictures")
}

/// Largest difference over the largest value.
fn off(a: &Tensor, b: &Tensor) -> Result<f32> {
    let largest = b.abs()?.max_all()?.to_scalar::<f32>()?;
    Ok((a - b)?.abs()?.max_all()?.to_scalar::<f32>()? / largest)
}

#[test]
fn added_norms_change_nothing_and_are_folded_away_again() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
    weights::write_minimalistic(&from);
    let batch = picture(64);
    let before = load(&from, None).expect("weights").network.embed(&batch)?;

    let setup = TrainSetup { add_norms: true, classes: Some(3) };
    let network = load_trainable(&from, None, setup, &Device::default()).expect("weights");
    assert!(off(&network.network().embed(&batch)?, &before)? < 1e-4, "added");
    network.adopt_statistics(&batch)?;
    assert!(off(&network.network().embed(&batch)?, &before)? < 1e-3, "with the batch's statistics");
    let mode = TrainMode { batch_statistics: true, ..TrainMode::default() };
    let output = network.forward_train(&batch, mode)?;
    assert!(off(&output.embedding, &before)? < 1e-3, "by the batch's statistics");
    assert_eq!(output.logits.dims(), [4, 3]);
    assert_eq!(output.logits.abs()?.max_all()?.to_scalar::<f32>()?, 0.0, "a new classifier");

    let about = [("lookalike.classes", r#"["a","b","c"]"#.to_owned())];
    network.export(&to, "symmetric 64", Precision::F32, &about).expect("written");
    let exported = load(&to, None).expect("weights of this program");
    assert!(off(&exported.network.embed(&batch)?, &before)? < 1e-3, "folded");
    assert_eq!(exported.preprocess.size(), 64);
    assert_eq!(exported.classes.as_deref(), Some(&["a", "b", "c"].map(String::from)[..]));
    Ok(())
}

#[test]
fn a_vgg19_without_its_last_blocks_is_completed_for_training_only() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
    let mut shapes = weights::plain_vgg19(5);
    shapes.retain(|(name, _)| {
        let number = name.strip_prefix("features.").and_then(|rest| rest.split('.').next());
        number.is_some_and(|number| number.parse().is_ok_and(|number: usize| number <= 16))
    });
    weights::write(&from, &shapes, weights::values);
    let refused = load(&from, None).err().expect("half a network").to_string();
    assert!(refused.contains("a part of one"), "{refused}");

    let setup = TrainSetup { add_norms: true, classes: Some(3) };
    let mut network =
        load_trainable(&from, None, setup, &Device::default()).expect("the first blocks");
    network.prepare_photos_as("caffe").expect("a known way");
    let batch = picture(32);
    network.adopt_statistics(&batch)?;
    let mode = TrainMode { batch_statistics: true, ..TrainMode::default() };
    let output = network.forward_train(&batch, mode)?;
    assert_eq!((output.embedding.dims(), output.logits.dims()), (&[4, 512][..], &[4, 3][..]));
    let spread = output.embedding.var(0)?.mean_all()?.to_scalar::<f32>()?;
    assert!(spread > 1e-4, "pictures differ behind the random blocks: {spread}");
    network.export(&to, &network.preprocess_name(224), Precision::F32, &[]).expect("written");
    let whole = load(&to, None).expect("a whole network");
    assert!(off(&whole.network.embed(&batch)?, &network.network().embed(&batch)?)? < 1e-3);
    assert_eq!(
        whole.preprocess,
        lookalike_photo::Preprocess::letterbox(224, lookalike_photo::Normalisation::CAFFE)
    );
    Ok(())
}

#[test]
fn frozen_stages_have_no_gradients_and_the_others_do() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.safetensors");
    weights::write_timm(&file);
    let setup = TrainSetup { classes: Some(3), ..TrainSetup::default() };
    let network = load_trainable(&file, None, setup, &Device::default()).expect("weights");
    // The new classifier is all zeros: no gradient would get through it.
    let head = &network.parameters()["classifier.weight"];
    head.set(&(head.ones_like()? * 0.01)?)?;
    for frozen_stages in [0, 7, network.stages()] {
        let mode = TrainMode { frozen_stages, ..TrainMode::default() };
        let output = network.forward_train(&picture(32), mode)?;
        let gradients = output.logits.sqr()?.sum_all()?.backward()?;
        for (name, parameter) in network.parameters() {
            let found = gradients.get(parameter).is_some();
            assert_eq!(found, network.stage_of(name) >= frozen_stages, "{name}, {frozen_stages}");
        }
    }
    Ok(())
}
