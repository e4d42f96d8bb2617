//! Hand-written pairs: statements, one or more for each rule of agreement, order, elision and contraction.

use super::builders::*;
use crate::grammar::features::{Gender::*, Number::*, Polarity};
use crate::grammar::lexicon::{SUBORDINATORS, Tags};
use crate::grammar::meaning::{Adjunct, Clause, NounPhrase, OPINIONS, Predicate, Sentence};
use crate::grammar::{english, french};

#[track_caller]
pub fn check(sentence: Sentence, english: &str, french: &str) {
    assert_eq!(english::render(&sentence), english);
    assert_eq!(french::render(&sentence), french, "for {english:?}");
}

#[track_caller]
fn states(clause: Clause, english: &str, french: &str) {
    check(Sentence::Statement(clause), english, french);
}

#[test]
fn present_and_elision() {
    states(say("she", act_on("eat", np("a", "apple"))).ing(), "She is eating an apple.", "Elle mange une pomme.");
    states(say("I", act_on("like", np("(generic)", "coffee"))), "I like coffee.", "J'aime le café.");
    states(say("I", act_on("hate", np("(generic)+", "bean"))), "I hate beans.", "Je déteste les haricots.");
    states(say("he", act_on("watch", np("the", "owl"))), "He watches the owl.", "Il regarde le hibou.");
    states(
        say("we", act_on("buy", np("some", "garlic"))).ing(),
        "We are buying some garlic.",
        "Nous achetons de l'ail.",
    );
    states(
        say("they", act_on("drink", np("a lot of", "water"))),
        "They drink a lot of water.",
        "Ils boivent beaucoup d'eau.",
    );
    states(say("you", language("speak", "French")), "You speak French.", "Vous parlez français.");
    states(say("Anne", language("learn", "Italian")).ing(), "Anne is learning Italian.", "Anne apprend l'italien.");
    let glass = np("a", "glass").measuring("water");
    states(say("Paul", act_on("want", glass)), "Paul wants a glass of water.", "Paul veut un verre d'eau.");
}

#[test]
fn adjectives_stand_and_agree() {
    states(
        say("I", act_on("see", np("a", "house").adj("small"))),
        "I see a small house.",
        "Je vois une petite maison.",
    );
    let hotel = np("a", "hotel").adj("beautiful");
    states(say("she", act_on("know", hotel)), "She knows a beautiful hotel.", "Elle connaît un bel hôtel.");
    states(
        say("he", act_on("sell", np("the", "tree").adj("old"))),
        "He sells the old tree.",
        "Il vend le vieil arbre.",
    );
    let computer = np("a", "computer").adj("new");
    states(say("we", act_on("have", computer)), "We have a new computer.", "Nous avons un nouvel ordinateur.");
    let dresses = np("a+", "dress").adj("white");
    states(say("I", act_on("wash", dresses)).past(), "I washed some white dresses.", "J'ai lavé des robes blanches.");
    let flowers = np("a+", "flower").adj("beautiful");
    states(
        say("he", act_on("buy", flowers)).past(),
        "He bought some beautiful flowers.",
        "Il a acheté de belles fleurs.",
    );
    states(say(np("the+", "horse"), be("old")), "The horses are old.", "Les chevaux sont vieux.");
    states(say(np("my+", "sister"), be("happy")), "My sisters are happy.", "Mes sœurs sont heureuses.");
    states(say(pair("Marie", "Paul"), be("proud")), "Marie and Paul are proud.", "Marie et Paul sont fiers.");
    states(say(pair("Marie", "Anne"), be("proud")), "Marie and Anne are proud.", "Marie et Anne sont fières.");
    states(say("Julie", more("tall", "I")), "Julie is taller than me.", "Julie est plus grande que moi.");
    let answer = say(np("the", "answer"), more("good", np("my", "answer")));
    states(answer, "The answer is better than my answer.", "La réponse est meilleure que ma réponse.");
}

