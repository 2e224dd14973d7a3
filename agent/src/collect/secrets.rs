//! Taking secrets out of command lines before they leave the host.
//!
//! What is taken out is the value of anything that calls itself a password, token, key or the like, in whatever form command lines,
//! URLs, JSON, connection strings and headers give it; the options by which known clients take a password; variables handed to
//! containers; and what is known as a key by its own look. A script or a document inside one argument is read like the rest. It errs
//! on the side of taking: what it takes too much is a word of a command line, what it takes too little is somebody's password.

use super::text::{bounded, tidy};
use rollcall_shared::limits::TEXT_BYTES;

mod clients;
mod names;
mod prose;

use clients::Clients;

const REDACTED: &str = "[redacted]";

/// Scripts within scripts that are read as such: `sudo sh -c "su -c 'mysql -px'"`.
const DEPTH: usize = 4;

/// A command line of arguments, joined by blanks, without its secrets; none when there are no arguments.
pub(crate) fn redacted<'a>(arguments: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut command = String::new();
    let mut reader = Reader::default();
    for argument in arguments {
        // One over the limit is enough to be cut; nothing beyond would be kept.
        if command.len() > TEXT_BYTES {
            break;
        }
        if !command.is_empty() {
            command.push(' ');
        }
        reader.word(&mut command, argument, 0);
    }
    // A key may have been cut into words at its blanks.
    tidy(&prose::without_private_keys(&command)).map(bounded)
}

/// What the next word is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    /// Nothing special.
    #[default]
    Plain,
    /// A secret.
    Secret,
    /// `user:password`, or `user%password`.
    UserAndPassword,
    /// `NAME=value` of a variable.
    Variable,
    /// The value of an `Authorization` header, with or without its scheme.
    Authorization,
    /// A secret after this many more words that are no options.
    SecretAfter(u8),
    /// From here on every word that is no option.
    AllSecret,
}

/// Reads words one after the other and remembers what an earlier one said of the next.
#[derive(Default)]
struct Reader {
    clients: Clients,
    next: Next,
}

impl Reader {
    /// Adds one word without its secrets.
    fn word(&mut self, out: &mut String, word: &str, depth: usize) {
        if self.is_taken(out, word) {
            return;
        }
        self.clients.see(word);
        if let Some(flag) = self.clients.attached(word) {
            out.extend([flag, REDACTED]);
            return;
        }
        let clean = prose::scrubbed(word);
        if depth < DEPTH && clean.contains(char::is_whitespace) {
            script(out, &clean, depth + 1);
        } else {
            out.push_str(&clean);
        }
        self.next = self.after(word).unwrap_or(match self.next {
            next @ (Next::SecretAfter(_) | Next::AllSecret) => next,
            _ => Next::Plain,
        });
    }

    /// Whether the word was what an earlier one announced; then what may be shown of it has been added.
    fn is_taken(&mut self, out: &mut String, word: &str) -> bool {
        // The next option is never the value of this one.
        if is_option(word) {
            return false;
        }
        match self.next {
            Next::Plain => return false,
            _ if word.contains(REDACTED) => out.push_str(word),
            Next::Secret | Next::SecretAfter(0) => out.push_str(REDACTED),
            Next::AllSecret => {
                out.push_str(REDACTED);
                return true;
            }
            Next::SecretAfter(more) => {
                self.next = Next::SecretAfter(more - 1);
                return false;
            }
            Next::UserAndPassword => {
                let Some((user, password)) =
                    word.split_once([':', '%']).filter(|(user, password)| !is_numeric(user) || !is_numeric(password))
                else {
                    return false;
                };
                out.push_str(user);
                if !password.is_empty() {
                    out.extend([":", REDACTED]);
                }
            }
            Next::Variable => {
                let Some((name, _)) = word.split_once('=') else { return false };
                out.extend([name.trim_start_matches(['"', '\'']), "=", REDACTED]);
            }
            Next::Authorization => {
                if names::is_scheme(word) {
                    out.push_str(word);
                    self.next = Next::Secret;
                    return true;
                }
                out.push_str(REDACTED);
            }
        }
        self.next = Next::Plain;
        true
    }

    /// What a word says of the next one; none when nothing.
    fn after(&self, word: &str) -> Option<Next> {
        let bare = word.trim_matches(['"', '\'']);
        if let Some(next) = self.clients.after(bare) {
            return Some(next);
        }
        let announced = bare.strip_suffix([':', '=']);
        if announced.is_some_and(names::is_header) {
            return Some(Next::Authorization);
        }
        if bare.eq_ignore_ascii_case("bearer") || matches!(bare, "requirepass" | "masterauth") || announced.is_some_and(names::is_secret) {
            return Some(Next::Secret);
        }
        let is_flag = bare.starts_with('-') && !bare.contains(['=', ' ']);
        match bare {
            _ if is_flag && names::is_secret(bare) => Some(Next::Secret),
            "-u" | "-U" | "--user" | "--userpwd" | "--proxy-user" | "--username" | "--login" | "--auth" | "--creds" => {
                Some(Next::UserAndPassword)
            }
            _ => None,
        }
    }
}

/// Adds the words of a script with the blanks between them as they are.
fn script(out: &mut String, text: &str, depth: usize) {
    let mut reader = Reader::default();
    let mut rest = text;
    while let Some(start) = rest.find(|character: char| !character.is_whitespace()) {
        let (blanks, tail) = rest.split_at(start);
        let (word, tail) = tail.split_at(end_of_word(tail));
        out.push_str(blanks);
        match quoted(word) {
            // What is quoted may be a script again.
            Some((quote, inner)) if reader.next == Next::Plain => {
                out.push(quote);
                reader.word(out, inner, depth);
                out.push(quote);
            }
            Some((_, inner)) => reader.word(out, inner, depth),
            None => reader.word(out, word, DEPTH),
        }
        rest = tail;
    }
    out.push_str(rest);
}

/// A word ends with the blank after it that is not within quotes.
fn end_of_word(text: &str) -> usize {
    let mut quote = None;
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if std::mem::take(&mut is_escaped) => {}
            '\\' => is_escaped = true,
            _ if quote == Some(character) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(character),
            _ if character.is_whitespace() && quote.is_none() => return at,
            _ => {}
        }
    }
    // A quote that nothing ends holds nothing together.
    if quote.is_some() { text.find(char::is_whitespace).unwrap_or(text.len()) } else { text.len() }
}

fn quoted(word: &str) -> Option<(char, &str)> {
    ['"', '\''].into_iter().find_map(|quote| Some((quote, word.strip_prefix(quote)?.strip_suffix(quote)?)))
}

/// `-x`, `--some-name` and `--some-name=value`; a password that begins with a dash does not look so, mostly.
fn is_option(word: &str) -> bool {
    let Some(name) = word.strip_prefix('-') else { return false };
    let Some(long) = name.strip_prefix('-') else { return name.len() == 1 };
    let name = long.split('=').next().unwrap_or_default();
    long.starts_with(|character: char| character.is_ascii_lowercase())
        && name.chars().all(|character| character.is_ascii_lowercase() || matches!(character, '-' | '_' | '.'))
}

fn is_numeric(text: &str) -> bool {
    text.chars().all(|character| character.is_ascii_digit())
}

#[cfg(test)]
mod tests;
