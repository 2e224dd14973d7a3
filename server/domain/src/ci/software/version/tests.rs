//! Versions in the order of those who defined it, and the laws that an order has.

use super::*;
use proptest::prelude::*;

/// Lists of versions in strictly ascending order; those in one text, separated by blanks, are equal.
#[track_caller]
fn check(scheme: Scheme, ascending: &[&str]) {
    let ranked: Vec<(usize, &str)> =
        ascending.iter().enumerate().flat_map(|(rank, same)| same.split(' ').map(move |text| (rank, text))).collect();
    for (rank, a) in &ranked {
        for (other, b) in &ranked {
            assert_eq!(scheme.compare(a, b), rank.cmp(other), "{scheme:?}: {a} and {b}");
        }
    }
}

#[test]
fn debian_has_epochs_tildes_and_revisions() {
    check(
        Scheme::Debian,
        &[
            "1.0~~",
            "1.0~~a",
            "1.0~",
            "1.0~rc1-1",
            "1.0 1.0-0 0:1.0",
            "1.0-1",
            "1.0-1+deb12u1",
            "1.0-1.1",
            "1.0-2",
            "1.0a",
            "1.0+dfsg",
            "1.0.1",
            "1.00.2 1.0.2",
            "1.10",
            "1:0.1",
            "1:0.1-1~bpo11+1 1:0.1-1~bpo11+1",
            "1:0.1-1",
            "10:0",
        ],
    );
    check(Scheme::Debian, &["3.0.9-1", "3.0.11-1~deb12u2", "3.0.11-1", "3.0.13-1~deb12u1", "3.0.13-1"]);
    check(Scheme::Debian, &["2:8.2.2434-3", "2:8.2.2434-3+deb11u1", "2:9.0.1378-2"]);
    check(Scheme::Debian, &["7.6p2-4", "7.6.1-1"]);
    check(Scheme::Debian, &["1.2.3-1-1", "1.2.3-1-2"]);
}

#[test]
fn rpm_has_segments_tildes_and_carets() {
    check(
        Scheme::Rpm,
        &[
            "1.0~rc1",
            "1.0~rc1^git1",
            "1.0~rc2",
            "1.0 0:1.0 1..0",
            "1.0-1",
            "1.0-1.el9",
            "1.0-2",
            "1.0^",
            "1.0^git1",
            "1.0^git2",
            "1.0a 1.0.a",
            "1.0.1",
            "1.05 1.5",
            "1.10",
            "1:0.5",
        ],
    );
    check(Scheme::Rpm, &["xyz", "xyz.4 xyz4", "xyz10", "2", "4.999.9", "5 5- 5.", "5.0 5_0"]);
    check(Scheme::Rpm, &["4.18.0-80.el8", "4.18.0-80.1.2.el8_0", "4.18.0-147.el8"]);
    check(Scheme::Rpm, &["1:3.0.7-6.el9_2", "1:3.0.7-27.el9", "1:3.2.2-6.el9_5"]);
}

#[test]
fn alpine_has_letters_suffixes_and_revisions() {
    check(
        Scheme::Alpine,
        &[
            "1.2_alpha",
            "1.2_alpha1",
            "1.2_beta",
            "1.2_pre2",
            "1.2_rc1",
            "1.2_rc1-r1",
            "1.2",
            "1.2-r1",
            "1.2-r10",
            "1.2_cvs",
            "1.2_git20200101",
            "1.2_p1",
            "1.2_p1-r1",
            "1.2a",
            "1.2b",
            "1.2.0",
            "1.2.3",
            "1.10",
            "2",
        ],
    );
    check(Scheme::Alpine, &["0.02", "0.1", "0.12"]);
    check(Scheme::Alpine, &["3.1.4-r5 3.1.4~0abc-r5", "3.1.4-r6"]);
    check(Scheme::Alpine, &["5.2_p21", "5.2_p21-r2", "5.2_p26"]);
}

#[test]
fn arch_puts_joined_letters_before_the_end() {
    check(
        Scheme::Arch,
        &[
            "1.0a",
            "1.0alpha",
            "1.0b",
            "1.0beta",
            "1.0p",
            "1.0pre",
            "1.0rc",
            "1.0 0:1.0",
            "1.0-1",
            "1.0-2",
            "1.0.a",
            "1.0.1",
            "1.0.2",
            "1:0.1",
        ],
    );
}

#[test]
fn semantic_versions_have_pre_releases_and_no_builds() {
    check(
        Scheme::Semantic,
        &[
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta 1.0.0beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0 v1.0 1 1.0.0+build.5 1.0.0.0",
            "1.0.1",
            "1.2",
            "1.10",
            "2.0.0+incompatible v2.0.0",
        ],
    );
    check(Scheme::Semantic, &["v0.0.0-20190308221718-c2843e01d9a2", "v0.0.0-20200622213623-75b288015ac9", "v0.1.0"]);
}

