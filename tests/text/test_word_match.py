"""Hard pairs of a target word and a sentence, yes and no, and the rate on real banks."""

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cefr_helpers.text import spelling, word_match

REAL_BANKS = Path(__file__).parents[3] / "shared" / "data"

YES = """
child        | Three children were playing outside.
children     | Every child got an apple.
go           | They went home early.
went         | We go there on Sundays.
be           | It was late.
be           | We're tired.
be           | It's raining again.
have         | She's got a cold, I've got the flu.
will         | I'll call you tomorrow.
would        | He'd rather stay at home.
not          | They don't agree.
do           | I don't know him.
can          | She can't swim.
can          | We cannot wait any longer.
will         | It won't take long.
criterion    | The criteria are listed below.
leaf         | The leaves turned red.
lie          | He lay on the grass all day.
bring        | Who brought the cake?
good         | This one is better.
far          | We walked further than planned.
happy        | I have never been happier.
big          | The biggest problem is money.
panic        | The crowd panicked.
learn        | I learnt it by heart.
learned      | You will learn more there.
learn        | She learned to skate.
prove        | It has been proven wrong.
leap         | The cat leaped over the wall.
quiz         | He hates quizzes.
blog         | She blogged about her trip.
selfie       | They took hundreds of selfies.
app          | Two apps were deleted.
colour       | The colors have faded.
color        | A coloured pencil lay there.
behaviour    | Her behavior surprised us.
favourite    | Which one is your favorite?
neighbour    | The neighbors are away.
organise     | The party was organized by them.
organize     | He is organising a trip.
organisation | A small organization helped.
analyse      | They analyzed the water.
paralyze     | The strike paralysed the city.
travel       | We traveled by night.
travel       | They have travelled a lot.
cancel       | The flight was cancelled.
cancel       | All trains were canceled.
centre       | The center of the town is old.
center       | A table centred in the room looks odd.
theatre      | There are two theaters here.
metre        | It is ten meters long.
kilometer    | We drove forty kilometres.
licence      | You need a license to fish.
defence      | The defense was weak.
practise     | She practices every day.
programme    | The program starts at eight.
grey         | The sky was gray.
gray         | A greyer morning is hard to imagine.
plough       | The fields were plowed in March.
mould        | There is mold on the bread.
tyre         | All four tires are new.
cheque       | He paid with a check.
storey       | The house has three stories.
jewellery    | Her jewelry was stolen.
pyjamas      | He was still in his pajamas.
fulfil       | She fulfilled her dream.
enrol        | Two hundred students enrolled.
enroll       | He enrols for a new course.
skilful      | What a skillful player!
judgement    | That is a matter of judgment.
encyclopaedia | Look in an encyclopedia.
anaesthetic  | The anesthetic soon worked.
aluminium    | The pan is made of aluminum.
towards      | He ran toward the gate.
per cent     | Ten percent of them left.
percent      | Five per cent is enough.
any more     | They don't live here anymore.
all right    | Everything is alright now.
dog          | The dog's bowl is empty.
dog          | The dogs' bowls are empty.
sister       | My sister’s car is red.
boss         | The boss' chair broke.
email        | I sent her two e-mails.
e-mail       | She emailed me the list.
ice cream    | Two ice creams, please.
ice-cream    | We shared an ice cream.
ice cream    | An ice-cream van went past.
website      | Their web site is down.
web site     | The website loads slowly.
well-known   | She is a well known singer.
well-known   | He is a well-known cook.
known        | A well-known path leads up.
old-fashioned | His coat is old-fashioned.
long-term    | The long term effects are unclear.
mother-in-law | Both mothers-in-law came.
bus stop     | The bus stops here are dirty.
look after   | She looked after the baby.
look up      | Look it up in the list.
look up      | You should look the number up.
turn off     | Please turn the lights off before you go.
turn off     | He turned off the radio.
pick up      | We'll pick the children up at four.
give up      | She gave up smoking.
put on       | He put his coat on and left.
get on       | They got on the bus.
run out of   | We have run out of milk.
used to      | I didn't use to like tea.
according to | According to him, it was fun.
change one's mind | He changed his mind twice.
bass1        | He plays the bass.
lead2        | She led the group.
mp3          | It is only an MP3 file.
I            | I'm late.
English      | He speaks ENGLISH well.
TV           | Both TVs are broken.
o'clock      | It is six o’clock.
a.m.         | The bus leaves at 7 a.m. every day.
a            | An owl called.
this         | These are my keys.
yourself     | Help yourselves to cake.
gonna        | I'm gonna be late.
going        | I'm gonna be late.
let          | Let's go home.
naïve        | That was a naïve idea.
café         | The cafés are full.
tie          | He is tying his shoes.
die          | The plants are dying.
do your best | Ali did his best on the day.
do your homework | I do my homework in the kitchen.
make up your mind | Have you made up your mind yet?
take your time | Take your time, we are early.
break sb's heart | The song broke my sister's heart.
pull someone's leg | Don't believe him, he pulled Tom's leg.
lose one's temper | The coach never loses his temper.
enjoy yourself | They enjoyed themselves at the lake.
by yourself  | I built the shelf by myself.
help yourself | She helped herself to more rice.
pride oneself on | The baker prides himself on his bread.
oneself      | He blamed himself for the delay.
accuse sb of | The guard accused two young men of theft.
accuse sb of | She was accused of lying.
tell sb sth  | Tell your brother the good news.
remind sb of sth | The smell reminded her of summer.
look forward to doing sth | We look forward to seeing you.
want sb to do sth | They want the mayor to open the fair.
prevent sth from | The wall prevents the river from flooding.
ask someone out | Tim asked the new girl out.
look after sb | Who looks after the twins?
something else | Let's talk of something else.
convert ... into | The farmer converted an old barn into flats.
as ... as    | She is as tall as her mother.
wake up      | Mother wakes Emre up before dawn.
wake up      | I woke the whole family up.
let down     | He let everybody down again.
switch off   | Switch computers off at night.
pick up      | I picked my three small cousins up at noon.
pick sb up   | He picked up his son at school.
pick sb up   | She will pick the guests up later.
throw away   | He threw the old blue shoes away.
take off     | Visitors take shoes off before they enter.
bring back   | She brought Tom's umbrella back.
give back    | Please give Leyla's pens back.
there is     | There's a mouse in the shed.
there is     | There were no seats left.
must not     | Guests mustn't feed the ducks.
I am         | I'm the youngest here.
it is        | It's nearly noon.
do not       | They don't eat fish.
will not     | The door won't open.
cannot       | I can't see the board.
let us       | Let's open the box.
she would    | She'd love a cup of tea.
we have      | We've met before.
what is      | What's in the bag?
let's        | Let us begin.
don't        | We do not sell stamps.
abandon (v.) | They abandoned the boat.
bank (money) | The bank was shut.
learn (learnt, learnt) | She learnt three songs.
agonize/agonise | He agonises over small things.
colour/color | Her favourite color is red.
film / movie | That movie was long.
a, an        | An ant bit me.
close 1      | They closed the gate.
close¹       | He closes the shop at six.
decide on sth. | They decided on a name.
be guilty of doing sth. | He is guilty of cheating.
draw up (plans) | She drew up a list.
draw up (plans) | They drew the contract up.
convert ...into | We converted euros into lira.
make/do a list | He did a list for her.
colo(u)r     | The colour is too bright.
abandon, v.  | He abandoned his bag.
to borrow    | May I borrow a pencil?
keep (on) doing sth | He kept on talking.
keep (on) doing sth | He kept talking.
(be) fond of | She is fond of tea.
to be afraid of | She is afraid of dogs.
""".strip()

