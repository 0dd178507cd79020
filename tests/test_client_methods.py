"""The methods of `Client`: one per endpoint, with its parameters, known to people, notebooks and mypy."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smsdata import Client
from smsdata.gateway.endpoints import ENDPOINTS, Endpoint, endpoint
from tests.support.examples import EXAMPLES, NEEDS, Answer, scripted

ROOT = Path(__file__).resolve().parents[1]
TIMES = ["start", "end", "since"]


def expected(entry: Endpoint) -> dict[str, bool]:
    """The parameters that a method should have, in their order, and whether each must be given."""
    optional = [name for name in entry.optional if name not in TIMES]
    times = TIMES if entry.limit or "start" in entry.optional else []
    required = ["msisdn" if name == "mobile" else name for name in entry.required]  # as the column is called
    return dict.fromkeys(required, True) | dict.fromkeys([*times, *optional], False)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_client_method_has_exactly_the_parameters_of_its_endpoint(name: str) -> None:
    _, *parameters = inspect.signature(getattr(Client, name)).parameters.values()
    due = expected(endpoint(name))
    if endpoint(name).table.doubts:
        due |= {"allow_unproved": False}
    assert [(one.name, one.default is inspect.Parameter.empty) for one in parameters] == list(due.items())
    assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in parameters)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_client_method_hands_every_parameter_on(name: str) -> None:
    """Each parameter reaches the gateway under the name that the endpoint gives it."""
    sent: dict[str, str] = {}

    def respond(call: str, parameters: dict[str, str]) -> Answer:
        if call == endpoint(name).call:
            sent.update(parameters)
        return EXAMPLES[name]

    due = expected(endpoint(name))
    values = {"message_id": 7, "list_id": 7, "client_id": 7, "msisdn": "61491570156"} | NEEDS.get(name, {})
    given = {one: values.get(one, "x") for one in due if one not in TIMES}
    times = {"start": "2026-11-01", "end": "2026-11-21"} if "start" in due else {}
    with scripted(respond) as client:
        getattr(client, name)(**given, **times)
    if name == "contact_history":
        given["mobile"] = given.pop("msisdn")
    assert {one: sent[one] for one in given} == {one: str(value) for one, value in given.items()}
    assert set(times) <= set(sent)


def test_client_names_the_nearest_method() -> None:
    with scripted(lambda *_: pytest.fail("sent")) as client:
        with pytest.raises(AttributeError, match=r"^Client has no 'mesages'; did you mean 'messages'\?$"):
            client.mesages()  # type: ignore[attr-defined]
        with pytest.raises(AttributeError, match=r"^Client has no 'colour'. Tables: campaigns, messages"):
            _ = client.colour  # type: ignore[attr-defined]
        assert not hasattr(client, "_repr_svg_")  # what notebooks ask every object for
        with pytest.raises(TypeError, match="message_id"):
            client.dlrs()  # type: ignore[call-arg]


GOOD = """
from smsdata.gateway.client import Client
client = Client()
client.messages(since="30d", msisdn="61491570156")
client.dlrs(message_id=1, delivery="pending")
client.list_members(list_id=1)
"""

BAD = """
from smsdata.gateway.client import Client
client = Client()
client.mesages()
client.messages(sinze="30d")
client.dlrs()
client.dlrs(message_id="1")
client.lists(since="30d")
"""


def mypy(text: str, folder: Path) -> list[str]:
    """What mypy says about a file, without the libraries beneath: only our own types are asked."""
    (folder / "use.py").write_text(text)
    options = ["--config-file=", "--no-site-packages", "--ignore-missing-imports", "--follow-imports=silent"]
    command = [sys.executable, "-m", "mypy", *options, "--no-error-summary", "use.py"]
    environment = os.environ | {"MYPYPATH": str(ROOT), "MYPY_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return [line for line in done.stdout.splitlines() if "error:" in line]


def test_mypy_knows_the_methods_of_a_client(tmp_path: Path) -> None:
    assert mypy(GOOD, tmp_path) == []
    errors = mypy(BAD, tmp_path)
    assert [line.split(":")[1] for line in errors] == ["4", "5", "6", "7", "8"]
    assert 'has no attribute "mesages"; maybe "messages"?' in errors[0]
    assert 'Unexpected keyword argument "sinze"' in errors[1]
    assert 'Missing named argument "message_id"' in errors[2]


def test_every_needed_parameter_is_in_the_examples() -> None:
    for name in ENDPOINTS:
        assert [one for one, must in expected(endpoint(name)).items() if must] == list(NEEDS.get(name, {}))