#[test]
fn python_has_phases_posts_and_locals() {
    check(
        Scheme::Python,
        &[
            "not-a-version",
            "1.0.dev456",
            "1.0a1 1.0-alpha.1 1.0.a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1 1.0c1 1.0-preview1 1.0RC1 1.0rc-1",
            "1.0 1 v1.0.0",
            "1.0+abc.5",
            "1.0+abc.7",
            "1.0+5",
            "1.0.post456.dev34",
            "1.0.post456 1.0-456 1.0.r456",
            "1.0.15",
            "1.1.dev1",
            "1.1",
            "1!0.1",
        ],
    );
}

#[test]
fn gems_have_letters_below_numbers() {
    check(Scheme::Gem, &["1.0.a1 1.a1", "1.0.b1", "1.0-rc 1.0.pre.rc", "1.0.rc1", "1 1.0 1.0.0", "1.0.1", "1.9.3", "1.10"]);
    check(Scheme::Gem, &["5.2.0.beta1", "5.2.0.rc1", "5.2.0", "5.2.0.1"]);
}

#[test]
fn everything_else_is_ordered_as_maven_does() {
    check(
        Scheme::Generic,
        &[
            "1.0~x",
            "1.0-alpha-1 1-a1 1.0.0.Alpha1",
            "1.0-beta-2 1.0b2",
            "1.0-M3 1.0-milestone-3",
            "1.0-rc1 1.0-CR1 1.0.RC1",
            "1.0-SNAPSHOT",
            "1 1.0 1.0.0 v1 1-ga 1.0.FINAL",
            "1.0-sp",
            "1.0-jre",
            "1-1 1.0-1",
            "1.0.1",
            "1.1",
            "1.10",
        ],
    );
    check(Scheme::Generic, &["1.1.1", "1.1.1k", "1.1.1l", "1.1.2"]);
    check(Scheme::Generic, &["", "2", "20240408"]);
}

#[test]
fn the_scheme_follows_from_manager_type_or_package_url() {
    for (name, expected) in [
        ("dpkg", Scheme::Debian),
        ("pkg:deb/debian/openssl", Scheme::Debian),
        ("rpm", Scheme::Rpm),
        ("apk", Scheme::Alpine),
        ("pkg:alpm/arch/bash", Scheme::Arch),
        ("npm", Scheme::Semantic),
        ("python/requests", Scheme::Python),
        ("pypi", Scheme::Python),
        ("gem", Scheme::Gem),
        ("maven", Scheme::Generic),
        ("registry", Scheme::Generic),
        ("", Scheme::Generic),
    ] {
        assert_eq!(Scheme::of(name), expected, "{name}");
    }
    assert_eq!(compare("dpkg", "3.0.9", "3.0.13"), Ordering::Less);
}

const SCHEMES: [Scheme; 8] =
    [Scheme::Debian, Scheme::Rpm, Scheme::Alpine, Scheme::Arch, Scheme::Semantic, Scheme::Python, Scheme::Gem, Scheme::Generic];

/// Texts from few pieces, so that they are often nearly equal; and any text.
fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "0", "1", "01", "10", ".", "-", "~", "^", "_", "+", ":", "!", "a", "b", "rc", "alpha", "dev", "post", "p", "r1", "v", "git", "sp",
        "é", " ",
    ]);
    prop_oneof![4 => prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat()), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn every_scheme_is_a_total_order(a in text(), b in text(), c in text()) {
        for scheme in SCHEMES {
            prop_assert_eq!(scheme.compare(&a, &a.clone()), Ordering::Equal);
            prop_assert_eq!(scheme.compare(&a, &b), scheme.compare(&b, &a).reverse(), "{:?}", scheme);
            let mut sorted = [&a, &b, &c];
            sorted.sort_by(|one, other| scheme.compare(one, other));
            let (low, high) = (scheme.compare(sorted[0], sorted[1]), scheme.compare(sorted[1], sorted[2]));
            prop_assert_eq!(scheme.compare(sorted[0], sorted[2]), low.then(high), "{:?} {:?}", scheme, sorted);
        }
    }
}

#[test]
fn the_longest_texts_are_compared() {
    for piece in ["9", "1.", "~", "a1", "-", "_p", "~a"] {
        let (a, b) = (piece.repeat(100_000), format!("{}!", piece.repeat(100_000)));
        for scheme in SCHEMES {
            assert_eq!(scheme.compare(&a, &b), scheme.compare(&b, &a).reverse());
        }
    }
}
