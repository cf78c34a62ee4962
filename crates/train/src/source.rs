//! Where a step's photos come from: changed, and prepared for the network.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use lookalike_backbone::map_on_cores;
use lookalike_photo::{Preprocess, RgbImage};

use crate::order::mix;
use crate::{Photos, Settings};

/// What an epoch's photos are made of.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) photos: &'a Photos,
    /// Photos of other things, which only the teacher tells about.
    pub(crate) others: Option<&'a Photos>,
    pub(crate) settings: &'a Settings,
    pub(crate) preprocess: Preprocess,
    /// How photos are prepared for the tutor, if there is one.
    pub(crate) for_tutor: Option<Preprocess>,
    pub(crate) epoch: usize,
}

/// Photos that go through the network together, as it wants them.
pub(crate) struct Shard {
    /// `n` photos of `3 * side * side` numbers, those of other things last.
    pub(crate) batch: Vec<f32>,
    /// The photos without those of other things, for the tutor; empty if there is none.
    pub(crate) for_tutor: Vec<f32>,
    /// What is shown, without the other things.
    pub(crate) classes: Vec<u32>,
    pub(crate) side: usize,
    /// Decides what is left out.
    pub(crate) seed: u64,
}

impl<'a> Source<'a> {
    /// A batch's photos, cut into shards.
    pub(crate) fn shards<'n>(&self, numbers: &'n [usize]) -> impl Iterator<Item = &'n [usize]> {
        numbers.chunks(self.settings.shard)
    }

    /// Prepares a shard's photos, given by their numbers, on this core.
    pub(crate) fn prepare(&self, numbers: &[usize]) -> Shard {
        self.prepare_by(numbers, |pictures, change| pictures.iter().map(change).collect())
    }

    /// Batches that are prepared on all cores, one after the other, while others are computed.
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
                // Nobody waits for it any more when training was stopped.
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
        let epoch = mix(settings.seed, self.epoch as u64);
        // The same photo may come twice in a balanced epoch: its place tells the two apart.
        let seed_of = |(place, &number): (usize, &usize)| {
            (&photos.pictures[number], mix(mix(epoch, number as u64), place as u64))
        };
        let mut pictures: Vec<Picture> = numbers.iter().enumerate().map(seed_of).collect();
        let seed = mix(epoch, numbers.first().map_or(0, |&number| number as u64));
        if let Some(others) = self.others {
            let more = (settings.others * numbers.len() as f64).round() as usize;
            for place in 0..more as u64 {
                let number = mix(seed, place) as usize % others.len();
                pictures.push((&others.pictures[number], mix(seed, !place)));
            }
        }
        let augmentation = settings.augment.augmentation();
        let side = preprocess.size();
        let prepared = each(&pictures, &|&(picture, seed)| {
            let square = augmentation.apply(picture, side as u32, seed);
            let for_tutor = self.for_tutor.map(|tutor| tutor.tensor(&square));
            (preprocess.tensor(&square), for_tutor.unwrap_or_default())
        });
        let (batch, for_tutor): (Vec<_>, Vec<_>) = prepared.into_iter().unzip();
        let classes = numbers.iter().map(|&number| photos.classes[number]).collect();
        let for_tutor = for_tutor[..numbers.len()].concat();
        Shard { batch: batch.concat(), for_tutor, classes, side, seed }
    }
}

/// A photo and what decides how it is changed.
type Picture<'a> = (&'a RgbImage, u64);
/// Its numbers for the network and for the tutor.
type Prepared = (Vec<f32>, Vec<f32>);

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_backbone::BackboneKind;
    use lookalike_testkit::photos::pattern;

    /// What a GPU is fed with is what the cores would have prepared for themselves, batch by batch.
    #[test]
    fn batches_prepared_ahead_are_those_that_are_prepared_when_they_are_wanted() {
        let photos = |first: u32, count: u32| Photos {
            pictures: (first..first + count).map(|seed| pattern(seed, 80, 60)).collect(),
            classes: (0..count).map(|number| number % 3).collect(),
            skipped: Vec::new(),
        };
        let (photos, others) = (photos(0, 10), photos(50, 4));
        let settings = Settings { shard: 3, others: 0.5, ..Settings::default() };
        let preprocess = BackboneKind::MobileNetV3.preprocess().with_size(32);
        let source = Source {
            photos: &photos,
            others: Some(&others),
            settings: &settings,
            preprocess,
            for_tutor: Some(BackboneKind::Vgg19.preprocess().with_size(32)),
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
                    assert!(one.batch == other.batch && one.for_tutor == other.for_tutor);
                    assert_eq!((&one.classes, one.seed), (&other.classes, other.seed));
                    assert!(one.batch.len() > one.for_tutor.len() && one.side == 32);
                }
            }
            assert!(ahead.recv().is_err(), "there is an end");
        });
    }
}
