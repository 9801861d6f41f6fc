"""Import a package into a collection with Anki's own library, in an environment of its own, and print the contents.

    python count_in_anki.py COLLECTION PACKAGE

Prints one JSON object: counts, the notes' fields and tags, and what each card shows.
"""

import json
import sys

from anki.collection import Collection, ImportAnkiPackageOptions, ImportAnkiPackageRequest


def main(collection_path: str, package: str) -> None:
    collection = Collection(collection_path)
    request = ImportAnkiPackageRequest(package_path=package, options=ImportAnkiPackageOptions())
    log = collection.import_anki_package(request).log
    notes = [collection.get_note(one) for one in collection.find_notes("")]
    cards = [collection.get_card(one) for one in collection.find_cards("")]
    print(
        json.dumps(
            {
                "new": len(log.new),
                "updated": len(log.updated),
                "notes": [{"fields": dict(note.items()), "tags": note.tags} for note in notes],
                "cards": [{"question": card.question(), "answer": card.answer()} for card in cards],
                "decks": sorted(one.name for one in collection.decks.all_names_and_ids()),
                "note_types": sorted(one.name for one in collection.models.all_names_and_ids() if "CEFR" in one.name),
            }
        )
    )
    collection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
