"""Fixtures shared by the tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Several processes share the machine, so the time of one example says nothing.
settings.register_profile("bao", deadline=None)
settings.load_profile("bao")

_CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def _state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that the tests leave for later commands goes where the user's commands look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAO_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def userrl_data() -> Path:
    """The directory of UserRL's data files, which the project does not carry; the test skips where it is absent."""
    named = os.environ.get("BAO_SHARED_DATA")
    places = [Path(named)] if named else [_CHECKOUT.parent / "shared" / "data", _CHECKOUT / "shared" / "data"]
    for place in places:
        if (place / "userrl").is_dir():
            return place / "userrl"
    pytest.skip(
        f"UserRL's data is not at {' or '.join(map(str, places))}; set BAO_SHARED_DATA to the folder that holds userrl/"
    )
