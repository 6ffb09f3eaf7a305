"""Which spans have no row yet: remembered while they are not too many, the latest at any rate."""

from __future__ import annotations

import threading

from otel_braintrust.undelivered import Undelivered


def row_ids(numbers: range) -> list[str]:
    return [format(number, "016x") for number in numbers]


def test_the_oldest_of_too_many_open_spans_are_forgotten_first() -> None:
    undelivered = Undelivered(max_spans=1000)
    for first in range(1, 5001, 100):
        undelivered.note_starts(range(first, first + 100))
    waiting = [*map(undelivered.is_waiting, row_ids(range(1, 5001)))]
    assert 500 <= sum(waiting) <= 1000
    assert waiting == sorted(waiting)


def test_spans_that_are_settled_make_room_for_others_and_none_is_forgotten() -> None:
    undelivered = Undelivered(max_spans=1000)
    undelivered.note_starts(range(1, 101))
    for first in range(101, 20_001, 100):
        undelivered.note_starts(range(first, first + 100))
        undelivered.note_filtered(range(first, first + 100))
    assert all(map(undelivered.is_waiting, row_ids(range(1, 101))))
    assert not any(map(undelivered.is_waiting, row_ids(range(101, 20_001))))
    assert all(map(undelivered.is_lost, row_ids(range(19_601, 20_001))))


def test_what_one_thread_settles_while_another_notes_starts_waits_no_longer() -> None:
    undelivered = Undelivered(max_spans=400)
    noted: list[range] = []
    is_over = threading.Event()

    def settle() -> None:
        while not is_over.is_set() or noted:
            while noted:
                undelivered.note_filtered(noted.pop(0))

    thread = threading.Thread(target=settle)
    thread.start()
    for first in range(1, 100_001, 50):
        undelivered.note_starts(range(first, first + 50))
        noted.append(range(first, first + 50))
    is_over.set()
    thread.join()
    assert not any(map(undelivered.is_waiting, row_ids(range(1, 100_001))))
