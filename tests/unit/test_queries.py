from pathlib import Path

import pytest

from wizard_server.errors import SchemaError
from wizard_server.storage.queries import load_queries, parse_queries, queries_of, sql_root

FOLDERS = sorted(entry.name for entry in sql_root().iterdir() if (entry / "queries").is_dir())
ENGINES = [folder for folder in FOLDERS if folder != "common"]
FILES = [(folder, file.name) for folder in FOLDERS for file in (sql_root() / folder / "queries").iterdir()]
# What an engine does in its own way, under names of its own.
OWN = ("connection.", "schema.", "backup.", "places.", "archive.", "data.", "retention.")
# What is stored beside the documents where the database does not read it out of them, and says which rows are ours.
PLAIN = frozenset(
    {"name", "name_folded", "description", "description_folded", "entity_count", "started_at", "completed_at"}
    | {"overall_score", "risk_level", "overall_progress", "current_phase", "last_entry", "removed_at"}
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of statements, of which there are none."""
    for folder in ("common", "sqlite", "postgresql"):
        (tmp_path / folder / "queries").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(("engine", "file"), sorted(FILES))
def test_every_block_of_every_file_has_a_name_a_sentence_and_one_statement(engine: str, file: str) -> None:
    text = (sql_root() / engine / "queries" / file).read_text(encoding="utf-8")
    blocks = list(parse_queries(text))
    assert len(blocks) == text.count("-- name: ")
    for block in blocks:
        assert block.description
        assert ";" not in block.sql, f"{block.name} has more than one statement"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_statement_is_found_by_its_name(engine: str) -> None:
    found = load_queries(engine)
    assert found
    assert all(name == query.name for name, query in found.items())


def shared(engine: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Sentence and parameters of what every engine has, by name."""
    found = load_queries(engine).values()
    return {each.name: (each.description, each.parameters - PLAIN) for each in found if not each.name.startswith(OWN)}


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_has_the_same_names_sentences_and_parameters(engine: str) -> None:
    assert shared(engine) == shared("sqlite")


@pytest.mark.parametrize("engine", ENGINES)
def test_no_statement_of_an_engine_is_the_common_one(engine: str) -> None:
    common, own = queries_of("common"), queries_of(engine)
    assert [name for name in common.keys() & own.keys() if common[name].sql.split() == own[name].sql.split()] == []


def test_a_statement_of_an_engine_replaces_the_common_one(root: Path) -> None:
    for folder, text in (("common", "SELECT 1"), ("sqlite", "SELECT 2")):
        block = f"-- name: notes.get\n-- One note.\n{text};\n"
        (root / folder / "queries/notes.sql").write_text(block, encoding="utf-8")
    assert [load_queries(engine, root)["notes.get"].sql for engine in ("sqlite", "postgresql")] == [
        "SELECT 2",
        "SELECT 1",
    ]


def test_parameters_are_written_as_the_driver_wants_them(root: Path) -> None:
    statement = "SELECT ':no %', :a % 2, :a::text, CAST(:b AS text)"
    block = f"-- name: notes.get\n-- One note.\n{statement};\n"
    (root / "common/queries/notes.sql").write_text(block, encoding="utf-8")
    assert load_queries("sqlite", root)["notes.get"].sql == statement
    assert load_queries("postgresql", root)["notes.get"].sql == (
        "SELECT ':no %%', %(a)s %% 2, %(a)s::text, CAST(%(b)s AS text)"
    )


def test_a_block_is_its_name_its_sentence_and_its_statement() -> None:
    head = "-- About this file.\n\n-- name: notes.get\n-- One note,\n-- by its id.\n"
    (query,) = parse_queries(head + "SELECT text\nFROM notes\nWHERE id = :id;\n")
    assert (query.name, query.description) == ("notes.get", "One note, by its id.")
    assert query.sql == "SELECT text\nFROM notes\nWHERE id = :id"
    assert query.parameters == {"id"}


@pytest.mark.parametrize(
    "block",
    ["-- name: notes.get\nSELECT 1;\n", "-- name: notes.get\n-- One note.\n", "-- name: notes.get\n--\nSELECT 1;\n"],
)
def test_a_block_without_a_sentence_or_a_statement_is_refused(block: str) -> None:
    with pytest.raises(SchemaError, match=r"query notes\.get: a block needs one sentence and one statement"):
        list(parse_queries(block))


def test_a_name_that_two_files_define_is_refused(root: Path) -> None:
    for file in ("one.sql", "two.sql"):
        (root / "sqlite/queries" / file).write_text("-- name: notes.get\n-- One note.\nSELECT 1;\n", encoding="utf-8")
    with pytest.raises(SchemaError, match=r"query notes\.get is defined twice"):
        load_queries("sqlite", root)


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("SELECT :a, :b_2, :a", {"a", "b_2"}),
        ("SELECT strftime('%H:%M:%fz :no', :at)", {"at"}),
        ("SELECT 'it''s :no', :yes", {"yes"}),
        ("SELECT payload::jsonb, :body::jsonb", {"body"}),
        ("SELECT 1", set()),
    ],
)
def test_parameters_are_found_outside_of_strings_and_casts(statement: str, parameters: set[str]) -> None:
    (query,) = parse_queries(f"-- name: notes.get\n-- One note.\n{statement};\n")
    assert query.parameters == parameters


def test_every_named_parameter_of_the_schema_statements_is_the_table() -> None:
    found = {name: query.parameters for name, query in load_queries("sqlite").items() if name.startswith("schema.")}
    assert {name for name, parameters in found.items() if parameters} == {
        "schema.columns",
        "schema.foreign_keys",
        "schema.indexes",
        "schema.triggers",
    }
    assert all(parameters <= {"table"} for parameters in found.values())
