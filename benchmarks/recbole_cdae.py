"""Fit RecBole's CDAE on given parts of a split: one line of JSON per epoch.

    /path/to/recbole/bin/python benchmarks/recbole_cdae.py FOLDER THREADS

A line holds the seconds of fitting, the seconds of validation, and the validation metric.
`learning.py` writes FOLDER/parts/parts.{train,valid}.inter and runs this script in an environment
of its own (see there). Loop and evaluation are RecBole's. The settings are the best of the 96
trials that RecBole published for MovieLens 1M (validation NDCG@10 .2131), with its batch sizes.
Only the validation part is evaluated.
"""

import json
import sys
import time
from logging import getLogger

import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.general_recommender.cdae import CDAE
from recbole.trainer import Trainer
from recbole.utils import init_logger, init_seed

PUBLISHED = {
    "learning_rate": 0.01,
    "loss_type": "BCE",
    "corruption_ratio": 0.3,
    "reg_weight_1": 0.01,
    "reg_weight_2": 0.0,
    "embedding_size": 64,
    "epochs": 500,
    "stopping_step": 10,
    "train_batch_size": 4096,
    "eval_batch_size": 40960000,
    "valid_metric": "NDCG@10",
    "train_neg_sample_args": None,
}
PARTS = {
    "field_separator": "\t",
    "USER_ID_FIELD": "user_id",
    "ITEM_ID_FIELD": "item_id",
    "load_col": {"inter": ["user_id", "item_id"]},
    "benchmark_filename": [
        "train",
        "valid",
        "valid",
    ],  # RecBole requires a third; it is not evaluated
    "eval_args": {"group_by": "user", "order": "RO", "mode": "full", "split": None},
    "use_gpu": False,
    "show_progress": False,
    "state": "ERROR",
    "topk": [10],
}


class TimedTrainer(Trainer):
    """RecBole's trainer; after each validation it prints the seconds of the epoch."""

    def _train_epoch(self, *arguments, **named):
        started = time.perf_counter()
        loss = super()._train_epoch(*arguments, **named)
        self.fitting = time.perf_counter() - started
        return loss

    def _valid_epoch(self, *arguments, **named):
        started = time.perf_counter()
        score, result = super()._valid_epoch(*arguments, **named)
        print(json.dumps([self.fitting, time.perf_counter() - started, score]), flush=True)
        return score, result


def main(folder: str, threads: int) -> None:
    torch.set_num_threads(threads)
    config = Config(
        model="CDAE",
        dataset="parts",
        config_dict=PUBLISHED
        | PARTS
        | {"data_path": folder, "checkpoint_dir": f"{folder}/checkpoints"},
    )
    init_seed(config["seed"], config["reproducibility"])
    init_logger(config)
    getLogger().setLevel("ERROR")
    train, valid, _ = data_preparation(config, create_dataset(config))
    network = CDAE(config, train._dataset).to(config["device"])
    TimedTrainer(config, network).fit(train, valid, saved=False, show_progress=False)


if __name__ == "__main__":
    sys.argv, (folder, threads) = sys.argv[:1], sys.argv[1:]  # RecBole reads the command line too
    main(folder, int(threads))
