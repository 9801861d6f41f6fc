import pytest

from cefr_helpers.core.paths import project_root
from tools import update_reference_run


@pytest.mark.skipif(not update_reference_run.folder().is_dir(), reason="no reference run yet")
def test_the_readme_shows_the_reference_runs_own_figures():
    readme = (project_root() / "README.md").read_text(encoding="utf-8")
    assert update_reference_run.with_table(readme) == readme
