//! `lookalike search` and `lookalike similar`.

use std::io::Read;
use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;
use clap::error::ErrorKind;
use lookalike_engine::{Answer, ObjectsAnswer, Searcher};

use crate::args::Cli;
use crate::args::search::{AnswerArgs, SearchArgs, SimilarArgs};
use crate::output::page;
use crate::web_photos::QueryPhotos;
use crate::{model, output};

pub(crate) fn run(args: &SearchArgs) -> anyhow::Result<()> {
    if let Some(file) = args.html.as_deref().filter(|file| is_something_else(file)) {
        let file = file.display();
        anyhow::bail!("{file} is there already and is no page: name another file with --html");
    }
    let AnswerArgs { location, top, filter, model, .. } = &args.answer;
    if args.objects && args.photos.len() > 1 {
        let why = "--objects detects the objects in one photo: name one at a time";
        Cli::command().error(ErrorKind::TooManyValues, why).exit();
    }
    if !args.objects {
        args.detector.needs("--objects");
    }
    let searcher = model::searcher(&location.resolve()?, model)?;
    let photos = QueryPhotos::of(&args.photos)?;
    let named = |error| photos.named(error);
    let html = if args.objects {
        let detector = args.detector.open(&searcher)?;
        let (photo, filter) = (&photos.files[0], filter.filter());
        let found = searcher.search_objects_in_file(photo, &*detector, &filter, args.views, *top);
        let answer = ObjectsAnswer { query: photos.query(), ..found.map_err(named)? };
        print_items(&answer, &args.answer, &searcher)?;
        args.html.as_ref().map(|_| page::of_objects(&answer, photo, &searcher)).transpose()?
    } else {
        let found = searcher.search_files(&photos.files, &filter.filter(), args.views, *top);
        let answer = Answer { query: photos.query(), ..found.map_err(named)? };
        print(&answer, &args.answer, &searcher)?;
        args.html
            .as_ref()
            .map(|_| page::of_answer(&answer, &photos.files[0], &searcher))
            .transpose()?
    };
    if let Some((file, html)) = args.html.as_ref().zip(html) {
        std::fs::write(file, html).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

pub(crate) fn similar(args: &SimilarArgs) -> anyhow::Result<()> {
    let AnswerArgs { location, top, filter, model, .. } = &args.answer;
    let searcher = model::searcher(&location.resolve()?, model)?;
    let answer = searcher.search_similar(&args.product, &filter.filter(), *top)?;
    print(&answer, &args.answer, &searcher)
}

fn print(answer: &Answer, args: &AnswerArgs, searcher: &Searcher) -> anyhow::Result<()> {
    if args.json.json {
        return output::print_json(answer);
    }
    let networks = networks(searcher);
    output::print(&output::answer::text(answer, args.explain.then_some(&networks)))
}

fn print_items(
    answer: &ObjectsAnswer,
    args: &AnswerArgs,
    searcher: &Searcher,
) -> anyhow::Result<()> {
    if args.json.json {
        return output::print_json(answer);
    }
    let networks = networks(searcher);
    output::print(&output::answer::objects_text(answer, args.explain.then_some(&networks)))
}

fn networks(searcher: &Searcher) -> Vec<&str> {
    let parts = searcher.index().model().parts.iter();
    parts.map(|part| part.identity.backbone.as_str()).collect()
}

/// Whether a file is there that is no page: with two arguments mixed up, it is the photo.
fn is_something_else(file: &Path) -> bool {
    let beginning = std::fs::File::open(file).and_then(|file| {
        let mut beginning = Vec::new();
        file.take(15).read_to_end(&mut beginning).map(|_| beginning)
    });
    beginning.is_ok_and(|bytes| !bytes.is_empty() && bytes != b"<!doctype html>")
}
