"""Champion and challenger in the registry of a project."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import mlflow
import numpy as np
import pandas as pd
import projects
import pytest
import tracked
from evaluation.small_world import TEST, TRAIN, VALIDATION, options_with
from mlflow.entities import Param
from mlflow.exceptions import MlflowException

from collaborative_autoencoders import pipeline_registry
from collaborative_autoencoders.datasets.interactions import InteractionsDataset
from collaborative_autoencoders.evaluation.choice import NOT_CHOSEN
from collaborative_autoencoders.evaluation.versions import Comparison
from collaborative_autoencoders.hooks.dataset_logging import rounded
from collaborative_autoencoders.page.champions import no_champions
from collaborative_autoencoders.pipeline_registry import (
    from_data_to_leaderboard,
    register_pipelines,
)
from collaborative_autoencoders.pipelines.promotion.nodes import promote_models
from collaborative_autoencoders.serving import promotion as module
from collaborative_autoencoders.serving.fit_seeds import differ_only_in_seed, fits_like
from collaborative_autoencoders.serving.model_versions import (
    add_challenger,
    load_champion,
    no_champion,
    version_of,
)
from collaborative_autoencoders.serving.promotion import Decision, PromotionOptions, apply_policy
from collaborative_autoencoders.serving.rivals import fits_of

pytestmark = pytest.mark.slow

REGISTER = {"registration": {"enabled": True}}
WEAK = {model: {"fitting": {"learning_rate": 1e-6, "epochs": 1}} for model in ("cdae", "autorec")}
OPTIONS = {
    "policy": "significant",
    "metric": "ndcg_at_10",
    "rating_metric": "rmse",
    "min_gain": 0.01,
    "fit_seeds": 1,
    "other_data": "refuse",
    "roll_back": {},
}


def options(**changes):
    return PromotionOptions.model_validate(OPTIONS | changes)


def found(gain, low, high, users=50, **more):
    return Comparison("ndcg_at_10", 0.3, 0.3 + gain, gain, low, high, users, 0, **more)


@pytest.mark.parametrize(
    ("policy", "comparison", "promoted", "because"),
    [
        ("always", found(-0.1, -0.2, -0.05), True, "policy: always"),
        ("always", found(np.nan, np.nan, np.nan, users=0), True, "versions; policy: always"),
        ("not_worse", found(-0.01, -0.1, 0.08), True, "not worse"),
        ("not_worse", found(-0.1, -0.2, -0.05), False, "significantly worse"),
        ("not_worse", found(0.0, np.nan, np.nan), False, "without an interval"),
        ("not_worse", found(0.1, 0.05, 0.2, users=4, least_users=6), False, "too few users"),
        ("better", found(0.02, -0.1, 0.1), True, "better"),
        ("better", found(0.005, 0.001, 0.01), False, "less than min_gain 0.01"),
        ("better", found(0.0, -0.1, 0.1), False, "not better"),
        ("significant", found(0.02, 0.01, 0.03), True, "better"),
        ("significant", found(0.02, -0.01, 0.05), False, "the interval contains 0"),
        ("significant", found(-0.02, -0.03, -0.01), False, "not better"),
        ("significant", found(0.02, np.nan, np.nan), False, "no significant difference"),
        ("significant", found(np.nan, np.nan, np.nan, users=0), False, "no test row is new"),
        (
            "significant",
            found(np.nan, np.nan, np.nan, users=0, new_rows=3),
            False,
            "no user who is compared has a value of ndcg_at_10",
        ),
        (
            "better",
            found(0.02, 0.01, 0.03, sampled=50, sampled_of=6000),
            True,
            "on a sample of 50 of 6,000 users (evaluation.test_users)",
        ),
        (
            "significant",
            found(0.9, 0.8, 1, users=5, least_users=6),
            False,
            "too few users: a difference in ndcg_at_10 can be significant with at least 6",
        ),
        ("better", found(0.9, 0.8, 1, users=5, least_users=6), True, "better"),
    ],
)
def test_the_policy_decides_by_gain_and_interval(policy, comparison, promoted, because):
    decision, reason = apply_policy(comparison, 1, options(policy=policy))
    assert decision == promoted
    assert because in reason
    assert "of version 1" in reason


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": "gini_at_10"},
        {"metric": "ndcg"},
        {"policy": "never"},
        {"min_gain": -1},
        {"fit_seeds": 0},
        {"roll_back": {"cdea": 1}},
        {"roll_back": {"cdae": 0}},
    ],
)
def test_options_without_a_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        options(**wrong)


# decisions that compare nothing, in a registry without artifacts


@pytest.fixture
def registry(tmp_path):
    """A registry with two versions of cdae: version 1 is champion, version 2 is challenger."""
    before = mlflow.get_tracking_uri()
    with projects.empty_store(tmp_path):
        mlflow.set_tracking_uri(f"sqlite:///{tmp_path.as_posix()}/mlflow.db")
        client = mlflow.MlflowClient()
        client.create_registered_model("cdae")
        for alias in ("champion", "challenger"):
            version = client.create_model_version("cdae", source=tmp_path.as_uri())
            client.set_registered_model_alias("cdae", alias, version.version)
        yield client
        mlflow.set_tracking_uri(before)


def aliases(client):
    """The version of cdae that has each alias."""
    return {
        alias: int(client.get_model_version_by_alias("cdae", alias).version)
        for alias in ("champion", "challenger")
    }


def tags(client, version):
    return client.get_model_version("cdae", str(version)).tags


def decision_of(not_registered=None, version=None, content=None, test_users=None, **changes):
    """The decision about cdae, given the models of the last run."""
    row = {"model": "cdae", "version": version, "not_registered": not_registered}
    row["content"] = content
    registered = pd.DataFrame([row])
    data = (None, TRAIN, VALIDATION, TEST)  # nothing is compared, so no id is looked up
    evaluation = options_with(test_users=test_users)
    decisions = promote_models(registered, *data, options(**changes), evaluation)
    return decisions.set_index("model").loc["cdae"]


def test_a_roll_back_makes_a_version_champion_again(registry, caplog):
    registry.set_registered_model_alias("cdae", "champion", "2")
    with caplog.at_level("INFO"):
        assert decision_of(roll_back={"cdae": 1})["decision"] == "rolled back"
    assert aliases(registry) == {"champion": 1, "challenger": 2}
    assert tags(registry, 2)["promotion"] == "rolled back"
    reason = "version 1 is champion again and replaces version 2"
    assert tags(registry, 1)["promotion_reason"] == reason
    assert caplog.messages == [f"cdae: rolled back – {reason}"]


def test_after_a_roll_back_the_replaced_version_is_promoted_only_by_the_policy_always(
    registry, monkeypatch
):
    registry.set_registered_model_alias("cdae", "champion", "2")
    decision_of(roll_back={"cdae": 1})
    for _ in range(2):
        again = decision_of()
        assert again["decision"] == "refused"
        assert "version 2 was rolled back" in again["reason"]
        assert aliases(registry)["champion"] == 1
    monkeypatch.setattr(module, "decide", lambda *_: Decision("promoted", "better", 1, 2))
    assert decision_of(policy="always")["decision"] == "promoted"
    assert aliases(registry)["champion"] == 2


def test_a_roll_back_to_the_champion_changes_nothing(registry):
    assert decision_of(roll_back={"cdae": 1})["decision"] == "nothing"
    assert aliases(registry) == {"champion": 1, "challenger": 2}


def test_a_roll_back_to_a_version_that_does_not_exist_is_refused(registry):
    with pytest.raises(ValueError, match="cdae has no version 9 in the registry, only 1, 2"):
        decision_of(roll_back={"cdae": 9})


def test_a_model_that_was_not_registered_is_not_promoted(registry):
    found = decision_of(not_registered="registration.enabled is false")
    assert found["decision"] == "nothing"
    assert found["reason"] == "not registered: registration.enabled is false"
    assert aliases(registry) == {"champion": 1, "challenger": 2}


def test_models_that_registration_does_not_choose_are_named_on_one_line(registry, caplog):
    caplog.set_level(logging.INFO)
    found = decision_of(not_registered=f"{NOT_CHOSEN} in registration.models (best). To register …")
    assert "To register" in found["reason"]
    assert "cdae: not registered, as registration.models says" in caplog.text
    assert "To register" not in caplog.text


@pytest.mark.parametrize(("version", "warned"), [(1, True), (2, False), (None, False)])
def test_a_challenger_of_another_run_than_that_in_data_is_named(registry, caplog, version, warned):
    registry.delete_registered_model_alias("cdae", "champion")
    assert decision_of(version=version)["challenger"] == 2
    said = "cdae: the challenger is version 2, and the run in data/ registered version 1"
    assert (said in caplog.text) == warned


def test_a_champion_is_not_compared_with_itself(registry):
    registry.set_registered_model_alias("cdae", "challenger", "1")
    assert decision_of()["decision"] == "nothing"


def remove_alias(client):
    """Take cdae out of service."""
    client.delete_registered_model_alias("cdae", "champion")


def delete_champion(client):
    """Delete version 1 of cdae, the champion; MLflow removes the alias with it."""
    client.delete_model_version("cdae", "1")


def champion_of(client):
    """The version of cdae that is champion; None without one."""
    found = version_of("cdae", "champion")
    return found and int(found.version)


@pytest.mark.parametrize("policy", ["significant", "always"])
@pytest.mark.parametrize("lose_champion", [remove_alias, delete_champion])
@pytest.mark.parametrize("decision", [None, "refused", "rolled back"])
def test_without_a_champion_a_challenger_is_refused_even_by_the_policy_always(
    registry, caplog, policy, lose_champion, decision
):
    lose_champion(registry)
    if decision:
        registry.set_model_version_tag("cdae", "2", "promotion", decision)
    refused = decision_of(policy=policy)
    assert (refused["decision"], refused["challenger"]) == ("refused", 2)
    assert champion_of(registry) is None
    assert tags(registry, 2).get("promotion") == decision
    assert f"cdae: refused – {refused['reason']}" in caplog.text


def test_the_refusal_without_a_champion_has_the_command_that_makes_one(registry):
    registry.set_model_version_tag("cdae", "1", "promotion", "promoted")
    remove_alias(registry)
    assert decision_of()["reason"] == (
        "cdae has versions 1, 2 and no champion: make one of them champion with `kedro run "
        "--pipelines promotion --params promotion.roll_back.cdae=1` (and the --env of your data)"
    )
    made = decision_of(roll_back={"cdae": 1})
    assert (made["decision"], made["challenger"]) == ("rolled back", 1)
    assert made["reason"] == "version 1 becomes champion: the model had none"
    assert aliases(registry) == {"champion": 1, "challenger": 2}


def test_the_command_that_makes_a_champion_prefers_versions_that_were_not_refused(registry):
    delete_champion(registry)
    for _ in ("version 3", "version 4"):
        registry.create_model_version("cdae", source="file:///nowhere")
    registry.set_model_version_tag("cdae", "4", "promotion", "refused")
    assert "promotion.roll_back.cdae=3`" in decision_of()["reason"]
    registry.delete_model_version("cdae", "2")
    registry.delete_model_version("cdae", "3")
    assert "cdae has version 4 and no champion: make it champion" in no_champion("cdae")
    assert "promotion.roll_back.cdae=4`" in no_champion("cdae")


@pytest.mark.parametrize("lose_champion", [remove_alias, delete_champion])
def test_training_makes_no_version_champion_in_place_of_one_that_is_gone(
    registry, caplog, lose_champion
):
    lose_champion(registry)
    version = registry.create_model_version("cdae", source="file:///nowhere").version
    assert add_challenger("cdae", int(version)) == "challenger"
    assert champion_of(registry) is None
    assert "cdae has versions " in caplog.text and "promotion.roll_back.cdae=" in caplog.text


def test_a_champion_that_is_registered_again_out_of_service_stays_so(registry):
    registry.delete_model_version("cdae", "2")
    registry.set_model_version_tag("cdae", "1", "promotion", "promoted")
    remove_alias(registry)
    assert add_challenger("cdae", 1) == "challenger"
    assert champion_of(registry) is None


def test_the_challenger_of_a_deleted_champion_that_is_registered_again_stays_challenger(registry):
    delete_champion(registry)
    assert add_challenger("cdae", 2) == "challenger"
    assert champion_of(registry) is None


def test_the_first_of_two_versions_that_runs_register_at_once_is_champion(registry):
    remove_alias(registry)
    assert [add_challenger("cdae", version) for version in (2, 1)] == ["challenger", "champion"]


def test_the_next_version_after_all_were_deleted_is_a_first_version(registry):
    for number in "12":
        registry.delete_model_version("cdae", number)
    assert "registration.models=cdae" in no_champion("cdae")
    version = registry.create_model_version("cdae", source="file:///nowhere").version
    assert add_challenger("cdae", int(version)) == "champion"
    assert "no earlier version" in tags(registry, version)["promotion_reason"]


def test_whoever_asks_for_a_champion_that_is_gone_gets_the_command(registry):
    remove_alias(registry)
    with pytest.raises(ValueError, match=r"cdae has versions 1, 2 and no champion: .*cdae=2`"):
        load_champion("cdae")
    assert no_champions().startswith("cdae has versions 1, 2 and no champion: ")
    registry.delete_registered_model("cdae")
    assert "run `kedro run`" in no_champions()


def test_a_version_whose_files_are_gone_is_refused_with_a_way_on(registry):
    refused = decision_of()
    assert refused["decision"] == "refused"
    assert "cdae version 1 cannot be loaded from file://" in refused["reason"]
    assert (
        "kedro run --pipelines promotion --params promotion.roll_back.cdae=2" in refused["reason"]
    )
    assert aliases(registry)["champion"] == 1


def test_a_version_that_cannot_be_compared_is_refused_and_ends_no_run(registry, monkeypatch):
    def compare(*_):
        raise ValueError("The model scored item_index 0 for user_index 0 as nan")

    monkeypatch.setattr(module, "load_rivals", lambda *_, **__: SimpleNamespace(compare=compare))
    refused = decision_of()
    assert (refused["decision"], refused["challenger"]) == ("refused", 2)
    assert "scored item_index 0" in refused["reason"]
    assert aliases(registry)["champion"] == 1


def test_a_model_that_was_deleted_has_nothing_to_promote(registry):
    registry.delete_registered_model("cdae")
    assert decision_of()["decision"] == "nothing"


def test_a_registry_that_does_not_answer_is_no_registry_without_a_champion(registry, monkeypatch):
    def fail(*_):
        raise MlflowException("the server is gone")

    monkeypatch.setattr(mlflow.MlflowClient, "get_model_version_by_alias", fail)
    with pytest.raises(MlflowException, match="gone"):
        decision_of()


# a version that showed no gain is not compared until luck lets it win


def refuse_then_promote(monkeypatch, no_gain):
    """Let the first comparison show no gain, and every later one a significant gain."""
    answers = iter(
        [
            Decision("refused", "no gain", 1, 2, no_gain),
            *[Decision("promoted", "better", 1, 2, found(0.02, 0.01, 0.03))] * 2,
        ]
    )
    monkeypatch.setattr(module, "decide", lambda *_: next(answers))


def test_a_second_comparison_with_the_same_champion_is_refused_without_a_look(
    registry, monkeypatch
):
    refuse_then_promote(monkeypatch, found(0.02, -0.01, 0.05))
    first = decision_of()
    for metric in ("ndcg_at_10", "recall_at_10"):
        again = decision_of(metric=metric)
        assert again["decision"] == "refused"
        assert again["reason"].startswith("version 2 was compared with version 1 before")
        assert again["reason"].endswith("The first comparison: no gain")
        figures = ["gain", "low", "high", "users"]
        assert again[figures].tolist() == first[figures].tolist()
    assert aliases(registry)["champion"] == 1
    assert tags(registry, 2)["promotion_reason"] == "no gain"
    assert decision_of(policy="better")["decision"] == "promoted"


def test_a_sample_that_showed_no_gain_is_said_when_the_refusal_is_repeated(registry, monkeypatch):
    refuse_then_promote(monkeypatch, found(0.02, -0.01, 0.05, sampled=50, sampled_of=6000))
    assert decision_of(test_users=50)["sampled_of"] == 6000
    again = decision_of(test_users=None)
    assert (again["decision"], again["sampled"], again["sampled_of"]) == ("refused", 50, 6000)


@pytest.mark.parametrize(
    "no_look",
    [None, found(0.02, -0.2, 0.3, users=5, least_users=6), found(0.02, 0.01, 0.03)],
)
def test_a_refusal_that_no_significance_decided_does_not_stand(registry, monkeypatch, no_look):
    refuse_then_promote(monkeypatch, no_look)
    assert [decision_of()["decision"] for _ in range(2)] == ["refused", "promoted"]


def test_another_champion_is_another_comparison(registry, monkeypatch):
    refuse_then_promote(monkeypatch, found(0.02, -0.01, 0.05))
    decision_of()
    version = registry.create_model_version("cdae", source="file:///nowhere").version
    registry.set_registered_model_alias("cdae", "champion", version)
    assert decision_of()["decision"] == "promoted"


# several fits of one configuration


def register_fits(client, *parameters, **version_tags):
    """Register one version of cdae per set of parameters, each with its run."""
    experiment = client.create_experiment(f"fits {parameters} {version_tags}")
    numbers = []
    for changes in parameters:
        run = client.create_run(experiment).info.run_id
        fit = {"model.hidden_size": 5, "fitting.seed": 1, "fitting.ensemble": 1}
        params = [Param(key, str(value)) for key, value in (fit | changes).items()]
        client.log_batch(run, params=params)
        version = client.create_model_version(
            "cdae", source="file:///nowhere", run_id=run, tags=version_tags
        )
        numbers.append(int(version.version))
    return numbers


def test_fits_of_one_configuration_differ_in_their_seeds_alone(registry):
    own, same_seed, other_seed, other_size, elsewhere, overlapping = register_fits(
        registry,
        {},
        {},
        {"fitting.seed": 2},
        {"fitting.seed": 3, "model.hidden_size": 6},
        {"fitting.seed": 4, "evaluation.seed": 9, "running.threads": 8, "chosen.penalty": 5},
        {"fitting.seed": 4},
    )
    assert fits_like("cdae", own, 9) == [own, overlapping, other_seed]
    assert fits_like("cdae", own, 2) == [own, overlapping]
    assert fits_like("cdae", elsewhere, 9)[0] == elsewhere
    assert differ_only_in_seed("cdae", own, other_seed)
    assert not differ_only_in_seed("cdae", own, other_size)
    assert fits_like("cdae", 1, 9) == [1]  # registered without a run
    assert not differ_only_in_seed("cdae", 1, own)
    assert same_seed not in fits_like("cdae", own, 9)


def test_fits_that_were_validated_on_another_sample_are_another_configuration(registry):
    own, other, sampled = register_fits(
        registry,
        *({"fitting.seed": seed, "running.validation_users": "20000"} for seed in (1, 2)),
        {"fitting.seed": 3, "running.validation_users": "100"},
    )
    assert fits_like("cdae", own, 9) == [own, other]
    assert fits_like("cdae", sampled, 9) == [sampled]


def test_fits_of_other_code_or_of_another_start_are_another_configuration(registry):
    now = register_fits(registry, {}, {"fitting.seed": 2}, code_version="b")
    before = register_fits(registry, {"fitting.seed": 3}, code_version="a")
    warm = register_fits(registry, {"fitting.seed": 4}, code_version="b", started_from="1")
    logged = {"fitting.seed": 5, "started_from": 1, "started_from_without_unseen": 1}
    [of_the_run] = register_fits(registry, logged, code_version="b")
    assert fits_like("cdae", now[0], 9) == now
    assert fits_like("cdae", before[0], 9) == before
    assert not differ_only_in_seed("cdae", now[0], before[0])
    assert fits_like("cdae", warm[0], 9) == [*warm, of_the_run]


def test_facts_that_a_run_lacks_which_only_registers_do_not_make_another_configuration(registry):
    facts = {
        "matrix_products": "torch",
        "validation_users": 50,
        "validation_users_without_unseen": 9,
    }
    whole, resumed = register_fits(registry, facts, {"fitting.seed": 2})
    assert differ_only_in_seed("cdae", whole, resumed)


def test_ensembles_that_share_a_seed_are_not_two_fits(registry):
    first, overlapping, second = register_fits(
        registry, *({"fitting.ensemble": 3, "fitting.seed": seed} for seed in (1, 3, 4))
    )
    assert fits_like("cdae", first, 9) == [first, second]
    assert fits_like("cdae", overlapping, 9) == [overlapping]


def test_missing_fits_are_an_error_that_says_how_to_make_them(registry):
    [only] = register_fits(registry, {})
    with pytest.raises(ValueError, match=r"only 1 of .* --params cdae\.fitting\.seed="):
        fits_of("cdae", only, 3)
    assert fits_of("cdae", only, 1) == [only]
    assert fits_of("ease", only, 3) == [only]  # no seed, no luck


# decisions by a comparison, in the registry of a finished run


def challenge(project, *models, **params):
    """Fit, evaluate and register a new version of these models alone, from the raw data on."""
    results = [f"{model}.{result}" for model in models for result in ("registration", "metrics")]
    every = register_pipelines() | {"__default__": from_data_to_leaderboard(models)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline_registry, "register_pipelines", lambda: every)
        projects.run(project, params=REGISTER | params, to_outputs=[*results, "lookup"])


def promote(project, of_the_data=None, **promotion):
    """Run the pipeline `promotion` and return its table of decisions.

    `of_the_data` are the options that the data in data/ were made with.
    """
    options = {"promotion": promotion} | (of_the_data or {})
    projects.run(project, pipelines=["promotion"], params=options)
    return pd.read_csv(project / "data/08_reporting/test/promotions.csv").set_index("model")


def metrics(project, name):
    file = project / f"data/08_reporting/test/{name}/metrics.json"
    return json.loads(file.read_text(encoding="utf-8"))


class Story(NamedTuple):
    """Version 2 of CDAE and AutoRec is worse than version 1, which is fitted again then."""

    project: Path
    worse: pd.DataFrame
    """Decisions about version 2."""
    aliases_after_worse: dict[str, int]
    better: pd.DataFrame
    """Decisions about version 1, after version 2 was made champion by hand."""


@pytest.fixture(scope="module")
def story(finished_world):
    """One for all workers; to be read."""

    def make(folder):
        project = projects.copy_with_store(finished_world, folder / "world")
        client = tracked.store(project)
        challenge(project, "cdae", "autorec", **WEAK)
        promote(project).to_csv(folder / "worse.csv")
        (folder / "aliases.json").write_text(json.dumps(aliases(client)), encoding="utf-8")
        for name in ("cdae", "autorec"):
            client.set_registered_model_alias(name, "champion", "2")
        challenge(project, "cdae", "autorec", "popularity", "ease", ease={"model": {"penalty": 30}})
        promote(project).to_csv(folder / "better.csv")

    folder = projects.once("promotion", make)
    worse, better = (
        pd.read_csv(folder / f"{name}.csv", index_col="model") for name in ("worse", "better")
    )
    after_worse = json.loads((folder / "aliases.json").read_text(encoding="utf-8"))
    return Story(folder / "world", worse, after_worse, better)


def test_a_better_challenger_is_promoted(story):
    row, client = story.better.loc["cdae"], tracked.store(story.project)
    assert row["decision"] == "promoted"
    assert row["low"] > 0
    assert aliases(client) == {"champion": 1, "challenger": 1}
    assert tags(client, 1)["promotion_reason"] == row["reason"]


def test_a_worse_challenger_is_refused_with_the_reason(story):
    row, client = story.worse.loc["cdae"], tracked.store(story.project)
    assert row["decision"] == "refused"
    assert row["reason"].startswith("not better: ndcg_at_10")
    assert story.aliases_after_worse == {"champion": 1, "challenger": 2}
    assert tags(client, 2)["promotion"] == "refused"
    assert tags(client, 2)["promotion_reason"] == row["reason"]


def test_the_decisions_are_a_table_of_the_run(story):
    run, _ = tracked.last_run(story.project)
    written = pd.read_csv(story.project / "data/08_reporting/test/promotions.csv")
    logged = pd.read_csv(tracked.artifacts(run) / "promotions.csv")
    pd.testing.assert_frame_equal(logged, rounded(written))


@pytest.mark.parametrize(
    ("name", "metric"),
    [("cdae", "ndcg_at_10"), ("ease", "ndcg_at_10"), ("autorec", "rmse")],
)
def test_with_the_same_split_the_figures_are_those_of_the_evaluation(story, name, metric):
    row = story.better.loc[name]
    assert row["metric"] == metric
    evaluated = metrics(story.project, name)[metric]
    assert row["challenger_value"] == pytest.approx(evaluated, abs=1e-9)
    assert row["rows_left_out"] == 0


def test_rating_models_are_compared_by_their_errors(story):
    row = story.better.loc["autorec"]
    assert row["decision"] == "promoted"
    assert row["gain"] == pytest.approx(row["champion_value"] - row["challenger_value"])


def test_the_same_model_again_is_no_new_version(story):
    row = story.better.loc["popularity"]
    assert (row["decision"], row["reason"]) == ("nothing", "version 1 is already the champion")
    versions = tracked.store(story.project).search_model_versions("name='popularity'")
    assert [version.version for version in versions] == [1]


@pytest.fixture
def project(finished_world, tmp_path):
    return projects.copy_with_store(finished_world, tmp_path / "world")


def test_rows_that_the_champion_was_fitted_on_are_left_out_for_both(project):
    other_split = {"split": {"seed": 7}}
    challenge(project, "ease", **other_split)
    row = promote(project, other_split).loc["ease"]
    # four in five of the new test rows were in train or validation of the champion's split
    file = project / "data/05_model_input/test/test.npz"
    n_test = InteractionsDataset(filepath=str(file)).load().ratings.nnz
    assert 0.6 * n_test < row["rows_left_out"] < n_test
    assert row["users"] < metrics(project, "ease")["users_judged"]


def test_versions_of_other_data_are_compared_only_if_the_options_allow_it(project):
    other_core = {"core": {"k": 5}}
    challenge(project, "ease", **other_core)
    refused = promote(project, other_core).loc["ease"]
    assert refused["decision"] == "refused"
    assert "another catalogue" in refused["reason"]
    allowed = promote(project, other_core, other_data="allow", policy="always").loc["ease"]
    assert allowed["decision"] == "promoted"
    assert allowed["users"] > 0
    assert allowed["rows_left_out"] > 0