#[test]
fn determiners_follow_gender_number_and_sound() {
    states(say(np("this", "man"), be("rich")), "This man is rich.", "Cet homme est riche.");
    states(say(np("this", "hero"), be("young")), "This hero is young.", "Ce héros est jeune.");
    states(say(np("that+", "woman"), be("tall")), "Those women are tall.", "Ces femmes sont grandes.");
    states(say("I", act_on("lose", np("my", "ladder"))).past(), "I lost my ladder.", "J'ai perdu mon échelle.");
    states(say("she", act_on("find", np("her", "watch"))).past(), "She found her watch.", "Elle a trouvé sa montre.");
    states(say(np("every", "child"), act("play")), "Every child plays.", "Chaque enfant joue.");
    let keys = np("all the+", "key");
    states(say("we", act_on("take", keys)).past(), "We took all the keys.", "Nous avons pris toutes les clés.");
    let car = np("the", "car").of(np("my", "sister"));
    states(
        say("he", act_on("drive", car)).ing(),
        "He is driving my sister's car.",
        "Il conduit la voiture de ma sœur.",
    );
    let book = np("the", "book").of(np("the", "teacher"));
    states(say("I", act_on("read", book)).past(), "I read the teacher's book.", "J'ai lu le livre du professeur.");
}

#[test]
fn numerals_agree() {
    let books = np("(numeral)+", "book").count(21);
    states(
        say("she", act_on("buy", books)).past(),
        "She bought twenty-one books.",
        "Elle a acheté vingt et un livres.",
    );
    let apples = np("(numeral)+", "apple").count(21);
    states(
        say("we", act_on("wash", apples)).past(),
        "We washed twenty-one apples.",
        "Nous avons lavé vingt et une pommes.",
    );
    let brothers = np("my+", "brother").count(2);
    states(say(brothers, act("sleep")).ing(), "My two brothers are sleeping.", "Mes deux frères dorment.");
    states(say("Paul", Predicate::Age(71)), "Paul is seventy-one years old.", "Paul a soixante et onze ans.");
    states(say("he", Predicate::Age(80)).will(), "He will be eighty years old.", "Il aura quatre-vingts ans.");
    check(Sentence::Hour(1), "It is one o'clock.", "Il est une heure.");
    check(Sentence::Hour(9), "It is nine o'clock.", "Il est neuf heures.");
    let stamps = np("(numeral)+", "stamp").count(300);
    let there = Sentence::There(stamps.into(), Polarity::Positive, vec![]);
    check(there, "There are three hundred stamps.", "Il y a trois cents timbres.");
}

#[test]
fn the_past_takes_etre_or_avoir_and_agrees() {
    states(say("she", act("arrive")).past().when("yesterday"), "She arrived yesterday.", "Elle est arrivée hier.");
    states(say(np("the+", "girl"), act("leave")).past(), "The girls left.", "Les filles sont parties.");
    let went = say("they", act("go")).past().at("to", np("the", "market"));
    states(went, "They went to the market.", "Ils sont allés au marché.");
    states(say("we", act("get up")).past(), "We got up.", "Nous nous sommes levés.");
    states(say("Sophie", act("have fun")).past(), "Sophie had fun.", "Sophie s'est amusée.");
    states(say("I", act_on("see", "she")).past(), "I saw her.", "Je l'ai vue.");
    states(say("I", act_on("see", "they")).past().not(), "I didn't see them.", "Je ne les ai pas vus.");
    states(say("she", act_on("talk to", "they")).past(), "She talked to them.", "Elle leur a parlé.");
    states(say("I", be("tired")).past(), "I was tired.", "J'étais fatigué.");
    states(say("he", act_on("want", np("a", "dog"))).past(), "He wanted a dog.", "Il voulait un chien.");
    let needed = say("they", act_on("need", np("a+", "potato"))).past();
    states(needed, "They needed some potatoes.", "Ils avaient besoin de pommes de terre.");
    states(say("she", manner("sleep", "well")).past(), "She slept well.", "Elle a bien dormi.");
    states(say("he", manner("run", "fast")).past(), "He ran fast.", "Il a couru vite.");
    let ago = say("Victor", act("come back")).past().with(ago(3, "day"));
    states(ago, "Victor came back three days ago.", "Victor est revenu il y a trois jours.");
}

