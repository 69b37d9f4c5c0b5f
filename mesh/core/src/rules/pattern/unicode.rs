//! The classes that RE2 knows by name: general categories by one or two letters, scripts by their long name, in exactly
//! this spelling. Those of Envoy 1.40; what a later Unicode adds, an Envoy that is running may not know.

/// Whether RE2 knows a class of this name.
pub(super) fn knows(name: &str) -> bool {
    name == "Any"
        || CATEGORIES.iter().any(|(category, _)| *category == name)
        || is_first_letter(name)
        || is_script(name)
}

/// What the class of this name has of Latin-1. One letter stands for all categories that begin with it; of the scripts
/// only two have any.
pub(super) fn ranges(name: &str) -> impl Iterator<Item = &'static (u8, u8)> {
    let script: &[(u8, u8)] = match name {
        "Any" => &[(0x00, 0xff)],
        "Latin" => &LATIN,
        "Common" => &COMMON,
        _ => &[],
    };
    let categories = CATEGORIES.iter().filter(move |(category, _)| name.len() <= 2 && category.starts_with(name));
    script.iter().chain(categories.flat_map(|(_, ranges)| *ranges))
}

fn is_first_letter(name: &str) -> bool {
    name.len() == 1 && CATEGORIES.iter().any(|(category, _)| category.starts_with(name))
}

fn is_script(name: &str) -> bool {
    SCRIPTS.split_ascii_whitespace().any(|script| script == name)
}

/// The categories, with what they have of Latin-1.
const CATEGORIES: [(&str, &[(u8, u8)]); 29] = [
    ("Cc", &[(0x00, 0x1f), (0x7f, 0x9f)]),
    ("Cf", &[(0xad, 0xad)]),
    ("Co", &[]),
    ("Cs", &[]),
    ("Ll", &[(0x61, 0x7a), (0xb5, 0xb5), (0xdf, 0xf6), (0xf8, 0xff)]),
    ("Lm", &[]),
    ("Lo", &[(0xaa, 0xaa), (0xba, 0xba)]),
    ("Lt", &[]),
    ("Lu", &[(0x41, 0x5a), (0xc0, 0xd6), (0xd8, 0xde)]),
    ("Mc", &[]),
    ("Me", &[]),
    ("Mn", &[]),
    ("Nd", &[(0x30, 0x39)]),
    ("Nl", &[]),
    ("No", &[(0xb2, 0xb3), (0xb9, 0xb9), (0xbc, 0xbe)]),
    ("Pc", &[(0x5f, 0x5f)]),
    ("Pd", &[(0x2d, 0x2d)]),
    ("Pe", &[(0x29, 0x29), (0x5d, 0x5d), (0x7d, 0x7d)]),
    ("Pf", &[(0xbb, 0xbb)]),
    ("Pi", &[(0xab, 0xab)]),
    (
        "Po",
        &[
            (0x21, 0x23),
            (0x25, 0x27),
            (0x2a, 0x2a),
            (0x2c, 0x2c),
            (0x2e, 0x2f),
            (0x3a, 0x3b),
            (0x3f, 0x40),
            (0x5c, 0x5c),
            (0xa1, 0xa1),
            (0xa7, 0xa7),
            (0xb6, 0xb7),
            (0xbf, 0xbf),
        ],
    ),
    ("Ps", &[(0x28, 0x28), (0x5b, 0x5b), (0x7b, 0x7b)]),
    ("Sc", &[(0x24, 0x24), (0xa2, 0xa5)]),
    ("Sk", &[(0x5e, 0x5e), (0x60, 0x60), (0xa8, 0xa8), (0xaf, 0xaf), (0xb4, 0xb4), (0xb8, 0xb8)]),
    (
        "Sm",
        &[
            (0x2b, 0x2b),
            (0x3c, 0x3e),
            (0x7c, 0x7c),
            (0x7e, 0x7e),
            (0xac, 0xac),
            (0xb1, 0xb1),
            (0xd7, 0xd7),
            (0xf7, 0xf7),
        ],
    ),
    ("So", &[(0xa6, 0xa6), (0xa9, 0xa9), (0xae, 0xae), (0xb0, 0xb0)]),
    ("Zl", &[]),
    ("Zp", &[]),
    ("Zs", &[(0x20, 0x20), (0xa0, 0xa0)]),
];

const LATIN: [(u8, u8); 7] =
    [(0x41, 0x5a), (0x61, 0x7a), (0xaa, 0xaa), (0xba, 0xba), (0xc0, 0xd6), (0xd8, 0xf6), (0xf8, 0xff)];
const COMMON: [(u8, u8); 7] =
    [(0x00, 0x40), (0x5b, 0x60), (0x7b, 0xa9), (0xab, 0xb9), (0xbb, 0xbf), (0xd7, 0xd7), (0xf7, 0xf7)];

/// The scripts.
const SCRIPTS: &str = "\
Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki \
Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee \
Chorasmian Common Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan \
Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi \
Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited \
Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi \
Khitan_Small_Script Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani \
Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui \
Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari \
New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian \
Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong \
Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian \
Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le \
Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai \
Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square";
