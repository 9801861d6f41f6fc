import pytest

from cefr_helpers import showcase
from cefr_helpers.paths import project_root


@pytest.mark.skipif(not showcase.folder().is_dir(), reason="no reference run yet")
def test_the_readme_shows_the_reference_runs_own_figures():
    readme = (project_root() / "README.md").read_text(encoding="utf-8")
    assert showcase.with_table(readme) == readme
