//! Settings from the environment: the folders of caches, and how to reach the network. The variables are those of
//! huggingface_hub, PyTorch and curl.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Proxies;

/// Settings of a client.
#[derive(Clone)]
pub struct Settings {
    /// The hub's address, without a slash at its end (`HF_ENDPOINT`).
    pub endpoint: String,
    /// Whether the network must not be used (`HF_HUB_OFFLINE`).
    pub offline: bool,
    /// The hub's access token (`HF_TOKEN`, or the file that huggingface_hub's login writes). It is sent to the
    /// endpoint's own origin only.
    pub token: Option<String>,
    /// The hub's cache (`HF_HUB_CACHE`).
    pub hub_cache: PathBuf,
    /// PyTorch's folder of checkpoints (`TORCH_HOME`).
    pub torch_cache: PathBuf,
    /// The folder of photos that were fetched from web addresses (`LOOKALIKE_PHOTO_CACHE`).
    pub photo_cache: PathBuf,
    /// The file of recorded checksums.
    pub checksum_file: PathBuf,
    /// Proxies.
    pub proxies: Proxies,
    /// Whether to trust the system's certificates instead of the built-in ones: where `SSL_CERT_FILE` or
    /// `SSL_CERT_DIR` is set, which name them on Linux.
    pub platform_certificates: bool,
    /// Retries in a row without progress.
    pub retries: u32,
    /// The wait before the first retry. Each further wait is twice as long.
    pub backoff: Duration,
    /// The longest wait, even where a server asks for a longer one.
    pub longest_wait: Duration,
    /// The timeout of resolving and connecting to a host.
    pub connect_timeout: Duration,
    /// The timeout of a read. A whole transfer has none.
    pub read_timeout: Duration,
}

impl Settings {
    /// Reads the environment. Without `HOME`, the current folder stands for it.
    pub fn from_env() -> Self {
        Self::from_lookup(|name| std::env::var_os(name))
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let env = Environment { lookup };
        let cache = env.folder("XDG_CACHE_HOME", ".cache");
        let hub_home = env.path("HF_HOME").unwrap_or_else(|| cache.join("huggingface"));
        let torch_home = env.path("TORCH_HOME").unwrap_or_else(|| cache.join("torch"));
        let data = env.folder("XDG_DATA_HOME", ".local/share");
        let endpoint =
            env.text("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            offline: env.text("HF_HUB_OFFLINE").is_some_and(|value| is_true(&value)),
            token: env.token(&hub_home),
            hub_cache: env.path("HF_HUB_CACHE").unwrap_or_else(|| hub_home.join("hub")),
            torch_cache: torch_home.join("hub").join("checkpoints"),
            photo_cache: env
                .path("LOOKALIKE_PHOTO_CACHE")
                .unwrap_or_else(|| cache.join("lookalike").join("photos")),
            checksum_file: data.join("lookalike").join("checksums.json"),
            proxies: Proxies::from_lookup(|name| env.text(name)),
            platform_certificates: env.path("SSL_CERT_FILE").is_some()
                || env.path("SSL_CERT_DIR").is_some(),
            retries: 5,
            backoff: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(20),
            read_timeout: Duration::from_secs(60),
        }
    }
}

fn is_true(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
}

struct Environment<L> {
    lookup: L,
}

impl<L: Fn(&str) -> Option<OsString>> Environment<L> {
    /// An empty variable counts as not set.
    fn raw(&self, name: &str) -> Option<OsString> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> Option<String> {
        let value = self.raw(name)?.to_string_lossy().trim().to_owned();
        (!value.is_empty()).then_some(value)
    }

    fn home(&self) -> PathBuf {
        let home = self.raw("HOME").or_else(|| self.raw("USERPROFILE"));
        home.map_or_else(|| PathBuf::from("."), PathBuf::from)
    }

