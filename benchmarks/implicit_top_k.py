"""Rank with implicit on given factors: one line of JSON, the rows per CPU second of each round.

    /path/to/implicit/bin/python benchmarks/implicit_top_k.py FOLDER K ROUNDS

`evaluation.py` writes FOLDER/factors.npz and runs this script in an environment of its own (see
there). The lists are written to FOLDER/lists.npy. One thread, all users in one call, as implicit
chooses its batches itself.
"""

import json
import sys
import time

import numpy as np
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

folder, k, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
given = np.load(f"{folder}/factors.npz")
users, items = len(given["user_UF"]), len(given["item_IF"])
ones = np.ones(len(given["indices"]), dtype=np.float32)
seen = csr_matrix((ones, given["indices"], given["indptr"]), shape=(users, items))
model = AlternatingLeastSquares(factors=given["user_UF"].shape[1], num_threads=1)
model.user_factors, model.item_factors = given["user_UF"], given["item_IF"]
rows_per_second = []
for _ in range(rounds):
    start = time.process_time()
    lists, _ = model.recommend(np.arange(users), seen, N=k, filter_already_liked_items=True)
    rows_per_second.append(users / (time.process_time() - start))
np.save(f"{folder}/lists.npy", lists)
print(json.dumps(rows_per_second))
