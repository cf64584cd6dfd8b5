import os
import threading

import pytest
import torch

from salt_core import cores
from salt_core.cores import num_pieces, side_by_side


@pytest.fixture(autouse=True)
def three_cores():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def modes(_=None):
    return (
        torch.is_inference_mode_enabled(),
        torch.is_grad_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
    )


def test_pieces_are_worked_on_at_the_same_time_and_come_back_in_their_order():
    together = threading.Barrier(3, timeout=30)

    def work(piece):
        together.wait()
        return piece, torch.get_num_threads()

    assert side_by_side(work, "abc") == [("a", 1), ("b", 1), ("c", 1)]


def test_few_pieces_share_the_cores():
    torch.set_num_threads(6)
    assert side_by_side(lambda _: torch.get_num_threads(), range(3)) == [2, 2, 2]


@pytest.mark.parametrize("number", [0, 1])
def test_there_is_nothing_to_share(number):
    here = threading.get_ident()
    assert side_by_side(lambda _: (threading.get_ident(), torch.get_num_threads()), range(number)) == (
        [(here, 3)] * number
    )


def test_one_core_works_alone():
    torch.set_num_threads(1)
    here = threading.get_ident()
    assert set(side_by_side(lambda _: threading.get_ident(), range(4))) == {here}


@pytest.mark.parametrize(
    "mode",
    [
        torch.inference_mode(),
        torch.no_grad(),
        torch.enable_grad(),
        torch.autocast("cpu", torch.bfloat16),
        torch.autocast("cpu", torch.float16),
    ],
    ids=["inference", "no gradients", "gradients", "bfloat16", "float16"],
)
def test_modes_are_the_callers(mode):
    with mode:
        assert set(side_by_side(modes, range(3))) == {modes()}


def test_threads_that_start_later_have_all_cores():
    side_by_side(str, range(3))
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert found == [torch.get_num_threads()] == [3]


def test_what_goes_wrong_is_told_and_what_has_not_begun_is_left():
    begun = []

    def work(piece):
        begun.append(piece)
        raise ValueError(f"piece {piece}")

    with pytest.raises(ValueError, match="piece 0"):
        side_by_side(work, range(1000))
    assert len(begun) < 1000
    assert torch.get_num_threads() == 3


def test_a_process_that_forks_afterwards_works_too():
    side_by_side(str, range(3))
    child = os.fork()
    if child == 0:
        os._exit(side_by_side(int, "123") != [1, 2, 3])
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    ("rows", "number"),
    [(0, 1), (10, 1), (300, 1), (600, 2), (1_000, 3), (6_000, 3), (6_200, 6), (20_000, 12)],
)
def test_pieces_are_dealt_out_evenly_and_fit_the_cache(rows, number):
    assert num_pieces(rows) == number
    assert rows <= number * cores.ROWS_IN_CACHE
