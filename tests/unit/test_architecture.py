"""The shape of the code: which way imports point, how large things are, what is annotated."""

from __future__ import annotations

import ast
import functools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tools.shape.imports import NO_REASON, imports_of
from tools.shape.sources import read_sources

from stepherd.agents.registry import agent_names, get_agent
from stepherd.engine.integrations.services import SERVICES
from stepherd.runs.steps import STEPS

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "functions").rglob("*.py")])
ORDER = (
    "remedies",
    "errors",
    "leaving",
    "text",
    "services",
    "processes",
    "telemetry",
    "api_keys",
    "application",
    "events",
    "repositories",
    "logins",
    "agents",
    "runs",
    "steps",
    "preloaded",
    "cloud",
    "engine",
    "history",
    "backends",
    "doctor",
    "client",
    "api",
    "cli",
    "container",
    "functions",
)
"""The parts of the package. Each may import those before it alone, in functions and for types, too."""
FACES = {"api", "cli", "container", "functions"}
"""No face uses another, but that functions serve the API."""
SERVED = {("functions", "api")}
NAMING_PROC = {f"processes/sandbox/{name}.py" for name in ("arguments", "private_paths", "network/namespace")}
"""They mount it, leave it out, or enter the namespace of one process; they look for none."""
FORBIDDEN = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(_tree(path)))


