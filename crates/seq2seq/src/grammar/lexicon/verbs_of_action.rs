//! Verbs with an object.

use super::noun::{Tags, tags};
use super::verb::{Frame, Verb, verb};

const fn direct(en: &'static str, fr: &'static str, objects: Tags) -> Verb {
    verb(en, fr, Frame::Direct, objects)
}

const fn dative(en: &'static str, fr: &'static str, objects: Tags) -> Verb {
    verb(en, fr, Frame::Dative, objects)
}

const fn indirect(en: &'static str, fr: &'static str) -> Verb {
    verb(en, fr, Frame::Indirect, tags::PERSON)
}

const fn about(en: &'static str, fr: &'static str, objects: Tags) -> Verb {
    verb(en, fr, Frame::About, objects)
}

const LIVING: Tags = tags::PERSON | tags::ANIMAL;
const PORTABLE: Tags = tags::THING | tags::TEXT | tags::CLOTHING | tags::DISH;

/// The table.
pub const VERBS: &[Verb] = &[
    direct("see", "voir", tags::VISIBLE).past("saw").subjects(LIVING).moment(),
    direct("find", "trouver", tags::THING | tags::TEXT | tags::CLOTHING | tags::ANIMAL).past("found").moment(),
    direct("lose", "perdre", tags::THING | tags::TEXT | tags::CLOTHING).past("lost").moment(),
    direct("buy", "acheter", tags::GOODS | tags::MASS).past("bought"),
    direct("sell", "vendre", tags::GOODS | tags::MASS).past("sold"),
    direct("eat", "manger", tags::FOOD).past("ate").subjects(LIVING).lasting(),
    direct("drink", "boire", tags::DRINK).past("drank").lasting(),
    direct("read", "lire", tags::TEXT).past("read").skill(),
    direct("write", "écrire", tags::WRITTEN).past("wrote").skill(),
    direct("open", "ouvrir", tags::OPENABLE),
    direct("close", "fermer", tags::OPENING | tags::CONTAINER),
    direct("break", "casser", tags::FRAGILE).past("broke"),
    direct("wash", "laver", tags::CLOTHING | tags::VEHICLE | tags::MEASURE | tags::DISH | tags::OPENING).lasting(),
    direct("clean", "nettoyer", tags::ROOM | tags::FURNITURE | tags::OPENING).lasting(),
    direct("repair", "réparer", tags::MACHINE | tags::FURNITURE).skill(),
    direct("love", "aimer", tags::PERSON | tags::ANIMAL | tags::MUSIC).state(),
    direct("like", "aimer", tags::FOOD | tags::DRINK | tags::ANIMAL | tags::SHOW | tags::TEXT).state().generic(),
    direct("hate", "détester", tags::FOOD | tags::DRINK | tags::ANIMAL | tags::CLOTHING).state().generic(),
    direct("know", "connaître", tags::PERSON | tags::BUILDING | tags::MUSIC).past("knew").state(),
    direct("help", "aider", tags::PERSON).lasting(),
    direct("meet", "rencontrer", tags::PERSON).past("met"),
    direct("invite", "inviter", tags::PERSON),
    direct("follow", "suivre", LIVING | tags::VEHICLE).subjects(LIVING),
    direct("watch", "regarder", tags::SHOW | LIVING).subjects(LIVING).lasting(),
    direct("look for", "chercher", tags::THING | tags::TEXT | LIVING).subjects(LIVING).lasting(),
    direct("wait for", "attendre", tags::PERSON).subjects(LIVING),
    direct("listen to", "écouter", tags::PERSON | tags::MUSIC).lasting(),
    direct("hear", "entendre", LIVING | tags::MUSIC).past("heard").subjects(LIVING).moment(),
    direct("thank", "remercier", tags::PERSON),
    direct("understand", "comprendre", tags::IDEA | tags::PERSON).past("understood").moment(),
    direct("learn", "apprendre", tags::LEARNT).lasting(),
    direct("forget", "oublier", tags::IDEA | tags::THING).past("forgot").moment(),
    direct("visit", "visiter", tags::BUILDING),
    direct("build", "construire", tags::BUILDING | tags::VEHICLE | tags::FURNITURE).past("built").skill(),
    direct("draw", "dessiner", tags::ANIMAL | tags::BUILDING | tags::OUTDOORS | tags::VEHICLE).past("drew").skill(),
    direct("prepare", "préparer", tags::FOOD | tags::DRINK).skill(),
    direct("cut", "couper", tags::FOOD | tags::OUTDOORS).past("cut").lasting(),
    direct("wear", "porter", tags::CLOTHING).past("wore"),
    direct("carry", "porter", tags::CONTAINER | tags::FURNITURE),
    direct("take", "prendre", PORTABLE).past("took"),
    direct("choose", "choisir", tags::GOODS | tags::SHOW).past("chose"),
    direct("finish", "finir", tags::TEXT),
    direct("drive", "conduire", tags::DRIVEN).past("drove").skill(),
    direct("hide", "cacher", tags::THING | tags::TEXT).past("hid"),
    direct("touch", "toucher", tags::ANIMAL | tags::THING | tags::FURNITURE),
    direct("use", "utiliser", tags::THING | tags::VEHICLE).skill(),
    direct("want", "vouloir", tags::GOODS | tags::MASS).state(),
    direct("have", "avoir", tags::GOODS | tags::ANIMAL | tags::MASS | tags::IDEA).past("had").state(),
    direct("receive", "recevoir", tags::TEXT | tags::THING).moment(),
    direct("paint", "peindre", tags::FURNITURE | tags::BUILDING | tags::OPENING).skill(),
    dative("give", "donner", PORTABLE | tags::ANIMAL).past("gave"),
    dative("show", "montrer", PORTABLE | tags::VEHICLE),
    dative("lend", "prêter", tags::THING | tags::TEXT | tags::VEHICLE | tags::CLOTHING).past("lent"),
    dative("send", "envoyer", tags::TEXT | tags::THING).past("sent"),
    dative("bring", "apporter", PORTABLE | tags::MASS).past("brought"),
    dative("offer", "offrir", tags::THING | tags::DRINK | tags::TEXT),
    dative("tell", "raconter", tags::TOLD).past("told"),
    indirect("talk to", "parler"),
    indirect("answer", "répondre"),
    indirect("phone", "téléphoner"),
    indirect("obey", "obéir"),
    indirect("smile at", "sourire"),
    indirect("write to", "écrire").past("wrote"),
    about("talk about", "parler", tags::TEXT | tags::IDEA | tags::PERSON | tags::SHOW),
    about("need", "avoir besoin", tags::GOODS | tags::MASS).state(),
    about("dream of", "rêver", tags::ANIMAL | tags::VEHICLE | tags::BUILDING).lasting(),
];
