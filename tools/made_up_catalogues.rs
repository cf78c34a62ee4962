//! Catalogues drawn at random from the data sets at hand, each with photos to search for: what confidence is fitted
//! and measured on. Shared by the programs `calibration_prior`, `calibration_table` and `metric_prior`.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lookalike::catalog::{Photo, PhotoSource, Product, Split};
use lookalike::engine::{EvalOptions, Evaluation, evaluate};
use lookalike::rank::CalibrationSet;
use lookalike::{Catalog, Encoder, IndexBuilder, Searcher, Silent, Views, demo, load};
use lookalike_base::random::SplitMix64;
use sha2::{Digest, Sha256};

use crate::prior_photos::PriorPhotos;

/// Photos searched for at most in each draw, but for those with a validation split.
const QUERIES: usize = 500;

/// Photos of the drawn shop.
const DRAWN: u32 = 54 * 40;

/// What the photos of a catalogue and those that are searched for have to do with each other: a row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// The catalogue has validation photos.
    Validation,
    /// Its photos and the queries come from the same source.
    SameSource,
    /// The queries come from elsewhere: other shops, other senders.
    OtherSource,
    /// A product has one photo, or nothing but its catalogue picture.
    OnePhoto,
    /// The network was trained on these very photos.
    TrainedOn,
}

impl Row {
    /// As the table names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation split",
            Self::SameSource => "own photos only, queries of the same source",
            Self::OtherSource => "own photos only, queries of another source",
            Self::OnePhoto => "one photo a product; catalogue pictures only",
            Self::TrainedOn => "a network fine-tuned on these very photos, no `val`",
        }
    }
}

/// A kind of catalogue, of which any number can be drawn.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    pub row: Row,
    /// Its name: the data set first.
    pub name: &'static str,
    /// The photos that are indexed, and those that are searched for.
    from: &'static [&'static str],
    to: &'static [&'static str],
    /// How many products, and photos of each, at most.
    products: usize,
    photos: usize,
    /// Whether the senders of indexed photos send none of the queries.
    by_sender: bool,
}

const fn scenario(
    row: Row,
    name: &'static str,
    from: &'static [&'static str],
    to: &'static [&'static str],
    (products, photos): (usize, usize),
) -> Scenario {
    Scenario { row, name, from, to, products, photos, by_sender: false }
}

const fn by_sender(scenario: Scenario) -> Scenario {
    Scenario { by_sender: true, ..scenario }
}

/// For a network that was trained on Grocery Store's training photos and 70 % of the senders of garments.
const TRAINED: &[Scenario] = &[
    scenario(Row::Validation, "groceries, 60 products", &["train"], &["test"], (60, 1000)),
    scenario(Row::Validation, "drawn shop, 40 products x 8", &["drawn"], &["drawn"], (40, 8)),
    scenario(Row::SameSource, "groceries, 50 products x 12", &["test"], &["test"], (50, 12)),
    scenario(Row::SameSource, "groceries, 60 products x 6", &["test"], &["test"], (60, 6)),
    scenario(Row::SameSource, "drawn shop, 40 products x 8", &["drawn"], &["drawn"], (40, 8)),
    scenario(Row::SameSource, "garments, 17 kinds x 20", &["others"], &["others"], (17, 20)),
    scenario(Row::OtherSource, "groceries, 12 products x 8", &["train"], &["test"], (12, 8)),
    scenario(Row::OtherSource, "groceries, 30 products x 8", &["train"], &["test"], (30, 8)),
    by_sender(scenario(Row::OtherSource, "garments, 17 kinds", &["others"], &["others"], (17, 50))),
    scenario(Row::OnePhoto, "groceries, 40 catalogue pictures", &["pictures"], &["test"], (40, 1)),
    scenario(Row::OnePhoto, "groceries, 40 x 1", &["train"], &["test"], (40, 1)),
    scenario(
        Row::OnePhoto,
        "drawn shop, 40 catalogue pictures",
        &["drawn pictures"],
        &["drawn"],
        (40, 1),
    ),
    scenario(Row::OnePhoto, "drawn shop, 40 x 1", &["drawn"], &["drawn"], (40, 1)),
    scenario(Row::TrainedOn, "groceries, 60 products", &["train"], &["test"], (60, 1000)),
    scenario(Row::TrainedOn, "garments, 17 kinds", &["senders"], &["others"], (17, 80)),
];

