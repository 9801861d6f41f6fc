"""Escaping for Markdown, code and LaTeX, to the letter."""

from cefr_helpers.rendering import escaping


def test_escaping_exactly():
    assert escaping.markdown("a|b_c _d_ *e*\n<f>\x07\u202e") == (
        "a&#124;b_c &#95;d&#95; &#42;e&#42; &#60;f&#62;U+0007U+202E"
    )
    assert escaping.markdown("see www.x.y or http://z") == "see www&#46;x.y or http&#58;//z"
    assert escaping.code("user_data/loras/a-b") == "`user_data/loras/a-b`"
    assert escaping.code("a`|b") == "<code>a&#96;&#124;b</code>"
    assert escaping.code_block("a\n```\nb") == "````text\na\n```\nb\n````"
    assert escaping.latex(r"50% & $x_1$ \ {~}^#") == (
        r"50\% \& \$x\_1\$ \textbackslash{} \{\textasciitilde{}\}\textasciicircum{}\#"
    )
