"""The campaign of kills on a tiny model: takes about a quarter of an hour."""

import killing
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(byte_folder, tmp_path_factory) -> dict:
    """After each kill, `killing.campaign` itself fails if a file exists that is incomplete or not true."""
    return killing.campaign(tmp_path_factory.mktemp("kills"), byte_folder)


def test_every_stage_had_its_kills_and_each_victim_its_turn(found):
    hit = {(row["stage"], row["victim"]) for row in found["kills"] if row["stage"] != killing.COMMAND}
    assert hit == {(stage, victim) for stage in killing.KILLS for victim in killing.VICTIMS}
    assert sum(killing.KILLS.values()) >= 30
    assert len(found["kills"]) == sum(killing.KILLS.values()) + killing.COMMAND_KILLS


def test_a_run_killed_again_and_again_ends_as_one_never_disturbed(found):
    assert killing.same(found), found["outcomes"]


def test_all_that_was_compared_is_there(found):
    for outcome in found["outcomes"].values():
        assert all(outcome.values()) and len(outcome["history"]) > 5
