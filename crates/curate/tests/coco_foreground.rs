//! The foreground area of activation maps against COCO128's annotations. Bounds are generous; the example prints the
//! figures.

#[allow(dead_code)]
#[path = "../examples/coco_foreground.rs"]
mod coco_foreground;

#[test]
fn foreground_areas_are_better_than_a_guess() {
    let Some((data, weights)) =
        lookalike_testkit::real_folders("foreground_areas_are_better_than_a_guess")
    else {
        return;
    };
    let weights = weights.join("mobilenet_v3_large_minimalistic.safetensors");
    let pairs = coco_foreground::pairs(&data.join("coco128"), &weights).expect("the data set");
    let odd: Vec<_> = pairs.into_iter().filter(|pair| pair.number % 2 == 1).collect();
    println!("{}", coco_foreground::figures(&odd, coco_foreground::SMALL_AREA));
    assert!(odd.len() > 50);
    let error =
        odd.iter().map(|p| (p.estimated - p.annotated).abs()).sum::<f64>() / odd.len() as f64;
    assert!(error < 0.27, "mean error {error}");
    let dropped: Vec<_> =
        odd.iter().filter(|p| p.estimated < coco_foreground::SMALL_AREA).collect();
    let right = dropped.iter().filter(|pair| pair.annotated < 0.5).count();
    assert!(right * 10 >= dropped.len() * 7, "{right} of {} rightly", dropped.len());
}
