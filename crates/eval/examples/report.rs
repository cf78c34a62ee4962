//! Writes the page of a synthetic report, for checking its layout: `cargo run -p lookalike-eval --example report -- report.html`.

use lookalike_eval::{Neighbours, ProductName, Query, RankingEvaluator, Report, plot};

const PRODUCTS: u32 = 20;
const PHOTOS: u32 = 15;
const DEPTH: u32 = 20;

/// A grey pixel.
const PIXEL: &str =
    "data:image/gif;base64,R0lGODlhAQABAIAAAJmZmQAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==";

/// Numbers that look random and are always the same: the linear congruential generator of Numerical
/// Recipes. The result is 0 to just below 1.
fn random(state: &mut u32) -> f32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    (*state >> 8) as f32 / (1 << 24) as f32
}

fn method(name: &str, skill: f32, with_neighbours: bool) -> RankingEvaluator {
    let mut state = 7;
    let mut method = RankingEvaluator::new(name);
    for truth in 0..PRODUCTS {
        let difficulty = random(&mut state);
        for photo in 0..PHOTOS {
            // Products next to each other look alike.
            let mut scores: Vec<(u32, f32)> = (0..PRODUCTS)
                .map(|product| {
                    let near = (-(product.abs_diff(truth) as f32) / (1.0 + 2.0 * difficulty)).exp();
                    (product, (skill * near + 4.0 * random(&mut state)).exp())
                })
                .collect();
            let sum: f32 = scores.iter().map(|(_, score)| score).sum();
            scores.iter_mut().for_each(|(_, score)| *score /= sum);
            scores.sort_by(|a, b| b.1.total_cmp(&a.1));
            let neighbours = with_neighbours.then(|| Neighbours {
                products: (0..DEPTH)
                    .map(|rank| scores[(rank as f32 * random(&mut state) / 3.0) as usize].0)
                    .collect(),
                relevant: PHOTOS as usize,
            });
            let photo = format!("product-{truth:02}/photo-{photo:02}.jpg");
            method.add(Query { photo, truth, ranking: scores, neighbours });
        }
    }
    method
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("name the file to write")?;
    let methods = [
        ("MobileNetV3-Large, votes of the nearest photos", 5.0, true),
        ("ResNet50 + VGG19, votes of the nearest photos", 7.0, true),
        ("사진 분류기 (head trained on reviews)", 9.0, false),
    ];
    let report = Report {
        title: "Three methods on made-up photos".to_owned(),
        dataset: "made up, 20 products".to_owned(),
        split: "test".to_owned(),
        created_at: "2026-01-02 03:04 UTC".to_owned(),
        command: "cargo run -p lookalike-eval --example report -- report.html".to_owned(),
        notes: vec![("Seed".to_owned(), "7".to_owned())],
        products: (0..PRODUCTS)
            .map(|id| ProductName {
                id,
                name: match id % 3 {
                    0 => format!("유기농 사과 주스 {id} 리터"),
                    1 => format!("Juice <No. {id}> & more"),
                    _ => format!("Oat milk without sugar, family size, number {id}"),
                },
            })
            .collect(),
        methods: methods.map(|(name, skill, near)| method(name, skill, near).metrics()).into(),
    };
    let page = report.page(&|photo| (!photo.ends_with("3.jpg")).then(|| PIXEL.to_owned()))?;
    std::fs::write(&file, page)?;
    let loss = |rate: f64| -> Vec<_> {
        (1..=30)
            .map(|epoch| (f64::from(epoch), 0.3 + 2.7 * (-rate * f64::from(epoch)).exp()))
            .collect()
    };
    let series = [("training photos", loss(0.2)), ("validation photos", loss(0.12))];
    let curves = plot::curves("Loss by epoch", "epoch", "cross entropy", &series);
    std::fs::write(format!("{file}.curves.svg"), curves)?;
    Ok(())
}
