"""A whole fit of neuralforecast's RNN or LSTM; runs in the peer's own environment.

``neuralforecast_fit.py TASK.npz '{"model": "LSTM", ...}'`` prints a JSON object a check: seconds
and error. All settings are the peer's own but the windows, their scale and the squared error.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd
import torch
from fit_task import FitTask
from neuralforecast import NeuralForecast, models
from neuralforecast.losses.pytorch import MSE
from pytorch_lightning import Callback, LightningModule, Trainer

CHECK = 25
"""Steps between two validation errors."""


class Recorder(Callback):
    """Print the validation error with the seconds of training so far, and stop in time."""

    def __init__(self, limit: float) -> None:
        self.limit, self.begin, self.stood, self.paused = limit, time.perf_counter(), 0.0, 0.0

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        del trainer, pl_module
        self.paused = time.perf_counter()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print, and start the clock again."""
        del pl_module
        seconds = self.paused - self.begin - self.stood
        error = float(trainer.callback_metrics["ptl/val_loss"])
        print(json.dumps({"seconds": seconds, "error": error}), flush=True)
        self.stood += time.perf_counter() - self.paused
        trainer.should_stop = trainer.should_stop or seconds > self.limit


def main() -> None:
    """Train until the steps or the seconds are over."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    path, options = Path(sys.argv[1]), json.loads(sys.argv[2])
    torch.set_num_threads(options["threads"])
    torch.set_flush_denormal(True)
    task = FitTask.load(path)
    frame = pd.DataFrame({
        "unique_id": np.repeat(np.arange(len(task.lengths)), task.lengths),
        "ds": np.concatenate([np.arange(length) for length in task.lengths]),
        "y": task.targets[:, 0].astype(np.float32),
    })  # fmt: skip
    inputs = [f"u{place}" for place in range(task.inputs.shape[1])]
    if inputs:
        frame[inputs] = task.inputs.astype(np.float32)
    stride = int(task.train[1] - task.train[0])
    model = getattr(models, options["model"])(
        h=task.horizon, input_size=task.context, futr_exog_list=inputs, loss=MSE(),
        valid_loss=MSE(), step_size=stride, scaler_type="identity", max_steps=options["steps"],
        val_check_steps=CHECK, callbacks=[Recorder(options["limit"])], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        accelerator="cpu",
    )  # fmt: skip
    NeuralForecast([model], freq=1).fit(frame, val_size=task.held)


if __name__ == "__main__":
    main()
