"""Training: each member as if alone, stopped early, resumed to the same bits."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from forecast.data.windows import Windows
from forecast.errors import NoMemoryError, NoSpaceError, RecoveryWarning, TrainingError
from forecast.networks.cells._base import Sizes
from forecast.networks.cells.error_correction import ErrorCorrection
from forecast.networks.cells.historically_consistent import HistoricallyConsistent
from forecast.networks.initial_states.adaptive import Adaptive
from forecast.networks.initial_states.learned_noisy import LearnedNoisy
from forecast.networks.network import Network
from forecast.training.autograd_steps import AutogradSteps
from forecast.training.batches import Resident
from forecast.training.loop import Loop, Task
from forecast.training.settings import Training

CONTEXT, BURN_IN, HORIZON = 6, 2, 3


def windows(rows=60):
    rng = np.random.default_rng(1)
    wave = np.sin(np.arange(rows) * 0.7)[:, None] + 0.1 * rng.normal(size=(rows, 1))
    return Windows.lay(
        [wave],
        [np.empty((rows, 0))],
        np.zeros(0, dtype=bool),
        context=CONTEXT,
        burn_in=BURN_IN,
        horizon=HORIZON,
    )


def task(epochs, members, rows=60, held=12, dtype=torch.float64):
    w = windows(rows)
    data = Resident(w, dtype, torch.device("cpu"))
    train = torch.from_numpy(w.starts([0], [rows - held - HORIZON]))
    validation = torch.from_numpy(w.starts([rows - held], [rows if held else -1]))
    return Task("select", data, train, validation, [epochs] * members, epochs)


def loop(seeds, start=None, identity="", cell=None, **settings):
    weights = [torch.Generator().manual_seed(s) for s in seeds]
    network = Network(
        cell or ErrorCorrection(), start or LearnedNoisy(0.2), Sizes(5, 0, 1, BURN_IN), weights
    ).double()
    order = [torch.Generator().manual_seed(s + 1) for s in seeds]
    return Loop(network, Training(dtype="float64", batch_size=8, **settings), order, identity)


def weights(network):
    return {name: value.detach().clone() for name, value in network.named_parameters()}


@pytest.mark.parametrize("start", [LearnedNoisy(0.2), Adaptive(0.5)])
def test_a_member_equals_the_same_member_trained_alone(start):
    seeds = [3, 30, 300, 3000]
    together = loop(seeds, start)
    progress = together.run(task(15, 4), None, None)
    for place, seed in enumerate(seeds):
        alone = loop([seed], start)
        own = alone.run(task(15, 1), None, None)
        assert own.best_epoch[0] == progress.best_epoch[place]
        for name, value in alone.network.named_parameters():
            both = dict(together.network.named_parameters())[name]
            torch.testing.assert_close(both[place], value[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", ["auto", "reference"])
def test_noise_changes_no_order_of_windows(kernel):
    """Networks that differ in their start alone are paired: weights and batches are the same."""
    seeds, found = [4, 40], []
    for start in (LearnedNoisy(0.0), LearnedNoisy(1e-13)):
        one = loop(seeds, start, kernel=kernel)
        one.run(task(3, 2), None, None)
        found.append(weights(one.network))
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kernel", ["auto", "reference"])
def test_members_may_differ_in_width_and_learning_rate(kernel):
    seeds, widths, rates = [3, 30, 300], [0.0, 0.1, 0.4], [1e-2, 3e-3, 3e-2]
    together = loop(seeds, LearnedNoisy(widths), kernel=kernel)
    together.rates = torch.tensor(rates, dtype=torch.float64)
    together.run(task(12, 3, held=15), None, None)
    for place, (seed, width, rate) in enumerate(zip(seeds, widths, rates, strict=True)):
        alone = loop([seed], LearnedNoisy(width), kernel=kernel)
        alone.rates = torch.tensor([rate], dtype=torch.float64)
        alone.run(task(12, 1, held=15), None, None)
        for name, value in weights(alone.network).items():
            both = dict(together.network.named_parameters())[name]
            torch.testing.assert_close(both[place], value[0], rtol=0, atol=1e-11)


def test_forcing_falls_over_the_schedule_and_not_before_the_first_epoch_is_done():
    by_homotopy = HistoricallyConsistent(teacher_forcing=0.7, homotopy=1.0)
    for epochs, alike in ((1, True), (2, False)):
        one, other = (loop([1, 2], cell=c) for c in (by_homotopy, HistoricallyConsistent()))
        for runner in (one, other):
            runner.run(task(epochs, 2), None, None)
        assert weights(one.network)["cell.A"].equal(weights(other.network)["cell.A"]) == alike
    # The last of ten epochs begins when nine are done.
    runner = loop([1, 2], cell=by_homotopy)
    runner.run(task(10, 2), None, None)
    assert runner.active.cell.forced == pytest.approx(1 - 0.3 * 0.9)


def test_the_same_seeds_give_the_same_bits_and_others_do_not():
    a, b, c = loop([1, 2]), loop([1, 2]), loop([5, 6])
    for one in (a, b, c):
        one.run(task(5, 2), None, None)
    assert all(
        (x == y).all() for x, y in zip(a.network.parameters(), b.network.parameters(), strict=True)
    )
    assert any(
        (x != y).any() for x, y in zip(a.network.parameters(), c.network.parameters(), strict=True)
    )


def test_global_random_state_is_neither_used_nor_touched():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    a = loop([1])
    a.run(task(3, 1), None, None)
    assert (torch.get_rng_state() == before).all()
    torch.manual_seed(2)
    b = loop([1])
    b.run(task(3, 1), None, None)
    assert all(
        (x == y).all() for x, y in zip(a.network.parameters(), b.network.parameters(), strict=True)
    )


class KilledError(Exception):
    pass


@pytest.mark.parametrize(
    ("start", "cell"),
    [(LearnedNoisy(0.2), None), (Adaptive(0.5), None),
     (LearnedNoisy(0.2), HistoricallyConsistent(teacher_forcing=0.7, homotopy=1.0))],
)  # fmt: skip
@pytest.mark.parametrize("at", [1, 4, 7])
def test_a_killed_training_goes_on_to_the_same_bits(tmp_path, at, start, cell):
    whole = loop([1, 2], start, cell=cell, checkpoint_every=3)
    expected = whole.run(task(9, 2), None, None)

    def kill(event):
        if event["epoch"] == at:
            raise KilledError

    path = tmp_path / "select.safetensors"
    with pytest.raises(KilledError):
        loop([1, 2], start, cell=cell, checkpoint_every=3).run(task(9, 2), path, kill)
    assert path.exists() == (at > 3)
    again = loop([1, 2], start, cell=cell, checkpoint_every=3)
    done = again.run(task(9, 2), path, None)
    assert (done.best_loss == expected.best_loss).all()
    for name, value in weights(whole.network).items():
        assert (weights(again.network)[name] == value).all()
    assert torch.stack(done.train_losses).equal(torch.stack(expected.train_losses))


def test_a_finished_checkpoint_is_not_trained_again(tmp_path):
    path = tmp_path / "select.safetensors"
    first = loop([1])
    first.run(task(4, 1), path, None)
    epochs = []
    second = loop([1])
    second.run(task(4, 1), path, epochs.append)
    assert epochs == []
    assert all(
        (x == y).all()
        for x, y in zip(first.network.parameters(), second.network.parameters(), strict=True)
    )


def test_a_checkpoint_of_another_task_is_not_used(tmp_path):
    path = tmp_path / "select.safetensors"
    loop([1], identity="one").run(task(4, 1), path, None)
    epochs = []
    loop([1], identity="two").run(task(4, 1), path, epochs.append)
    assert len(epochs) == 4


def test_early_stopping_restores_the_best_epoch_of_each_member():
    runner = loop([1, 2, 3], learning_rate=0.05, patience=4)
    the_task = task(60, 3)
    progress = runner.run(the_task, None, None)
    curves = torch.stack(progress.validation_losses)
    for member in range(3):
        best = int(progress.best_epoch[member])
        lived = curves[: min(best + 4, len(curves)), member]
        assert lived.argmin() == best - 1
    # The weights that are in the network are those of the best epoch, not of the last.
    runner.admit([0, 1, 2])
    now = runner.steps_on(the_task.data).evaluate(the_task.validation)
    torch.testing.assert_close(now, progress.best_loss, rtol=1e-12, atol=0)


def test_a_member_that_has_stopped_is_not_improved_any_more():
    runner = loop([1, 2], learning_rate=0.05, patience=1)
    progress = runner.run(task(40, 2), None, None)
    curves = torch.stack(progress.validation_losses)
    for member in range(2):
        best = int(progress.best_epoch[member])
        assert best == len(curves) or curves[best, member] >= curves[best - 1, member]


def test_without_validation_each_member_keeps_its_last_epoch():
    runner = loop([1, 2])
    the_task = task(8, 2, held=0)
    limited = Task(the_task.phase, the_task.data, the_task.train, the_task.validation, [3, 8], 8)
    progress = runner.run(limited, None, None)
    assert progress.best_epoch.tolist() == [3, 8]
    alone = loop([1])
    alone.run(Task("x", the_task.data, the_task.train, the_task.validation, [3], 8), None, None)
    torch.testing.assert_close(
        runner.network.cell.A[0], alone.network.cell.A[0], rtol=0, atol=1e-12
    )


def test_who_stops_late_learns_nothing_from_validation():
    """Its weights are those without a validation, to the bit; those of who stops early are not."""
    with_rows = task(12, 2)
    without = replace(with_rows, validation=with_rows.validation[:0])
    runs = {
        "late": (loop([1, 2], learning_rate=0.05, patience=1, stopping="late"), with_rows),
        "early": (loop([1, 2], learning_rate=0.05, patience=1), with_rows),
        "none": (loop([1, 2], learning_rate=0.05, patience=1), without),
    }
    for runner, the_task in runs.values():
        runner.run(the_task, None, None)
    found = {name: weights(runner.network) for name, (runner, _) in runs.items()}
    assert all(value.equal(found["none"][name]) for name, value in found["late"].items())
    assert not found["early"]["cell.A"].equal(found["none"]["cell.A"])


def test_ctrl_c_keeps_the_best_so_far():
    def stop(event):
        if event["epoch"] == 5:
            raise KeyboardInterrupt

    long = task(50, 2)
    runner = loop([1, 2])
    progress = runner.run(long, None, stop)
    assert progress.interrupted
    assert progress.epoch == 5
    short = loop([1, 2])  # the same task, ended after five epochs of its own accord
    short.run(replace(long, epochs=[5, 5]), None, None)
    for name, value in weights(short.network).items():
        assert (weights(runner.network)[name] == value).all()


def test_a_diverged_member_leaves_the_others_alone():
    runner = loop([1, 2])
    with torch.no_grad():
        runner.network.cell.A[0] = torch.nan
    progress = runner.run(task(4, 2), None, None)
    assert progress.alive.tolist() == [False, True]
    alone = loop([2])
    alone.run(task(4, 1), None, None)
    torch.testing.assert_close(
        runner.network.cell.A[1], alone.network.cell.A[0], rtol=0, atol=1e-12
    )


def test_when_all_diverge_the_error_says_what_to_do():
    runner = loop([1])
    with torch.no_grad():
        runner.network.cell.A[:] = torch.nan
    with pytest.raises(TrainingError, match="Lower the learning rate"):
        runner.run(task(4, 1), None, None)


def test_clipping_bounds_each_members_gradient():
    """With clip c the first step's mean of gradients is (1 - beta1) times a gradient of norm c."""
    runner = loop([1, 2], clip=1e-3)
    runner.admit([0, 1])
    runner.flat.slopes[0], runner.flat.slopes[1] = 1.0, 1e-9
    with torch.no_grad():
        runner.flat.descend(runner.rates, runner.settings, runner.settings.rule())
    norms = runner.flat.first.norm(dim=1) / 0.1
    assert norms[0].item() == pytest.approx(1e-3)
    assert norms[1].item() == pytest.approx(1e-9 * runner.flat.first.shape[1] ** 0.5)


