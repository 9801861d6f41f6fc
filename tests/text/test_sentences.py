import pytest

from cefr_helpers.text import sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One dog. Two cats!\nThree birds?", ["One dog.", "Two cats!", "Three birds?"]),
        ("no mark here\nNor here\n\n", ["no mark here", "Nor here"]),
        ("It goes on\nin the next line. Then it ends.", ["It goes on in the next line.", "Then it ends."]),
        ("Dr. Smith met Mr. Jones at 5 p.m. on Friday.", ["Dr. Smith met Mr. Jones at 5 p.m. on Friday."]),
        ('"Stop!" She ran. (He did not.) They left.', ['"Stop!"', "She ran.", "(He did not.)", "They left."]),
        ('"Stop!" she said… and ran.', ['"Stop!" she said… and ran.']),
        ("It costs 3.50 now. 12 people paid.", ["It costs 3.50 now.", "12 people paid."]),
        ("", []),
    ],
)
def test_prose_and_lists_are_split(text, expected):
    assert sentences.split(text) == expected
