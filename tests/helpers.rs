//! Running the program, and shops made up for it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use lookalike_testkit::{photos, weights};
use serde_json::Value;
use tempfile::TempDir;

/// What a run of the program left behind.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Standard output of a run that must have succeeded.
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stdout
    }

    /// Standard output as JSON.
    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).expect("JSON on standard output")
    }

    /// The one line of error of a run that must have failed with `code`.
    pub fn error(self, code: i32) -> String {
        let Run { stdout, stderr, .. } = &self;
        assert_eq!(self.code, code, "stdout: {stdout}\nstderr: {stderr}");
        let lines: Vec<_> = stderr.lines().filter(|l| l.starts_with("error: ")).collect();
        assert_eq!(lines.len(), 1, "one line of error, not: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        lines[0].to_owned()
    }
}

/// The program with an environment of its own.
pub fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lookalike"));
    command.args(args).env_remove("LOOKALIKE_WEIGHTS");
    // Whatever weights the user of this machine has fetched or imported.
    let nowhere = std::env::temp_dir().join("a folder that lookalike's tests never make");
    for variable in ["HF_HUB_CACHE", "TORCH_HOME", "XDG_DATA_HOME"] {
        command.env(variable, &nowhere);
    }
    command
}

/// Runs the program to its end.
pub fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    finish(command(args))
}

pub fn finish(mut command: Command) -> Run {
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run {
        code: output.status.code().expect("an exit code"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Weights of a made-up network that every test shares.
pub fn made_up_weights() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder"));
        let file = folder.path().join("mobilenet_v3_large_minimalistic.safetensors");
        weights::write_minimalistic(&file);
        file
    })
}

/// A folder with photos and room for an index.
pub struct Shop {
    pub folder: TempDir,
}

impl Shop {
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// Three photos each of six products, of which every one shows its own picture.
    pub fn new() -> Self {
        let shop = Self::empty();
        for (seed, product) in PRODUCTS.iter().enumerate() {
            for (number, width) in [300, 320, 360].into_iter().enumerate() {
                let picture = photos::pattern(seed as u32, width, width * 3 / 4);
                shop.add(&format!("{product}/{number}.jpg"), &photos::jpeg(&picture, 90));
            }
        }
        shop
    }

    /// [`Self::new`] with its index built.
    pub fn indexed() -> Self {
        let shop = Self::new();
        shop.build().ok();
        shop
    }

    /// The same photos by a manifest that says what product cards show.
    pub fn with_cards() -> Self {
        let shop = Self::new();
        let rows = PRODUCTS.iter().enumerate().map(|(number, product)| {
            let category = ["가구/의자", "가구/책상", "조명"][number % 3];
            let colour = ["oak", "white"][number % 2];
            let row = serde_json::json!({
                "id": product, "name": format!("{product} {number}"),
                "category": category,
                "price": 12_900 * (number + 1), "list_price": 15_900 * (number + 1),
                "currency": "KRW", "rating": 4.6, "review_count": 1_711, "delivery": "무료배송",
                "url": format!("https://shop.example/{number}"),
                "colour": colour, "stock": number % 3,
                "photos": format!("photos/{product}/*.jpg"),
            });
            row.to_string() + "\n"
        });
        let manifest = shop.beside("shop.jsonl", rows.collect::<String>());
        shop.build_from(&manifest).ok();
        shop
    }

    pub fn photos(&self) -> PathBuf {
        self.folder.path().join("photos")
    }

    pub fn index(&self) -> PathBuf {
        self.folder.path().join("index")
    }

    pub fn index_file(&self) -> PathBuf {
        self.index().join("lookalike.index")
    }

    /// Writes a file among the photos and returns its path.
    pub fn add(&self, path: &str, bytes: &[u8]) -> PathBuf {
        write(&self.photos().join(path), bytes)
    }

    /// Writes a file beside the photos and returns its path.
    pub fn beside(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        write(&self.folder.path().join(path), bytes.as_ref())
    }

    pub fn build(&self) -> Run {
        self.build_from(&self.photos())
    }

    pub fn build_from(&self, photos: &Path) -> Run {
        self.build_with(photos, made_up_weights())
    }

    /// [`Self::build_from`] with other weights.
    pub fn build_with(&self, photos: &Path, weights: &Path) -> Run {
        let index = self.index();
        let build = ["index", "build", "--quiet", "--out"].map(OsStr::new);
        run(build.into_iter().chain([
            index.as_os_str(),
            "--weights".as_ref(),
            weights.as_os_str(),
            photos.as_os_str(),
        ]))
    }

    /// Runs a command on this shop's index.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        let mut command = command(args);
        command.arg("--index").arg(self.index());
        finish(command)
    }

    /// [`Self::search`] that looks at the photo once, so that it finds the very same photo as such.
    pub fn search_plain(&self, photo: &Path) -> Value {
        let plain = ["--json", "--views", "plain"].map(OsStr::new);
        self.run(["search".as_ref(), photo.as_os_str()].into_iter().chain(plain)).json()
    }

    pub fn search(&self, photo: &Path) -> Value {
        self.run(["search".as_ref(), photo.as_os_str(), "--json".as_ref()]).json()
    }
}

/// Folders of the shop's products; the seed of each one's pictures is its position.
pub const PRODUCTS: [&str; 6] = [
    "가구/의자/참나무 의자",
    "가구/책상",
    "조명/종이 램프",
    "Küche/Töpfe/Großer Topf",
    "rug 1",
    "rug 2",
];

/// A photo of a product that is not in the index: another size and another quality.
pub fn new_photo_of(product: usize) -> Vec<u8> {
    photos::jpeg(&photos::pattern(product as u32, 420, 315), 80)
}

/// A file of the tests' own.
pub fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

/// All files of a folder of the tests' own.
pub fn fixtures(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(fixture(folder)).expect("the folder");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn write(path: &Path, bytes: &[u8]) -> PathBuf {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
    std::fs::write(path, bytes).expect("a file");
    path.to_owned()
}
