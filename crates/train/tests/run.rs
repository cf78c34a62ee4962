//! Training runs on made-up photos and a made-up network: what is learned, and that an interruption changes
//! nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lookalike_backbone::{Device, DeviceName, Dtype};
use lookalike_base::progress::{Phase, Progress, Silent};
use lookalike_catalog::{Catalog, Split};
use lookalike_testkit::{photos, weights};
use lookalike_train::{
    AugmentationStrength, BatchNormMode, Dataset, EpochLog, Optimiser, Settings, TrainError,
    Trainer, TrainingProgress,
};
use tempfile::TempDir;

const SIDE: u32 = 64;

struct Shop {
    folder: TempDir,
    catalog: Catalog,
    classes: Vec<String>,
}

impl Shop {
    /// Six photos each of four products.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        weights::write_minimalistic(folder.path().join("weights.safetensors"));
        for product in 0..4 {
            for number in 0..6 {
                let picture = photos::pattern(product, 96 + number * 8, 96);
                let folder = folder.path().join(format!("photos/제품 {product}"));
                std::fs::create_dir_all(&folder).expect("folders");
                let jpeg = photos::jpeg(&picture, 90);
                std::fs::write(folder.join(format!("{number}.jpg")), jpeg).expect("a photo");
            }
        }
        let catalog = Catalog::open(&folder.path().join("photos"), None).expect("photos");
        let classes = Dataset::classes(&catalog, Split::Train);
        Self { folder, catalog, classes }
    }

    fn photos(&self) -> (Dataset, Dataset) {
        let mut train = Dataset::load(&self.catalog, None, &self.classes, SIDE).expect("photos");
        let val = train.hold_out(3);
        assert_eq!((train.len(), val.len()), (16, 8));
        (train, val)
    }

    fn run_folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self, run: &Path, settings: Settings) -> Result<Trainer, TrainError> {
        self.open_with(None, run, settings)
    }

    fn open_with(
        &self,
        teacher: Option<&Path>,
        run: &Path,
        settings: Settings,
    ) -> Result<Trainer, TrainError> {
        let weights = self.folder.path().join("weights.safetensors");
        Trainer::open(
            (&weights, teacher),
            None,
            run,
            settings,
            self.classes.clone(),
            &Device::default(),
        )
    }
}

fn settings() -> Settings {
    Settings {
        epochs: 2,
        batch: 8,
        shard: 4,
        learning_rate: 0.001,
        head_epochs: 30,
        augment: AugmentationStrength::Light,
        metric_weight: 0.3,
        distil_weight: 1.0,
        side: SIDE,
        ..Settings::default()
    }
}

/// Stops a run after so many steps.
struct StopAfter<'a> {
    steps: u64,
    done: AtomicU64,
    stop: &'a AtomicBool,
}

