//! Verbs without an object: activities, motion and daily life.

use super::noun::{Tags, tags};
use super::verb::{Auxiliary, Frame, Verb, verb};

const fn activity(en: &'static str, fr: &'static str, manners: u8) -> Verb {
    verb(en, fr, Frame::Intransitive, 0).manners(manners)
}

const fn motion(en: &'static str, fr: &'static str) -> Verb {
    verb(en, fr, Frame::Motion, 0).with_etre().subjects(LIVING)
}

const fn event(en: &'static str, fr: &'static str) -> Verb {
    verb(en, fr, Frame::Intransitive, 0).with_etre()
}

const fn daily(en: &'static str, fr: &'static str) -> Verb {
    let mut entry = verb(en, fr, Frame::Intransitive, 0);
    entry.auxiliary = Auxiliary::Reflexive;
    entry
}

const LIVING: Tags = tags::PERSON | tags::ANIMAL;
const WELL: u8 = 1;
const MUCH: u8 = 1 << 1 | 1 << 2;
const FAST: u8 = 1 << 3;
const SLOWLY: u8 = 1 << 4;

/// The table.
pub const VERBS: &[Verb] = &[
    activity("sleep", "dormir", WELL | MUCH).past("slept").subjects(LIVING),
    activity("work", "travailler", WELL | MUCH | SLOWLY).lasting(),
    activity("sing", "chanter", WELL).past("sang").skill(),
    activity("dance", "danser", WELL | MUCH).skill(),
    activity("run", "courir", FAST).past("ran").subjects(LIVING).lasting(),
    activity("walk", "marcher", FAST | SLOWLY | MUCH).subjects(LIVING).lasting(),
    activity("swim", "nager", WELL | FAST).past("swam").subjects(LIVING).skill(),
    activity("travel", "voyager", MUCH).lasting(),
    activity("laugh", "rire", MUCH).lasting(),
    activity("cry", "pleurer", MUCH).lasting(),
    activity("shout", "crier", 0).lasting(),
    activity("play", "jouer", WELL).subjects(LIVING).skill(),
    activity("study", "étudier", MUCH).lasting(),
    activity("speak", "parler", WELL | FAST | SLOWLY | MUCH).past("spoke").skill(),
    activity("eat", "manger", WELL | MUCH | FAST | SLOWLY).past("ate").subjects(LIVING).lasting(),
    activity("smoke", "fumer", MUCH).lasting(),
    motion("arrive", "arriver"),
    motion("come", "venir").past("came"),
    motion("go", "aller").past("went"),
    motion("come back", "revenir").past("came"),
    event("leave", "partir").past("left"),
    event("go out", "sortir").past("went").subjects(LIVING),
    event("come in", "entrer").past("came").subjects(LIVING),
    event("fall", "tomber").past("fell").subjects(LIVING | tags::FRAGILE).moment(),
    verb("stay", "rester", Frame::Located, 0).with_etre().subjects(LIVING),
    verb("live", "habiter", Frame::Located, 0).state(),
    event("go home", "rentrer").past("went"),
    daily("get up", "lever").past("got"),
    daily("wake up", "réveiller").past("woke").subjects(LIVING),
    daily("go to bed", "coucher").past("went"),
    daily("rest", "reposer").subjects(LIVING),
    daily("hurry", "dépêcher"),
    daily("have fun", "amuser").past("had"),
    daily("get dressed", "habiller").past("got"),
    verb("speak", "parler", Frame::Language, 0).past("spoke"),
    verb("learn", "apprendre", Frame::Language, 0),
    verb("understand", "comprendre", Frame::Language, 0).past("understood").moment(),
];
