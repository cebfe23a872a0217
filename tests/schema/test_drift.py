from contextlib import closing
from pathlib import Path

import pytest

from tests.schema.databases import connect, make, objects
from wizard_server.commands import schema as commands
from wizard_server.errors import SchemaError
from wizard_server.storage.queries import sql_root
from wizard_server.storage.schema import comparing, manifest, scripts
from wizard_server.storage.sqlite.opening import connect as open_database

REBUILD = 'sql/README.md, "Mend a drifted table"'
KEY = "(investigation_id) -> investigations(id)"
FOREIGN_KEY = "    FOREIGN KEY (investigation_id) REFERENCES investigations(id) ON DELETE CASCADE,\n"
REWRITTEN = [
    (
        "usage_count INTEGER DEFAULT 0 NOT NULL",
        "usage_count TEXT DEFAULT 0 NOT NULL",
        ["column investigation_templates.usage_count has type TEXT, expected INTEGER"],
    ),
    (
        "usage_count INTEGER DEFAULT 0 NOT NULL",
        "usage_count INTEGER DEFAULT 7 NOT NULL",
        ["column investigation_templates.usage_count has default 7, expected 0"],
    ),
    (
        "usage_count INTEGER DEFAULT 0 NOT NULL",
        "usage_count INTEGER NOT NULL",
        ["column investigation_templates.usage_count has default none, expected 0"],
    ),
    (
        "template_json TEXT NOT NULL",
        "template_json TEXT",
        ["column investigation_templates.template_json is nullable, expected NOT NULL"],
    ),
    (
        "    results_json TEXT, ",
        "    results_json TEXT NOT NULL, ",
        ["column investigation_states.results_json is NOT NULL, expected nullable"],
    ),
    ("    description TEXT,\n", "", ["column investigation_templates.description is missing"]),
    (
        "    description TEXT,\n",
        "    description TEXT, colour TEXT,\n",
        ["unknown column investigation_templates.colour"],
    ),
    (
        "ADD COLUMN name TEXT GENERATED ALWAYS AS (\n"
        "    CASE WHEN json_valid(settings_json) THEN json_extract(settings_json, '$.name') END\n) VIRTUAL",
        "ADD COLUMN name TEXT",
        ["column investigation_states.name is not generated, expected generated"],
    ),
    (
        FOREIGN_KEY,
        "",
        [
            f"foreign key of {table} {KEY} ON DELETE CASCADE is missing"
            for table in ("investigation_audit_log", "investigation_states")
        ],
    ),
    (
        FOREIGN_KEY + "    CHECK (source",
        FOREIGN_KEY.replace("CASCADE", "RESTRICT") + "    CHECK (source",
        [
            f"foreign key of investigation_audit_log {KEY} ON DELETE CASCADE is missing",
            f"unknown foreign key of investigation_audit_log {KEY} ON DELETE RESTRICT",
        ],
    ),
    (
        "    UNIQUE(user_id, name),\n",
        "",
        ["unique key of investigation_templates (user_id, name) is missing"],
    ),
    (
        "    UNIQUE(user_id, name),\n",
        "    UNIQUE(user_id, name), UNIQUE(description),\n",
        ["unknown unique key of investigation_templates (description)"],
    ),
    (
        "template_id VARCHAR(255) PRIMARY KEY",
        "template_id VARCHAR(255)",
        ["primary key of investigation_templates (template_id) is missing"],
    ),
    (
        "idx_templates_usage ON investigation_templates(usage_count DESC)",
        "idx_templates_usage ON investigation_templates(usage_count)",
        ["index idx_templates_usage is (usage_count ASC), expected (usage_count DESC)"],
    ),
    (
        "CREATE UNIQUE INDEX uq_audit_log_version",
        "CREATE INDEX uq_audit_log_version",
        [
            "index uq_audit_log_version is (investigation_id ASC, version ASC),"
            " expected unique (investigation_id ASC, version ASC)"
        ],
    ),
]


async def differences(path: Path) -> list[comparing.Difference]:
    connection = await open_database(str(path))
    try:
        return await comparing.check(connection)
    finally:
        await connection.close()