NO = """
quick        | She left quickly.
quickly      | That was quick.
happy        | He looked unhappy.
happy        | Happiness is hard to find.
unhappy      | They were happy there.
teach        | The teacher was kind.
teacher      | She teaches art.
act          | The actor forgot his lines.
decide       | It was a hard decision.
care         | He is a careful driver.
careful      | Take care of it.
use          | It is a useful tool.
use          | That is useless.
slow         | Walk slowly.
luck         | A lucky coin lay there.
mess         | His room is messy.
science      | The scientist smiled.
music        | She is a musician.
danger       | It is a dangerous road.
able         | They were unable to come.
possible     | It is impossible.
agree        | We disagree about it.
friend       | What a friendly dog!
strong       | He lost his strength.
long         | The length was wrong.
build        | They rebuilt the bridge.
tie          | She untied the rope.
load         | They unloaded the van.
case         | Her suitcase is heavy.
birth        | It is my birthday.
site         | The website is down.
chair        | He fell asleep in the armchair.
fire         | The firefighter was brave.
sun          | It was a sunny day.
cat          | The catalogue is thick.
art          | The party was loud.
hat          | That is what he said.
four         | This is for you.
hour         | The horse ran away.
tour         | He tore the paper.
rise         | What a nice rice dish.
prise        | She won a prize.
prize        | They prised the lid open.
size         | They seized the boat.
tyre         | He was tired.
kerb         | She curbed her anger.
maybe        | It may be cold.
everyday     | I swim every day.
into         | They went in to eat.
sometime     | We need some time.
altogether   | We were all together again.
already      | They are all ready to go.
anyone       | Any one of them will do.
today        | There is much to day dream about.
well         | We'll see.
we'll        | The well is dry.
ill          | I'll be there.
hell         | He'll be there.
shell        | She'll be there.
id           | I'd like some tea.
wont         | They won't come.
cant         | They can't come.
let          | The outlet is closed.
want         | Nobody could unwant it.
be           | The bee flew off.
lie          | Everyone knew that he was a liar.
good         | Well done!
see          | The sea is calm.
their        | There is no one here.
its          | It is cold.
it           | Its tail is long.
look after   | She looked for the baby.
look after   | Look at him after lunch.
look up      | She looked. Up there it was cold.
look up      | Look at the sky and stand up.
turn off     | They turned left and drove off the road.
put on       | Put it on the table.
get on       | She got a letter on Monday.
take off     | He took three long and boring books off.
ice cream    | There is ice on the cream.
ice cream    | The cream had ice in it.
bus stop     | The bus did not stop.
run out of   | They ran out into the rain.
well-known   | It is known that he sings well.
long-term    | A long school term ended.
old-fashioned | The old fashion came back.
per cent     | It costs one cent per page.
used to      | He uses it too.
all right    | All of them were right.
change one's mind | Change the mind map.
bass1        | The base is broken.
mp3          | There were three MPs.
light        | The lightning was close.
inter        | The internet is slow.
the          | They left.
do your best | The best do not rest.
make up your mind | She made up a story and never minded.
change your mind | They changed the mind map.
enjoy yourself | We enjoyed the fair.
by yourself  | The chair by the door is hers.
commit oneself to | He committed a crime.
accuse sb of | They accused him. Of course he ran.
convert ... into | He converted it. Into the house she went.
look after sb | She looked for somebody.
something else | Else nothing is known.
do something | They do the dishes.
wake up      | We wake early and stand up.
let down     | Let us sit down.
switch off   | They switched seats and drove off the ramp.
pick up      | He picked a fight and gave up.
get on       | She got presents on Monday.
go out       | We go shopping out of town.
put on       | Put books on the shelf.
look up      | Look straight up at the roof.
there is     | There goes the bus, which is late.
there is     | Their house is near.
must not     | You must leave, do not wait.
I am         | I think that he is late.
do not       | Do they, or do they not?
it is        | The cat licked its paw.
will not     | Will you wait? I am not ready.
abandon (v.) | The abandonment was a shock.
bank (money) | He put the money in a box.
agonize/agonise | The agony was great.
colour/color | It was a colourless liquid.
close 1      | The closet is full.
decide on sth. | The decision on it is near.
draw up (plans) | The plans were drawn by hand.
happy (adj.) | Happiness is a choice.
teach/learn  | The teacher met a learner.
quick, fast  | He came quickly.
to borrow    | The borrower paid late.
your         | That book is mine.
""".strip()