/// For a network that was trained on none of them.
const FROZEN: &[Scenario] = &[
    scenario(Row::Validation, "groceries, 60 products", &["train"], &["test"], (60, 1000)),
    scenario(Row::Validation, "drawn shop, 40 products x 8", &["drawn"], &["drawn"], (40, 8)),
    scenario(Row::SameSource, "groceries, 50 products x 12", &["train"], &["train"], (50, 12)),
    scenario(Row::SameSource, "drawn shop, 40 products x 8", &["drawn"], &["drawn"], (40, 8)),
    scenario(Row::SameSource, "garments, 17 kinds x 30", &["senders"], &["senders"], (17, 30)),
    scenario(Row::OtherSource, "groceries, 12 products x 8", &["train"], &["test"], (12, 8)),
    scenario(Row::OtherSource, "groceries, 30 products x 8", &["train"], &["test"], (30, 8)),
    scenario(Row::OtherSource, "groceries, 60 products", &["train"], &["test"], (60, 1000)),
    by_sender(scenario(
        Row::OtherSource,
        "garments, 17 kinds",
        &["senders"],
        &["senders"],
        (17, 60),
    )),
    scenario(Row::OnePhoto, "groceries, 40 catalogue pictures", &["pictures"], &["test"], (40, 1)),
    scenario(Row::OnePhoto, "groceries, 40 x 1", &["train"], &["test"], (40, 1)),
    scenario(
        Row::OnePhoto,
        "drawn shop, 40 catalogue pictures",
        &["drawn pictures"],
        &["drawn"],
        (40, 1),
    ),
    scenario(Row::OnePhoto, "drawn shop, 40 x 1", &["drawn"], &["drawn"], (40, 1)),
];

/// What a program was asked for.
pub struct Wanted {
    /// How many catalogues of each kind.
    pub draws: u64,
    /// Part of the names of the scenarios that are wanted.
    only: String,
    /// A file to write to.
    #[allow(dead_code)] // One of the programs needs it.
    pub write: Option<PathBuf>,
    pub data_sets: DataSets,
    /// The names of networks: the bundled one, and others that were trained on none of the photos.
    networks: Vec<String>,
    cache: PathBuf,
}

/// A network, and the catalogues to measure it on.
pub struct Network {
    #[allow(dead_code)] // One of the programs does not need it.
    pub name: String,
    pub encoder: Arc<Encoder>,
    pub scenarios: Vec<Scenario>,
    /// What a prior of its metric is learnt from, if it has one.
    pub prior_photos: Option<PriorPhotos>,
}

impl Network {
    /// The network with a prior of its metric that has seen none of a catalogue's products.
    #[allow(dead_code)] // One of the programs does not need it.
    pub fn encoder_for(&self, made_up: &MadeUp) -> Result<Arc<Encoder>, Box<dyn Error>> {
        let Some(photos) = &self.prior_photos else { return Ok(Arc::clone(&self.encoder)) };
        let products = made_up.catalog.products.iter().map(|product| product.name.as_str());
        let prior = photos.learn(&products.collect(), |_| true)?;
        Ok(Arc::new((*self.encoder).clone().with_metric_prior(Some(prior))))
    }
}

impl Wanted {
    /// From the command line: the folder of the data sets, a scratch folder, `--draws N`, `--only NAME`,
    /// `--write FILE`, and weights.
    pub fn from_arguments() -> Result<Self, Box<dyn Error>> {
        let (mut draws, mut only, mut write) = (5, String::new(), None);
        let mut arguments = Vec::new();
        let mut given = std::env::args().skip(1);
        while let Some(argument) = given.next() {
            match argument.as_str() {
                "--draws" => draws = given.next().ok_or("--draws needs a number")?.parse()?,
                "--only" => only = given.next().ok_or("--only needs part of a name")?,
                "--write" => write = Some(given.next().ok_or("--write needs a file")?.into()),
                _ => arguments.push(argument),
            }
        }
        let [data_sets, scratch, frozen @ ..] = &arguments[..] else {
            return Err("name the folder of the data sets and a scratch folder".into());
        };
        let scratch = Path::new(scratch);
        let data_sets = DataSets::open(Path::new(data_sets), &scratch.join("drawn"))?;
        let networks = [&["bundled".to_owned()], frozen].concat();
        Ok(Self { draws, only, write, data_sets, networks, cache: scratch.join("embeddings") })
    }

