//! Hand-written pairs: questions and orders.

use super::builders::*;
use super::golden_statements::check;
use crate::grammar::features::{Gender::*, Number::*};
use crate::grammar::lexicon::WH_ADVERBS;
use crate::grammar::meaning::{Clause, NounPhrase, Order, Question, Sentence};

#[track_caller]
fn asks(question: Question, clause: Clause, english: &str, french: &str) {
    check(Sentence::Question(question, clause), english, french);
}

#[track_caller]
fn orders(order: Order, english: &str, french: &str) {
    check(Sentence::Order(order), english, french);
}

#[test]
fn yes_or_no() {
    let house = np("the", "house").adj("old");
    asks(
        Question::Polar,
        say("she", act_on("see", house)).past(),
        "Did she see the old house?",
        "Est-ce qu'elle a vu la vieille maison ?",
    );
    asks(Question::Polar, say("you", be("tired")), "Are you tired?", "Est-ce que vous êtes fatigué ?");
    asks(Question::Polar, say("he", act("swim")).can(), "Can he swim?", "Est-ce qu'il peut nager ?");
    asks(
        Question::Polar,
        say("they", act("arrive")).will().not(),
        "Won't they arrive?",
        "Est-ce qu'ils n'arriveront pas ?",
    );
    asks(Question::Polar, say("I", idiom("wrong")).not(), "Am I not wrong?", "Est-ce que je n'ai pas tort ?");
    asks(
        Question::Polar,
        say("Emma", act_on("read", np("(generic)+", "newspaper"))).often("often"),
        "Does Emma often read newspapers?",
        "Est-ce qu'Emma lit souvent les journaux ?",
    );
}

#[test]
fn question_words() {
    let [place, time, reason, means] = [0, 1, 2, 3].map(|i| Question::Adverb(&WH_ADVERBS[i]));
    asks(
        place,
        say("she", act_on("find", np("the+", "key"))).past(),
        "Where did she find the keys?",
        "Où est-ce qu'elle a trouvé les clés ?",
    );
    asks(time, say("he", act("arrive")).will(), "When will he arrive?", "Quand est-ce qu'il arrivera ?");
    asks(reason, say("you", act("cry")).ing(), "Why are you crying?", "Pourquoi est-ce que vous pleurez ?");
    asks(
        means,
        say("they", act_on("open", np("the", "window"))).past(),
        "How did they open the window?",
        "Comment est-ce qu'ils ont ouvert la fenêtre ?",
    );
    let what = act_on("look for", gap(Singular, Masculine));
    asks(Question::What, say("Alice", what).ing(), "What is Alice looking for?", "Qu'est-ce qu'Alice cherche ?");
    let whom = act_on("meet", gap(Singular, Masculine));
    asks(Question::Whom, say("you", whom).past(), "Who did you meet?", "Qui est-ce que vous avez rencontré ?");
    let which = act_on("wear", gap(Singular, Feminine));
    asks(
        Question::Which(Box::new(np("which", "dress"))),
        say("she", which).past(),
        "Which dress did she wear?",
        "Quelle robe est-ce qu'elle a portée ?",
    );
    let many = act_on("write", gap(Plural, Feminine));
    asks(
        Question::Which(Box::new(np("how many+", "letter"))),
        say("he", many).past(),
        "How many letters did he write?",
        "Combien de lettres est-ce qu'il a écrites ?",
    );
    check(Sentence::WhereIs(np("my+", "shoe").into()), "Where are my shoes?", "Où sont mes chaussures ?");
    let who = say(NounPhrase::Who, act_on("break", np("the", "mirror"))).past();
    check(Sentence::SubjectQuestion(who), "Who broke the mirror?", "Qui a cassé le miroir ?");
}

#[test]
fn orders_put_clitics_after_or_before() {
    orders(order(act_on("close", np("the", "door"))), "Close the door!", "Fermez la porte !");
    orders(order(act_on("take", "it")), "Take it!", "Prenez-le !");
    orders(order(give("give", np("the", "book"), "I")), "Give me the book!", "Donnez-moi le livre !");
    orders(order(give("show", it(Plural, Feminine), "I")), "Show them to me!", "Montrez-les-moi !");
    orders(order(act("get up")), "Get up!", "Levez-vous !");
    let negative = Order { negative: true, ..order(act_on("touch", "it")) };
    orders(negative, "Don't touch it!", "Ne le touchez pas !");
    let negative = Order { negative: true, ..order(act("hurry")) };
    orders(negative, "Don't hurry!", "Ne vous dépêchez pas !");
    let polite = Order { polite: true, ..order(act_on("answer", "I")) };
    orders(polite, "Answer me, please.", "Répondez-moi, s'il vous plaît.");
    let together = Order { together: true, ..order(act("sing")) };
    orders(together, "Let's sing.", "Chantons.");
}
