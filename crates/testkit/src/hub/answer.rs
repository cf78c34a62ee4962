//! What the hub answers.

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::wire::{Head, Request, read};
use super::{Entry, Fault, Hub, Shared, Site, State};

/// Reads one request and answers it.
pub(super) fn converse(stream: TcpStream, site: Site, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let Some(request) = read(&stream, site)? else { return Ok(()) };
    let planned = {
        let mut state = shared.state();
        state.requests.push(request.clone());
        plan(&mut state, &request, &format!("http://{}", shared.store))
    };
    send(&stream, &request, planned, shared)?;
    // The client sees the end before the socket goes, also where something was left unread.
    stream.shutdown(Shutdown::Write)
}

enum Planned {
    Head(Head),
    Content { head: Head, bytes: Vec<u8>, fault: Option<Fault> },
}

fn plan(state: &mut State, request: &Request, store: &str) -> Planned {
    if let Some(Fault::Status(status, wait)) =
        take(state, |fault| matches!(fault, Fault::Status(..)))
    {
        return Planned::Head(failure(status, wait));
    }
    let path = request.path.split('?').next().unwrap_or_default();
    if let Some(target) = state.redirects.get(path) {
        return Planned::Head(moved(302, target));
    }
    let repository = path.contains("/resolve/") && request.site == Site::Endpoint;
    if repository && !allowed(state, request) {
        return Planned::Head(failure(401, None));
    }
    let Some(entry) = find(state, path, request.site) else {
        return Planned::Head(failure(404, None));
    };
    let mut head = Head::new(200);
    if repository {
        head.set("X-Repo-Commit", Hub::COMMIT);
        if entry.large {
            head = moved(302, &format!("{store}/store/{}", entry.etag));
            head.set("X-Repo-Commit", Hub::COMMIT)
                .set("X-Linked-Etag", format!("\"{}\"", entry.etag))
                .set("X-Linked-Size", entry.bytes.len());
        }
    }
    // The store names contents in its own way.
    let etag = if request.site == Site::Store { "store" } else { entry.etag.as_str() };
    head.set("ETag", format!("\"{etag}\""));
    if head.status == 302 {
        return Planned::Head(overridden(head, state));
    }
    head.set("Content-Length", entry.bytes.len());
    if request.method == "HEAD" {
        return Planned::Head(overridden(head, state));
    }
    let planned = content(state, request, head, &entry, etag);
    match planned {
        Planned::Content { head, bytes, fault } if repository => {
            Planned::Content { head: overridden(head, state), bytes, fault }
        }
        other => other,
    }
}

fn content(
    state: &mut State,
    request: &Request,
    mut head: Head,
    entry: &Entry,
    etag: &str,
) -> Planned {
    let fault = take(state, Fault::wants_content);
    if let Some(Fault::ContentStatus(status, wait)) = fault {
        return Planned::Head(failure(status, wait));
    }
    let mut bytes = entry.bytes.to_vec();
    if fault == Some(Fault::WrongBytes) {
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let unchanged = request.header("if-range").is_none_or(|known| known.trim_matches('"') == etag);
    match request.range().filter(|_| unchanged && fault != Some(Fault::IgnoreRange)) {
        Some((first, _)) if first >= bytes.len() => {
            let mut head = Head::new(416);
            head.set("Content-Range", format!("bytes */{}", bytes.len())).set("Content-Length", 0);
            return Planned::Head(head);
        }
        Some((first, last)) => {
            let last = last.unwrap_or(usize::MAX).min(bytes.len() - 1).max(first);
            head.status = 206;
            head.set("Content-Range", format!("bytes {first}-{last}/{}", bytes.len()));
            head.set("Content-Length", last + 1 - first);
            bytes = bytes[first..=last].to_vec();
        }
        None => {}
    }
    Planned::Content { head, bytes, fault }
}

fn send(
    mut stream: &TcpStream,
    request: &Request,
    planned: Planned,
    shared: &Shared,
) -> io::Result<()> {
    let (head, bytes, fault) = match planned {
        Planned::Head(head) => return head.write(stream),
        Planned::Content { head, bytes, fault } => (head, bytes, fault),
    };
    head.write(stream)?;
    if request.method == "HEAD" {
        return Ok(());
    }
    match fault {
        Some(Fault::CutAfter(count)) => stream.write_all(&bytes[..count.min(bytes.len())]),
        Some(Fault::Stall) => {
            stream.write_all(&bytes[..bytes.len() / 2])?;
            while !shared.stopped.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(5));
            }
            Ok(())
        }
        _ => stream.write_all(&bytes),
    }
}

/// The first fault in the queue that fits, else the one that is always there.
fn take(state: &mut State, fits: impl Fn(&Fault) -> bool) -> Option<Fault> {
    if let Some(at) = state.faults.iter().position(&fits) {
        return state.faults.remove(at);
    }
    state.always.clone().filter(fits)
}

fn allowed(state: &State, request: &Request) -> bool {
    state.token.as_ref().is_none_or(|token| {
        request.header("authorization") == Some(format!("Bearer {token}").as_str())
    })
}

fn find(state: &State, path: &str, site: Site) -> Option<Entry> {
    let entry = match (site, path.strip_prefix("/store/")) {
        (Site::Store, Some(etag)) => state.files.values().find(|entry| entry.etag == etag),
        (Site::Store, None) => None,
        (Site::Endpoint, _) => match path.split_once("/resolve/") {
            Some((repo, rest)) => {
                // The revision is one segment, with its slashes encoded; any will do.
                let (_, file) = rest.split_once('/')?;
                state.files.get(&format!("{}/{file}", repo.trim_start_matches('/')))
            }
            None => state.plain.get(path),
        },
    };
    entry.cloned()
}

fn failure(status: u16, wait: Option<u32>) -> Head {
    let mut head = Head::new(status);
    head.set("Content-Length", 0);
    head.set("Retry-After", wait.map_or_else(String::new, |seconds| seconds.to_string()));
    head
}

fn moved(status: u16, target: &str) -> Head {
    let mut head = Head::new(status);
    head.set("Location", target).set("Content-Length", 0);
    head
}

fn overridden(mut head: Head, state: &State) -> Head {
    for (name, value) in &state.overrides {
        head.set(name, value);
    }
    head
}