    /// The networks, one after the other.
    pub fn networks(&self) -> impl Iterator<Item = Result<Network, Box<dyn Error>>> {
        self.networks.iter().map(|weights| {
            let encoder = Arc::new(Encoder::new(load(Path::new(weights), None)?));
            let is_bundled = weights == "bundled";
            let scenarios = if is_bundled { TRAINED } else { FROZEN };
            let is_wanted = |one: &&Scenario| one.name.contains(&self.only);
            let scenarios = scenarios.iter().filter(is_wanted).copied().collect();
            let name = Path::new(weights).file_stem().unwrap_or_default();
            let prior_photos = match is_bundled {
                true => Some(PriorPhotos::embed(&self.data_sets, &encoder)?),
                false => None,
            };
            let name = name.to_string_lossy().into_owned();
            Ok(Network { name, encoder, scenarios, prior_photos })
        })
    }

    /// Indexes a catalogue, and searches for its photos and those of what is not sold.
    pub fn answers(
        &self,
        made_up: &MadeUp,
        encoder: &Arc<Encoder>,
    ) -> Result<(CalibrationSet, Evaluation), Box<dyn Error>> {
        let index =
            IndexBuilder::new(&made_up.catalog, encoder).embedding_cache(&self.cache).build()?;
        let set = index.calibration_set().clone();
        let searcher = Searcher::new(index, Arc::clone(encoder))?;
        let options = EvalOptions {
            split: Split::Test,
            views: Views::default(),
            unsold: Some(&made_up.unsold),
            variants: false,
        };
        Ok((set, evaluate(&searcher, &made_up.catalog, &options, &Silent)?))
    }
}

/// A catalogue and photos to search for.
pub struct MadeUp {
    /// `train` is indexed, `test` searched for; `val` is there for [`Row::Validation`].
    pub catalog: Catalog,
    /// Photos of products that are not sold: first of other kinds, then of the same kind.
    pub unsold: Catalog,
    /// How many of them are of other kinds.
    #[allow(dead_code)] // One of the programs does not need it.
    pub other_kinds: usize,
}

impl MadeUp {
    /// The products that are searched for.
    #[allow(dead_code)] // One of the programs needs it.
    pub fn searched_for(&self) -> impl Iterator<Item = &str> {
        let queries = self.catalog.photos.iter().filter(|photo| photo.split == Some(Split::Test));
        queries.map(|photo| self.catalog.products[photo.product as usize].name.as_str())
    }
}

/// A photo of the data sets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    pub path: PathBuf,
    pub product: String,
    sender: String,
    pub source: PhotoSource,
}

impl Item {
    fn new(path: PathBuf, product: &str) -> Self {
        let (product, sender) = (product.to_owned(), String::new());
        Self { path, product, sender, source: PhotoSource::Review }
    }

    fn picture(path: PathBuf, product: &str) -> Self {
        Self { source: PhotoSource::Catalogue, ..Self::new(path, product) }
    }
}

