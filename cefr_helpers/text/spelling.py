"""British and American spellings of a word: by rules if a rule is safe, and by tables if it is not."""

import re
from functools import cache

# A stem may occur anywhere in a word: colourful, discoloured, favourite, neighbourhood.
_OUR_STEMS = """
arbour ardour armour behaviour candour clamour colour demeanour endeavour favour fervour flavour glamour harbour
honour humour labour neighbour odour parlour rancour rigour rumour saviour savour splendour succour tumour valour
vapour vigour
"""
_RE_STEMS = """
accoutre calibre centre fibre goitre louvre lustre manoeuvre meagre metre litre mitre ochre reconnoitre sabre
saltpetre sceptre sepulchre sombre spectre theatre titre
"""
_ISE_ENDING = re.compile(r"(?<=[a-z]{3}i)([sz])(?=(?:e|es|ed|ing|er|ers|able|ation|ations|ational)$)")
_YSE_ENDING = re.compile(r"(?<=[a-z]{2}ly)([sz])(?=(?:e|es|ed|ing|er|ers)$)")
_AE_OE_STEMS = {
    "aesthe": "esthe",
    "anaem": "anem",
    "anaesth": "anesth",
    "archaeo": "archeo",
    "diarrhoea": "diarrhea",
    "encyclopaed": "encycloped",
    "foet": "fet",
    "gynaeco": "gyneco",
    "haemo": "hemo",
    "leukaem": "leukem",
    "mediaev": "mediev",
    "oesoph": "esoph",
    "oestr": "estr",
    "orthopaed": "orthoped",
    "paediatr": "pediatr",
    "palaeo": "paleo",
}
# Whole words, British first; a third spelling may follow. Their inflections are covered as well.
_TABLE = """
acknowledgement acknowledgment | adviser advisor | aeroplane airplane | afterwards afterward | ageing aging |
ageism agism | all_right alright | aluminium aluminum | amid amidst | among amongst | analogue analog | annexe annex |
any_more anymore | appal appall | artefact artifact | axe ax | backwards backward | cannot can_not |
carburettor carburetor | catalogue catalog | chilli chili | cosiness coziness | cosy cozy | councillor councilor |
counsellor counselor | defence defense | dialogue dialog | disc disk | distil distill | doughnut donut |
downwards downward | draughty drafty | enquire inquire | enquiry inquiry | enrol enroll | enrolment enrollment |
enthral enthrall | flyer flier | forwards forward | fulfil fulfill | fulfilment fulfillment | furore furor | gaol jail |
gauge gage | goodbye goodby good_bye | gramme gram | grey gray | instalment installment | instil instill |
jeweller jeweler | jewellery jewelry | judgement judgment | kilogramme kilogram | licence license | likeable likable |
lovable loveable | manoeuvre maneuver | marvellous marvelous | maths math | modelling modeling | mollusc mollusk |
monologue monolog | mould mold | mouldy moldy | moult molt | moustache mustache | mum mom | mummy mommy | no_one noone |
offence offense | okay ok | omelette omelet | pedlar peddler | per_cent percent | plough plow | practice practise |
pretence pretense | programme program | prologue prolog | pyjamas pajamas | sceptic skeptic | sceptical skeptical |
scepticism skepticism | sizeable sizable | skilful skillful | smoulder smolder | speciality specialty | sulphur sulfur |
sulphuric sulfuric | towards toward | tranquillity tranquility | traveller traveler | upwards upward |
veranda verandah | while whilst | whisky whiskey | wilful willful | woollen woolen | woolly wooly | yoghurt yogurt
"""
# The American noun has other meanings as a verb (tired, curbed, checked): only its noun forms count.
_NOUN_PAIRS = "tyre tire | kerb curb | cheque check | storey story | draught draft | vice vise"


def _read_table(text: str) -> dict[str, frozenset[str]]:
    rows = [frozenset(word.replace("_", " ") for word in row.split()) for row in text.split("|")]
    return {word: row for row in rows for word in row}


_WHOLE_WORDS = _read_table(_TABLE)
_NOUNS = _read_table(_NOUN_PAIRS)
# (British, American), as parts of a word or, for -re, at its end.
_PARTS = [(stem, stem[:-3] + "or") for stem in _OUR_STEMS.split()] + list(_AE_OE_STEMS.items())
_ENDINGS = [(stem, stem[:-2] + "er") for stem in _RE_STEMS.split()]
_HAS_STEM = re.compile("|".join(stem for pair in _PARTS + _ENDINGS for stem in pair))


@cache
def variants(word: str) -> frozenset[str]:
    """Return all spellings of a lower-case word, itself included; a spelling that nobody uses does no harm."""
    found = {word} | _WHOLE_WORDS.get(word, frozenset())
    for ending in (_ISE_ENDING, _YSE_ENDING):
        found |= {ending.sub(letter, word) for letter in "sz"}
    if not _HAS_STEM.search(word):
        return frozenset(found)
    for one, other in [pair for both in _PARTS for pair in (both, both[::-1])]:
        found |= {word.replace(one, other) for word in found if one in word and other not in word}
    for one, other in [pair for both in _ENDINGS for pair in (both, both[::-1])]:
        found |= {word.removesuffix(one) + other for word in found if word.endswith(one)}
    return frozenset(found)


def noun_variants(word: str) -> frozenset[str]:
    """Return the other spelling of a noun whose American form is also another word (tyre/tire, cheque/check)."""
    return _NOUNS.get(word, frozenset()) - {word}


def canonical(word: str) -> str:
    """Return one spelling that represents all variants of a lower-case word."""
    return min(variants(word))
