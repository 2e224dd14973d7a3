//! As much of XML as definitions of machines and servers need: elements, attributes, text.
//!
//! No entities but the five that XML itself has, no document types, no processing instructions: nothing is ever expanded. Depth, number of
//! elements and size have bounds; a document that is not well-formed is an error.

/// Elements within elements; a libvirt definition nests six deep.
const DEPTH: usize = 64;

/// Elements of one document; a definition with a hundred disks has 2,000.
const ELEMENTS: usize = 100_000;

/// An element with all that is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    /// Its own text, without that of the elements in it, trimmed.
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// The root of a document.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut open: Vec<Self> = Vec::new();
        let mut elements = 0;
        let mut rest = text.trim_start_matches('\u{feff}');
        loop {
            let (before, tail) = rest.split_once('<').ok_or("the document ends within an element")?;
            if let Some(parent) = open.last_mut() {
                parent.text.push_str(&unescaped(before));
            }
            rest = tail;
            if let Some(tail) = skipped(rest)? {
                rest = tail;
                continue;
            }
            let tag = rest.get(..end_of_tag(rest).ok_or("a tag has no end")?).unwrap_or_default();
            rest = rest.get(tag.len() + 1..).unwrap_or_default();
            let closed = if let Some(name) = tag.strip_prefix('/') {
                let element = open.pop().filter(|element| element.name == name.trim());
                Some(element.ok_or_else(|| format!("</{}> ends nothing", short(name)))?)
            } else {
                elements += 1;
                let is_empty = tag.ends_with('/');
                let element = Self::begin(tag.strip_suffix('/').unwrap_or(tag))?;
                if elements > ELEMENTS || open.len() >= DEPTH {
                    return Err("more elements, or deeper ones, than any definition has".to_owned());
                }
                if is_empty { Some(element) } else { open.push(element); None }
            };
            let Some(mut element) = closed else { continue };
            element.text = element.text.trim().to_owned();
            match open.last_mut() {
                Some(parent) => parent.children.push(element),
                None => return Ok(element),
            }
        }
    }

    /// `name attribute="value" …`.
    fn begin(tag: &str) -> Result<Self, String> {
        let name = tag.split_whitespace().next().ok_or("a tag without a name")?;
        let mut element = Self { name: name.to_owned(), ..Self::default() };
        let mut rest = tag.trim_start().get(name.len()..).unwrap_or_default().trim_start();
        while let Some((attribute, tail)) = rest.split_once('=') {
            let tail = tail.trim_start();
            let quote = tail.chars().next().filter(|quote| matches!(quote, '"' | '\'')).ok_or_else(|| format!("{} has no quoted value", short(attribute)))?;
            let (value, tail) = tail.get(1..).unwrap_or_default().split_once(quote).ok_or("a value has no end")?;
            element.attributes.push((attribute.trim().to_owned(), unescaped(value)));
            rest = tail.trim_start();
        }
        if rest.is_empty() { Ok(element) } else { Err(format!("{} has no value", short(rest))) }
    }

    /// The value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(attribute, _)| attribute == name).map(|(_, value)| value.as_str())
    }

    /// The first element in it of a name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first element in it of a name.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str()).filter(|text| !text.is_empty())
    }

    /// All elements in it, at any depth, of a name.
    pub(crate) fn descendants<'a>(&'a self, name: &'a str) -> Vec<&'a Self> {
        let mut found = Vec::new();
        let mut waiting = vec![self];
        while let Some(element) = waiting.pop() {
            if element.name == name {
                found.push(element);
            }
            waiting.extend(element.children.iter().rev());
        }
        found
    }
}

/// What follows a comment, a declaration or a section of characters, none of which is kept; none when none of these begins here.
fn skipped(rest: &str) -> Result<Option<&str>, String> {
    const PARTS: [(&str, &str); 3] = [("!--", "-->"), ("![CDATA[", "]]>"), ("?", "?>")];
    for (begin, end) in PARTS {
        if let Some(inner) = rest.strip_prefix(begin) {
            return inner.split_once(end).map(|(_, tail)| Some(tail)).ok_or_else(|| format!("<{begin} has no end"));
        }
    }
    if rest.starts_with('!') { Err("a document type, which is not read".to_owned()) } else { Ok(None) }
}

/// A `>` within quotes ends nothing.
fn end_of_tag(rest: &str) -> Option<usize> {
    let mut quote = None;
    rest.char_indices().find_map(|(at, character)| {
        match character {
            _ if quote == Some(character) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(character),
            '>' if quote.is_none() => return Some(at),
            _ => {}
        }
        None
    })
}

fn unescaped(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    named.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

fn short(text: &str) -> String {
    text.chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_attributes_and_text_are_read() {
        let root = Element::parse("<?xml version='1.0'?>\n<!-- a > b -->\n<domain type='kvm' id=\"1\">\n <name>a&amp;b</name>\n <x><mac address='5&gt;'/></x>\n</domain>\n");
        let root = root.expect("well-formed");
        assert_eq!((root.name.as_str(), root.attribute("type"), root.text_of("name")), ("domain", Some("kvm"), Some("a&b")));
        assert_eq!(root.descendants("mac").first().and_then(|mac| mac.attribute("address")), Some("5>"));
    }

    #[test]
    fn what_is_not_well_formed_is_an_error() {
        let deep = "<a>".repeat(1000);
        for text in ["", "<a>", "<a></b>", "<a b></a>", "<a b=c/>", "<!DOCTYPE x [<!ENTITY e 'x'>]><a>&e;</a>", "<a", "<!-- <a/>", deep.as_str()] {
            assert!(Element::parse(text).is_err(), "{text:.20}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(</?[a-c]( [a-b]=['\"][^<]{0,3}['\"])?/?>|[é&;a-b<>!?'\"/ =-]{0,4}){0,12}") {
            let _ = Element::parse(&text);
        }
    }
}