    /// A path, with `~` for the home folder.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.raw(name)?);
        Some(match path.strip_prefix("~") {
            Ok(rest) => self.home().join(rest),
            Err(_) => path,
        })
    }

    fn folder(&self, name: &str, below_home: &str) -> PathBuf {
        self.path(name).unwrap_or_else(|| self.home().join(below_home))
    }

    fn token(&self, hub_home: &Path) -> Option<String> {
        self.text("HF_TOKEN").or_else(|| {
            let file = self.path("HF_TOKEN_PATH").unwrap_or_else(|| hub_home.join("token"));
            let token = fs::read_to_string(file).ok()?.trim().to_owned();
            (!token.is_empty()).then_some(token)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        Settings::from_lookup(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn defaults_are_those_of_the_python_tools() {
        let settings = settings(&[("HOME", "/home/ada")]);
        assert_eq!(settings.endpoint, "https://huggingface.co");
        assert!(!settings.offline && settings.token.is_none() && !settings.platform_certificates);
        assert_eq!(settings.hub_cache, Path::new("/home/ada/.cache/huggingface/hub"));
        assert_eq!(settings.torch_cache, Path::new("/home/ada/.cache/torch/hub/checkpoints"));
        assert_eq!(
            settings.checksum_file,
            Path::new("/home/ada/.local/share/lookalike/checksums.json")
        );
    }

    #[test]
    fn the_more_specific_variable_wins() {
        let xdg = [("HOME", "/h"), ("XDG_CACHE_HOME", "/c"), ("XDG_DATA_HOME", "/d")];
        let found = settings(&xdg);
        assert_eq!(found.hub_cache, Path::new("/c/huggingface/hub"));
        assert_eq!(found.torch_cache, Path::new("/c/torch/hub/checkpoints"));
        assert_eq!(found.checksum_file, Path::new("/d/lookalike/checksums.json"));

        let homes = [("HF_HOME", "~/hf"), ("TORCH_HOME", "/t")];
        let found = settings(&[&xdg[..], &homes].concat());
        assert_eq!(found.hub_cache, Path::new("/h/hf/hub"));
        assert_eq!(found.torch_cache, Path::new("/t/hub/checkpoints"));

        let cache = [("HF_HUB_CACHE", "/k")];
        assert_eq!(settings(&[&xdg[..], &homes, &cache].concat()).hub_cache, Path::new("/k"));
        assert_eq!(settings(&xdg).photo_cache, Path::new("/c/lookalike/photos"));
        let photos = settings(&[xdg[0], ("LOOKALIKE_PHOTO_CACHE", "~/p")]).photo_cache;
        assert_eq!(photos, Path::new("/h/p"));
    }

    #[test]
    fn switches_are_read_as_python_reads_them() {
        for value in ["1", "true", "YES", "On"] {
            assert!(settings(&[("HF_HUB_OFFLINE", value)]).offline, "{value}");
        }
        for value in ["", "0", "false", "no"] {
            assert!(!settings(&[("HF_HUB_OFFLINE", value)]).offline, "{value}");
        }
        assert_eq!(settings(&[("HF_ENDPOINT", "http://hub/")]).endpoint, "http://hub");
        assert!(settings(&[("SSL_CERT_FILE", "/ca.pem")]).platform_certificates);
        assert!(settings(&[("SSL_CERT_DIR", "/ca")]).platform_certificates);
    }

    #[test]
    fn the_token_comes_from_the_variable_or_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().to_str().expect("UTF-8");
        assert_eq!(settings(&[("HF_HOME", home)]).token, None);
        fs::write(folder.path().join("token"), "hf_file\n").expect("written");
        assert_eq!(settings(&[("HF_HOME", home)]).token.as_deref(), Some("hf_file"));
        let named = folder.path().join("other");
        fs::write(&named, " hf_named ").expect("written");
        let path = ("HF_TOKEN_PATH", named.to_str().expect("UTF-8"));
        assert_eq!(settings(&[("HF_HOME", home), path]).token.as_deref(), Some("hf_named"));
        let variable = ("HF_TOKEN", "hf_variable\n");
        assert_eq!(settings(&[path, variable]).token.as_deref(), Some("hf_variable"));
    }
}
