//! The Hugging Face hub's cache on disk, in the layout of Python's `huggingface_hub`.
//!
//! ```text
//! models--OWNER--NAME/
//!   refs/REVISION              the commit of a branch or tag
//!   blobs/ETAG                 content
//!   blobs/ETAG.incomplete      content of an unfinished transfer
//!   snapshots/COMMIT/FILE  ->  ../../blobs/ETAG
//! .locks/models--OWNER--NAME/ETAG.lock
//! ```

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use lookalike_base::{atomic_write, folder_of};

use crate::source::{is_commit, is_sha256};

/// The cache of one repository. Names were checked by the caller.
pub(crate) struct HubCache {
    root: PathBuf,
    locks: PathBuf,
}

impl HubCache {
    pub fn new(cache: &Path, repo: &str) -> Self {
        let folder = format!("models--{}", repo.replace('/', "--"));
        Self { root: cache.join(&folder), locks: cache.join(".locks").join(folder) }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn blob(&self, etag: &str) -> PathBuf {
        self.root.join("blobs").join(etag)
    }

    pub fn partial(&self, etag: &str) -> PathBuf {
        self.root.join("blobs").join(format!("{etag}.incomplete"))
    }

    /// The lock file, which huggingface_hub uses as well.
    pub fn lock(&self, etag: &str) -> PathBuf {
        self.locks.join(format!("{etag}.lock"))
    }

    fn snapshot(&self, commit: &str, file: &str) -> PathBuf {
        let folder = self.root.join("snapshots").join(commit);
        file.split('/').fold(folder, |path, segment| path.join(segment))
    }

    fn reference(&self, revision: &str) -> PathBuf {
        revision.split('/').fold(self.root.join("refs"), |path, segment| path.join(segment))
    }

    /// The file's path, if the cache has it.
    pub fn cached(&self, revision: &str, file: &str) -> Option<PathBuf> {
        let commit = match fs::read_to_string(self.reference(revision)) {
            Ok(commit) => commit.trim().to_owned(),
            Err(_) => revision.to_owned(),
        };
        let path = self.snapshot(&commit, file);
        (is_commit(&commit) && path.is_file()).then_some(path)
    }

    /// The name of a file's blob, where that is a SHA-256.
    pub fn sha256_of(&self, snapshot: &Path) -> Option<String> {
        // One link only: huggingface_hub may keep the content in a folder that repositories share, where names
        // are other checksums.
        let target = fs::read_link(snapshot).ok()?;
        let name = target.file_name()?.to_str()?;
        (target.parent()?.ends_with("blobs") && is_sha256(name)).then(|| name.to_ascii_lowercase())
    }

    pub fn create_folders(&self, etag: &str) -> io::Result<()> {
        fs::create_dir_all(folder_of(&self.blob(etag)))?;
        fs::create_dir_all(&self.locks)
    }

    /// Links a revision's file to its blob. Returns the file's path.
    pub fn publish(
        &self,
        etag: &str,
        revision: &str,
        commit: &str,
        file: &str,
    ) -> io::Result<PathBuf> {
        let path = self.snapshot(commit, file);
        fs::create_dir_all(folder_of(&path))?;
        if !path.exists() {
            // A dangling link is in the way.
            let _ = fs::remove_file(&path);
            // From the file's folder up to the repository's.
            let up = "../".repeat(file.split('/').count() + 1);
            link_or_copy(&format!("{up}blobs/{etag}"), &self.blob(etag), &path, symlink)?;
        }
        if revision != commit {
            self.write_ref(revision, commit)?;
        }
        Ok(path)
    }

    fn write_ref(&self, revision: &str, commit: &str) -> io::Result<()> {
        let reference = self.reference(revision);
        if fs::read_to_string(&reference).is_ok_and(|current| current == commit) {
            return Ok(());
        }
        fs::create_dir_all(folder_of(&reference))?;
        atomic_write(&reference, |file| file.write_all(commit.as_bytes()))
    }
}

#[cfg(unix)]
fn symlink(target: &str, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(windows)]
fn symlink(target: &str, path: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target.replace('/', "\\"), path)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_: &str, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes `path` a symbolic link to `blob`, or where the system has none a hard link, or a copy.
fn link_or_copy(
    target: &str,
    blob: &Path,
    path: &Path,
    link: impl Fn(&str, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let made = link(target, path).or_else(|_| fs::hard_link(blob, path));
    match made {
        Ok(()) => Ok(()),
        // Another process has made it.
        Err(_) if path.exists() => Ok(()),
        Err(_) => {
            // Under another name first: copying may be interrupted.
            let copy = blob.with_extension("copy");
            fs::copy(blob, &copy)?;
            fs::rename(copy, path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789012345678901234567890123456789";

    #[test]
    fn names_are_those_of_huggingface_hub() {
        let cache = HubCache::new(Path::new("/c"), "timm/resnet50.a1_in1k");
        assert_eq!(cache.blob("e"), Path::new("/c/models--timm--resnet50.a1_in1k/blobs/e"));
        assert_eq!(cache.lock("e"), Path::new("/c/.locks/models--timm--resnet50.a1_in1k/e.lock"));
        assert_eq!(HubCache::new(Path::new("/c"), "gpt2").root(), Path::new("/c/models--gpt2"));
    }

    #[test]
    fn content_is_found_by_branch_and_by_commit() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = HubCache::new(folder.path(), "a/b");
        let etag = "ab".repeat(32);
        cache.create_folders(&etag).expect("folders");
        fs::write(cache.blob(&etag), "content").expect("written");
        let path = cache.publish(&etag, "refs/pr/1", COMMIT, "deep/er/f.bin").expect("published");
        assert_eq!(fs::read(&path).expect("leads to the content"), b"content");
        assert_eq!(cache.cached("refs/pr/1", "deep/er/f.bin"), Some(path.clone()));
        assert_eq!(cache.cached(COMMIT, "deep/er/f.bin"), Some(path.clone()));
        assert_eq!(cache.cached("main", "deep/er/f.bin"), None);
        #[cfg(unix)]
        assert_eq!(cache.sha256_of(&path), Some(etag.clone()));
        fs::remove_file(cache.blob(&etag)).expect("removed");
        assert_eq!(cache.cached(COMMIT, "deep/er/f.bin"), None, "a dangling link");
    }

    #[test]
    fn a_reference_outside_the_cache_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = HubCache::new(folder.path(), "a/b");
        fs::create_dir_all(cache.root().join("refs")).expect("folder");
        fs::create_dir_all(cache.root().join("snapshots")).expect("folder");
        fs::write(cache.root().join("refs/main"), "../..").expect("written");
        fs::write(folder.path().join("secret"), "x").expect("written");
        assert!(cache.root().join("snapshots/../../secret").exists());
        assert_eq!(cache.cached("main", "secret"), None);
    }

    #[test]
    fn without_symbolic_links_the_file_is_a_hard_link_or_a_copy() {
        let folder = tempfile::tempdir().expect("a folder");
        let (blob, path) = (folder.path().join("blob"), folder.path().join("file"));
        fs::write(&blob, "content").expect("written");
        let none = |_: &str, _: &Path| Err(io::ErrorKind::Unsupported.into());
        link_or_copy("blob", &blob, &path, none).expect("a hard link or a copy");
        assert_eq!(fs::read(&path).expect("there"), b"content");
        assert!(!path.is_symlink());
    }
}