def test_the_rate_falls_along_half_a_cosine():
    runner = loop([1])
    assert runner._fall(0, 10) == pytest.approx(1.0)
    assert runner._fall(5, 10) == pytest.approx(0.5)
    assert runner._fall(10, 10) == pytest.approx(0.0)


def test_batches_are_the_windows_cut_by_hand():
    w = windows(20)
    data = Resident(w, torch.float64, torch.device("cpu"))
    starts = torch.tensor([[0, 4], [7, 2]])
    batch = data.batch(starts)
    for member in range(2):
        for place in range(2):
            first = int(starts[member, place])
            expected = w.targets[first : first + CONTEXT + HORIZON]
            assert (batch.targets[:, member, place].numpy() == expected).all()
    assert (batch.known[:CONTEXT] == 1).all()
    assert (batch.known[CONTEXT:] == 0).all()


def test_the_loss_scores_neither_burn_in_nor_gaps():
    w = windows(20)
    w.targets[[1, 4, 7]] = np.nan  # in the burn-in, the context, the horizon
    batch = Resident(w, torch.float64, torch.device("cpu")).batch(torch.tensor([[0]]))
    outputs = torch.zeros_like(batch.targets)
    square = np.nan_to_num(w.targets[:9, 0]) ** 2
    past, ahead = square[[2, 3, 5]].mean(), square[[6, 8]].mean()
    assert batch.loss(outputs, 0.25).item() == pytest.approx(0.25 * past + 0.75 * ahead)
    assert batch.loss(outputs, 0.0).item() == pytest.approx(ahead)