def _pairs(table):
    return [tuple(part.strip() for part in line.split("|")) for line in table.splitlines()]


def test_the_tables_hold_what_they_promise():
    assert len(_pairs(YES)) >= 60 and len(_pairs(NO)) >= 60


@pytest.mark.parametrize(("word", "sentence"), _pairs(YES))
def test_used(word, sentence):
    assert word_match.matches(word, sentence)


@pytest.mark.parametrize(("word", "sentence"), _pairs(NO))
def test_not_used(word, sentence):
    assert not word_match.matches(word, sentence)


def test_forms_hold_both_spellings_and_nothing_derived():
    assert {"travel", "travels", "travelled", "traveled", "travelling", "traveling"} <= word_match.forms("travel")
    assert word_match.forms("child") == {"child", "children"}
    assert not {"quickly", "quickness"} & word_match.forms("quick")


@pytest.mark.parametrize(
    ("word", "headword"),
    [
        ("children", "child"),
        ("went", "go"),
        ("Mice", "mouse"),
        ("bass1", "bass"),
        ("ice-cream", "ice cream"),
        ("looked after", "look after"),
    ],
)
def test_lemma(word, headword):
    assert word_match.lemma(word) == headword


@pytest.mark.parametrize(("one", "other"), [("colour", "color"), ("organise", "organize"), ("travelled", "traveled")])
def test_lemma_is_one_for_all_spellings(one, other):
    assert word_match.lemma(one) == word_match.lemma(other)