#[test]
fn the_future_has_two_forms() {
    states(say("I", act("come")).will().when("tomorrow"), "I will come tomorrow.", "Je viendrai demain.");
    let going = say("we", act_on("buy", np("a", "boat"))).going();
    states(going, "We are going to buy a boat.", "Nous allons acheter un bateau.");
    states(say("she", act("rest")).going(), "She is going to rest.", "Elle va se reposer.");
    states(
        say("you", act_on("invite", "he")).going().not(),
        "You aren't going to invite him.",
        "Vous n'allez pas l'inviter.",
    );
    let sent = say("they", give("send", np("the", "letter"), "we")).will().with(within(2, "week"));
    states(sent, "They will send us the letter in two weeks.", "Ils nous enverront la lettre dans deux semaines.");
}

#[test]
fn negation_surrounds_the_finite_verb() {
    states(say("he", act("smoke")).not(), "He doesn't smoke.", "Il ne fume pas.");
    states(say("I", act_on("have", np("a+", "orange"))).not(), "I don't have any oranges.", "Je n'ai pas d'oranges.");
    states(
        say("she", act_on("see", np("the", "lake"))).past().polarity(Polarity::Never),
        "She never saw the lake.",
        "Elle n'a jamais vu le lac.",
    );
    states(say("Emma", act("work")).polarity(Polarity::NoLonger), "Emma no longer works.", "Emma ne travaille plus.");
    states(say("we", act("eat")).past().polarity(Polarity::Nothing), "We ate nothing.", "Nous n'avons rien mangé.");
    states(say("I", act("get up")).past().not(), "I didn't get up.", "Je ne me suis pas levé.");
    states(say("they", act("rest")).not().often("often"), "They don't often rest.", "Ils ne se reposent pas souvent.");
    let none = Sentence::There(np("some", "milk").into(), Polarity::Not, vec![]);
    check(none, "There isn't any milk.", "Il n'y a pas de lait.");
}

#[test]
fn clitics_stand_before_their_verb() {
    states(say("he", give("give", np("the", "key"), "she")).past(), "He gave her the key.", "Il lui a donné la clé.");
    let both = give("show", it(Singular, Masculine), "I");
    states(say("she", both).past(), "She showed it to me.", "Elle me l'a montré.");
    let both = give("lend", it(Singular, Feminine), "he");
    states(say("I", both).past(), "I lent it to him.", "Je la lui ai prêtée.");
    let name = give("bring", np("some", "bread"), "Alice");
    states(say("I", name).ing(), "I am bringing some bread to Alice.", "J'apporte du pain à Alice.");
    states(say("I", act_on("see", "he")).can().not(), "I can't see him.", "Je ne peux pas le voir.");
    states(say("we", act_on("follow", "you")).must(), "We must follow you.", "Nous devons vous suivre.");
    states(
        say("she", act_on("repair", "it")).to("try").past(),
        "She tried to repair it.",
        "Elle a essayé de le réparer.",
    );
    states(say("he", act("get up")).to("have"), "He has to get up.", "Il doit se lever.");
    states(say("I", act_on("listen to", "she")).often("always"), "I always listen to her.", "Je l'écoute toujours.");
}

