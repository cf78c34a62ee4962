//! The hub's responses.

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::http::{Request, ResponseHead, read};
use super::{Entry, Fault, Hub, Shared, Site, State};

/// Reads one request and responds to it.
pub(super) fn handle(stream: TcpStream, site: Site, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let Some(request) = read(&stream, site)? else { return Ok(()) };
    let response = {
        let mut state = shared.state();
        state.requests.push(request.clone());
        plan(&mut state, &request, &format!("http://{}", shared.store))
    };
    send(&stream, &request, response, shared)?;
    // The client gets the end of the response before the socket closes, even if the request was not read completely.
    stream.shutdown(Shutdown::Write)
}

enum Response {
    Empty(ResponseHead),
    Content { head: ResponseHead, bytes: Vec<u8>, fault: Option<Fault> },
}

fn plan(state: &mut State, request: &Request, store: &str) -> Response {
    if let Some(Fault::Status(status, wait)) =
        take(state, |fault| matches!(fault, Fault::Status(..)))
    {
        return Response::Empty(failure(status, wait));
    }
    let path = request.path.split('?').next().unwrap_or_default();
    if let Some(target) = state.redirects.get(path) {
        return Response::Empty(redirect(302, target));
    }
    let repository = path.contains("/resolve/") && request.site == Site::Endpoint;
    if repository && !allowed(state, request) {
        return Response::Empty(failure(401, None));
    }
    let Some(entry) = find(state, path, request.site) else {
        return Response::Empty(failure(404, None));
    };
    let mut head = ResponseHead::new(200);
    if repository {
        head.set("X-Repo-Commit", Hub::COMMIT);
        if entry.large {
            head = redirect(302, &format!("{store}/store/{}", entry.etag));
            head.set("X-Repo-Commit", Hub::COMMIT)
                .set("X-Linked-Etag", format!("\"{}\"", entry.etag))
                .set("X-Linked-Size", entry.bytes.len());
        }
    }
    // The store has ETags of its own.
    let etag = if request.site == Site::Store { "store" } else { entry.etag.as_str() };
    head.set("ETag", format!("\"{etag}\""));
    if head.status == 302 {
        return Response::Empty(overridden(head, state));
    }
    let known = request.header("if-none-match");
    if known.is_some_and(|known| known.trim_matches('"') == etag) {
        return Response::Empty(ResponseHead::new(304));
    }
    head.set("Content-Length", entry.bytes.len());
    if path.ends_with(".html") {
        head.set("Content-Type", "text/html; charset=utf-8");
    }
    if request.method == "HEAD" {
        return Response::Empty(overridden(head, state));
    }
    let response = content(state, request, head, &entry, etag);
    match response {
        Response::Content { head, bytes, fault } if repository => {
            Response::Content { head: overridden(head, state), bytes, fault }
        }
        other => other,
    }
}

fn content(
    state: &mut State,
    request: &Request,
    mut head: ResponseHead,
    entry: &Entry,
    etag: &str,
) -> Response {
    let fault = take(state, Fault::needs_content);
    if let Some(Fault::ContentStatus(status, wait)) = fault {
        return Response::Empty(failure(status, wait));
    }
    let mut bytes = entry.bytes.to_vec();
    if fault == Some(Fault::WrongBytes) {
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let unchanged = request.header("if-range").is_none_or(|known| known.trim_matches('"') == etag);
    match request.range().filter(|_| unchanged && fault != Some(Fault::IgnoreRange)) {
        Some((first, _)) if first >= bytes.len() => {
            let mut head = ResponseHead::new(416);
            head.set("Content-Range", format!("bytes */{}", bytes.len())).set("Content-Length", 0);
            return Response::Empty(head);
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
    Response::Content { head, bytes, fault }
}

fn send(
    mut stream: &TcpStream,
    request: &Request,
    response: Response,
    shared: &Shared,
) -> io::Result<()> {
    let (head, bytes, fault) = match response {
        Response::Empty(head) => return head.write(stream),
        Response::Content { head, bytes, fault } => (head, bytes, fault),
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

/// The first queued fault that applies, else the permanent one.
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
                // The revision is one segment, with its slashes encoded; any is accepted.
                let (_, file) = rest.split_once('/')?;
                state.files.get(&format!("{}/{file}", repo.trim_start_matches('/')))
            }
            None => state.plain.get(path),
        },
    };
    entry.cloned()
}

fn failure(status: u16, wait: Option<u32>) -> ResponseHead {
    let mut head = ResponseHead::new(status);
    head.set("Content-Length", 0);
    head.set("Retry-After", wait.map_or_else(String::new, |seconds| seconds.to_string()));
    head
}

fn redirect(status: u16, target: &str) -> ResponseHead {
    let mut head = ResponseHead::new(status);
    head.set("Location", target).set("Content-Length", 0);
    head
}

fn overridden(mut head: ResponseHead, state: &State) -> ResponseHead {
    for (name, value) in &state.overrides {
        head.set(name, value);
    }
    head
}
