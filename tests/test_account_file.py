"""accounts.toml: what may stand in it, who may see it, and where secrets come from; never a secret."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from smsdata import ApiError, StoreError, UsageError
from smsdata.account_file import account_entry, add_accounts, read_accounts

Write = Callable[..., Path]

GOOD = """
# two accounts of ours
[accounts.sydney]
key = "key-of-sydney"
secret_env = "SYDNEY_SECRET"
rate = 5
share = 0.25

[accounts."perth.2"]
key_env = "PERTH_KEY"
secret_command = ["printf", "CANARY-%s\\\\nsecond line", "word"]
base_url = "https://sms.example/api"
store = "elsewhere/perth"
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def go(text: str | bytes, mode: int = 0o600) -> Path:
        path = tmp_path / "accounts.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    return go


def test_accounts_are_read_in_the_order_of_the_file_without_their_secrets(write: Write) -> None:
    entries = read_accounts(write(GOOD))
    assert list(entries) == ["sydney", "perth.2"]
    assert [str(entry.store) for entry in entries.values()] == ["data/sydney", "elsewhere/perth"]
    assert entries["sydney"].secret_from == "environment variable SYDNEY_SECRET"
    assert entries["perth.2"].secret_from == "command printf"
    chosen = entries["sydney"].settings(secret=False)
    assert (chosen.key, bool(chosen.secret), chosen.rate, chosen.share) == ("", False, 5.0, 0.25)


def test_secrets_come_from_environment_and_command(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYDNEY_SECRET", "CANARY-env")
    monkeypatch.setenv("PERTH_KEY", "perth-key")
    monkeypatch.setenv("SMSDATA_API_SECRET", "of another account")
    path = write(GOOD)
    sydney = account_entry(path, "sydney").settings(rate=3)
    assert (sydney.key, sydney.secret.reveal(), sydney.rate) == ("key-of-sydney", "CANARY-env", 3.0)
    assert sydney.sources["secret"] == "account sydney"
    assert sydney.sources["rate"] == "argument"
    perth = account_entry(path, "perth.2").settings()
    assert (perth.key, perth.secret.reveal()) == ("perth-key", "CANARY-word")
    assert perth.base_url == "https://sms.example/api/"
    assert "CANARY" not in repr(perth) + repr(sydney)


def test_secrets_come_from_the_keyring_or_it_is_said_what_is_missing(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = account_entry(write("[accounts.a]\nkey_keyring = true\nsecret_keyring = true\n"), "a")
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ApiError, match=r"pip install 'smsdata\[keyring\]'"):
        entry.settings()
    words = {("smsdata", "a.key"): "k", ("smsdata", "a.secret"): "CANARY"}
    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=lambda *at: words.get(at)))
    assert entry.settings().secret.reveal() == "CANARY"
    del words["smsdata", "a.secret"]
    with pytest.raises(ApiError, match=r"keyring set smsdata a\.secret"):
        entry.settings()

    def locked(*_at: str) -> str:
        raise RuntimeError("CANARY")

    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=locked))
    with pytest.raises(ApiError, match=r"cannot be read \(RuntimeError\)") as caught:
        entry.settings()
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "says"),
    [('["false"]', "ended with 1"), ('["true"]', "gave none"), ('["/no/such/program"]', "cannot be run"),
     ('["sh", "-c", "echo CANARY >&2; exit 3"]', "ended with 3")],
)  # fmt: skip
def test_a_command_that_gives_no_secret_is_told_by_its_name(
    write: Write, capfd: pytest.CaptureFixture[str], words: str, says: str
) -> None:
    entry = account_entry(write(f'[accounts.a]\nkey = "k"\nsecret_command = {words}\n'), "a")
    with pytest.raises(ApiError, match=says) as caught:
        entry.settings()
    assert "CANARY" not in str(caught.value) + "".join(capfd.readouterr())


def test_a_variable_that_is_not_set_is_named(write: Write) -> None:
    with pytest.raises(ApiError, match="account sydney has no secret: set SYDNEY_SECRET"):
        account_entry(write(GOOD), "sydney").settings()