@pytest.mark.parametrize(("old", "new", "messages"), REWRITTEN)
async def test_a_drifted_table_is_named_with_the_runbook(
    old: str, new: str, messages: list[str], tmp_path: Path
) -> None:
    found = await differences(make(tmp_path / "drifted.db", replacing=(old, new)))
    assert [difference.message for difference in found] == messages
    assert {difference.mend for difference in found} == {REBUILD}


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("CREATE TABLE notes (text TEXT)", "unknown table notes"),
        ("CREATE INDEX idx_mine ON investigations(created_at)", "unknown index idx_mine"),
        ("CREATE TRIGGER trg_mine AFTER DELETE ON investigations BEGIN SELECT 1; END", "unknown trigger trg_mine"),
    ],
)
async def test_an_object_that_no_script_made_is_unknown(statement: str, message: str, path: Path) -> None:
    with closing(connect(path)) as connection:
        connection.execute(statement)
    assert [(found.message, found.mend) for found in await differences(path)] == [(message, REBUILD)]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("table", "investigation_states"),
        ("table", "investigation_templates"),
        ("index", "idx_audit_log_user"),
        ("index", "uq_audit_log_version"),
        ("trigger", "trg_states_edited"),
        ("trigger", "trg_states_deleted"),
        ("view", "finished_investigations"),
    ],
)
async def test_a_missing_object_is_named_once_and_what_show_prints_mends_it(
    kind: str, name: str, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(connect(path)) as connection:
        connection.execute(f"DROP {kind} {name}")
    (found,) = await differences(path)
    assert found.message == f"{kind} {name} is missing"
    assert (
        found.mend_with(config="c.toml", file="a b.db") == f"wizard-server schema show {name} | sqlite3 -bail 'a b.db'"
    )
    assert await commands.show(str(path), "c.toml", name) == 0
    with closing(connect(path)) as connection:
        connection.executescript(capsys.readouterr().out)
    assert await differences(path) == []
    assert objects(path) == objects(make(tmp_path / "fresh.db"))


async def test_a_changed_view_is_named_and_what_show_prints_replaces_it(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(connect(path)) as connection:
        connection.executescript("DROP VIEW spare_entries; CREATE VIEW spare_entries AS SELECT * FROM dated_entries;")
    (found,) = await differences(path)
    assert found.message.startswith("view spare_entries is ")
    assert (
        found.mend_with(config="c.toml", file="f.db") == "wizard-server schema show spare_entries | sqlite3 -bail f.db"
    )
    assert await commands.show(str(path), "c.toml", "spare_entries") == 0
    with closing(connect(path)) as connection:
        connection.executescript(capsys.readouterr().out)
    assert await differences(path) == []


async def test_a_view_of_the_operators_own_is_no_difference(path: Path) -> None:
    with closing(connect(path)) as connection:
        connection.execute("CREATE VIEW report AS SELECT count(*) FROM investigation_states")
    assert await differences(path) == []


async def test_a_database_of_0001_lacks_0002_and_apply_mends_all_of_it(tmp_path: Path) -> None:
    found = await differences(make(tmp_path / "old.db", up_to=1))
    assert found[0].message == "script 0002_versions is not applied"
    assert "column investigation_states.version is missing" in [difference.message for difference in found]
    assert {difference.mend_with(config="x y.toml", file="f") for difference in found} == {
        "wizard-server schema apply --config 'x y.toml'"
    }


async def test_a_script_of_a_newer_release_is_unknown(path: Path) -> None:
    with closing(connect(path)) as connection:
        connection.execute("INSERT INTO schema_migrations (version, requires, name) VALUES (99, 98, '0099_later')")
    (found,) = await differences(path)
    assert found.message == "unknown script 0099_later is applied"
    assert "Roll back" in found.mend


async def test_foreign_keys_that_are_off_on_the_connection_are_a_difference(path: Path) -> None:
    connection = await open_database(str(path))
    try:
        await connection.run_script("PRAGMA foreign_keys = OFF;")
        (found,) = await comparing.check(connection)
    finally:
        await connection.close()
    assert (found.kind, found.message) == ("connection", "foreign keys are off on this connection")
    assert found.mend == 'sql/README.md, "Edit a row by hand"'


async def test_check_prints_every_difference_with_what_mends_it_and_exits_with_1(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await commands.check(str(path), "c.toml") == 0
    assert capsys.readouterr().out == f"{path} is what the manifest says\n"
    with closing(connect(path)) as connection:
        connection.executescript("DROP TRIGGER trg_states_edited; CREATE TABLE notes (text TEXT);")
    assert await commands.check(str(path), "c.toml") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"unknown table notes                   mend: {REBUILD}",
        "trigger trg_states_edited is missing  mend: "
        f"wizard-server schema show trg_states_edited | sqlite3 -bail {path}",
    ]


def test_the_definition_of_a_name_that_no_script_has_is_refused() -> None:
    with pytest.raises(
        SchemaError,
        match="no script defines nonsense; there are: audit_switch, change_sequence, dashboard_states, dated_",
    ):
        commands.definition("nonsense")


@pytest.mark.parametrize("name", sorted(manifest.load_manifest().tables))
def test_every_table_of_the_manifest_has_a_definition_that_makes_it(name: str, tmp_path: Path) -> None:
    with closing(connect(tmp_path / "one.db")) as connection:
        connection.executescript("\n".join(commands.definition(name)))
    fresh = [entry for entry in objects(make(tmp_path / "fresh.db")) if entry[2] == name]
    assert objects(tmp_path / "one.db") == fresh


def test_no_section_is_named_that_the_runbook_lacks() -> None:
    titles = {difference.split('"')[1] for difference in (scripts.REBUILD, comparing.CONNECT, comparing.NEWER)}
    runbook = (Path(str(sql_root())) / "README.md").read_text(encoding="utf-8")
    assert all(f"\n## {title}\n" in runbook for title in titles)
