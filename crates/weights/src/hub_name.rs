//! Files of a Hugging Face hub that the manifest does not have: `hf:OWNER/REPO[@REVISION][/FILE]`.

use std::str::FromStr;

use lookalike_download::{Expected, RemoteFile, Source};

/// The file that repositories of networks have by convention.
const USUAL_FILE: &str = "model.safetensors";

/// A file on a hub, by its name: `hf:timm/resnet50.a1_in1k`, `hf:facebook/dinov2-small@main/model.safetensors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubName {
    /// `timm/resnet50.a1_in1k`
    pub repo: String,
    /// A branch, a tag or a commit; `main` where none is named.
    pub revision: String,
    /// Path in the repository; `model.safetensors` where none is named.
    pub file: String,
}

impl HubName {
    /// Where the file can be downloaded. Its checksum is the one that the hub states.
    pub fn remote(&self) -> RemoteFile {
        let Self { repo, revision, file } = self.clone();
        RemoteFile { source: Source::Hub { repo, revision, file }, expected: Expected::default() }
    }
}

impl FromStr for HubName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("'{text}' is not hf:OWNER/REPO, hf:OWNER/REPO@REVISION or either with /FILE")
        };
        let name = text.strip_prefix("hf:").ok_or_else(wrong)?;
        let mut parts = name.splitn(3, '/');
        let (owner, repo) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (repo, revision) = repo.split_once('@').unwrap_or((repo, "main"));
        let file = parts.next().unwrap_or(USUAL_FILE);
        let is_part = |part: &str| {
            let is_usual = |c: char| c.is_ascii_alphanumeric() || "-_.+=".contains(c);
            !part.is_empty() && part.chars().all(is_usual) && part != "." && part != ".."
        };
        if ![owner, repo, revision].into_iter().chain(file.split('/')).all(is_part) {
            return Err(wrong());
        }
        Ok(Self {
            repo: format!("{owner}/{repo}"),
            revision: revision.to_owned(),
            file: file.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_repository_and_may_have_a_revision_and_a_file() {
        let name = |text: &str| {
            let HubName { repo, revision, file } = text.parse().expect(text);
            [repo, revision, file]
        };
        assert_eq!(name("hf:a/b.c"), ["a/b.c", "main", USUAL_FILE]);
        assert_eq!(name("hf:a/b@v1.2"), ["a/b", "v1.2", USUAL_FILE]);
        assert_eq!(name("hf:a/b/onnx/model.onnx"), ["a/b", "main", "onnx/model.onnx"]);
        assert_eq!(name("hf:a/b@0123abc/x.safetensors"), ["a/b", "0123abc", "x.safetensors"]);
        for wrong in [
            "a/b",
            "hf:",
            "hf:a",
            "hf:a/",
            "hf:/b",
            "hf:a/b@",
            "hf:a/b/",
            "hf:a/../c",
            "hf:a/b/../c",
            "hf:a/b//c",
            "hf:a/b c",
        ] {
            assert!(wrong.parse::<HubName>().is_err(), "{wrong}");
        }
    }
}