#[test]
fn prepositions_contract_and_places_choose_theirs() {
    let near = say(np("the", "bank"), Predicate::Located).at("near", np("the", "park"));
    states(near, "The bank is near the park.", "La banque est près du parc.");
    let beside = say(np("the", "cat"), Predicate::Located).at("next to", np("the", "shelf"));
    states(beside, "The cat is next to the shelf.", "Le chat est à côté de l'étagère.");
    let smiled = say("he", act_on("smile at", np("the+", "child"))).past();
    states(smiled, "He smiled at the children.", "Il a souri aux enfants.");
    let talked = say("we", act_on("talk about", np("the+", "film"))).past();
    states(talked, "We talked about the films.", "Nous avons parlé des films.");
    let same = say("I", act_on("answer", np("the same", "doctor"))).past();
    states(same, "I answered the same doctor.", "J'ai répondu au même médecin.");
    states(say("she", act("live")).with(city("in", "London")), "She lives in London.", "Elle habite à Londres.");
    states(say("we", act("go")).will().with(country("to", "Japan")), "We will go to Japan.", "Nous irons au Japon.");
    let kitchen = say("he", act("go")).past().at("into", np("the", "kitchen"));
    states(kitchen, "He went into the kitchen.", "Il est allé dans la cuisine.");
    states(say("I", act("stay")).with(somewhere("at home")), "I stay at home.", "Je reste à la maison.");
    states(say("Paul", act("come")).past().at("with", "they"), "Paul came with them.", "Paul est venu avec eux.");
}

#[test]
fn trades_and_idioms_differ_from_english() {
    states(say("she", Predicate::Trade(noun("student"))), "She is a student.", "Elle est étudiante.");
    states(say("he", Predicate::Trade(noun("nurse"))).past(), "He was a nurse.", "Il était infirmier.");
    states(say("they", Predicate::Trade(noun("engineer"))), "They are engineers.", "Ils sont ingénieurs.");
    states(say("I", idiom("hungry")).not(), "I am not hungry.", "Je n'ai pas faim.");
    states(say("she", idiom("right")).past(), "She was right.", "Elle avait raison.");
}

#[test]
fn two_clauses_keep_their_reference() {
    let lost = say("she", act_on("lose", np("her", "dog"))).past();
    let first = say("she", be("sad"));
    check(
        Sentence::Joined(first, &SUBORDINATORS[1], lost),
        "She is sad because she lost her dog.",
        "Elle est triste parce qu'elle a perdu son chien.",
    );
    let sold = say("he", act_on("sell", it(Singular, Feminine))).past();
    let bought = say("he", act_on("buy", np("a", "car"))).past();
    check(
        Sentence::Joined(bought, &SUBORDINATORS[5], sold),
        "He bought a car and he sold it.",
        "Il a acheté une voiture et il l'a vendue.",
    );
    let report = say("he", act("sleep")).ing();
    let i = NounPhrase::from("I").agreement();
    check(Sentence::Report(&OPINIONS[0], i, report), "I think that he is sleeping.", "Je pense qu'il dort.");
    let lost = say("I", act_on("lose", it(Plural, Feminine))).past().when("yesterday");
    check(
        Sentence::Topic(np("the+", "key").into(), lost),
        "The keys? I lost them yesterday.",
        "Les clés ? Je les ai perdues hier.",
    );
    let flowers = np("the+", "flower").that(say("she", act_on("buy", gap(Plural, Feminine))).past());
    states(
        say(flowers, be("pretty")),
        "The flowers that she bought are pretty.",
        "Les fleurs qu'elle a achetées sont jolies.",
    );
    let sells = say(NounPhrase::Relative(np("the", "man").agreement(), true), act_on("sell", np("some", "cheese")));
    let man = np("the", "man").that(sells);
    states(
        say("I", act_on("know", man)),
        "I know the man who sells some cheese.",
        "Je connais l'homme qui vend du fromage.",
    );
}

#[test]
fn there_is_and_the_weather() {
    let under = Adjunct::Prepositional(crate::grammar::lexicon::preposition("under"), np("the", "chair").into());
    check(
        Sentence::There(np("a", "cat").into(), Polarity::Positive, vec![under]),
        "There is a cat under the chair.",
        "Il y a un chat sous la chaise.",
    );
    let weather = crate::grammar::meaning::Weather {
        sky: &crate::grammar::lexicon::SKIES[0],
        tense: crate::grammar::features::Tense::Past,
        adjuncts: vec![city("in", "Paris")],
    };
    check(Sentence::Weather(weather), "It rained in Paris.", "Il a plu à Paris.");
    // Tags::MAX stands for any sort where a verb is looked up; it must cover every tag.
    assert!(crate::grammar::lexicon::nouns().all(|noun| noun.is(Tags::MAX)));
}