/// The data sets: photos by the name of their part.
pub struct DataSets(BTreeMap<&'static str, Vec<Item>>);

impl DataSets {
    /// Reads Grocery Store, the clothing data set and COCO128, and draws a shop into a folder unless it is there.
    pub fn open(data_sets: &Path, drawn: &Path) -> Result<Self, Box<dyn Error>> {
        let mut parts = BTreeMap::new();
        let grocery = data_sets.join("grocery-store");
        let mut names = BTreeMap::new();
        for row in csv::Reader::from_path(grocery.join("classes.csv"))?.records() {
            let row = row?;
            let [name, class, _, _, picture] =
                [0, 1, 2, 3, 4].map(|at| row.get(at).unwrap_or("").trim());
            names.insert(class.to_owned(), name.to_owned());
            let path = grocery.join(picture.trim_start_matches('/'));
            let item = Item::picture(path, name);
            parts.entry("pictures").or_insert_with(Vec::new).push(item);
        }
        for split in ["train", "val", "test"] {
            for line in std::fs::read_to_string(grocery.join(format!("{split}.txt")))?.lines() {
                let Some((path, classes)) = line.split_once(',') else { continue };
                let class = classes.split(',').next().unwrap_or_default().trim();
                let product = names.get(class).ok_or("a photo of no class in classes.csv")?.clone();
                let item = Item::new(grocery.join(path.trim()), &product);
                parts.entry(split).or_insert_with(Vec::new).push(item);
            }
        }
        let clothing = data_sets.join("clothing");
        for row in csv::Reader::from_path(clothing.join("images.csv"))?.records() {
            let row = row?;
            let [image, sender, label] = [0, 1, 2].map(|at| row.get(at).unwrap_or("").trim());
            let path = clothing.join("images").join(format!("{image}.jpg"));
            if ["Not sure", "Other", "Skip"].contains(&label) || !path.is_file() {
                continue;
            }
            // As `training_manifest` divides them.
            let digit = Sha256::digest(sender)
                .iter()
                .fold(0u32, |rest, &byte| (rest * 256 + u32::from(byte)) % 10);
            let part = if digit < 3 { "others" } else { "senders" };
            let item = Item { sender: sender.to_owned(), ..Item::new(path, label) };
            parts.entry(part).or_insert_with(Vec::new).push(item);
        }
        for file in std::fs::read_dir(data_sets.join("coco128").join("images"))? {
            let item = Item::new(file?.path(), "");
            parts.entry("coco").or_insert_with(Vec::new).push(item);
        }
        let manifest = drawn.join("catalog.jsonl");
        if !manifest.is_file() {
            let settings = demo::Settings { photos: DRAWN, side: 224, ..demo::Settings::default() };
            demo::write(drawn, &settings, &Silent)?;
        }
        let catalog = Catalog::open(&manifest, None)?;
        for photo in &catalog.photos {
            let product = catalog.products[photo.product as usize].id.clone();
            let item = Item::new(catalog.file(photo), &product);
            parts.entry("drawn").or_insert_with(Vec::new).push(item);
        }
        for product in &catalog.products {
            let Some(image) = &product.image else { continue };
            let item = Item::picture(drawn.join(image), &product.id);
            parts.entry("drawn pictures").or_insert_with(Vec::new).push(item);
        }
        parts.values_mut().for_each(|items| items.sort());
        Ok(Self(parts))
    }

    /// The photos of a part, sorted.
    pub fn part(&self, name: &str) -> &[Item] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// All of Grocery Store's catalogue pictures, and the test photos of one fold of its products.
    #[allow(dead_code)] // One of the programs needs it.
    pub fn catalogue_pictures(&self, fold: usize, folds: usize) -> MadeUp {
        let pictures = self.part("pictures");
        let mut names: Vec<&str> = pictures.iter().map(|item| item.product.as_str()).collect();
        names.sort_unstable();
        let mut order = names.clone();
        SplitMix64::new(1).shuffle(&mut order);
        let of_fold: BTreeSet<&str> = order.into_iter().skip(fold).step_by(folds).collect();
        let mut photos = Vec::new();
        add(&mut photos, &names, pictures.iter().collect(), Split::Train);
        let test = self.part("test").iter();
        let test = test.filter(|item| of_fold.contains(item.product.as_str())).collect();
        add(&mut photos, &names, test, Split::Test);
        let unsold: Vec<_> = self.part("coco").iter().map(|item| (0, item, Split::Test)).collect();
        let other_kinds = unsold.len();
        MadeUp {
            catalog: catalog(&names, photos),
            unsold: catalog(&["unsold"], unsold),
            other_kinds,
        }
    }

    /// Draws a catalogue. The same seed gives the same.
    pub fn draw(&self, scenario: &Scenario, seed: u64) -> MadeUp {
        let mut rng = SplitMix64::new(seed);
        let mut from: Vec<&Item> = scenario.from.iter().flat_map(|part| self.part(part)).collect();
        let mut to: Vec<&Item> = scenario.to.iter().flat_map(|part| self.part(part)).collect();
        if scenario.by_sender {
            let mut senders: Vec<&str> = from
                .iter()
                .map(|item| item.sender.as_str())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect();
            rng.shuffle(&mut senders);
            let ours: BTreeSet<&str> = senders[..senders.len() / 2].iter().copied().collect();
            from.retain(|item| ours.contains(item.sender.as_str()));
            to.retain(|item| !ours.contains(item.sender.as_str()));
        }
        // Products of which at least one photo is left to search for, where both come from the same part.
        let is_shared = scenario.from == scenario.to && !scenario.by_sender;
        let mut by_product: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
        from.iter().for_each(|item| by_product.entry(&item.product).or_default().push(item));
        let least = if is_shared { 3 } else { 1 };
        by_product.retain(|_, items| items.len() >= least);
        let mut names: Vec<&str> = by_product.keys().copied().collect();
        rng.shuffle(&mut names);
        names.truncate(scenario.products);
        names.sort_unstable();
        let mut photos: Vec<(u32, &Item, Split)> = Vec::new();
        let mut taken = BTreeSet::new();
        for (product, name) in (0u32..).zip(&names) {
            let items = &by_product[name];
            let most =
                if is_shared { scenario.photos.min(items.len() - 2) } else { scenario.photos };
            let mut items = items.clone();
            rng.shuffle(&mut items);
            for item in items.into_iter().take(most) {
                taken.insert(item);
                photos.push((product, item, Split::Train));
            }
        }
        to.retain(|item| !taken.contains(item));
        rng.shuffle(&mut to);
        if scenario.row == Row::Validation {
            let val: Vec<&Item> = match scenario.from {
                ["train"] => self.part("val").iter().collect(),
                _ => to.split_off(to.len().saturating_sub(160)),
            };
            add(&mut photos, &names, val, Split::Val);
        }
        let (sold, same_kind): (Vec<&Item>, Vec<&Item>) =
            to.into_iter().partition(|item| names.contains(&item.product.as_str()));
        // What is wanted of a validation split is less than the calibration error that so few photos have by chance.
        let most = if scenario.row == Row::Validation { sold.len() } else { QUERIES };
        add(&mut photos, &names, sold.into_iter().take(most).collect(), Split::Test);
        let strangers = if scenario.name.starts_with("garments") { "test" } else { "others" };
        let mut unsold: Vec<&Item> = self.part(strangers).iter().collect();
        rng.shuffle(&mut unsold);
        unsold.truncate(100);
        unsold.extend(self.part("coco"));
        let other_kinds = unsold.len();
        unsold.extend(same_kind.into_iter().take(QUERIES / 2));
        let unsold: Vec<_> = unsold.into_iter().map(|item| (0, item, Split::Test)).collect();
        MadeUp {
            catalog: catalog(&names, photos),
            unsold: catalog(&["unsold"], unsold),
            other_kinds,
        }
    }
}

/// Adds photos of the named products.
fn add<'a>(
    photos: &mut Vec<(u32, &'a Item, Split)>,
    names: &[&str],
    items: Vec<&'a Item>,
    split: Split,
) {
    for item in items {
        if let Ok(product) = names.binary_search(&item.product.as_str()) {
            photos.push((product as u32, item, split));
        }
    }
}

fn catalog(names: &[&str], mut photos: Vec<(u32, &Item, Split)>) -> Catalog {
    photos.sort_by_key(|(product, _, _)| *product);
    let product = |name: &&str| {
        // Ids of their own, so that no classifier knows them: a shop's ids are not the training data's.
        Product { id: format!("made-up-{name}"), name: (*name).to_owned(), ..Product::default() }
    };
    let photo = |(product, item, split): (u32, &Item, Split)| Photo {
        product,
        path: item.path.to_string_lossy().into_owned(),
        split: Some(split),
        source: item.source,
    };
    Catalog {
        root: PathBuf::from("/"),
        products: names.iter().map(product).collect(),
        photos: photos.into_iter().map(photo).collect(),
        ..Catalog::default()
    }
}
