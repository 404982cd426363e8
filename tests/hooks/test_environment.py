"""A file or an entry of a misspelt name is refused: the run would use those of base instead."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from model_options import ENVIRONMENTS
from projects import REPOSITORY

from collaborative_autoencoders.config_loader import ProjectConfigLoader
from collaborative_autoencoders.hooks.configuration import parameters_of
from collaborative_autoencoders.hooks.environment import (
    check_credentials,
    check_entries,
    check_files,
    warn_of_unread_titles,
)
from collaborative_autoencoders.hooks.own_data import with_own_titles
from collaborative_autoencoders.pipeline_registry import register_pipelines
from collaborative_autoencoders.settings import CONFIG_LOADER_ARGS

ENTRY = "{type: pandas.CSVDataset, filepath: data/01_raw/plays.csv}"
MOVIELENS = (
    "{type: collaborative_autoencoders.datasets.movielens.MovieLensDataset, "
    "name: ml-100k, path: data/01_raw, table: TABLE}"
)
TABLES = ("ratings", "items")


@pytest.fixture
def conf(tmp_path, monkeypatch):
    """A folder conf/ of the working directory, with a base of MovieLens and an empty `mine`."""
    monkeypatch.chdir(tmp_path)
    for name in ("base", "mine", "local"):
        (tmp_path / "conf" / name).mkdir(parents=True)
    tables = "".join(f"{name}: {MOVIELENS.replace('TABLE', name)}\n" for name in TABLES)
    (tmp_path / "conf/base/catalog.yml").write_text(tables)
    (tmp_path / "conf/base/parameters.yml").write_text("core: {k: 5}\n")
    return tmp_path / "conf"


def loader_of(conf: Path, env: str | None = "mine", **params: Any) -> ProjectConfigLoader:
    return ProjectConfigLoader(str(conf), env, params, **CONFIG_LOADER_ARGS)


def entries_of(conf: Path, text: str, env: str = "mine") -> None:
    """Check an environment whose catalog.yml is this text."""
    (conf / env / "catalog.yml").write_text(text)
    check_entries(loader_of(conf, env), register_pipelines())


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_environments_of_the_repository_have_known_names_only(env, caplog):
    loader = loader_of(REPOSITORY / "conf", env)
    check_files(loader)
    check_entries(loader, register_pipelines())
    check_credentials(loader, loader["catalog"])
    warn_of_unread_titles(loader, with_own_titles(loader["catalog"]))
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize("name", ["rating", "Ratings", "raitngs", "RATINGS"])
def test_a_misspelt_entry_is_refused_with_its_file(conf, name):
    says = rf"conf/mine/catalog.yml: {name}: unknown entry; did you mean 'ratings'\?"
    with pytest.raises(ValueError, match=says):
        entries_of(conf, f"{name}: {ENTRY}")
    with pytest.raises(ValueError, match="item: unknown entry; did you mean 'items'"):
        entries_of(conf, f"ratings: {ENTRY}\nitem: {ENTRY}")
    (conf / "mine/catalog.yml").write_text(f"ratings: {ENTRY}")
    (conf / "mine/tables").mkdir()
    (conf / "mine/tables/catalog_more.yml").write_text(f"itmes: {ENTRY}")
    with pytest.raises(ValueError, match=r"mine/tables/catalog_more.yml: itmes: .* 'items'"):
        check_entries(loader_of(conf), register_pipelines())


@pytest.mark.parametrize(
    "name",
    [
        *("_rating", '"{rating}"', "my_ratings", "ratings2", "plays", "newer_ratings"),
        *("cdae.history", "history", "trials", "popularity", "test_ratings", "new_ratings", "best"),
    ],
)
def test_an_entry_that_is_meant_so_is_allowed(conf, name, caplog):
    entries_of(conf, f"ratings: {ENTRY}\n{name}: {ENTRY}")
    entries_of(conf, f"ratings: {ENTRY}\nrating: {ENTRY}")
    entries_of(conf, f"{name}: {ENTRY}", env="base")
    assert not caplog.records


@pytest.mark.parametrize("name", ["plays", "rankings", "readings"])
def test_an_unread_entry_beside_the_ratings_of_base_is_warned_of(conf, name, caplog):
    entries_of(conf, f"{name}: {ENTRY}\ndays: {ENTRY}")
    (said,) = caplog.messages
    assert f"conf/mine/catalog.yml: no pipeline reads or writes {name}, days" in said
    assert "that of base. If one is your table, name the entry ratings" in said


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("parameter.yml", "parameters.yml"),
        ("params.yml", "parameters.yml"),
        ("Parameters_training.yml", "parameters_training.yml"),
        ("parametres.json", "parameters.json"),
        ("cataloge.yaml", None),  # it begins with catalog, so it is read
        ("catlog.yaml", "catalog.yaml"),
        ("mlflw.yml", "mlflow.yml"),
        ("credential.yml", "credentials.yml"),
        ("globals.yaml", "globals.yml"),
        ("globals_mine.yml", "globals.yml"),
        ("globals.yml", None),
        ("creds.yml", "credentials.yml"),
        ("spark.yml", None),
        ("params.txt", None),
        (".params.yml", None),
    ],
)
@pytest.mark.parametrize("env", ["mine", "base", "local"])
def test_a_file_of_a_misspelt_name_is_refused(conf, name, meant, env, caplog):
    (conf / env / name).write_text("{}")
    if meant is None:
        check_files(loader_of(conf, env))
    else:
        says = f"conf/{env}/{name}: is not read; did you mean '{meant}'"
        with pytest.raises(ValueError, match=says):
            check_files(loader_of(conf, env))
        (conf / env / name).rename(conf / env / meant)
        check_files(loader_of(conf, env))
    assert not caplog.records


def test_a_misspelt_file_is_not_renamed_over_one_of_the_right_name(conf):
    (conf / "mine/parameters.yml").write_text("core: {k: 2}")
    (conf / "mine/params.yml").write_text("core: {k: 3}")
    with pytest.raises(ValueError, match=r"did you mean 'parameters.yml'\? Move its keys there"):
        check_files(loader_of(conf))


@pytest.mark.parametrize(
    "name",
    ["notes.yml", "logging.yml", "prometheus.yml", "flow.yml", "more/globals.yml", "more/x.json"],
)
def test_another_file_that_is_not_read_is_warned_of(conf, name, caplog):
    (conf / "mine/more").mkdir()
    (conf / "mine" / name).write_text("{}")
    check_files(loader_of(conf))
    assert f"conf/mine/{name}: is not read. A run reads files named catalog, cred" in caplog.text


@pytest.mark.parametrize("env", ["mine", "local"])
@pytest.mark.parametrize("part", [False, True])
def test_missing_credentials_are_named_with_the_file_to_write(conf, env, part):
    entry = "{type: pandas.SQLTableDataset, table_name: plays, credentials: db}"
    entry = f"{{type: partitions.PartitionedDataset, dataset: {entry}}}" if part else entry
    (conf / env / "catalog.yml").write_text(f"ratings: {entry}\n")
    wrong = "mine" if env == "local" else "local"
    (conf / wrong / "credentials.yml").write_text("db: {con: 'sqlite:///a.db'}")
    loader = loader_of(conf, None if env == "local" else env)

    says = f"ratings: there are no credentials 'db'. Write them in conf/{env}/credentials.yml: `db:"
    with pytest.raises(ValueError, match=says) as caught:
        check_credentials(loader, loader["catalog"])
    assert ("conf/local is read without --env only" in str(caught.value)) is (env == "mine")

    (conf / env / "credentials.yml").write_text("db: {con: 'sqlite:///a.db'}")
    check_credentials(loader, loader["catalog"])


def test_credentials_that_no_entry_names_are_not_read(conf):
    (conf / "mine/credentials.yml").write_text("db: {con: '${oc.env:NOT_SET_HERE}'}")
    loader = loader_of(conf)
    check_credentials(loader, loader["catalog"])


def test_misspelt_credentials_are_named_with_the_closest(conf):
    (conf / "mine/catalog.yml").write_text("ratings: {type: x, credentials: my_bucket}")
    (conf / "mine/credentials.yml").write_text("my_buckets: {key: a}")
    loader = loader_of(conf)
    with pytest.raises(ValueError, match="'my_bucket'; did you mean 'my_buckets'"):
        check_credentials(loader, loader["catalog"])


@pytest.mark.parametrize(
    "file",
    [
        "conf/mine/credentials.yml",
        "conf/base/credentials_s3.json",
        "conf/mine/credentials/s3.yml",
        "conf/mine/more/credentials.yaml",
        "conf/local/credentials.yml",
    ],
)
def test_git_ignores_every_file_that_kedro_reads_credentials_from(conf, file):
    folder = conf.parent
    (folder / ".gitignore").write_bytes((REPOSITORY / ".gitignore").read_bytes())
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text("db: {}")
    environment = Path(file).parts[1]
    read = loader_of(conf).files_of("credentials", environment)
    assert [path.relative_to(folder).as_posix() for path in read] == [file]
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    done = subprocess.run(["git", "check-ignore", "-q", file], cwd=folder)
    assert done.returncode == 0


def test_columns_of_titles_without_a_table_of_titles_are_warned_of(conf, caplog):
    (conf / "mine/parameters.yml").write_text("titles: {item_id: code, title: name}")
    (conf / "mine/catalog.yml").write_text(f"ratings: {ENTRY}\nitems: {ENTRY}")
    loader = loader_of(conf)
    warn_of_unread_titles(loader, with_own_titles(loader["catalog"]))
    assert not caplog.records
    (conf / "mine/catalog.yml").write_text(f"ratings: {ENTRY}")
    loader = loader_of(conf)
    warn_of_unread_titles(loader, with_own_titles(loader["catalog"]))
    assert "titles.item_id is set, but there is no table of titles" in caplog.text


@pytest.mark.parametrize("env", ["mine", "base"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"core: {k: 2}\nsplit: {kind: time}\ncore: {k: 3}\n", "line 3: found duplicate key core"),
        (b"core:\n  k: 2\n k: 3\n", "line 3: .*expected"),
        (b"core: {k: *two}\n", "line 1: found undefined alias"),
        ("title: für\n".encode("latin-1"), "the text is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(conf, env, content, says):
    (conf / env / "parameters_core.yml").write_bytes(content)
    with pytest.raises(ValueError, match=rf"{env}/parameters_core.yml.*{says}"):
        parameters_of(loader_of(conf))


@pytest.mark.parametrize(
    ("base", "mine", "says"),
    [
        (
            "ease: {model: {penalty: [1, 2]}}",
            "ease: {model: {penalty: {low: 1}}}",
            "ease.model.pen",
        ),
        (
            "core: {k: 2}",
            "core: [2]",
            r"core is a list. It is a block of keys in .*base/par.*s.yml",
        ),
        (
            "search_spaces: {default: {ease: [1]}}",
            "search_spaces: {default: {ease: {low: 1}}}",
            "write a list too, or write a space of your own: search_spaces.mine",
        ),
    ],
)
def test_a_list_where_another_file_has_a_block_is_named(conf, base, mine, says):
    (conf / "base/parameters.yml").write_text(base)
    (conf / "mine/parameters.yml").write_text(mine)
    with pytest.raises(ValueError, match=rf"mine/parameters.yml: .*{says}"):
        parameters_of(loader_of(conf))


def test_a_list_for_a_block_in_the_params_is_named(conf):
    (conf / "base/parameters.yml").write_text("core: {k: 2}")
    with pytest.raises(ValueError, match=r"--params: core is a list. It is a block"):
        parameters_of(loader_of(conf, core=[2]))


def test_a_key_that_is_written_twice_in_globals_is_named(conf):
    (conf / "mine/globals.yml").write_text("seed: 1\nseed: 2\n")
    with pytest.raises(ValueError, match=r"mine/globals.yml, line 2: found duplicate key seed"):
        loader_of(conf)
