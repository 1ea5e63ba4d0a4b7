"""Shell blocks: every file, make target, module, option, resource and Helm value that they name exists."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import typer
import yaml
from tests.unit.docs.pages import CLONE, Block, all_blocks, blocks, marked, written_pages

from trimtab.apis import crd
from trimtab.cli.app import app

SHELL = all_blocks("sh")
# Programs that a page may use; what they are told is checked below where we can know it.
PROGRAMS = {"make", "kubectl", "helm", "docker", "python3", "python", "sed", "export", "trimtab"}
CORE_RESOURCES = {"namespace", "secret", "events", "leases", "deployment", "job", "service"}
OURS = {f"{kind.plural}.trimtab.dev" for kind in crd.KINDS} | {"trimtab", "mlops"}
# By words, as `kubectl get`; `exp` and `deployments` alone are others' resources.
VERBS_WITH_RESOURCES = {"get", "describe", "patch", "delete", "wait", "logs", "rollout"}
OPTIONS_WITH_FILE = {"-f", "--values"}
WRITTEN_BY_THE_READER = {"-", "my-values.yaml"}
OPTIONS_WITH_VALUE = {"--namespace", "-o", "-n", "--for", "--timeout", "-f", "--patch", "--type"}


def commands(block: Block) -> Iterator[list[str]]:
    """The words of each command: lines joined, pipes and substitutions taken apart, variables left out."""
    text = block.text.replace("\\\n", " ")
    text = re.sub(r"\$\(([^)]*)\)", r"x; \1;", text)
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        words: list[str] = []
        for word in lexer:
            if word and set(word) <= set("|;&"):
                yield from _without_assignments(words)
                words = []
            else:
                words.append(word)
        yield from _without_assignments(words)


def _without_assignments(words: list[str]) -> Iterator[list[str]]:
    while words and re.match(r"^[A-Z_]+=", words[0]):
        words = words[1:]
    if words:
        yield words


ALL = [(block.id, words) for block in SHELL for words in commands(block)]


def of(program: str) -> list[list[str]]:
    return [words for _, words in ALL if Path(words[0]).name == program]


def test_there_is_something_to_check() -> None:
    assert len(ALL) > 40
    for program in ("make", "kubectl", "helm", "python"):
        assert of(program), program


@pytest.mark.parametrize(("where", "words"), ALL, ids=[" ".join(words[:4]) for _, words in ALL])
def test_programs_and_files_are_known(where: str, words: list[str]) -> None:
    assert Path(words[0]).name in PROGRAMS, where
    for word in words[1:]:
        top = word.partition("/")[0]
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)*", word) and (CLONE / top).is_dir() and "." not in top:
            assert (CLONE / word).exists(), f"{where}: {word}"
    for option, word in pairwise(words):
        if option in OPTIONS_WITH_FILE and word not in WRITTEN_BY_THE_READER:
            assert (CLONE / word).exists(), f"{where}: {word}"


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (CLONE / "Makefile").read_text(), re.MULTILINE))
    in_prose = [
        name for page in written_pages() for name in re.findall(r"`make ([a-z-]+)`", page.read_text())
    ]
    for name in [words[1] for words in of("make")] + in_prose:
        assert name in targets, f"make {name}"


def test_python_modules_exist() -> None:
    for words in (*of("python"), *of("python3")):
        if words[1] == "-m":
            assert importlib.util.find_spec(words[2]), words[2]
        else:
            assert (CLONE / words[1]).is_file(), words[1]


def test_targets_of_tests_run_exist() -> None:
    from tests.run import TARGETS

    for words in of("python3"):
        assert words[1:3] == ["-m", "tests.run"] and words[3] in TARGETS


def test_trimtab_commands_exist() -> None:
    group = typer.main.get_command(app)
    known = set(getattr(group, "commands", {}))
    texts = [text for page in written_pages() for text in re.findall(r"`(trimtab [^`]+)`", page.read_text())]
    assert texts
    for text in texts:
        _, command, *options = text.split()
        assert command in known, text
        declared = {name for p in group.commands[command].params for name in p.opts}  # type: ignore[attr-defined]
        assert {option.partition("=")[0] for option in options} <= declared, text


def test_helm_uses_the_chart_and_its_values() -> None:
    for words in of("helm"):
        assert words[1] in ("upgrade", "uninstall"), words
        if words[1] == "upgrade":
            assert "charts/trimtab" in words
        for position, word in enumerate(words):
            if word == "--set":
                _assert_value(words[position + 1].partition("=")[0])


def _assert_value(path: str) -> None:
    values = yaml.safe_load((CLONE / "charts/trimtab/values.yaml").read_text())
    for part in path.split("."):
        assert part in values, path
        values = values[part]


def test_kubectl_names_full_resources() -> None:
    for words in of("kubectl"):
        plain = list(_positional(words[1:]))
        if plain[0] in VERBS_WITH_RESOURCES:
            resource = plain[2] if plain[0] == "rollout" else plain[1]
            for one in resource.split(","):
                kind = one.partition("/")[0]
                assert kind in CORE_RESOURCES | OURS, " ".join(words)


def _positional(words: list[str]) -> Iterator[str]:
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in OPTIONS_WITH_VALUE:
            skip = True
        elif not word.startswith("-"):
            yield word


def test_the_first_model_is_run_and_uses_only_its_settings() -> None:
    """What the end-to-end test runs; its settings are what it replaces."""
    text, settings = marked("run", "first-model"), marked("settings", "first-model")
    used = set(re.findall(r"\$\{?([A-Z_]+)", text))
    given = set(re.findall(r"\b([A-Z_]+)=", settings)) | {"REGISTRY"}
    assert used <= given


def test_every_other_shell_block_of_the_readme_says_whether_it_is_run() -> None:
    readme = [block for block in blocks(CLONE / "README.md") if block.language == "sh"]
    unmarked = [block for block in readme if not block.mark.kind]
    assert [block.text.split() for block in unmarked] == [["make", "demo", "make", "test"]]