def test_it_learns_a_sine():
    runner = loop([1, 2], learning_rate=0.02)
    progress = runner.run(task(200, 2, rows=120, held=20), None, None)
    assert progress.best_loss.max() < 0.05  # the noise alone makes 0.01; the wave's variance is 0.5


# -- faults ----------------------------------------------------------------------------------------


@pytest.fixture
def during(monkeypatch):
    """Do something in the midst of each pass over the windows: `during(action)`."""
    train = Loop._train

    def during(action):
        passes = iter(range(1, 10**6))

        def changed(self, *args):
            return action(next(passes), train(self, *args))

        monkeypatch.setattr(Loop, "_train", changed)

    return during


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("start", [LearnedNoisy(0.2), Adaptive(0.5)])
def test_a_training_that_is_stopped_keeps_every_whole_epoch(tmp_path, during, stop, start):
    expected = loop([1, 2], start)
    expected.run(task(9, 2), None, None)

    def stopped(number, losses):
        if number == 6:
            raise stop
        return losses

    path, seen = tmp_path / "select.checkpoint", []
    during(stopped)
    with contextlib.nullcontext() if stop is KeyboardInterrupt else pytest.raises(stop):
        loop([1, 2], start, checkpoint_every=100).run(task(9, 2), path, None)
    during(lambda number, losses: losses)
    again = loop([1, 2], start, checkpoint_every=100)
    again.run(task(9, 2), path, lambda event: seen.append(event["epoch"]))
    assert seen == [6, 7, 8, 9]
    for name, value in weights(expected.network).items():
        assert (weights(again.network)[name] == value).all()


