//! `scripts/fetch-wmt14.sh`, with made-up archives on a server of our own: it fetches, goes on, checks, unpacks, and says what cannot be had.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

/// False where the machine lacks what the script needs: it says so itself then.
fn tools() -> bool {
    let found = ["curl", "tar", "gzip"].iter().all(|tool| Command::new(tool).arg("--version").output().is_ok());
    if !found {
        eprintln!("not tested: curl, tar or gzip is missing");
    }
    found
}

fn run(arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/fetch-wmt14.sh");
    Command::new("bash").arg(script).arg("--yes").args(arguments).output().unwrap()
}

fn succeeds(arguments: &[&str]) -> String {
    let output = run(arguments);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {told}{}", String::from_utf8_lossy(&output.stderr));
    told
}

/// Standard error's lines that are the script's own.
fn fails(arguments: &[&str]) -> String {
    let output = run(arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
    told[told.find("error: ").unwrap_or_else(|| panic!("{told}"))..].to_owned()
}

/// An archive of files, as `tar -czf` makes it.
fn archive(folder: &Path, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let room = tempfile::tempdir().unwrap();
    for (file, contents) in files {
        let path = room.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    let path = folder.join(name);
    let names: Vec<&str> = files.iter().map(|(file, _)| *file).collect();
    let made = Command::new("tar").arg("-czf").arg(&path).arg("-C").arg(room.path()).args(names).status().unwrap();
    assert!(made.success());
    path
}

/// WMT's `dev.tgz`, large enough to be cut.
fn dev(folder: &Path) -> PathBuf {
    // What cannot be compressed.
    let mut state = 1u64;
    let noise: Vec<u8> = (0..100_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    archive(
        folder,
        "dev.tgz",
        &[
            ("dev/newstest2012-src.en.sgm", b"<seg>one</seg>\n"),
            ("dev/newstest2012-ref.fr.sgm", b"<seg>un</seg>\n"),
            ("dev/newstest2013-src.en.sgm", &noise),
            ("dev/newstest2013-ref.fr.sgm", b"<seg>deux</seg>\n"),
            ("dev/newstest2013-ref.cs.sgm", b"not wanted\n"),
        ],
    )
}

fn address(folder: &Path) -> String {
    format!("file://{}", folder.display())
}

fn text(path: PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A server of a folder's files, which knows HEAD and ranges; and what was asked of it.
fn serve(folder: &Path) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (folder, asked) = (folder.to_owned(), Arc::new(Mutex::new(Vec::new())));
    let log = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            // A client that goes away is its own affair.
            let _ = answer(stream, &folder, &log);
        }
    });
    (url, asked)
}

fn answer(mut stream: TcpStream, folder: &Path, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let lines: Vec<String> =
        BufReader::new(stream.try_clone()?).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let mut words = lines[0].split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap().trim_start_matches('/'));
    let range = lines.iter().find_map(|line| line.strip_prefix("Range: bytes="));
    log.lock().unwrap().push(format!("{method} {path} {}", range.unwrap_or("all")));
    let Ok(bytes) = fs::read(folder.join(path)) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let from: usize = range.map_or(0, |range| range.trim_end_matches('-').parse().unwrap());
    let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
    let (end, all, left) = (bytes.len() - 1, bytes.len(), bytes.len() - from);
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {left}\r\n")?;
    write!(stream, "Content-Range: bytes {from}-{end}/{all}\r\n\r\n")?;
    if method == "GET" {
        stream.write_all(&bytes[from..])?;
    }
    Ok(())
}