def test_lemmas_of_a_homograph():
    assert word_match.lemmas("saw") == {"saw", "see"}
    assert word_match.lemmas("left") == {"left", "leave"}


def test_words_found_in_is_matches_turned_round():
    words = ["child", "look after", "ice cream", "quick", "colour", "website", "maybe"]
    sentences = [
        "The children's colors ran.",
        "She looks after them quickly.",
        "He sells ice-cream.",
        "A web site may be down.",
    ]
    expected = {word for word in words if any(word_match.matches(word, one) for one in sentences)}
    assert (
        word_match.words_found_in(words, sentences)
        == expected
        == {"child", "look after", "ice cream", "colour", "website"}
    )


@given(st.sampled_from(["honour", "realise", "theatre", "dialogue", "anaemia", "travel", "mum", "grey", "behaviour"]))
def test_spelling_variants_go_both_ways(word):
    for variant in spelling.variants(word):
        assert word in spelling.variants(variant)
        assert spelling.canonical(variant) == spelling.canonical(word)


@given(st.text(max_size=60), st.text(min_size=1, max_size=20))
def test_no_text_breaks_it(sentence, word):
    assert word_match.matches(word, sentence) in (True, False)


@given(st.sampled_from(["tree", "window", "gather"]), st.sampled_from(["It is {}.", "{}!", "Oh, '{}' again?"]))
def test_a_word_in_any_frame_is_found(word, frame):
    assert word_match.matches(word, frame.format(word)) and word_match.matches(word.upper(), frame.format(word))
    assert not word_match.matches(word, frame.format("x" + word))


@pytest.mark.parametrize("level", ["A2", "B1", "B2"])
def test_rate_and_speed_on_a_real_bank(level):
    path = REAL_BANKS / f"training_data_{level.lower()}.json"
    if not path.is_file():
        pytest.skip("no real sentence banks beside the checkout")
    rows = json.loads(path.read_text(encoding="utf-8"))
    pairs = [(re.search(r" sentence with (.+)$", row["input"]).group(1), row["output"]) for row in rows]
    start = time.perf_counter()
    found = sum(word_match.matches(word, sentence) for word, sentence in pairs)
    seconds = time.perf_counter() - start
    assert found / len(pairs) >= 0.996
    assert seconds / len(pairs) < 0.001


@pytest.mark.parametrize(
    ("word", "sentence", "used"),
    [
        ("dog", "The dog's tail was wet, and the dogs slept.", "dog"),
        ("dog", "The dogs\u2019 owner came.", "dogs"),
        ("look up", "She looked the hard word up at once.", "looked the hard word up"),
        ("not", "I don't know.", "don't"),
        ("known", "It's a well-known story.", "well-known"),
        ("colour", "Its color faded.", "color"),
        ("film/movie", "\u0130 saw a Movie.", "Movie"),
        ("cat", "The dog barked.", None),
    ],
)
def test_the_place_of_a_word_is_the_part_of_fewest_words_that_uses_it(word, sentence, used):
    found = word_match.place(word, sentence)
    assert (sentence[slice(*found)] if found else None) == used
