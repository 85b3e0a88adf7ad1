"""Names in pictures: of materials, parameters and metrics, with spaces and capitals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from matsweep.analysis.labels import AXES, elsewhere
from matsweep.analysis.view import NO_MATERIAL, View
from matsweep.core.units import with_error
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.style import material_styles

_LONGEST = 26  # characters of a label next to a point
_ABBREVIATIONS = {"adc": "ADC", "dac": "DAC", "sram": "SRAM", "int8": "int8"}


def styles_of(view: View, more: Iterable[str] = ()) -> dict[str, m.Look]:
    """Colour and marker of each material of a study.

    Parameters
    ----------
    view : View
    more : iterable of str
        Further names that share the colours.

    Returns
    -------
    dict of str to Look
    """
    return material_styles({*view.all_materials, *more})


def label(view: View, material: str) -> str:
    """Short readable name of a material, or its placeholder where there is none.

    Parameters
    ----------
    view : View
    material : str

    Returns
    -------
    str
    """
    return material if material == NO_MATERIAL else view.brief(material)


def short_labels(view: View, materials: Iterable[str]) -> dict[str, str]:
    """Names of materials without what stands in parentheses, as far as they still differ.

    Parameters
    ----------
    view : View
    materials : iterable of str

    Returns
    -------
    dict of str to str
    """
    whole = {name: label(view, name) for name in materials}
    cut = {name: text.partition(" (")[0].strip() or text for name, text in whole.items()}
    shared = Counter(cut.values())
    chosen = {name: cut[name] if shared[cut[name]] == 1 else whole[name] for name in whole}
    return {name: _ending(text) for name, text in chosen.items()}


def parameter_title(view: View, name: str) -> str:
    """Name of a swept parameter in words, without its unit.

    Parameters
    ----------
    view : View
    name : str

    Returns
    -------
    str
    """
    if name in AXES:
        return AXES[name].label
    stored = view.ds[name].attrs.get("long_name") if name in view.ds.variables else None
    return str(stored).strip() if stored else words(view.short.get(name, name))


def worded(name: str, short: str) -> str:
    """Name of a parameter in words by its short name, or its label; see `attributes.spoken`.

    Parameters
    ----------
    name : str
        As in configurations.
    short : str
        Of `short_names`.

    Returns
    -------
    str
    """
    return AXES[name].label if name in AXES and elsewhere(name) else words(short)


def words(name: str) -> str:
    """Name of a parameter or a component as words: "word_lines" is "word lines", "adc" "ADC".

    The ending `_ev` is a unit, which stands elsewhere.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
    """
    parts = name.removesuffix("_ev").replace(".", " ").split("_")
    return " ".join(
        " ".join(_ABBREVIATIONS.get(word, word) for word in part.split(" ")) for part in parts
    )


def ideal_name(view: View, name: str) -> str:
    """Entry of the legend for the value that floating point reaches in a metric.

    Parameters
    ----------
    view : View
    name : str

    Returns
    -------
    str
    """
    value = view.reference(name) or 0.0
    return f"float, {100 * value:.1f} %" if view.is_share(name) else f"float, {value:.4g}"


def value_text(view: View, name: str, row: int) -> str:
    """Metric of a candidate, rounded to its spread over the realisations.

    Parameters
    ----------
    view : View
    name : str
    row : int

    Returns
    -------
    str
    """
    spread = float(view.column(f"{name}_std")[row])
    return with_error(float(view.column(name)[row]), spread, view.unit(name),
                      share=view.is_share(name))  # fmt: skip


def capital(text: str) -> str:
    """Capitalise the first letter of a text.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return text[:1].upper() + text[1:]


def _ending(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"