#[test]
fn a_set_is_fetched_unpacked_and_then_left_alone() {
    if !tools() {
        return;
    }
    let (server, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    dev(server.path());
    let arguments = ["--only", "dev", "--from", &address(server.path()), folder.path().to_str().unwrap()];
    let told = succeeds(&arguments);
    assert!(told.contains("dev: about 1 MB from file://") && told.contains("Done."), "{told}");
    assert_eq!(text(folder.path().join("dev/newstest2012-ref.fr.sgm")), "<seg>un</seg>\n");
    assert!(!folder.path().join("dev/newstest2013-ref.cs.sgm").exists(), "only the task's languages are unpacked");
    assert!(!folder.path().join("archives/unpacking").exists());
    assert!(succeeds(&arguments).contains("dev: already there\nNothing to fetch."));

    // What a kill left half unpacked comes from the archive that is there.
    fs::remove_file(folder.path().join("dev/newstest2012-ref.fr.sgm")).unwrap();
    fs::remove_file(server.path().join("dev.tgz")).unwrap();
    assert!(succeeds(&arguments).contains("dev: fetched before, to be unpacked"));
    assert_eq!(text(folder.path().join("dev/newstest2012-ref.fr.sgm")), "<seg>un</seg>\n");
}

#[test]
fn it_goes_on_where_an_earlier_call_stopped() {
    if !tools() {
        return;
    }
    let (server, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let whole = fs::read(dev(server.path())).unwrap();
    let (url, asked) = serve(server.path());
    let part = folder.path().join("archives/dev.tgz.part");
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    fs::write(&part, &whole[..40_000]).unwrap();
    let arguments = ["--only", "dev", "--from", &url, folder.path().to_str().unwrap()];
    succeeds(&arguments);
    assert_eq!(*asked.lock().unwrap(), ["HEAD dev.tgz all", "GET dev.tgz 40000-"]);
    assert!(fs::read(folder.path().join("archives/dev.tgz")).unwrap() == whole && !part.exists());
    assert!(folder.path().join("dev/newstest2013-src.en.sgm").exists());
}

#[test]
fn an_archive_that_is_not_what_it_should_be_is_refused() {
    if !tools() {
        return;
    }
    let (server, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let arguments = ["--only", "dev", "--from", &address(server.path()), folder.path().to_str().unwrap()];
    let path = dev(server.path());
    let whole = fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[50_000] ^= 0xff;
    fs::write(&path, &damaged).unwrap();
    let told = fails(&arguments);
    assert!(told.contains("archives/dev.tgz is damaged: delete it"), "{told}");
    assert!(!folder.path().join("dev").exists(), "nothing of it is put in place");

    fs::remove_dir_all(folder.path().join("archives")).unwrap();
    archive(server.path(), "dev.tgz", &[("dev/newstest2012-src.en.sgm", b"one\n")]);
    let told = fails(&arguments);
    assert!(told.contains("archives/dev.tgz lacks some of: dev/newstest2012-src.en.sgm"), "{told}");

    // More has come than there is: it was another file, and this one is fetched from its beginning.
    fs::remove_dir_all(folder.path().join("archives")).unwrap();
    fs::create_dir_all(folder.path().join("archives")).unwrap();
    fs::write(folder.path().join("archives/dev.tgz.part"), [&whole[..], b"more"].concat()).unwrap();
    fs::write(&path, &whole).unwrap();
    succeeds(&arguments);
    assert!(fs::read(folder.path().join("archives/dev.tgz")).unwrap() == whole);

    // What is cut short while it is fetched is kept, and not taken for the whole.
    let (cut, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(cut.path().join("dev.tgz"), &whole[..60_000]).unwrap();
    let told = fails(&["--only", "dev", "--from", &address(cut.path()), elsewhere.path().to_str().unwrap()]);
    assert!(told.contains("archives/dev.tgz is damaged"), "{told}");
}

#[test]
fn the_papers_selection_is_known_by_its_checksum() {
    if !tools() {
        return;
    }
    let (server, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let names = ["ep7_pc45", "nc9", "crawl", "ccb2_pc30", "un2000_pc34", "dev08_11"]
        .map(|part| ["en", "fr"].map(|side| format!("bitexts.selected/{part}.{side}.gz")));
    // gzip's shortest: an empty file.
    let empty = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let files: Vec<(&str, &[u8])> = names.iter().flatten().map(|name| (name.as_str(), &empty[..])).collect();
    archive(server.path(), "bitexts.tgz", &files);
    let of = ["dev/ntst1213.en", "dev/ntst1213.fr", "dev/ntst14.en", "dev/ntst14.fr"];
    archive(server.path(), "dev+test.tgz", &of.map(|name| (name, &b"a sentence\n"[..])));
    let from = address(server.path());
    let arguments = ["--only", "paper", "--from", &from, folder.path().to_str().unwrap()];
    let told = fails(&arguments);
    assert!(told.contains("bitexts.tgz has the MD5 ") && told.contains("--any-md5"), "{told}");

    let told = succeeds(&[&arguments[..], &["--any-md5"]].concat());
    assert!(told.contains("== paper\n") && told.contains("== paper-dev\n"), "its test sets come with it: {told}");
    // Other names than those that must be there are unpacked too.
    assert!(folder.path().join("bitexts.selected/dev08_11.fr.gz").exists());
    let found = unrolled::seq2seq::corpus::Wmt14::find(folder.path()).unwrap();
    assert_eq!((found.training.len(), found.tokenised), (6, true));
    assert!(found.validation.0.ends_with("dev/ntst1213.en") && found.test.is_some());
}

#[test]
fn lists_are_found_by_the_links_of_their_page() {
    if !tools() {
        return;
    }
    let (server, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let page = "<a href=\"data/bitexts.tgz\">bitexts</a> <A HREF=\"lists/dev.1000best\">dev</A>\n<a href=\"/lists/test.nbest\">test</a>";
    fs::write(server.path().join("index.html"), page).unwrap();
    fs::create_dir(server.path().join("lists")).unwrap();
    fs::write(server.path().join("lists/dev.1000best"), "0 ||| un ||| LM= -1 ||| -1\n").unwrap();
    fs::write(server.path().join("lists/test.nbest"), "0 ||| deux ||| LM= -2 ||| -2\n").unwrap();
    let (url, asked) = serve(server.path());
    let page = format!("{url}/index.html");
    let arguments = ["--only", "n-best", "--from", &page, folder.path().to_str().unwrap()];
    succeeds(&arguments);
    assert_eq!(text(folder.path().join("n-best/dev.1000best")), "0 ||| un ||| LM= -1 ||| -1\n");
    assert_eq!(text(folder.path().join("n-best/test.nbest")), "0 ||| deux ||| LM= -2 ||| -2\n");
    let before = asked.lock().unwrap().len();
    assert!(succeeds(&arguments).contains("n-best/test.nbest: already there"));
    assert_eq!(asked.lock().unwrap().len(), before + 1, "the page alone is asked for again");
}

#[test]
fn what_is_gone_is_named_with_what_else_there_is() {
    if !tools() {
        return;
    }
    let (server, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (url, _) = serve(server.path());
    let to = folder.path().join("data");
    let told = fails(&["--only", "paper", "--from", &url, to.to_str().unwrap()]);
    assert!(told.starts_with("error: the set 'paper' cannot be had: bitexts.tgz is not, or no longer, at\n"), "{told}");
    assert!(told.contains(&url) && told.contains("without --only") && told.contains("docs/large-corpora.md"), "{told}");
    let told = fails(&["--only", "n-best", "--from", &url, to.to_str().unwrap()]);
    assert!(told.contains("unrolled translate --n-best"), "{told}");
    fs::write(server.path().join("page"), "<a href=\"data/bitexts.tgz\">bitexts</a>").unwrap();
    let told = fails(&["--only", "n-best", "--from", &format!("{url}/page"), to.to_str().unwrap()]);
    assert!(told.contains("a link to lists is not"), "{told}");
    let told = fails(&["--only", "news", "--from", &url, to.to_str().unwrap()]);
    assert!(told.contains("'news' cannot be had") && told.contains("--from URL"), "{told}");
}