@pytest.mark.parametrize(
    ("bad", "lived", "best"), [((4, 5, 6), 6, 3), ((4, 5, 7), 9, 9), ((4, 5), 9, 9)]
)
def test_three_losses_in_a_row_that_are_not_finite_end_a_member_at_its_best(
    during, bad, lived, best
):
    def spoilt(number, losses):
        if number in bad:
            losses[0] = torch.nan
        return losses

    during(spoilt)
    progress = loop([1, 2], stopping="late").run(task(9, 2), None, None)
    assert progress.lived.tolist() == [lived, 9]
    assert progress.best_epoch.tolist() == [best, 9]
    assert progress.alive.all()
    assert progress.diverged == (lived < 9)


class Greedy(AutogradSteps):
    """Steps that find no memory for more than `most` windows."""

    most = 4
    error: Exception = RuntimeError("DefaultCPUAllocator: can't allocate memory")

    def learn(self, rows, rates, generators):
        if rows.shape[1] > self.most:
            for value in self.network.parameters():  # as a step that failed half way leaves them
                value.grad = torch.ones_like(value)
            self.flat.slopes.fill_(1.0)
            raise self.error
        return super().learn(rows, rates, generators)


@pytest.mark.parametrize(
    "error", [Greedy.error, MemoryError(), torch.OutOfMemoryError("CUDA out of memory")]
)
def test_where_memory_does_not_suffice_batches_are_halved_once(monkeypatch, error):
    monkeypatch.setattr(Greedy, "error", error)
    monkeypatch.setattr(
        Loop, "steps_on", lambda self, data: Greedy(self.active, self.flat, data, self.settings)
    )
    halved = loop([1, 2])
    given = halved.settings
    with pytest.warns(RecoveryWarning, match="batches of 8 windows.* with 4"):
        halved.run(task(5, 2), None, None)
    assert given.batch_size == 8
    small = loop([1, 2])
    small.settings.batch_size = 4
    small.run(task(5, 2), None, None)
    for name, value in weights(small.network).items():
        assert (weights(halved.network)[name] == value).all()
    monkeypatch.setattr(Greedy, "most", 3)
    with (
        pytest.warns(RecoveryWarning),
        pytest.raises(NoMemoryError, match="batches of 4 windows"),
    ):
        loop([1, 2]).run(task(5, 2), None, None)


def test_another_error_is_not_taken_for_want_of_memory(monkeypatch):
    monkeypatch.setattr(Greedy, "error", RuntimeError("shapes differ"))
    monkeypatch.setattr(
        Loop, "steps_on", lambda self, data: Greedy(self.active, self.flat, data, self.settings)
    )
    with pytest.raises(RuntimeError, match="shapes differ"):
        loop([1]).run(task(5, 1), None, None)


def test_no_room_for_a_checkpoint_is_found_before_any_training(tmp_path, monkeypatch, during):
    usage = shutil._ntuple_diskusage(10**9, 10**9, 100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    during(lambda *_: pytest.fail("it was trained"))
    with pytest.raises(NoSpaceError, match="100 bytes are free"):
        loop([1]).run(task(5, 1), tmp_path / "select.checkpoint", None)
