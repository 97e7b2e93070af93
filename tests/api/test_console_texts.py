"""No text without its translation, no bare text in templates, no code without a name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from models.evidence import LeafKind
from models.footage import CameraState
from models.register import ConsentState, Role
from supervision_api.console import i18n, phrases
from supervision_api.live_events import RollState

ROOT = Path(i18n.__file__).resolve().parent.parent
TEMPLATES = sorted((ROOT / "console" / "templates").glob("*.html"))
KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "N_": None,
    "text": None,
    "text_of": None,
    "counted": (1, 2),
}


@pytest.fixture(scope="module")
def texts() -> set[str]:
    """Every text that templates and code look up."""
    methods = [("console/templates/**.html", "jinja2.ext:babel_extract")]
    methods += [("console/**.py", "python"), ("routes/**.py", "python")]
    options = {"console/templates/**.html": {"newstyle_gettext": "true", "silent": "false"}}
    found = extract_from_dir(str(ROOT), methods, options, keywords=KEYWORDS)
    return {message[0] if isinstance(message, tuple) else message for _, _, message, _, _ in found}


def catalogue(locale: str):
    with (i18n.LOCALE_FOLDER / locale / "rollcall.po").open("rb") as po:
        return read_po(po, locale=locale, abort_invalid=True)


def test_nothing_is_untranslated(texts: set[str]) -> None:
    known = catalogue("zh_CN")
    missing = [text for text in texts if text not in known]
    bare = [m.id for m in known if m.id and not (any(m.string) if isinstance(m.string, tuple) else m.string)]
    assert (missing, bare) == ([], [])


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_no_catalogue_holds_what_nobody_says(texts: set[str], locale: str) -> None:
    ids = {m.id[0] if isinstance(m.id, tuple) else m.id for m in catalogue(locale) if m.id}
    assert ids == texts


def test_translations_keep_their_values() -> None:
    def values(text: str) -> set[str]:
        return set(re.findall(r"%\(\w+\)[sd]|\{\w+\}", text))

    for message in catalogue("zh_CN"):
        if message.id:
            source = message.id[0] if isinstance(message.id, tuple) else message.id
            target = message.string[0] if isinstance(message.string, tuple) else message.string
            assert values(source) == values(target), source


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_holds_no_bare_text(path: Path) -> None:
    source = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", " ", path.read_text(), flags=re.S)
    source = re.sub(r"<(code)>.*?</\1>", " ", source, flags=re.S)
    texts = re.sub(r"<[^>]*>", "\n", source, flags=re.S)
    words = set(re.findall(r"[^\W\d_]{2,}", texts)) - {"SHA"}
    assert words == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_nothing_inline(path: Path) -> None:
    source = path.read_text()
    assert not re.search(
        r"\sstyle=|\son\w+=|<style|javascript:|https?://(?!user:)", source.replace("rtsp://", "")
    )
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", source))
    assert "|safe" not in source.replace(" ", "")


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        (phrases.ROLL_STATE, RollState),
        (phrases.CAMERA_STATE, CameraState),
        (phrases.ROLE, Role),
        (phrases.CONSENT, ConsentState),
        (phrases.LEAF, LeafKind),
    ],
)
def test_every_code_has_a_name(table, codes) -> None:
    assert set(table) == {code.value for code in codes}


def test_an_unknown_code_is_shown_as_it_is() -> None:
    language = i18n.Languages("zh_CN").get("en")
    assert phrases.say(language, phrases.ROLE, "gardener") == "gardener"
    assert phrases.say_label(language, "status", "ASLEEP") == "ASLEEP"


def test_a_text_without_its_value_stays_readable() -> None:
    language = i18n.Languages("zh_CN").get("zh_CN")
    assert "%(seconds)s" in language.text_of(
        "Too many failed attempts. Try again in %(seconds)s seconds.", {}
    )
