//! Fine-tuning: what it leaves behind, how it is stopped and gone on with, what it refuses.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::helpers::{Shop, command, finish, made_up_weights, new_photo_of};

fn train(shop: &Shop, more: &[&str]) -> Command {
    // A made-up network has no statistics worth keeping; small steps do not blow it up.
    let mut train =
        command(["train", "--side", "64", "--batch-norm", "fixed", "--learning-rate", "0.0001"]);
    if !more.contains(&"--batch") {
        train.args(["--batch", "4", "--shard", "4"]);
    }
    train.args(["--augment", "light"]).args(more);
    train.arg(shop.photos()).arg("--weights").arg(made_up_weights());
    train.arg("--out").arg(shop.folder.path().join("run"));
    train
}

fn log(shop: &Shop) -> Vec<Value> {
    let log = std::fs::read_to_string(shop.folder.path().join("run/log.jsonl")).unwrap_or_default();
    log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_fine_tuned_network_indexes_searches_and_is_compared() {
    let shop = Shop::new();
    let found = finish(train(&shop, &["--epochs", "1", "--json", "--quiet"])).json();
    assert_eq!((&found["finished"], &found["epochs"]), (&true.into(), &1.into()));
    assert_eq!(log(&shop).len(), 2, "before training and after each epoch");
    let weights = found["weights"].as_str().expect("a path").to_owned();

    let mut build = command(["index", "build", "--quiet", "--out"]);
    build.arg(shop.index()).arg(shop.photos()).args(["--weights", &weights]);
    finish(build).ok();
    let answer = shop.search(&shop.beside("q.jpg", new_photo_of(1)));
    assert_eq!(answer["matches"].as_array().map(Vec::len), Some(5));
    let info = shop.run(["index", "info"]).ok();
    assert!(info.contains("letterbox 64"), "{info}");

    for (number, product) in crate::helpers::PRODUCTS.iter().enumerate() {
        shop.beside(&format!("test/{product}/new.jpg"), new_photo_of(number));
    }
    let (test, report) = (shop.folder.path().join("test"), shop.folder.path().join("report"));
    let (test, report) = (test.to_str().expect("UTF-8"), report.to_str().expect("UTF-8"));
    let found = shop.run(["eval", test, "--quiet", "--json", "--report", report]).json();
    let methods = found["methods"].as_array().expect("methods");
    let names: Vec<_> = methods.iter().map(|m| m["name"].as_str().expect("a name")).collect();
    assert_eq!(
        names,
        [
            "mobilenet_v3_minimalistic, classifier",
            "nearest-neighbour vote",
            "nearest product mean",
            "classifiers and vote, half each",
            "search: fused, with its confidence"
        ]
    );
    assert!(methods.iter().all(|method| method["queries"] == 6));
    assert_eq!(methods[4]["top1"], found["top1"]);
    let page = std::fs::read_to_string(format!("{report}/report.html")).expect("a page");
    assert!(page.contains("nearest-neighbour vote") && page.contains("참나무 의자"));
    let json = std::fs::read(format!("{report}/report.json")).expect("the same as JSON");
    let json: Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["methods"].as_array().map(Vec::len), Some(5));
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_the_same_command_goes_on() {
    let shop = Shop::new();
    let mut epochs = Vec::new();
    for round in 0..2 {
        let before = log(&shop).len();
        let mut train = train(&shop, &["--epochs", "100000"]);
        let piped = || std::process::Stdio::piped();
        let child = train.stdout(piped()).stderr(piped()).spawn().expect("the program starts");
        let started = Instant::now();
        while log(&shop).len() < before + 2 {
            assert!(
                started.elapsed() < Duration::from_secs(120),
                "no epoch ends: {:?}",
                log(&shop)
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(kill.expect("kill").success());
        let output = child.wait_with_output().expect("it ends");
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(130), "{err}");
        assert!(out.contains("the same command resumes"), "{out}");
        assert_eq!(err.contains("resuming after epoch"), round == 1, "{err}");
        epochs = log(&shop).iter().map(|line| line["epoch"].as_u64().expect("epoch")).collect();
    }
    assert_eq!(
        epochs,
        (0..epochs.len() as u64).collect::<Vec<_>>(),
        "no epoch twice, none left out"
    );
}

#[test]
fn what_cannot_be_trained_is_one_line() {
    let shop = Shop::new();
    let error = finish(train(&shop, &["--epochs", "1", "--dropout", "1"])).error(1);
    assert!(error.contains("--dropout"), "{error}");
    let error = finish(train(&shop, &["--epochs", "1", "--batch", "64"])).error(3);
    assert!(error.contains("batches of 64"), "{error}");
    let wrong = shop.beside("wrong.safetensors", "no weights");
    let mut command = command(["train", "--epochs", "1"]);
    command.arg(shop.photos()).arg("--weights").arg(wrong).arg("--out").arg(shop.index());
    assert!(finish(command).error(5).contains("wrong.safetensors"));
}

#[test]
fn a_grid_trains_every_combination_once_and_compares_them() {
    let shop = Shop::new();
    let out = shop.folder.path().join("격자");
    let grid = || {
        let mut grid =
            command(["train", "grid", "--side", "64", "--batch-norm", "fixed", "--epochs", "1"]);
        grid.args([
            "--learning-rate",
            "0.0001",
            "--augment",
            "light",
            "--head-epochs",
            "2",
            "--quiet",
        ]);
        grid.args(["--batches", "2,4", "--schedules", "step,plateau", "--dropouts", "0.2"]);
        grid.arg(shop.photos()).arg("--weights").arg(made_up_weights()).arg("--out").arg(&out);
        grid
    };
    let text = finish(grid()).ok();
    assert!(text.contains("batch 4, plateau, dropout 0.2"), "{text}");
    let report = |name: &str| std::fs::read_to_string(out.join(name)).expect("a report");
    let json: Value = serde_json::from_str(&report("grid.json")).expect("JSON");
    let cells = json["runs"].as_array().expect("runs");
    assert_eq!(cells.len(), 4);
    assert!(cells.iter().all(|cell| cell["top1_curve"].as_array().map(Vec::len) == Some(2)));
    assert!(report("grid.html").contains("<svg"));

    let log = out.join("batch-2-step-dropout-0.2/log.jsonl");
    let before = std::fs::read_to_string(&log).expect("a log");
    let again = finish(grid()).ok();
    assert_eq!(again, text, "what is done is not done again");
    assert_eq!(std::fs::read_to_string(&log).expect("a log"), before);

    let mut wrong = grid();
    wrong.args(["--batch", "8"]);
    let refused = finish(wrong);
    assert!(refused.code == 2 && refused.stderr.contains("--batches"), "{}", refused.stderr);
}
