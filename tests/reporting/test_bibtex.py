"""References as BibTeX."""

from __future__ import annotations

from matsweep.reporting.bibtex import bibtex


def test_a_citation_of_the_usual_form_is_taken_apart():
    text = bibtex(
        {
            "wan2022": {
                "citation": 'W. Wan et al., "A compute-in-memory chip" (NeuRRAM), Nature '
                "608:504-512, 2022",
                "doi": "10.1038/s41586-022-04992-8",
            }
        }
    )
    assert text == (
        "@misc{wan2022,\n"
        "  author = {W. Wan and others},\n"
        "  title = {{A compute-in-memory chip}},\n"
        "  howpublished = {(NeuRRAM), Nature 608:504-512, 2022},\n"
        "  year = {2022},\n"
        "  doi = {10.1038/s41586-022-04992-8},\n"
        "}\n"
    )


def test_several_authors_are_joined_and_other_citations_kept_whole():
    text = bibtex(
        {
            "b": {"citation": 'N. Gong, M. Rasch et al., "Learning", IEDM 2022', "doi": None},
            "a": {"citation": "Param.cpp & Array_h, 100 % seen"},
        }
    )
    assert "author = {N. Gong and M. Rasch and others}" in text
    assert r"note = {Param.cpp \& Array\_h, 100 \% seen}" in text
    assert text.index("@misc{a") < text.index("@misc{b")
    assert "doi" not in text


def test_braces_balance():
    text = bibtex({"k": {"citation": 'A. One, "The {G} of it", J. 1999', "doi": "10.1/x"}})
    assert text.count("{") == text.count("}")


def test_hidden_characters_are_escaped():
    text = bibtex({"k\u202e": {"citation": "A. One\u2066\x1b\n@misc", "doi": "10.1/x\u200b"}})
    assert text == (
        "@misc{k\\u202e,\n  note = {A. One\\textbackslash{}u2066\\textbackslash{}x1b @misc},\n"
        "  doi = {10.1/x\\u200b},\n}\n"
    )