@pytest.mark.parametrize(
    ("text", "says"),
    [('key = "k"\nsecret = "CANARY"', "holds a secret itself"),
     ('key = "k"\napi_secret = "CANARY"\nsecret_env = "A_B"', "holds a secret itself"),
     ('key = "k"\nPassword = "CANARY"', "holds a secret itself"),
     ('key = "k"\ntoken = "CANARY"', "holds a secret itself"),
     ('key = "k:CANARY"\nsecret_env = "A_B"', "key is not a text without"),
     ('key = "k"\nsecret_env = "CANARY"', "secret_env is not the name"),
     ('key = "k"\nsecret_env = "canary_CANARY"', "secret_env is not the name"),
     ('key = "k"\nsecret_keyring = "CANARY"', "secret_keyring is not true"),
     ('key = "k"\nsecret_command = "CANARY x"', "secret_command is not a list"),
     ('key = "k"\nsecret_command = []', "secret_command is not a list"),
     ('key = "k"', "where its secret comes from"), ('secret_env = "A_B"', "where its key comes from"),
     ('key = "k"\nsecret_env = "A_B"\nsecret_keyring = true', "where its secret comes from"),
     ('key = "k"\nsecret_env = "A_B"\nrates = 2', "unknown lines (rates)"),
     ('key = "k"\nsecret_env = "A_B"\nrate = 0', "it must be above 0"),
     ('key = "k"\nsecret_env = "A_B"\nrate = true', "rate is not a number"),
     ('key = "k"\nsecret_env = "A_B"\nshare = 2', "at most 1"),
     ('key = "k"\nsecret_env = "A_B"\nstore = ""', "store is not a folder"),
     ('key = "k"\nsecret_env = "A_B"\nbase_url = "http://sms.example/"', "use https://"),
     ('key = "k"\nsecret_env = "A_B"\nbase_url = "https://u:CANARY@a.example/"', "must hold no credentials"),
     ('key = "k"\nsecret_env = CANARY', "is not TOML"), ("[x]\nCANARY = 1", "only tables such as")],
)  # fmt: skip
def test_a_wrong_file_is_refused_in_one_line_without_its_values(write: Write, text: str, says: str) -> None:
    path = write(text if text.startswith("[") else f"[accounts.a]\n{text}\n")
    with pytest.raises(UsageError) as caught:
        read_accounts(path)
    assert says in str(caught.value)
    assert "CANARY" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("second", "says"),
    [('[accounts.b]\nkey = "k"\nsecret_env = "A_B"', "key and base URL"),
     ('[accounts.b]\nkey = "l"\nstore = "data/a"\nsecret_env = "A_B"', "store"),
     ('[accounts.A]\nkey = "l"\nsecret_env = "A_B"', "name")],
)  # fmt: skip
def test_two_accounts_share_neither_key_nor_store_nor_name(write: Write, second: str, says: str) -> None:
    path = write(f'[accounts.a]\nkey = "k"\nsecret_env = "A_B"\n{second}\n')
    with pytest.raises(UsageError, match=f"have the same {says}"):
        read_accounts(path)


@pytest.mark.parametrize("name", ['"../x"', '" "', '"a b"', '".hidden"', '""', '"é"'])
def test_names_are_names_of_folders(write: Write, name: str) -> None:
    with pytest.raises(UsageError, match="a name is letters"):
        read_accounts(write(f'[accounts.{name}]\nkey = "k"\nsecret_env = "A_B"\n'))


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o606, 0o620, 0o644, 0o666])
def test_a_file_that_others_can_read_or_write_is_refused(write: Write, mode: int) -> None:
    with pytest.raises(StoreError, match="chmod 600"):
        read_accounts(write(GOOD, mode))
    assert read_accounts(write(GOOD, 0o640))


def test_a_file_in_a_folder_of_everybody_is_refused(write: Write, tmp_path: Path) -> None:
    path = write(GOOD)
    tmp_path.chmod(0o777)
    with pytest.raises(StoreError, match=r"put accounts\.toml elsewhere"):
        read_accounts(path)
    tmp_path.chmod(0o1777)  # as /tmp is: nobody can put another file in its place
    assert read_accounts(path)


def test_what_is_no_file_of_accounts_is_refused(write: Write, tmp_path: Path) -> None:
    for path, says in (
        (tmp_path, "cannot be read"),
        (tmp_path / "none", "there is no"),
        (Path("/dev/null"), "cannot"),
    ):
        with pytest.raises(UsageError, match=says):
            read_accounts(path)
    with pytest.raises(UsageError, match="no text in UTF-8"):
        read_accounts(write(b"\xff\xfe"))
    assert read_accounts(write("")) == {}


def test_accounts_are_added_behind_what_is_there(write: Write) -> None:
    path = write(GOOD)
    add_accounts(path, {"acme": {"client_id": 7, "key_env": "A_KEY", "secret_env": "A_SECRET"}})
    assert path.read_text().startswith(GOOD.rstrip("\n"))
    assert list(read_accounts(path)) == ["sydney", "perth.2", "acme"]
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"accounts\.toml is not TOML"):
        add_accounts(path, {"acme": {"client_id": 8, "key_env": "B_KEY", "secret_env": "B_SECRET"}})
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["accounts.toml"]


def test_accounts_are_added_to_a_file_that_is_not_there(tmp_path: Path) -> None:
    add_accounts(tmp_path / "new.toml", {"a": {"key_env": "A_KEY", "secret_env": "A_SECRET"}})
    assert list(read_accounts(tmp_path / "new.toml")) == ["a"]
    with pytest.raises(StoreError, match="cannot be written"):
        add_accounts(tmp_path / "no" / "new.toml", {"a": {"key_env": "A_KEY", "secret_env": "A_SECRET"}})