def _imports(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _part(path: Path) -> str:
    relative = path.relative_to(ROOT / "src/stepherd") if path.is_relative_to(ROOT / "src/stepherd") else None
    return relative.parts[0].removesuffix(".py") if relative else "functions"


def _own_parts(path: Path) -> set[str]:
    names = (name.split(".") for name in _imports(_nodes(path)))
    parts = {words[1] for words in names if words[0] == "stepherd" and len(words) > 1}
    return parts - {_part(path)}


def _where(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _named(path: Path) -> str:
    if not path.is_relative_to(ROOT / "src"):
        return f"functions.{path.parent.name}"
    words = path.relative_to(ROOT / "src").with_suffix("").parts[1:]
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


def _out_of_order() -> set[tuple[str, str]]:
    modules = {f"stepherd.{_named(path)}": path for path in SOURCES if _part(path) != "functions"}
    found = set()
    for path in SOURCES:
        part = _part(path)
        if part in ("__init__", "functions") and not path.is_relative_to(ROOT / "functions"):
            continue
        for name in _imports(_nodes(path)):
            other = _part(modules[name]) if name in modules else part
            if other in (part, "__init__"):
                continue
            crossing = {part, other} <= FACES and (part, other) not in SERVED
            engine_and_domain = part == "engine" and ORDER.index(other) > ORDER.index("processes")
            if crossing or engine_and_domain or ORDER.index(other) > ORDER.index(part):
                found.add((_named(path), name.removeprefix("stepherd.")))
    return found


def test_every_part_has_its_place_in_the_order() -> None:
    assert {_part(path) for path in SOURCES} - {"__init__"} == set(ORDER)


def test_imports_keep_to_the_order() -> None:
    """The engine, which knows nothing of agents, git and logins, keeps to the parts below them."""
    assert _out_of_order() == set()


def test_the_engine_loads_boto3_only_where_a_real_service_is_called() -> None:
    for path in SOURCES:
        top = {
            n.split(".")[0]
            for node in _tree(path).body
            for n in _imports(ast.walk(node))
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
        if _part(path) in ("engine", "repositories", "runs", "agents", "processes", "errors"):
            assert not top & {"boto3", "botocore", "rich"}, _where(path)


def test_only_the_command_line_knows_click() -> None:
    knowing = {_part(path) for path in SOURCES if "click" in set(_imports(_nodes(path)))}
    assert knowing == {"cli"}


READS_ITS_OWN_JSON = {
    "api/bodies.py": "names the field of what it refuses, by itself",
    "engine/api/operations.py": "the journal",
    "engine/api/pages.py": "tokens that it has signed",
    "engine/runners/fork_program.py": "a pipe of the engine",
    "engine/runners/function_channel.py": "a pair of sockets of the engine",
    "engine/interpreter/frame.py": "the journal",
    "engine/journal/database.py": "the journal",
    "engine/journal/records.py": "the journal",
    "engine/runners/choice.py": "a file of the engine",
    "engine/asl/values.py": "refuses what JSON does not have, by itself",
    "processes/sandbox/status.py": "a pipe of bubblewrap",
    "runs/request.py": "the schema in the package",
    "services/json_text.py": "the reader itself",
    "steps/agent_attempt.py": "what it has just written",
}
READS_YAML = {
    "cloud/contexts.py",
    "services/template_text.py",
    "services/yaml_text.py",
    "services/yaml_values.py",
}


def test_json_and_yaml_from_outside_are_read_in_one_place_each() -> None:
    """Python's own readers take NaN, infinity and more, and fail in more ways than one."""
    json_readers, yaml_readers = set(), set()
    for path in SOURCES:
        name = _where(path).removeprefix("src/stepherd/")
        named = {node.attr for node in _nodes(path) if isinstance(node, ast.Attribute)} | set(
            _imports(_nodes(path))
        )
        if named & {"loads", "load", "JSONDecoder", "json.loads", "json.load"} and "json" in set(
            _imports(_nodes(path))
        ):
            json_readers.add(name)
        if "yaml" in {imported.split(".")[0] for imported in _imports(_nodes(path))}:
            yaml_readers.add(name)
    assert json_readers == READS_ITS_OWN_JSON.keys()
    assert yaml_readers == READS_YAML


STARTS_ITS_OWN = {
    "agents/apply.py": "runs as the agent, which has the user's umask",
    "backends/home/background.py": "an engine",
    "doctor/machine.py": "git --version writes nothing",
    "cloud/layer.py": "a folder that is packed and removed",
    "engine/runners/forking.py": "functions and steps",
    "engine/runners/function_process.py": "a function",
    "engine/runners/processes.py": "steps",
    "processes/table.py": "ps writes nothing",
}


def test_programs_that_work_for_the_user_get_the_users_umask() -> None:
    """Ours is private: what git, an agent or podman makes under it, its user would wonder about."""
    starting = {"Popen", "run", "create_subprocess_exec"}
    without = set()
    for path in SOURCES:
        for node in _nodes(path):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            of = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            starts = of in ("subprocess", "asyncio") and node.func.attr in starting
            given = {keyword.arg for keyword in node.keywords}
            if starts and (of, node.func.attr) != ("asyncio", "run") and "umask" not in given:
                without.add(_where(path).removeprefix("src/stepherd/"))
    assert without == STARTS_ITS_OWN.keys()


IMPORTS_FROM_ITS_FOLDER = {
    "src/stepherd/engine/runners/function_process.py": "in the folder of the function's own code"
}


def test_no_python_that_is_started_imports_from_where_a_person_happens_to_be() -> None:
    """With -m the folder that one is in is the first to import from, unless -P or -I says otherwise."""
    open_ones = set()
    for path in (*SOURCES, *(ROOT / "layer").glob("*.py")):
        for node in _nodes(path):
            if isinstance(node, ast.List | ast.Tuple):
                words = {word.value for word in node.elts if isinstance(word, ast.Constant)}
                if "-m" in words and not words & {"-P", "-I", "commit-tree"}:
                    open_ones.add(_where(path))
    assert open_ones == IMPORTS_FROM_ITS_FOLDER.keys()


def test_no_module_is_named_after_nothing() -> None:
    assert [_where(path) for path in SOURCES if path.stem in FORBIDDEN or path.parent.name in FORBIDDEN] == []


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in _nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring, which is for readers and may take its space."""
    docstring = ast.get_docstring(function, clean=False)
    written = (function.end_lineno or 0) - function.lineno + 1
    return written - (len(docstring.splitlines()) if docstring else 0)


def test_no_function_is_over_fifty_lines() -> None:
    long = [f"{_where(path)}:{f.name}" for path in SOURCES for f in _functions(path) if _lines(f) > 50]
    assert long == []


def test_no_file_is_over_five_hundred_lines() -> None:
    assert [
        _where(path) for path in SOURCES if len(path.read_text(encoding="utf-8").splitlines()) > 500
    ] == []


def test_every_function_says_what_it_returns() -> None:
    bare = [f"{_where(path)}:{f.name}" for path in SOURCES for f in _functions(path) if f.returns is None]
    assert bare == []


def test_one_module_reads_the_table_of_processes() -> None:
    """A process may look at itself; looking at others has one owner."""
    readers = {
        _where(path).removeprefix("src/stepherd/")
        for path in SOURCES
        for node in _nodes(path)
        if isinstance(node, ast.Constant) and node.value in {"/proc", "/proc/", "ps"}
    }
    assert readers - NAMING_PROC == {"processes/table.py"}


TEMPORARY_OF_ITS_OWN = {
    "agents/inventory.py": "what a program of an agent's vendor leaves in an empty HOME",
    "backends/amending.py": "a bundle",
    "cli/deploy/steps.py": "an archive of Stepherd itself",
    "backends/pulling.py": "a bundle",
    "backends/home/private_home.py": "nothing but git's configuration",
    "logins/live.py": "a copy of a login database",
    "logins/other_tokens.py": "a copy of a login database",
    "processes/sandbox/probe.py": "the folders of a command that is ours",
}


def test_no_loop_of_links_ends_what_looks_at_the_files_of_others() -> None:
    """Path.resolve raises RuntimeError for one before Python 3.13; os.path.realpath never does."""
    others = set(ORDER) - {"errors", "text", "engine", "application"}
    found = [
        f"{_where(path)}:{node.lineno}"
        for path in SOURCES
        if _part(path) in others
        for node in _nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "resolve"
        and not node.args
    ]
    assert found == []


def test_what_others_have_filled_is_removed_in_one_way() -> None:
    """The standard library's ways fail on deep folders, and some versions follow links."""
    users = set()
    for path in SOURCES:
        named = {
            node.attr if isinstance(node, ast.Attribute) else node.name
            for node in _nodes(path)
            if isinstance(node, ast.Attribute | ast.alias)
        }
        assert "rmtree" not in named, path
        if "TemporaryDirectory" in named:
            users.add(_where(path).removeprefix("src/stepherd/"))
    assert users == TEMPORARY_OF_ITS_OWN.keys()


def test_archives_are_unpacked_by_our_own_reader_alone() -> None:
    """Of the standard library's a file can get out of the folder in some versions (CVE-2025-4517)."""
    unpacking = {"tarfile", "shutil.unpack_archive", "unpack_archive"}
    for path in (*SOURCES, *(ROOT / "layer").rglob("*.py"), *(ROOT / "container").rglob("*.py")):
        named = {node.attr for node in _nodes(path) if isinstance(node, ast.Attribute)}
        assert not unpacking & (named | set(_imports(_nodes(path)))), _where(path)


AGENTS_ARE_NAMED_IN = {
    "agents/registry.py": set(agent_names()),
    "logins/kinds.py": {"q", "kiro"},  # CLIs' logins, which are there without their agents
    "container/variables.py": {"q"},  # what a container ran before there were others
}
"""Beside an agent's own modules, ``agents/NAME.py`` and ``agents/NAME_….py``."""
ALSO_A_WORD = "command"
"""The agent of this name cannot be told from the field of a request."""


def test_a_new_agent_is_one_module_and_one_line() -> None:
    """All that is known of an agent stands in its class; another module that names it has begun a table."""
    for path in SOURCES:
        name = _where(path).removeprefix("src/stepherd/")
        own = path.stem.partition("_")[0] if path.parent.name == "agents" else ""
        named = _strings(path) & set(agent_names()) - {ALSO_A_WORD, own}
        assert named <= AGENTS_ARE_NAMED_IN.get(name, set()), (name, named)
    for agent in agent_names():
        assert get_agent(agent).name == agent


PIPELINE = json.loads((ROOT / "statemachines/pipeline.asl.json").read_text(encoding="utf-8"))


def test_a_new_step_is_one_module_and_one_line() -> None:
    """Its state, its time and what it does to a repository stand in one line; no other module has a table."""
    in_containers = {name for name, step in STEPS.items() if step.in_container}
    states = {state for step in STEPS.values() for state in (step.state, *step.other_states)}
    assert states <= set(_states_of(PIPELINE))
    assert {command[-1] for command in _commands_of(PIPELINE)} == in_containers
    schema = json.loads((ROOT / "src/stepherd/runs/result.schema.json").read_text(encoding="utf-8"))
    assert schema["properties"]["step"]["enum"] == [*STEPS, "verify"]
    for name in in_containers:
        assert (ROOT / f"src/stepherd/steps/{name}.py").is_file()
    for path in SOURCES:
        if _named(path) == "runs.steps":
            continue
        assert not _strings(path) & states, _where(path)
        for node in _nodes(path):
            if isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict):
                parts = node.keys if isinstance(node, ast.Dict) else node.elts
                words = {part.value for part in parts if isinstance(part, ast.Constant)}
                assert len(words & set(STEPS)) < 3 or _where(path) in NAMES_STEPS, _where(path)


NAMES_STEPS = {"src/stepherd/runs/report.py"}
"""It says which of them has the facts of the work, and whose count before another's."""


SERVICES_ARE_NAMED_IN = {
    "engine/integrations/lambda_.py": {"lambda"},
    "engine/integrations/ecs.py": {"ecs"},
    "engine/integrations/messages.py": {"lambda", "sns", "sqs"},  # a function is told in its own words
}


def test_a_new_integration_is_one_module_and_one_line() -> None:
    """The engine has one table of what tasks call; ``states`` is also a field of a machine."""
    for path in SOURCES:
        name = _where(path).removeprefix("src/stepherd/")
        if _part(path) == "engine" and _named(path) != "engine.integrations.services":
            named = _strings(path) & SERVICES.keys() - {"states"}
            assert named <= SERVICES_ARE_NAMED_IN.get(name, set()), (name, named)


def test_imports_in_functions_are_few_and_each_has_its_reason() -> None:
    """It is start-up time, or a package that may not be there: a circle has another cure."""
    late = [found for found in imports_of(read_sources(ROOT / "src/stepherd", ROOT)) if found.deferred]
    assert [f"{found.source.path}:{found.line}" for found in late if found.reason == NO_REASON] == []
    assert len(late) < 60


def _states_of(machine: dict[str, Any]) -> Iterator[str]:
    for name, state in machine["States"].items():
        yield name
        for branch in state.get("Branches", []):
            yield from _states_of(branch)


def _commands_of(value: Any) -> Iterator[list[str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from [inner] if name == "Command" else _commands_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _commands_of(inner)


def _strings(path: Path) -> set[str]:
    return {
        node.value for node in _nodes(path) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
