"""Answers to be rated: a run's table of answers, measured and written by the code that a comparison uses."""

import hand_made_records
from hand_made_records import change, write_records

from cefr_helpers.core.paths import Workspace
from cefr_helpers.evaluation import summary

WORDS = ["abandon", "benefit", "cope", "debate", "enhance", "flaw", "grasp", "hesitate", "imply", "justify"]
HOSTILE = '</script><script>document.title = "run"</script> "They" said \'cope\' & <b>left</b>.'
TRAINING = ["She walked to the old bridge.", "They have never seen the sea.", "He was asked to wait outside."]


def numbered(sentences: list[str]) -> str:
    return "\n".join(f"{place}. {sentence}" for place, sentence in enumerate(sentences, 1) if sentence)


def sentences() -> dict[str, list[str]]:
    """System -> its sentence for each of WORDS; the base leaves one out, and one tuned sentence is hostile."""
    made = {
        "base": [f"I {word} it." for word in WORDS],
        "base_three_examples": [f"People often {word} what they know too well." for word in WORDS],
        "tuned": [f"The committee decided to {word} the plan." for word in WORDS],
        "gold": [f"It is never too late to {word} an old idea." for word in WORDS],
        "trivial": [f"I like the {word}." for word in WORDS],
    }
    made["base_three_examples"][9] = ""
    made["tuned"][2] = HOSTILE
    return made


def write(workspace: Workspace, level: str = "B2", changed: dict[str, list[str]] | None = None) -> None:
    """The records of a level, and the table of its answers."""
    texts = {row: [numbered(of)] for row, of in (sentences() | (changed or {})).items()}
    table = summary.measure(texts, [WORDS], level, None, TRAINING)
    records = hand_made_records.with_answers(level)
    for kind in ("adapter", "merged_model"):  # never one in the project's own folder, whose card would be renewed
        change(getattr(records.training.results, kind), path=str(workspace.user_data / kind))
    write_records(workspace, records)
    summary.write_csv(workspace.run(level) / summary.FILE, table)
