"""People are erased while traffic, crashes and replays go on: nothing of them is left or sent again, and others are unharmed.

A simulation that finds nothing proves nothing: bugs are planted, and each is found within a few seeds.
"""

import pytest

from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
from penstock.erasing import linking
from penstock.settings.vault import Vault
from sim.erasures import ErasingStage
from sim.run import KINDS, erased_kind_of, told

SEEDS, BITES_MAX = 4, 12


def complaints(seed: int, stage: type[ErasingStage] = ErasingStage) -> list[str]:
    """Return what is wrong with the story of a seed."""
    kind = erased_kind_of(seed)
    return KINDS[kind][1](told(seed, "sqlite", kind, stage=stage))


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_an_erased_person_is_never_sent_again_and_others_are_unharmed(seed: int) -> None:
    assert complaints(seed) == [], f"see it with: make sim-seed SEED={seed} KIND={erased_kind_of(seed)}"


def found(stage: type[ErasingStage] = ErasingStage) -> str:
    """Return what is found first; empty when nothing is."""
    for seed in range(1, BITES_MAX + 1):
        if said := complaints(seed, stage):
            return said[0]
    return ""


class ForgetsTheListInACrash(ErasingStage):
    """accept begins with an empty list, and takes the file for read."""

    def list_of_door(self, vault: Vault):
        people = super().list_of_door(vault)
        people.dropped.clear()
        return people


def test_an_accept_that_forgets_in_a_crash_who_is_suppressed_is_found() -> None:
    assert "was sent again" in found(ForgetsTheListInACrash)


def test_ids_that_are_not_followed_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linking, "_people", lambda given, _: (given, set(), {}))

    assert "there is still" in found() or "sent again" in found()


async def _drops_nothing(self, removal) -> bool:
    return True


def test_waiting_events_that_are_not_dropped_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeliveryStore, "remove", _drops_nothing)

    assert "was sent again" in found() or "did not come to its end" in found()
