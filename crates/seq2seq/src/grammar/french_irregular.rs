//! The irregular French verbs of the lexicon: present, future stem and participle.

/// The forms that the rules do not give.
#[derive(Debug)]
pub struct Irregular {
    /// Infinitive.
    pub infinitive: &'static str,
    /// Present: je, il, nous, vous, ils.
    pub present: [&'static str; 5],
    /// Stem of the futur simple.
    pub future: &'static str,
    /// Past participle, masculine singular.
    pub participle: &'static str,
}

const fn verb(
    infinitive: &'static str,
    present: [&'static str; 5],
    future: &'static str,
    participle: &'static str,
) -> Irregular {
    Irregular { infinitive, present, future, participle }
}

/// The table, sorted by nothing but frequency.
pub const IRREGULAR: &[Irregular] = &[
    verb("être", ["suis", "est", "sommes", "êtes", "sont"], "ser", "été"),
    verb("avoir", ["ai", "a", "avons", "avez", "ont"], "aur", "eu"),
    verb("aller", ["vais", "va", "allons", "allez", "vont"], "ir", "allé"),
    verb("voir", ["vois", "voit", "voyons", "voyez", "voient"], "verr", "vu"),
    verb("savoir", ["sais", "sait", "savons", "savez", "savent"], "saur", "su"),
    verb("pouvoir", ["peux", "peut", "pouvons", "pouvez", "peuvent"], "pourr", "pu"),
    verb("vouloir", ["veux", "veut", "voulons", "voulez", "veulent"], "voudr", "voulu"),
    verb("devoir", ["dois", "doit", "devons", "devez", "doivent"], "devr", "dû"),
    verb("recevoir", ["reçois", "reçoit", "recevons", "recevez", "reçoivent"], "recevr", "reçu"),
    verb("prendre", ["prends", "prend", "prenons", "prenez", "prennent"], "prendr", "pris"),
    verb("apprendre", ["apprends", "apprend", "apprenons", "apprenez", "apprennent"], "apprendr", "appris"),
    verb("comprendre", ["comprends", "comprend", "comprenons", "comprenez", "comprennent"], "comprendr", "compris"),
    verb("boire", ["bois", "boit", "buvons", "buvez", "boivent"], "boir", "bu"),
    verb("lire", ["lis", "lit", "lisons", "lisez", "lisent"], "lir", "lu"),
    verb("écrire", ["écris", "écrit", "écrivons", "écrivez", "écrivent"], "écrir", "écrit"),
    verb("dire", ["dis", "dit", "disons", "dites", "disent"], "dir", "dit"),
    verb("ouvrir", ["ouvre", "ouvre", "ouvrons", "ouvrez", "ouvrent"], "ouvrir", "ouvert"),
    verb("offrir", ["offre", "offre", "offrons", "offrez", "offrent"], "offrir", "offert"),
    verb("connaître", ["connais", "connaît", "connaissons", "connaissez", "connaissent"], "connaîtr", "connu"),
    verb("suivre", ["suis", "suit", "suivons", "suivez", "suivent"], "suivr", "suivi"),
    verb("croire", ["crois", "croit", "croyons", "croyez", "croient"], "croir", "cru"),
    verb("rire", ["ris", "rit", "rions", "riez", "rient"], "rir", "ri"),
    verb("sourire", ["souris", "sourit", "sourions", "souriez", "sourient"], "sourir", "souri"),
    verb("courir", ["cours", "court", "courons", "courez", "courent"], "courr", "couru"),
    verb("dormir", ["dors", "dort", "dormons", "dormez", "dorment"], "dormir", "dormi"),
    verb("partir", ["pars", "part", "partons", "partez", "partent"], "partir", "parti"),
    verb("sortir", ["sors", "sort", "sortons", "sortez", "sortent"], "sortir", "sorti"),
    verb("venir", ["viens", "vient", "venons", "venez", "viennent"], "viendr", "venu"),
    verb("revenir", ["reviens", "revient", "revenons", "revenez", "reviennent"], "reviendr", "revenu"),
    verb(
        "construire",
        ["construis", "construit", "construisons", "construisez", "construisent"],
        "construir",
        "construit",
    ),
    verb("conduire", ["conduis", "conduit", "conduisons", "conduisez", "conduisent"], "conduir", "conduit"),
    verb("peindre", ["peins", "peint", "peignons", "peignez", "peignent"], "peindr", "peint"),
    verb("envoyer", ["envoie", "envoie", "envoyons", "envoyez", "envoient"], "enverr", "envoyé"),
    verb("faire", ["fais", "fait", "faisons", "faites", "font"], "fer", "fait"),
];

/// The irregular forms of `infinitive`, `None` where it is regular.
pub fn irregular(infinitive: &str) -> Option<&'static Irregular> {
    IRREGULAR.iter().find(|verb| verb.infinitive == infinitive)
}