impl Progress for StopAfter<'_> {
    fn begin(&self, _: Phase<'_>) {}
    fn advance(&self, _: u64) {}
    fn status(&self, _: &str) {
        // Only steps of epochs have a status.
        if self.done.fetch_add(1, Ordering::Relaxed) + 1 >= self.steps {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
    fn end(&self) {}
}

impl TrainingProgress for StopAfter<'_> {
    fn on_epoch(&self, _: &EpochLog) {}
}

/// The log of a run.
fn logged(run: &Path) -> Vec<EpochLog> {
    let log = std::fs::read_to_string(run.join("log.jsonl")).expect("a log");
    log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A file's tensors to the last bit; its metadata comes in any order.
fn tensors(file: &Path) -> BTreeMap<String, Vec<u32>> {
    let tensors = candle_core::safetensors::load(file, &candle_core::Device::Cpu).expect("a file");
    let bits = |tensor: candle_core::Tensor| -> candle_core::Result<Vec<u32>> {
        Ok(tensor.flatten_all()?.to_vec1::<f32>()?.into_iter().map(f32::to_bits).collect())
    };
    tensors.into_iter().map(|(name, tensor)| (name, bits(tensor).expect("numbers"))).collect()
}

#[test]
fn an_interrupted_run_ends_where_an_uninterrupted_one_does() {
    let shop = Shop::new();
    let (train, val) = shop.photos();
    for (optimiser, batch_norm) in
        [(Optimiser::Sgd, BatchNormMode::Batch), (Optimiser::AdamW, BatchNormMode::Fixed)]
    {
        let settings = Settings { optimiser, batch_norm, ..settings() };
        let whole = shop.run_folder(&format!("whole {optimiser:?}"));
        let mut trainer = shop.open(&whole, settings.clone()).expect("a run");
        let stop = AtomicBool::new(false);
        let outcome = trainer.run(&train, &val, Some(&val), &Silent, &stop).expect("a run");
        assert!(outcome.finished);

        let parts = shop.run_folder(&format!("in parts {optimiser:?}"));
        let mut stops = 0;
        let resumed = loop {
            // A new trainer each time: its state comes from disk alone.
            let mut trainer = shop.open(&parts, settings.clone()).expect("a run");
            let stop = AtomicBool::new(false);
            let progress = StopAfter { steps: 1, done: AtomicU64::new(0), stop: &stop };
            let outcome = trainer.run(&train, &val, Some(&val), &progress, &stop).expect("a run");
            if outcome.finished {
                break outcome;
            }
            stops += 1;
            assert!(stops < 20, "it never ends");
        };
        assert!(stops >= 3, "{stops} stops");
        assert_eq!((resumed.top1, resumed.epoch), (outcome.top1, outcome.epoch));
        for file in ["final.safetensors", "best.safetensors"] {
            assert!(
                tensors(&whole.join(file)) == tensors(&parts.join(file)),
                "{file} differs, {optimiser:?}"
            );
        }
        let lines = |folder: &Path| -> Vec<(usize, f64, f64)> {
            logged(folder).iter().map(|log| (log.epoch, log.loss, log.top1)).collect()
        };
        assert_eq!(lines(&whole), lines(&parts));
    }
}

/// Measured on the training photos: so few photos show no more of a made-up network.
#[test]
fn photos_are_learned_and_what_was_learned_is_in_the_file() {
    let shop = Shop::new();
    let (train, _) = shop.photos();
    let plain = Settings {
        augment: AugmentationStrength::None,
        dropout: 0.0,
        label_smoothing: 0.0,
        metric_weight: 0.0,
        distil_weight: 0.0,
        ema_decay: 0.0,
        ..settings()
    };
    // The classifier alone.
    let head = Settings { epochs: 0, head_epochs: 100, ..plain.clone() };
    let mut trainer = shop.open(&shop.run_folder("head"), head).expect("a run");
    let outcome =
        trainer.run(&train, &train, None, &Silent, &AtomicBool::new(false)).expect("a run");
    assert_eq!((outcome.top1, outcome.epoch), (1.0, 0));

    // The whole network, with an untrained classifier.
    let run = shop.run_folder("whole");
    let whole = Settings { epochs: 15, head_epochs: 0, learning_rate: 0.02, ..plain };
    let mut trainer = shop.open(&run, whole).expect("a run");
    let outcome =
        trainer.run(&train, &train, None, &Silent, &AtomicBool::new(false)).expect("a run");
    let losses: Vec<f64> = logged(&run).iter().skip(1).map(|log| log.loss).collect();
    let least = losses[10..].iter().copied().fold(f64::INFINITY, f64::min);
    assert!(least < 0.5 * losses[0], "{losses:?}");
    let loaded = lookalike_backbone::load(&outcome.weights, None).expect("weights");
    assert_eq!(loaded.classes.as_deref(), Some(&shop.classes[..]));
    assert_eq!((loaded.network.classes(), loaded.preprocess.size()), (4, SIDE as usize));
}

/// Other users may read a run's files as any other file.
fn assert_ordinary_mode(file: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |file: &Path| std::fs::metadata(file).expect("a file").permissions().mode();
        let plain = file.with_extension("plain");
        std::fs::write(&plain, b"").expect("a plain file");
        assert_eq!(mode(file), mode(&plain), "{}", file.display());
        std::fs::remove_file(&plain).expect("removed");
    }
    #[cfg(not(unix))]
    let _ = file;
}

#[test]
fn a_folder_with_another_run_is_left_alone() {
    let shop = Shop::new();
    let (train, val) = shop.photos();
    let run = shop.run_folder("run");
    let settings = Settings { epochs: 1, ..settings() };
    let mut trainer = shop.open(&run, settings.clone()).expect("a run");
    trainer.run(&train, &val, None, &Silent, &AtomicBool::new(false)).expect("a run");
    let before = std::fs::read(run.join("last.safetensors")).expect("a checkpoint");
    assert_ordinary_mode(&run.join("last.safetensors"));
    assert_ordinary_mode(&run.join("best.safetensors"));

    let other = Settings { seed: 2, ..settings.clone() };
    let error = shop.open(&run, other).err().expect("another run").to_string();
    assert!(error.contains("settings differ"), "{error}");
    assert_eq!(before, std::fs::read(run.join("last.safetensors")).expect("a checkpoint"));

    // Done is done: nothing is trained again.
    let mut again = shop.open(&run, settings.clone()).expect("the same run");
    let outcome = again.run(&train, &val, None, &Silent, &AtomicBool::new(false)).expect("a run");
    assert!(outcome.finished && again.epochs_done() == 1);

    std::fs::write(run.join("last.safetensors"), &before[..before.len() / 2]).expect("damage");
    let error = shop.open(&run, settings).err().expect("damaged").to_string();
    assert!(error.contains("last.safetensors") && error.contains("damaged"), "{error}");
}

#[test]
fn a_teacher_helps_and_belongs_to_the_run() {
    let shop = Shop::new();
    let (train, _) = shop.photos();
    let go = |trainer: &mut Trainer| {
        trainer.run(&train, &train, None, &Silent, &AtomicBool::new(false)).expect("a run")
    };
    let head = Settings { epochs: 0, head_epochs: 100, ..settings() };
    let teacher = go(&mut shop.open(&shop.run_folder("teacher"), head).expect("a run")).weights;

    // With a teacher that is always right, the loss falls faster than by the labels alone.
    let plain = Settings {
        epochs: 3,
        head_epochs: 0,
        teacher_weight: 4.0,
        augment: AugmentationStrength::None,
        ..settings()
    };
    let run = shop.run_folder("taught");
    let loss = |run: &Path| {
        let log = std::fs::read_to_string(run.join("log.jsonl")).expect("a log");
        let last: EpochLog =
            serde_json::from_str(log.lines().last().expect("a line")).expect("JSON");
        last.val_loss
    };
    let mut taught = shop.open_with(Some(&teacher), &run, plain.clone()).expect("a run");
    go(&mut taught);
    let alone = shop.run_folder("alone");
    go(&mut shop.open(&alone, plain.clone()).expect("a run"));
    assert!(loss(&run) < loss(&alone), "{} {}", loss(&run), loss(&alone));

    let error = shop.open(&run, plain.clone()).err().expect("without the teacher").to_string();
    assert!(error.contains("teacher weights differ"), "{error}");
    // Weights that were trained on something else.
    let stranger = shop.run_folder("weights.safetensors");
    let error = shop.open_with(Some(&stranger), &run, plain).err().expect("a stranger").to_string();
    assert!(error.contains("no class for the product") && error.contains("제품 0"), "{error}");
}

#[test]
fn a_rate_that_is_too_high_says_so() {
    let shop = Shop::new();
    let (train, val) = shop.photos();
    let settings = Settings {
        learning_rate: 1e12,
        warmup: 0.0,
        clip: 0.0,
        batch_norm: BatchNormMode::Fixed,
        epochs: 9,
        ..settings()
    };
    let mut trainer = shop.open(&shop.run_folder("run"), settings).expect("a run");
    let error =
        trainer.run(&train, &val, None, &Silent, &AtomicBool::new(false)).expect_err("diverged");
    assert!(matches!(error, TrainError::Diverged { .. }), "{error}");
}

/// The same run on both: batches, losses, steps, statistics and averages. Needs a GPU.
#[test]
fn a_run_on_a_gpu_goes_as_on_the_cpu() {
    let gpu = match Device::open(DeviceName::Cuda(0), Dtype::F32) {
        Ok(gpu) => gpu,
        Err(error) => return lookalike_testkit::skipped(&format!("a run on a GPU: {error}")),
    };
    let shop = Shop::new();
    let (train, val) = shop.photos();
    let file = shop.folder.path().join("resnet50.safetensors");
    weights::write(&file, &weights::resnet50(7), weights::values);
    for optimiser in [Optimiser::Sgd, Optimiser::AdamW] {
        let settings =
            Settings { optimiser, shard: 8, learning_rate: 1e-4, distil_weight: 0.0, ..settings() };
        let losses = |device: &Device| -> Vec<f64> {
            let run = shop.run_folder(&format!("{optimiser:?} on {device}"));
            let (settings, classes) = (settings.clone(), shop.classes.clone());
            let trainer = Trainer::open((&file, None), None, &run, settings, classes, device);
            let stop = AtomicBool::new(false);
            trainer.expect("a run").run(&train, &val, None, &Silent, &stop).expect("a run");
            logged(&run).iter().flat_map(|log| [log.loss, log.val_loss]).collect()
        };
        let (here, there) = (losses(&Device::default()), losses(&gpu));
        let off = here.iter().zip(&there).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 0.05, "{optimiser:?}: {here:?} and, on a GPU, {there:?}");
    }
}
