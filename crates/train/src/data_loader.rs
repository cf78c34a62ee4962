//! The data loader: batches of photos, augmented and prepared for the network.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use lookalike_backbone::parallel::map_on_cores;
use lookalike_base::random::splitmix64_at;
use lookalike_photo::{Preprocess, RgbImage};

use crate::{Dataset, Settings};

/// Loads the photos of an epoch.
#[derive(Clone, Copy)]
pub(crate) struct DataLoader<'a> {
    pub(crate) photos: &'a Dataset,
    /// Photos of other objects, for the embedding distillation only.
    pub(crate) others: Option<&'a Dataset>,
    pub(crate) settings: &'a Settings,
    pub(crate) preprocess: Preprocess,
    /// The teacher's preprocessing, if there is a teacher.
    pub(crate) for_teacher: Option<Preprocess>,
    pub(crate) epoch: usize,
}

/// Photos that go through the network together, prepared for it.
pub(crate) struct Shard {
    /// `n` photos of `3 * side * side` values, those of other objects last.
    pub(crate) batch: Vec<f32>,
    /// The photos without those of other objects, prepared for the teacher; empty without a teacher.
    pub(crate) for_teacher: Vec<f32>,
    /// The classes of the photos without those of other objects.
    pub(crate) classes: Vec<u32>,
    pub(crate) side: usize,
    /// The seed of dropout.
    pub(crate) seed: u64,
}

impl<'a> DataLoader<'a> {
    /// The numbers of a batch's photos, split into shards.
    pub(crate) fn shards<'n>(&self, numbers: &'n [usize]) -> impl Iterator<Item = &'n [usize]> {
        numbers.chunks(self.settings.shard)
    }

    /// Prepares a shard's photos, given by their numbers, on this core.
    pub(crate) fn prepare(&self, numbers: &[usize]) -> Shard {
        self.prepare_by(numbers, |pictures, change| pictures.iter().map(change).collect())
    }

    /// Prepares batches ahead on all cores, one after the other, while earlier ones are computed.
    pub(crate) fn ahead<'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        batches: Vec<Vec<usize>>,
    ) -> Receiver<Vec<Shard>>
    where
        'a: 'scope,
    {
        let (send, receive) = sync_channel(1);
        scope.spawn(move || {
            for numbers in batches {
                let on_cores = |shard| {
                    self.prepare_by(shard, |pictures, change| map_on_cores(pictures, change))
                };
                let shards = self.shards(&numbers).map(on_cores).collect();
                // The receiver is gone when training was stopped.
                if send.send(shards).is_err() {
                    return;
                }
            }
        });
        receive
    }

    fn prepare_by(
        &self,
        numbers: &[usize],
        each: impl FnOnce(&[Picture], &(dyn Fn(&Picture) -> Prepared + Sync)) -> Vec<Prepared>,
    ) -> Shard {
        let Self { photos, settings, preprocess, .. } = self;
        let epoch = splitmix64_at(settings.seed, self.epoch as u64);
        // A balanced epoch may have the same photo twice: its position gives it another seed.
        let seed_of = |(position, &number): (usize, &usize)| {
            (
                &photos.pictures[number],
                splitmix64_at(splitmix64_at(epoch, number as u64), position as u64),
            )
        };
        let mut pictures: Vec<Picture> = numbers.iter().enumerate().map(seed_of).collect();
        let seed = splitmix64_at(epoch, numbers.first().map_or(0, |&number| number as u64));
        if let Some(others) = self.others {
            let more = (settings.distil_fraction * numbers.len() as f64).round() as usize;
            for position in 0..more as u64 {
                let number = splitmix64_at(seed, position) as usize % others.len();
                pictures.push((&others.pictures[number], splitmix64_at(seed, !position)));
            }
        }
        let augmentation = settings.augment.augmentation();
        let side = preprocess.size();
        let prepared = each(&pictures, &|&(picture, seed)| {
            let square = augmentation.apply(picture, side as u32, seed);
            let for_teacher = self.for_teacher.map(|teacher| teacher.tensor(&square));
            (preprocess.tensor(&square), for_teacher.unwrap_or_default())
        });
        let (batch, for_teacher): (Vec<_>, Vec<_>) = prepared.into_iter().unzip();
        let classes = numbers.iter().map(|&number| photos.classes[number]).collect();
        let for_teacher = for_teacher[..numbers.len()].concat();
        Shard { batch: batch.concat(), for_teacher, classes, side, seed }
    }
}

/// A photo and the seed of its augmentation.
type Picture<'a> = (&'a RgbImage, u64);
/// A photo prepared for the network and for the teacher.
type Prepared = (Vec<f32>, Vec<f32>);

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_backbone::BackboneKind;
    use lookalike_testkit::photos::pattern;

    /// A GPU gets the same batches as cores that prepare their own shards.
    #[test]
    fn batches_prepared_ahead_equal_those_prepared_on_demand() {
        let photos = |first: u32, count: u32| Dataset {
            pictures: (first..first + count).map(|seed| pattern(seed, 80, 60)).collect(),
            classes: (0..count).map(|number| number % 3).collect(),
            skipped: Vec::new(),
        };
        let (photos, others) = (photos(0, 10), photos(50, 4));
        let settings = Settings { shard: 3, distil_fraction: 0.5, ..Settings::default() };
        let preprocess = BackboneKind::MobileNetV3.preprocess().with_size(32);
        let source = DataLoader {
            photos: &photos,
            others: Some(&others),
            settings: &settings,
            preprocess,
            for_teacher: Some(BackboneKind::Vgg19.preprocess().with_size(32)),
            epoch: 2,
        };
        let batches = vec![vec![3, 1, 4, 1, 5], vec![9, 2, 6, 0]];
        std::thread::scope(|scope| {
            let ahead = source.ahead(scope, batches.clone());
            for numbers in &batches {
                let shards = ahead.recv().expect("a batch");
                let wanted: Vec<Shard> =
                    source.shards(numbers).map(|shard| source.prepare(shard)).collect();
                assert_eq!(shards.len(), 2);
                for (one, other) in shards.iter().zip(&wanted) {
                    assert!(one.batch == other.batch && one.for_teacher == other.for_teacher);
                    assert_eq!((&one.classes, one.seed), (&other.classes, other.seed));
                    assert!(one.batch.len() > one.for_teacher.len() && one.side == 32);
                }
            }
            assert!(ahead.recv().is_err(), "there is an end");
        });
    }
}
