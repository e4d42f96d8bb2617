//! Web and mail addresses, which are not cut.

/// The length in bytes of the address that `text` (without white space) begins with, if it does.
pub(super) fn address_length(text: &str) -> Option<usize> {
    web_address(text).or_else(|| mail_address(text))
}

fn web_address(text: &str) -> Option<usize> {
    const BEGINNINGS: [&str; 4] = ["http://", "https://", "ftp://", "www."];
    let beginning =
        BEGINNINGS.iter().find(|b| text.get(..b.len()).is_some_and(|start| start.eq_ignore_ascii_case(b)))?;
    let end = text.find(['"', '<', '>', '«', '»', '“', '”']).unwrap_or(text.len());
    let address = text[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '’', ')', ']', '}', '…']);
    (address.len() > beginning.len()).then_some(address.len())
}

fn mail_address(text: &str) -> Option<usize> {
    let local = run(text, b"._%+-");
    if local == 0 || text.as_bytes().get(local) != Some(&b'@') {
        return None;
    }
    let host = &text[local + 1..];
    let host = host[..run(host, b".-")].trim_end_matches(['.', '-']);
    (host.contains('.') && !host.starts_with('.')).then_some(local + 1 + host.len())
}

/// How many bytes from the start are ASCII letters, digits or one of `also`.
fn run(text: &str, also: &[u8]) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || also.contains(byte)).count()
}
