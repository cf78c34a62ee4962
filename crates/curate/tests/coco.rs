//! The finder against boxes that people drew, where they are: bounds are generous, the example prints
//! the figures.

#[allow(dead_code)]
#[path = "../examples/coco_shares.rs"]
mod coco_shares;

#[test]
fn shares_are_better_than_a_guess() {
    let Some((data, weights)) = lookalike_testkit::real_folders("shares_are_better_than_a_guess")
    else {
        return;
    };
    let weights = weights.join("mobilenet_v3_large_minimalistic.safetensors");
    let pairs = coco_shares::pairs(&data.join("coco128"), &weights).expect("the data set");
    let odd: Vec<_> = pairs.into_iter().filter(|pair| pair.number % 2 == 1).collect();
    println!("{}", coco_shares::figures(&odd, coco_shares::SMALL));
    assert!(odd.len() > 50);
    let error = odd.iter().map(|p| (p.share - p.covered).abs()).sum::<f64>() / odd.len() as f64;
    assert!(error < 0.27, "mean error {error}");
    let dropped: Vec<_> = odd.iter().filter(|p| p.share < coco_shares::SMALL).collect();
    let right = dropped.iter().filter(|pair| pair.covered < 0.5).count();
    assert!(right * 10 >= dropped.len() * 7, "{right} of {} rightly", dropped.len());
}
